"""Control: the exact value and the reduction to factors, beside scipy's plain integration.

``python -m benchmarks control [--quick] [--json FILE] [--markdown FILE]``

Markets are random: three regimes with the published generator, general covariances with volatilities of 8 to 54 %,
Lambda the mean covariance. Times are CPU time of one thread, the best of a few runs; scipy's
are of ``solve_ivp`` on the same equations as they stand, RK45 with the tolerance that gives the same accuracy, for an
infinite horizon until e^-25 of the start is left of the slowest position, and stopped after 60 seconds. Every
answer is checked: an algebraic residual, an integration with tolerance 1e-12, the whole matrices against the factors.
A failed check counts as failed; a missed time is said, and does not.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray
from scipy.integrate import solve_ivp
from threadpoolctl import threadpool_limits

from benchmarks.record import Sheet, add_options, keep
from proofolio.models.control.problem import FactorCovariance
from proofolio.models.control.quadratic_value import QuadraticValue
from proofolio.models.control.regime_control import RegimeControl

Floats = NDArray[np.float64]
T = TypeVar("T")

GENERATOR = np.array([[-0.2, 0.15, 0.05], [0.1, -0.2, 0.1], [0.05, 0.15, -0.2]])
RESIDUAL = 1e-12  # of the algebraic equations, relative
ACCURATE = 2e-9  # of a finite horizon, relative to its largest entry
PLAIN = 1e-10  # scipy's rtol, with which RK45 comes to about ACCURATE
REDUCED = 1e-11  # factors against whole matrices
FAR = 25.0  # of the slowest time constant: e^-25 is 1e-11
STOPPED = 60.0  # seconds of scipy


def market(d: int, seed: int = 0, regimes: int = 3, **options: Any) -> RegimeControl:
    """Return a random problem of d assets; other than three regimes switch at random rates."""
    rng = np.random.default_rng((seed, d))
    Sigma = []
    for i in range(regimes):
        X = rng.standard_normal((d, d + 3))
        C = X @ X.T
        scale = rng.uniform(0.1, 0.3, d) * (0.8 + 0.5 * i * 2.0 / max(2, regimes - 1)) / np.sqrt(np.diag(C))
        Sigma.append(C * np.outer(scale, scale))
    alpha = rng.normal(0.04, 0.06, (regimes, d))
    generator = GENERATOR
    if regimes != len(GENERATOR):
        generator = rng.uniform(0.0, 0.3 / regimes, (regimes, regimes))
        np.fill_diagonal(generator, 0.0)
        np.fill_diagonal(generator, -generator.sum(axis=1))
    if options.pop("diagonal", False):
        options["Lambda"] = np.mean(Sigma, axis=0).diagonal()
    return RegimeControl(generator, alpha, np.array(Sigma), **options)


def few_factors(d: int, k: int = 8, **options: Any) -> tuple[RegimeControl, RegimeControl]:
    """Return a problem of k factors, given by them and as whole matrices."""
    rng = np.random.default_rng(d)
    B, D = rng.normal(0.0, 0.1, (d, k)), rng.uniform(0.01, 0.05, d)
    F = np.array([np.diag(rng.uniform(0.5, 2.0, k)) for _ in range(3)])
    alpha = rng.normal(0.04, 0.06, (3, d))
    whole = B @ F @ B.T + np.diag(D)
    few = RegimeControl(GENERATOR, alpha, FactorCovariance(B, F, D), Lambda=D, **options)
    return few, RegimeControl(GENERATOR, alpha, whole, Lambda=D, **options)


def timed(run: Callable[[], T], times: int) -> tuple[T, float]:
    """Return an answer and the least CPU seconds of some runs."""
    best = np.inf
    for _ in range(times):
        began = time.process_time()
        found = run()
        best = min(best, time.process_time() - began)
    return found, best


def algebraic(control: RegimeControl, value: QuadraticValue) -> float:
    """Return the largest miss of the equations of A and b of an infinite horizon, relative to what drives them."""
    A, b, G = value.A, value.b, control.chain.generator
    speed = np.linalg.solve(control.Lambda, A) / control.eta  # Lambda^-1 A / eta
    missed_A = control.gamma * control.Sigma - A @ speed - control.rho * A + np.einsum("ij,jkl->ikl", G, A)
    missed_b = control.alpha - (speed.swapaxes(1, 2) @ b[..., None])[..., 0] - control.rho * b + G @ b
    return max(
        float(np.abs(missed_A).max() / np.abs(control.gamma * control.Sigma).max()),
        float(np.abs(missed_b).max() / np.abs(control.alpha).max()),
    )


class TooLong(Exception):
    """An integration had its time."""


def plain(
    control: RegimeControl, years: float, method: str, rtol: float, seconds: float = np.inf
) -> tuple[Floats, Floats, Floats]:
    """Return A, b, c by scipy's integration of the equations as they stand, or raise TooLong."""
    began = time.process_time()
    P, G = np.linalg.inv(control.Lambda) / control.eta, control.chain.generator
    m, d, rho = control.m, control.d, control.rho
    n = m * d * d

    def right(_s: float, y: Floats) -> Floats:
        if time.process_time() - began > seconds:
            raise TooLong
        A, b, c = y[:n].reshape(m, d, d), y[n:-m].reshape(m, d), y[-m:]
        AP = A @ P
        dA = control.gamma * control.Sigma - AP @ A - rho * A + (G @ A.reshape(m, -1)).reshape(A.shape)
        db = control.alpha - (AP @ b[..., None])[..., 0] - rho * b + G @ b
        dc = ((b @ P) * b).sum(axis=1) / 2 - rho * c + G @ c
        return np.concatenate([dA.ravel(), db.ravel(), dc])

    found = solve_ivp(
        right, (0.0, years), np.zeros(n + m * d + m), method=method, rtol=rtol, atol=rtol * 1e-3
    )
    y = found.y[:, -1]
    return y[:n].reshape(m, d, d), y[n:-m].reshape(m, d), y[-m:]


def apart(ours: Sequence[Floats], theirs: Sequence[Floats]) -> float:
    """Return the largest difference, each array's relative to its largest entry."""
    return max(float(np.abs(a - b).max() / np.abs(b).max()) for a, b in zip(ours, theirs, strict=True))


class Table:
    """Lines of one table, with their checks counted."""

    def __init__(self, title: str, columns: tuple[str, ...]) -> None:
        self.sheet = Sheet(title, columns, [])
        self.failed = 0

    def add(self, *cells: str, holds: bool) -> None:
        """Add a line, and whether its check holds."""
        self.sheet.rows.append([*cells, "yes" if holds else "NO"])
        self.failed += not holds


def theirs_of(control: RegimeControl, value: QuadraticValue) -> str:
    """Return the milliseconds of scipy's integration to the infinite horizon, as text."""
    years = FAR / float(value.speed().min())
    try:
        return milliseconds(timed(lambda: plain(control, years, "RK45", PLAIN, STOPPED), 1)[1])
    except TooLong:
        return f"> {1e3 * STOPPED:g}, stopped"


def milliseconds(seconds: float | None) -> str:
    """Return the time as text."""
    return "-" if seconds is None else f"{1e3 * seconds:.3g}"


def met(seconds: float, target: float | None) -> str:
    """Return the target and whether it is met."""
    return "-" if target is None else f"{milliseconds(target)} {'met' if seconds <= target else 'MISSED'}"


def exact(quick: bool) -> Table:
    """The quadratic value: times, targets and accuracy."""
    table = Table(
        "Exact value, three regimes, milliseconds of CPU",
        ("case", "ours", "target", "scipy RK45", "error", "check", "holds"),
    )
    runs = 3 if quick else 7
    for d, target in ((5, 0.005), (100, 0.3), (500, 2.0)):
        if quick and d > 100:
            continue
        control = market(d)
        value, seconds = timed(control.riccati, runs if d < 500 else 2)
        error = algebraic(control, value)
        theirs = "-" if quick and d > 5 else theirs_of(control, value)
        table.add(
            f"{d} assets, infinite horizon", milliseconds(seconds), met(seconds, target), theirs,
            f"{error:.1e}", "algebraic residual", holds=error <= RESIDUAL,
        )  # fmt: skip
    usual = None
    for eta in (0.1, 1.0, 1e-3, 1e-4):
        control = market(5, horizon=1.0, eta=eta)
        value, seconds = timed(control.riccati, runs)
        usual = seconds if usual is None else usual
        _, theirs = timed(lambda c=control: plain(c, 1.0, "RK45", PLAIN), 1)
        error = apart((value.A, value.b, value.c), plain(control, 1.0, "LSODA", 1e-12))
        target = 0.015 if eta == 0.1 else 5 * usual if eta == 1e-4 else 0.05
        table.add(
            f"5 assets, 1 year, eta {eta:g}", milliseconds(seconds), met(seconds, target), milliseconds(theirs),
            f"{error:.1e}", "LSODA 1e-12", holds=error <= ACCURATE,
        )  # fmt: skip
    control = market(100, horizon=1.0)
    value, seconds = timed(control.riccati, 2)
    found, theirs = timed(lambda: plain(control, 1.0, "RK45", PLAIN), 1)
    error = apart((value.A, value.b, value.c), found)
    table.add(
        "100 assets, 1 year", milliseconds(seconds), met(seconds, 0.3), milliseconds(theirs), f"{error:.1e}",
        "RK45", holds=error <= ACCURATE,
    )  # fmt: skip
    for d, target in ((100, None), (500, 0.005), (3000, None)):
        few, whole = few_factors(d)
        value, seconds = timed(few.riccati, runs)
        if d > 500 or (quick and d > 100):
            error, check, theirs = value.residual, "residual", "-"
        else:
            theirs_value = whole.riccati()
            theirs = "-" if quick else theirs_of(whole, theirs_value)
            error, check = (
                apart((value.A, value.b, value.c), (theirs_value.A, theirs_value.b, theirs_value.c)),
                "whole",
            )
        table.add(
            f"{d} assets of 8 factors, infinite", milliseconds(seconds), met(seconds, target), theirs, f"{error:.1e}",
            check, holds=error <= REDUCED,
        )  # fmt: skip
    return table


def growth(quick: bool) -> Table:
    """The infinite horizon as assets grow."""
    table = Table(
        "Growth: infinite horizon, milliseconds of CPU", ("assets", "whole", "8 factors", "residual", "holds")
    )
    for d in (5, 10, 20, 50, 100, 200) if quick else (5, 10, 20, 50, 100, 200, 500, 1000):
        control = market(d)
        value, seconds = timed(control.riccati, 1 if d >= 200 else 3)
        error = algebraic(control, value)
        reduced = None if d <= 8 else timed(few_factors(d)[0].riccati, 3)[1]
        table.add(
            str(d), milliseconds(seconds), milliseconds(reduced), f"{error:.1e}", holds=error <= RESIDUAL
        )
    return table


def main(arguments: list[str]) -> int:
    """Make the tables, and return how many checks failed."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks control",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add_options(parser, "small sizes, some ten seconds")
    asked = parser.parse_args(arguments)
    with threadpool_limits(1):
        tables = [make(asked.quick) for make in (exact, growth)]
    failed = sum(table.failed for table in tables)
    keep("control", [table.sheet for table in tables], asked, [f"{failed} checks failed."])
    return failed
