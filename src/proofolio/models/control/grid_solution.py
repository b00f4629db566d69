"""Solve a control problem with a box or linear costs on a grid of its positions."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator
from typing import Any, Literal, NamedTuple

import numpy as np

from proofolio.arrays import Floats, Integers
from proofolio.errors import BadData, Imprecise, UnsupportedProgram
from proofolio.models.arguments import positive, whole
from proofolio.models.control.grid_value import GridValue, LazyRates
from proofolio.models.control.grids import (
    MEMORY_LIMIT,
    Grid,
    GridEstimate,
    affordable,
    estimated,
    read_limit,
    tell,
)
from proofolio.models.control.howard import Lift, PolicyIteration
from proofolio.models.control.problem import ControlProblem
from proofolio.models.control.quadratic_value import QuadraticValue
from proofolio.models.control.riccati import riccati

__all__ = ["Keep", "grid_estimate", "policy_iteration", "values_in_time"]


STEPS_A_YEAR = 252  # of a finite horizon, where nothing else is asked for

Keep = Literal["first", "all"]


class InTime(NamedTuple):
    """Values at every stored time, the last one at the horizon."""

    V: Floats  # (times, m, N...)
    U: LazyRates


def grid_estimate(
    problem: ControlProblem,
    theta_grid: Any,
    n_steps: int | None = None,
    *,
    lift: bool = True,
    keep: Keep = "first",
) -> GridEstimate:
    """Return what `policy_iteration` would take, without doing it."""
    grid = Grid.of(problem, theta_grid)
    steps = _steps(problem, n_steps)
    times = steps + 1 if keep == "all" else 1
    exact = lift and problem.linear_quadratic
    return estimated(problem.m, grid.shape, exact=exact, times=times, steps=steps)


def policy_iteration(
    problem: ControlProblem,
    theta_grid: Any,
    tol: float = 1e-6,
    max_iter: int = 60,
    *,
    n_steps: int | None = None,
    lift: bool = True,
    memory_limit: float = MEMORY_LIMIT,
    report: Callable[[str], object] | None = None,
) -> GridValue:
    """Return the value on the grid at the start; see `RegimeControl.policy_iteration`."""
    _check(problem, lift)
    asked = grid_estimate(problem, theta_grid, n_steps, lift=lift)
    affordable(asked, read_limit(memory_limit), _advice(problem))
    tell(report, asked)
    run = _Run(problem, Grid.of(problem, theta_grid), tol, max_iter, _steps(problem, n_steps), lift)
    W, U, history = run.start()
    if not run.converged:
        warnings.warn(
            f"policy iteration stopped after {max_iter} policies with a last change of {history[-1]:.1e}, above "
            f"tol={tol:g}: raise max_iter",
            Imprecise,
            stacklevel=3,
        )
    return GridValue(
        problem,
        run.grid,
        lambda: run.whole(W, 0),
        lambda: run.rates(W, 0) if U is None else U,
        history,
        run.iterations,
        run.converged,
        asked,
    )


def values_in_time(
    problem: ControlProblem,
    theta_grid: Any,
    tol: float,
    max_iter: int,
    n_steps: int,
    keep: Keep,
    memory_limit: float,
    report: Callable[[str], object] | None = None,
) -> InTime:
    """Return values at the times kept, with their rates on demand."""
    _check(problem, True)
    if keep not in ("first", "all"):
        raise BadData(f'keep is {keep!r}; choose "first" or "all"')
    asked = grid_estimate(problem, theta_grid, n_steps, keep=keep)
    first = grid_estimate(problem, theta_grid, n_steps)
    advice, limit = _advice(problem), read_limit(memory_limit)
    if keep == "all" and first.memory <= limit:
        advice = f"keep='first' gives V at the start alone ({first})"
    affordable(asked, limit, advice)
    tell(report, asked)
    run = _Run(problem, Grid.of(problem, theta_grid), tol, max_iter, _steps(problem, n_steps), True)
    m, shape = problem.m, run.grid.shape
    if keep == "first":
        W = run.start()[0]
        V = run.whole(W, 0)[None]
        return InTime(V, LazyRates(lambda _: run.rates(W, 0), (1, m, problem.d, *shape)))
    times = run.steps + 1
    V = np.empty((times, m, *shape))
    if run.exact:
        for k in range(times):
            V[k] = run.whole(None, k)
        return InTime(V, LazyRates(lambda k: run.rates(None, k), (times, m, problem.d, *shape)))
    for k, W in run.backwards():
        V[k] = W
    lifted = V  # W until here

    def rates(k: int) -> Floats:
        return run.rates(lifted[k] - run.quadratic(k), k)

    for k in range(times):
        V[k] += run.quadratic(k)
    return InTime(V, LazyRates(rates, (times, m, problem.d, *shape)))


class _Run:
    """One problem on one grid, step by step back from the horizon, or at once where there is none."""

    def __init__(
        self, problem: ControlProblem, grid: Grid, tol: float, max_iter: int, steps: int, lifted: bool
    ) -> None:
        self.problem, self.grid, self.steps, self.lifted = problem, grid, steps, lifted
        self.tol, self.max_iter = positive("tol", tol), whole("max_iter", max_iter, 1)
        self.value = riccati(problem)
        self.exact = lifted and problem.linear_quadratic
        self.iterations, self.converged = 0, True
        self._history: list[float] = []
        self._lifts: dict[int, Lift] = {}

    def time(self, k: int) -> float:
        horizon = self.problem.horizon
        return 0.0 if horizon is None else horizon * k / self.steps

    def lift(self, k: int) -> Lift:
        """Return the quadratic at step k, which is 0 where nothing is lifted."""
        if k not in self._lifts:
            now: QuadraticValue = self.value.at(self.time(k))
            c = np.nan_to_num(now.c)
            self._lifts = {k: Lift(now.A, now.b, c, self.lifted)}
        return self._lifts[k]

    def quadratic(self, k: int) -> Floats:
        """Return the lifted quadratic at the nodes, (m, N...)."""
        q = self.lift(k)
        found = np.zeros((self.problem.m, *self.grid.shape))
        if self.lifted:
            for i in range(self.problem.m):
                found[i] = self.grid.quadratic(q.A[i], q.b[i], float(q.c[i]))
        return found

    def whole(self, W: Floats | None, k: int) -> Floats:
        """Return V at step k."""
        found = self.quadratic(k)
        if W is not None:
            found += W
        return found

    def rates(self, W: Floats | None, k: int) -> Floats:
        """Return the best rates at step k, (m, d, N...)."""
        if self.exact:
            p, q = self.problem, self.lift(k)
            speed = np.linalg.inv(p.Lambda) / p.eta
            A, b = speed @ q.A, q.b @ speed.T
            d = range(p.d)
            return np.stack([[self.grid.slope(A[i], b[i], j) for j in d] for i in range(p.m)])
        assert W is not None
        return self._iteration(self.problem.rho).improved(W, self.lift(k))

    def start(self) -> tuple[Floats | None, Floats | None, list[float]]:
        """Return W and the rates at the start, and the changes of the last step; None for both where W is 0."""
        if self.exact:
            self.iterations = 1
            return None, None, [0.0]
        if not self.steps:
            zero = np.zeros((self.problem.m, *self.grid.shape))
            iteration = self._iteration(self.problem.rho)
            W, U, history, done = iteration.run(zero, self.lift(0), self.tol, self.max_iter)
            self.iterations, self.converged = len(history), done
            return W, U, history
        for _, last in self.backwards():
            W = last
        return W, self.rates(W, 0), self._history

    def backwards(self) -> Iterator[tuple[int, Floats]]:
        """Yield each step's number and W, from the horizon to the start."""
        p, n = self.problem, self.steps
        assert p.horizon is not None
        dt = p.horizon / n
        iteration = self._iteration(p.rho + 1.0 / dt)
        W = np.zeros((p.m, *self.grid.shape))
        if not self.lifted and p.terminal is not None:
            A, b, c = p.terminal
            W = np.stack([self.grid.quadratic(A[i], b[i], float(c[i])) for i in range(p.m)])
        yield n, W
        for k in range(n - 1, -1, -1):
            W, _, self._history, done = iteration.run(W, self.lift(k), self.tol, self.max_iter, W / dt)
            self.iterations += len(self._history)
            self.converged &= done
            yield k, W

    def _iteration(self, discount: float) -> PolicyIteration:
        p, grid = self.problem, self.grid
        assert p.Lambda_diagonal is not None
        running = np.empty((0,))
        if not self.lifted:
            held = [grid.quadratic(p.gamma * p.Sigma[i], p.alpha[i], 0.0) for i in range(p.m)]
            running = np.stack(held)
        return PolicyIteration(
            grid, p.chain.generator, p.eta * p.Lambda_diagonal, p.l1, discount, running, self._order()
        )

    def _order(self) -> Integers:
        """Return the nodes of each regime, those of the best quadratic value first."""
        now = self.value.at(0.0)
        m = self.problem.m
        found = np.empty((m, self.grid.N), dtype=np.intp)
        for i in range(m):
            found[i] = np.argsort(-self.grid.quadratic(now.A[i], now.b[i], 0.0), axis=None, kind="stable")
        return found


def _steps(problem: ControlProblem, n_steps: int | None) -> int:
    if problem.horizon is None:
        if n_steps is not None:
            raise BadData("n_steps is for a finite horizon, and horizon is None")
        return 0
    if n_steps is None:
        return max(1, round(STEPS_A_YEAR * problem.horizon))
    return whole("n_steps", n_steps, 1)


def _advice(problem: ControlProblem) -> str:
    if problem.d > 3:
        return (
            "a grid of so many assets is out of reach: use lookahead(), or the exact riccati() without limits"
        )
    return "use fewer nodes, or memory_limit= where there is more"


def _check(problem: ControlProblem, lift: bool) -> None:
    """Refuse, in words, what is not solved on a grid."""
    p = problem
    if p.plan_set is not None:
        raise UnsupportedProgram("a grid keeps a box only: for limits by a PlanSet use lookahead()")
    if p.fixed.any():
        raise UnsupportedProgram("trades with a fixed cost are jumps, not rates: use lookahead()")
    if p.factors is not None or p.drift:
        raise UnsupportedProgram("factors and drifting positions have no grid: use riccati() or lookahead()")
    if p.Lambda_diagonal is None and not (lift and p.linear_quadratic):
        raise UnsupportedProgram(
            "a grid with limits or linear costs needs a diagonal Lambda (trades are then chosen axis by axis): "
            "give one, or use lookahead()"
        )
    if p.rho == 0 and p.horizon is None and not (lift and p.linear_quadratic):
        raise UnsupportedProgram(
            "without a discount the value of an infinite horizon does not exist: give rho > 0"
        )
