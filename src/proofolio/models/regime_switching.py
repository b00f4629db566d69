r"""The regime-switching program: weights over periods, and the regime whose cost each period pays.

.. math::
    \min\ \sum_t \mathrm{cost}_t + \kappa \sum_t \|W_t - W_{t-1}\|_1 + \sigma\,\#\{t : Z_t \ne Z_{t-1}\}
    \quad\text{s.t.}\quad \mathrm{cost}_t \ge f_{r,t}(W_t)\ \text{where}\ Z_{r,t} = 1, \quad
    \sum_r Z_{r,t} = 1, \quad \sum_i W_{i,t} = 1, \quad \ell \le W_t \le u

with :math:`f_{r,t}(w) = w'Qw + c'w + k + \sum_j \sigma_j \max(\alpha_j'w + \beta_j, \phi_j)`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from proofolio.errors import BadData
from proofolio.formulations.costs import MaxTerm, RegimeCosts
from proofolio.formulations.selected_cost import selected_cost
from proofolio.models.regime_solution import RegimeSolution
from proofolio.models.roads import BuiltForm, solve_by
from proofolio.program.model import Bounder, Model
from proofolio.program.program import Program
from proofolio.program.quadratic import symmetric
from proofolio.verification.bounders import BOUNDERS

__all__ = ["RegimeSwitching", "published_maxima"]

Floats = NDArray[np.float64]
FEASIBLE = 1e-9


@dataclass(frozen=True, eq=False, init=False)
class RegimeSwitching:
    r"""The regime-switching program, declared once; build it in any form, or solve it and have it checked.

    Parameters
    ----------
    Q : array_like, shape (R, n, n) or (R, T, n, n)
        Symmetric. Positive semidefinite unless the Big-M lowering and SCIP are used.
    c : array_like, shape (R, n) or (R, T, n)
    k : array_like, shape (R,) or (R, T), optional
    periods : int, optional
        T; needed when none of Q, c, k, path has a period axis.
    maxima : sequence of MaxTerm, optional
    lower, upper : array_like, shape () or (n,) or (T, n)
        Bounds of the weights (default 0 and 1).
    path : array_like of int, shape (T,), optional
        A fixed regime in every period; free when left out.
    turnover_cost : float
        :math:`\kappa`, a fraction of what is traded (10 bp = 0.001).
    switch_cost : float
        :math:`\sigma`, per change of regime.
    initial : array_like, shape (n,), optional
        Holdings before the first period, adding up to 1; without them the first purchase is free.
    exact : bool
        Ask every max term to equal its maximum at every feasible point, not only at an optimum.

    Raises
    ------
    BadData
        Naming the argument and the shape or property it needs.

    Examples
    --------
    >>> import numpy as np
    >>> program = RegimeSwitching(Q=np.zeros((2, 3, 3)), c=[[1, 1, 1], [-1, -1, -1]], periods=1)
    >>> round(program.solve().objective, 6)
    -1.0
    """

    costs: RegimeCosts
    T: int
    lower: Floats
    upper: Floats
    path: NDArray[np.intp] | None
    turnover_cost: float
    switch_cost: float
    initial: Floats | None
    exact: bool

    def __init__(
        self,
        Q: ArrayLike,
        c: ArrayLike,
        k: ArrayLike | None = None,
        *,
        periods: int | None = None,
        maxima: Sequence[MaxTerm] = (),
        lower: ArrayLike = 0.0,
        upper: ArrayLike = 1.0,
        path: ArrayLike | None = None,
        turnover_cost: float = 0.0,
        switch_cost: float = 0.0,
        initial: ArrayLike | None = None,
        exact: bool = False,
    ) -> None:
        costs = _costs(Q, c, k, maxima)
        R, n = costs.Q.shape[0], costs.Q.shape[-1]
        least, most = _finite("lower", lower), _finite("upper", upper)
        T = _periods(periods, costs, path, least, most)
        box = _weight_bounds(least, most, T, n)
        fields = {
            "costs": costs,
            "T": T,
            "lower": box[0],
            "upper": box[1],
            "path": None if path is None else _path(path, T, R),
            "turnover_cost": _not_negative("turnover_cost", turnover_cost),
            "switch_cost": _not_negative("switch_cost", switch_cost),
            "initial": None if initial is None else _initial(initial, n),
            "exact": bool(exact),
        }
        for name, value in fields.items():
            object.__setattr__(self, name, value)

    @property
    def n(self) -> int:
        """The number of assets."""
        return int(self.costs.Q.shape[-1])

    @property
    def R(self) -> int:
        """The number of regimes."""
        return int(self.costs.Q.shape[0])

    @property
    def separable(self) -> bool:
        """Whether no cost ties the periods together."""
        return self.turnover_cost == 0.0 and self.switch_cost == 0.0

    def model(
        self,
        lowering: str = "hull",
        big_m: str | ArrayLike = "interval",
        bounders: Mapping[str, Bounder] | None = None,
    ) -> Model:
        """Return the builder, to add rows of your own.

        With ``lowering="big-m"``, `big_m` is a tier of bounds (``"interval"``, ``"lp"``, ``"mip"``),
        ``"published"``, or numbers broadcasting to (R, T). Neither the published rule nor numbers are checked
        here, so that a wrong M can be built and refuted: `solve` reports the point that it cuts off.
        `bounders` serve the tiers, as for `Model`; those of `proofolio.verification.bounders` when left out.

        Variables: ``W`` (n, T), ``Z`` (R, T), ``cost`` (T,); with trading costs ``buy`` (n, T), and with
        switching costs ``enter`` (R, T - 1).
        """
        n, T, R = self.n, self.T, self.R
        model = Model(
            "regime_switching", BOUNDERS if bounders is None else bounders
        )  # no checker: `solve` reports an M that cuts off
        W = model.variable("W", (n, T), self.lower.T, self.upper.T)
        fixed = None if self.path is None else (np.arange(R)[:, None] == self.path).astype(float)
        Z = model.variable(
            "Z", (R, T), 0.0 if fixed is None else fixed, 1.0 if fixed is None else fixed, binary=True
        )
        model.add("budget", W.sum(0) == 1)
        model.add("one_regime", Z.sum(0) == 1)
        cost = selected_cost(
            model, "cost", Z, W.T, self.costs, lowering=lowering, big_m=big_m, exact=self.exact, budget=1.0
        )
        objective = cost.sum()
        if self.turnover_cost:
            objective = objective + self._trading(model, W)
        if self.switch_cost and T > 1:
            enter = model.variable("enter", (R, T - 1), 0.0, 1.0)
            model.add("entered", enter >= Z[:, 1:] - Z[:, :-1])
            objective = objective + self.switch_cost * enter.sum()
        model.minimise(objective)
        return model

    def _trading(self, model: Model, W: Any) -> Any:
        # the budget is the same in every period, so what is bought equals what is sold: |trade| = 2 buy
        first = 0 if self.initial is not None else 1
        if first >= self.T:
            return 0.0
        buy = model.variable("buy", (self.n, self.T - first), 0.0)
        if self.initial is not None:
            model.add("bought_first", buy[:, 0] >= W[:, 0] - self.initial)
        if self.T > 1:
            model.add("bought", buy[:, 1 - first :] >= W[:, 1:] - W[:, :-1])
        return (2.0 * self.turnover_cost) * buy.sum()

    def to_program(self, lowering: str = "hull", big_m: str | ArrayLike = "interval") -> Program:
        """Return the program in matrix form."""
        return self.model(lowering, big_m).freeze()

    def to_pyomo(self, lowering: str = "hull", big_m: str | ArrayLike = "interval") -> Any:
        """Return a Pyomo model with variables ``W[i,t]``, ``Z[r,t]``, ``cost[t]``."""
        return self.to_program(lowering, big_m).to_pyomo()

    def to_cvxpy(self, lowering: str = "hull", big_m: str | ArrayLike = "interval") -> Any:
        """Return a CVXPY problem with variables named ``W``, ``Z``, ``cost``.

        Raises
        ------
        UnsupportedProgram
            For indefinite Q, which CVXPY cannot express.
        """
        return self.to_program(lowering, big_m).to_cvxpy()

    def solve(
        self,
        solver: str = "highs",
        lowering: str | None = None,
        big_m: str | ArrayLike = "interval",
        *,
        method: str = "auto",
        separate: bool = True,
        **settings: Any,
    ) -> RegimeSolution:
        """Solve and check.

        Parameters
        ----------
        solver : {"highs", "scip"}
        lowering, big_m
            As for `model`; the hull when left out. Naming one, SCIP, a start or a solver's options asks for the
            built form: nothing else is then tried.
        method : {"auto", "separation", "path", "cuts"}
            ``"separation"`` solves one small quadratic program for each regime and period, where nothing ties
            the periods together; ``"path"`` prices the trades and takes the cheapest regime path, where
            turnover or switching costs do; ``"cuts"`` builds the form and gives it to the solver.
            ``"auto"`` takes the first that fits. The answer's ``answer.solution.method`` says which it was.
        separate : bool
            Whether ``"auto"`` may separate.
        **settings
            `time_limit`, `gap`, `seed`, `threads`, `options`, `start`, `progress` (see `proofolio.solve`). The
            time limit is that of the whole call: building, searching and checking. With a tier of `big_m`,
            at most half of it goes into bounds; those not reached by then are the interval's.

        Returns
        -------
        RegimeSolution
            With the checks of the answer against the raw data; its status is never better than they allow.

        Raises
        ------
        UnsupportedProgram
            For a method named that the program does not fit.
        """
        asked = BuiltForm(solver, lowering, big_m)
        return solve_by(self, asked, method, separate, settings)

    def with_path(self, path: ArrayLike) -> RegimeSwitching:
        """Return the same program with the regime of every period fixed."""
        return _changed(self, path=_path(path, self.T, self.R))

    def uncoupled(self) -> RegimeSwitching:
        """Return the same program without trading and switching costs."""
        return _changed(self, turnover_cost=0.0, switch_cost=0.0)

    def objective(self, W: ArrayLike, path: ArrayLike) -> float:
        """Recompute the objective from raw data at weights (n, T) and a regime path (T,)."""
        w = np.asarray(W, dtype=float).T
        if w.shape != (self.T, self.n):
            raise BadData(f"W has shape {w.T.shape}; it must be ({self.n}, {self.T})")
        chosen = _path(path, self.T, self.R)
        total = float(self.costs.value(w)[chosen, np.arange(self.T)].sum())
        if self.turnover_cost:
            before = w[:-1] if self.initial is None else np.vstack([self.initial, w[:-1]])
            after = w[1:] if self.initial is None else w
            total += self.turnover_cost * float(np.abs(after - before).sum())
        return total + self.switch_cost * float(np.count_nonzero(np.diff(chosen)))


def _changed(program: RegimeSwitching, **changes: Any) -> RegimeSwitching:
    """Return a copy with fields changed; the values are taken as already validated."""
    copy = object.__new__(RegimeSwitching)
    for name in RegimeSwitching.__dataclass_fields__:
        object.__setattr__(copy, name, changes.get(name, getattr(program, name)))
    return copy


def published_maxima(n: int, a: float = 0.1, b: float = 0.1, regime: int = 2) -> tuple[MaxTerm, MaxTerm]:
    """Return the published case's terms ``+ max(W[0,t], -a) - max(-W[1,t], -b)`` on one regime."""
    if n < 2:
        raise BadData(f"n is {n}; the published terms speak of assets 0 and 1")
    first, second = np.eye(n)[0], np.eye(n)[1]
    return MaxTerm(regime, +1, first, 0.0, -a), MaxTerm(regime, -1, -second, 0.0, -b)


def _numbers(name: str, value: ArrayLike) -> Floats:
    try:
        given = np.asarray(value)
        if given.dtype.kind in "cSUmM":  # numpy would read text as numbers and drop imaginary parts
            raise TypeError
        numbers = given.astype(float, copy=False)
    except (TypeError, ValueError):
        raise BadData(f"{name} is not an array of numbers") from None
    if np.any(np.isnan(numbers)):
        raise BadData(f"{name} holds NaN: fill or drop the missing numbers first")
    return numbers


def _finite(name: str, value: ArrayLike) -> Floats:
    numbers = _numbers(name, value)
    if not np.all(np.isfinite(numbers)):
        raise BadData(f"{name} holds an infinity: it must be finite")
    return numbers


def _costs(Q: ArrayLike, c: ArrayLike, k: ArrayLike | None, maxima: Sequence[MaxTerm]) -> RegimeCosts:
    curved, slope = _finite("Q", Q), _finite("c", c)
    if curved.ndim not in (3, 4) or curved.shape[-1] != curved.shape[-2] or 0 in curved.shape:
        raise BadData(f"Q has shape {curved.shape}; it must be (R, n, n) or (R, T, n, n), nothing zero")
    R, n = curved.shape[0], curved.shape[-1]
    if slope.ndim not in (2, 3) or slope.shape[0] != R or slope.shape[-1] != n or 0 in slope.shape:
        raise BadData(
            f"c has shape {slope.shape}; with Q of shape {curved.shape} it must be ({R}, {n}) or ({R}, T, {n})"
        )
    shift = np.zeros(R) if k is None else _finite("k", k)
    if shift.ndim not in (1, 2) or shift.shape[0] != R or 0 in shift.shape:
        raise BadData(f"k has shape {shift.shape}; it must be ({R},) or ({R}, T)")
    declared = _max_terms(maxima)
    for j, term in enumerate(declared):
        _check_term(j, term, R, n)
    terms = tuple(replace(term, alpha=np.asarray(term.alpha, dtype=float)) for term in declared)
    return RegimeCosts(
        symmetric(curved if curved.ndim == 4 else curved[:, None]),
        slope if slope.ndim == 3 else slope[:, None],
        shift if shift.ndim == 2 else shift[:, None],
        terms,
    )


def _max_terms(maxima: Any) -> tuple[MaxTerm, ...]:
    if not isinstance(maxima, Sequence) or not all(isinstance(term, MaxTerm) for term in maxima):
        raise BadData("maxima must be a sequence of MaxTerm")
    return tuple(maxima)


def _check_term(j: int, term: MaxTerm, R: int, n: int) -> None:
    if term.sign not in (1, -1):
        raise BadData(f"maxima[{j}].sign is {term.sign!r}; it must be +1 or -1")
    if np.asarray(term.regime).dtype.kind not in "iu" or not 0 <= term.regime < R:
        raise BadData(f"maxima[{j}].regime is {term.regime}; regimes are counted 0 to {R - 1}")
    alpha = _finite(f"maxima[{j}].alpha", term.alpha)
    if alpha.shape != (n,):
        raise BadData(f"maxima[{j}].alpha has shape {alpha.shape}; it must be ({n},)")
    _finite(f"maxima[{j}].beta and floor", [term.beta, term.floor])


def _periods(
    periods: int | None, costs: RegimeCosts, path: ArrayLike | None, lower: Floats, upper: Floats
) -> int:
    found = {name: part.shape[1] for name, part in zip("Qck", costs[:3], strict=True) if part.shape[1] > 1}
    if path is not None:
        found["path"] = np.size(path)
    found |= {name: len(b) for name, b in (("lower", lower), ("upper", upper)) if b.ndim == 2}
    if periods is not None:
        if not isinstance(periods, (int, np.integer)):
            raise BadData(f"periods is {periods!r}; it must be a whole number")
        found["periods"] = periods
    if not found:
        raise BadData("periods is needed: nothing given has a period axis longer than 1")
    if len(set(found.values())) > 1:
        said = ", ".join(f"{name} says {count}" for name, count in found.items())
        raise BadData(f"the number of periods is not clear: {said}")
    T = int(next(iter(found.values())))
    if T < 1:
        raise BadData(f"periods is {T}; it must be at least 1")
    return T


def _weight_bounds(lower: Floats, upper: Floats, T: int, n: int) -> tuple[Floats, Floats]:
    box = []
    for name, bound in (("lower", lower), ("upper", upper)):
        try:
            box.append(np.array(np.broadcast_to(bound, (T, n))))
        except ValueError:
            raise BadData(f"{name} has shape {bound.shape}; it must be (), ({n},) or ({T}, {n})") from None
    low, high = box
    if np.any(low > high):
        t, i = (int(v) for v in np.argwhere(low > high)[0])
        raise BadData(f"lower is above upper for asset {i} in period {t}")
    if np.any(high.sum(axis=1) < 1 - FEASIBLE):
        t = int(np.argmax(high.sum(axis=1) < 1 - FEASIBLE))
        raise BadData(f"upper adds up to {high[t].sum():.6g} in period {t}: the weights cannot add up to 1")
    if np.any(low.sum(axis=1) > 1 + FEASIBLE):
        t = int(np.argmax(low.sum(axis=1) > 1 + FEASIBLE))
        raise BadData(f"lower adds up to {low[t].sum():.6g} in period {t}: the weights cannot add up to 1")
    return low, high


def _path(path: ArrayLike, T: int, R: int) -> NDArray[np.intp]:
    chosen = _finite("path", path)
    if chosen.shape != (T,):
        raise BadData(f"path has shape {chosen.shape}; it must be ({T},)")
    if np.any(chosen != np.round(chosen)) or np.any(chosen < 0) or np.any(chosen >= R):
        raise BadData(f"path holds something that is not a regime: regimes are counted 0 to {R - 1}")
    return chosen.astype(np.intp)


def _initial(initial: ArrayLike, n: int) -> Floats:
    holdings = _finite("initial", initial)
    if holdings.shape != (n,):
        raise BadData(f"initial has shape {holdings.shape}; it must be ({n},)")
    if abs(holdings.sum() - 1.0) > FEASIBLE:
        raise BadData(
            f"initial adds up to {holdings.sum():.12g}; holdings before the first period must add up to 1"
        )
    return holdings


def _not_negative(name: str, value: float) -> float:
    number = _finite(name, value)
    if number.shape:
        raise BadData(f"{name} has shape {number.shape}; it must be one number")
    if number < 0:
        raise BadData(f"{name} is {number}; a cost cannot be negative")
    return float(number)
