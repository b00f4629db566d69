"""The other choices that the package makes by itself: each size, what is chosen, and what the alternative takes.

Part of ``python -m benchmarks step_sizes``. A choice with a constant is forced to either side of it; one without
chooses machine code wherever numba is installed, and its alternative is numpy.
"""

from __future__ import annotations

import multiprocessing
import re
import statistics
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from functools import partial
from pathlib import Path
from types import ModuleType
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

import proofolio as pf
from benchmarks.mpc_data import WINDOW, days, synthetic_returns
from proofolio import compiled
from proofolio.forecasts.hidden_markov import fit_regimes
from proofolio.models.control import finite
from proofolio.models.portfolio import budget_kernels, risk_budgeting
from proofolio.solvers.quadratic import piqp
from proofolio.solvers.solution import Settings

__all__ = ["CHOICES", "Choice", "replaced", "timed"]

Floats = NDArray[np.float64]
Step = Callable[[], object]
Context = Callable[[], AbstractContextManager[None]]
GAMMA_RISK, GAMMA_TRADE = 5.0, 1e-3
STACK, BATCH = 30, 8  # covariances, and steps, that are given together
MANY = 10**9
FEWEST, MOST, BURST = 3, 200, 11  # runs of each way; of a process in one go


class Choice(NamedTuple):
    """A choice by size.

    Attributes
    ----------
    name, first, then : str
        What is chosen, and the two ways: the first up to the constant, or everywhere where there is none.
    sizes, quick : tuple of int
    make : callable
        ``make(size, context)`` sets the job up and returns it; what it does within `context` is one of the ways.
    module, constant
        Where the last size of the first way stands; None for a choice without one.
    below : bool
        Whether the constant is the first size of the second way, and not the last of the first.
    numpy : bool
        Whether both ways are without machine code.
    built : bool
        Whether the constant is part of machine code, which is then built for either side in a process of its own.
    """

    name: str
    first: str
    then: str
    sizes: tuple[int, ...]
    quick: tuple[int, ...]
    make: Callable[[int], Step]
    module: ModuleType | None = None
    constant: str = ""
    below: bool = False
    numpy: bool = False
    built: bool = False

    def present(self) -> float:
        """Return the last size at which the first way is chosen."""
        if self.module is None:
            return float("inf")
        return float(getattr(self.module, self.constant)) - (0.5 if self.below else 0.0)

    def ways(self, without_machine_code: Context) -> tuple[Context, Context]:
        """Return within what a job is done the first way, and the second."""
        if self.module is None:
            return nullcontext, without_machine_code
        outer = without_machine_code if self.numpy else nullcontext
        return partial(self._forced, MANY, outer), partial(self._forced, 0, outer)

    @contextmanager
    def _forced(self, value: int, outer: Context) -> Iterator[None]:
        before = getattr(self.module, self.constant)
        setattr(self.module, self.constant, value)
        try:
            with outer():
                yield
        finally:
            setattr(self.module, self.constant, before)


def timed(choice: Choice, size: int, without_machine_code: Context, seconds: float) -> tuple[float, float]:
    """Return the median CPU milliseconds of both ways, taken in turn for so many seconds, after one run of each."""
    if choice.built:
        return _timed_apart(choice, size, seconds)
    jobs = [(within, choice.make(size)) for within in choice.ways(without_machine_code)]
    for within, job in jobs:
        with within():
            job()
    took: list[list[float]] = [[], []]
    began = time.process_time()
    while len(took[0]) < FEWEST or (time.process_time() - began < seconds and len(took[0]) < MOST):
        for (within, job), each in zip(jobs, took, strict=True):
            with within():
                started = time.process_time()
                job()
                each.append(time.process_time() - started)
    first, then = (1e3 * statistics.median(each) for each in took)
    return first, then


def _timed_apart(choice: Choice, size: int, seconds: float) -> tuple[float, float]:
    """Do what `timed` does with a process for each side of the constant."""
    context, sides = multiprocessing.get_context("fork"), []
    for value in (MANY, 0):
        here, there = context.Pipe()
        child = context.Process(target=_serve, args=(there, choice, size, value))
        child.start()
        there.close()
        sides.append((child, here, list[float]()))
    began = time.perf_counter()
    while len(sides[0][2]) < FEWEST or (time.perf_counter() - began < seconds and len(sides[0][2]) < MOST):
        for _, pipe, took in sides:
            pipe.send(True)
            took.append(pipe.recv())
    for child, pipe, _ in sides:
        pipe.send(False)
        child.join()
    first, then = (1e3 * statistics.median(took) for _, _, took in sides)
    return first, then


def _serve(pipe: Any, choice: Choice, size: int, value: int) -> None:
    setattr(choice.module, choice.constant, value)
    for each in list(vars(choice.module).values()):
        if isinstance(each, compiled.Kernel):
            each.forget()
    job = choice.make(size)
    job()
    while pipe.recv():
        took = []
        for _ in range(BURST):  # a process that has just been woken finds its caches cold
            started = time.process_time()
            job()
            took.append(time.process_time() - started)
        pipe.send(statistics.median(took))


def replaced(module: ModuleType, constant: str, value: int) -> None:
    """Write another value of a constant into its module."""
    path = Path(str(module.__file__))
    text, count = re.subn(
        rf"(?m)^{constant} = \d+", f"{constant} = {value}", path.read_text(encoding="utf-8")
    )
    if count != 1:
        raise SystemExit(f"{path} has no line '{constant} = ...' to write to")
    path.write_text(text, encoding="utf-8")


# ------------------------------------------------------------------------------ the jobs
def _covariance(n: int, seed: int = 0) -> Floats:
    rng = np.random.default_rng((n, seed))
    loads = 0.01 * rng.standard_normal((n, 5)) + np.array([0.01, 0, 0, 0, 0])
    found: Floats = loads @ loads.T + np.diag(rng.uniform(0.005, 0.03, n) ** 2)
    return found


def _erc(n: int) -> Step:
    sigma = _covariance(n)
    return lambda: pf.equal_risk(sigma)


def _erc_of_stack(n: int) -> Step:
    stack = np.array([_covariance(n, seed) for seed in range(STACK)])
    return lambda: pf.equal_risk(stack)


def _batch(H: int) -> Callable[[int], Step]:
    def make(n: int) -> Step:
        given, held = list(days(synthetic_returns(n, WINDOW + BATCH), H, BATCH)), np.full((BATCH, n), 1.0 / n)
        mean, covariance = np.array([d.mean for d in given]), np.array([d.covariance for d in given])
        model = pf.MeanVariance(n, H, GAMMA_RISK, GAMMA_TRADE)
        made: dict[bool, Any] = {}

        def run() -> object:
            machine = compiled.active()
            if machine not in made:
                made[machine] = model.batch()
            return made[machine].solve(mean, covariance, held)

        return run

    return make


def _parity(n: int) -> Step:
    (day,) = days(synthetic_returns(n, WINDOW + 1), 5, 1)
    stepper, held = pf.RiskParity(n, 5, GAMMA_TRADE).stepper(starts="erc"), np.full(n, 1.0 / n)
    return lambda: stepper.solve(day.covariance, held)


def _regimes(T: int) -> Step:
    x = synthetic_returns(1, T)[:, 0]
    return lambda: fit_regimes(x, 2, restarts=1, max_iterations=50)


def _one_program(columns: int) -> Step:
    n = columns // 2
    (day,) = days(synthetic_returns(n, WINDOW + 1), 1, 1)
    model = pf.MeanVariance(n, 1, GAMMA_RISK, GAMMA_TRADE)
    program = model.to_program(day.mean, day.covariance, np.full(n, 1.0 / n))
    return lambda: piqp.solve(program, Settings())


def _finite_control(d: int) -> Step:
    from benchmarks.control import market

    problem = market(d, horizon=1.0)
    return problem.riccati


CHOICES: Sequence[Choice] = (
    Choice(
        "ERC of a stack, numpy", "together", "one by one", (10, 20, 30, 40, 55, 75, 100), (20, 75), _erc_of_stack,
        risk_budgeting, "ALONE", below=True, numpy=True,
    ),
    Choice(
        "ERC of one covariance, numpy", "factors", "conjugate gradients", (50, 80, 110, 150, 200, 300, 500), (80, 300),
        _erc, risk_budgeting, "LARGE", below=True, numpy=True,
    ),
    Choice(
        "ERC by machine code", "loops, factors", "BLAS, conjugate gradients", (10, 20, 30, 40, 50, 60, 80, 100),
        (20, 80),
        _erc, budget_kernels, "SMALL", below=True, built=True,
    ),
    Choice("ERC of one covariance", "machine code", "numpy", (5, 20, 40, 60, 100, 150, 300, 600), (5, 100), _erc),
    Choice("ERC of a stack", "machine code", "numpy", (5, 20, 40, 60, 100, 150), (5, 100), _erc_of_stack),
    Choice("MPC steps together, H = 1", "machine code", "numpy", (10, 35, 70, 140, 280), (10, 70), _batch(1)),
    Choice("MPC steps together, H = 5", "machine code", "numpy", (10, 35, 70, 140), (10, 35), _batch(5)),
    Choice("risk-parity step, H = 5", "machine code", "numpy", (5, 10, 20, 40, 80), (5, 20), _parity),
    Choice("cold fit of two regimes, days", "machine code", "numpy", (250, 1000, 4000), (250,), _regimes),
    Choice(
        "PIQP, one program, columns", "dense", "sparse", (25, 50, 75, 100, 150, 200), (25, 100), _one_program, piqp,
        "DENSE",
    ),
    Choice(
        "Riccati over a year, assets", "power series", "Runge-Kutta", (4, 8, 12, 16, 20, 28), (4, 28), _finite_control,
        finite, "FEW",
    ),
)  # fmt: skip
