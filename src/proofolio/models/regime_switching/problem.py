r"""The regime-switching program: weights over periods, and the regime whose cost each period pays.

.. math::
    \min\ \sum_t \mathrm{cost}_t + \kappa \sum_t \|W_t - W_{t-1}\|_1 + \sigma\,\#\{t : Z_t \ne Z_{t-1}\}
    \quad\text{s.t.}\quad \mathrm{cost}_t \ge f_{r,t}(W_t)\ \text{where}\ Z_{r,t} = 1, \quad
    \sum_r Z_{r,t} = 1, \quad \sum_i W_{i,t} = 1, \quad \ell \le W_t \le u

and what the options add: rules of the path (`RegimePath`), what may be held and traded (`PlanSet`), and
costs of trading (`Trading`); :math:`f_{r,t}(w) = w'Qw + c'w + k + \sum_j \sigma_j \max(\alpha_j'w + \beta_j, \phi_j)`.

The regime costs as declared: shapes that agree, symmetric Q, max terms of known regimes.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from proofolio.arrays import Floats, Integers
from proofolio.errors import BadData
from proofolio.formulations.costs import MaxTerm, RegimeCosts
from proofolio.formulations.selected_costs import selected_cost
from proofolio.models.arguments import finite
from proofolio.models.portfolio.plan_set import FEASIBLE, Group, PlanSet
from proofolio.models.portfolio.trading import Trading
from proofolio.models.regime_switching.methods.choice import BuiltForm, asked_lowering, solve_by
from proofolio.models.regime_switching.rules import Covered, RegimePath, read_path
from proofolio.models.regime_switching.solution import RegimeSolution
from proofolio.program.model import Bounder, Model
from proofolio.program.program import Program
from proofolio.program.quadratic import symmetric
from proofolio.program.structure import is_positive_semidefinite
from proofolio.solvers.quadratic.batch import convexity_defect
from proofolio.verification.big_m.tiers import BOUNDERS

__all__ = ["RegimeSwitching", "declared_costs", "declared_periods"]


def declared_costs(Q: ArrayLike, c: ArrayLike, k: ArrayLike | None, maxima: Sequence[MaxTerm]) -> RegimeCosts:
    """Return the costs of R regimes, with a period axis of length 1 where nothing varies."""
    curved, slope = finite("Q", Q), finite("c", c)
    if curved.ndim not in (3, 4) or curved.shape[-1] != curved.shape[-2] or 0 in curved.shape:
        raise BadData(f"Q has shape {curved.shape}; it must be (R, n, n) or (R, T, n, n), nothing zero")
    R, n = curved.shape[0], curved.shape[-1]
    if slope.ndim not in (2, 3) or slope.shape[0] != R or slope.shape[-1] != n or 0 in slope.shape:
        raise BadData(
            f"c has shape {slope.shape}; with Q of shape {curved.shape} it must be ({R}, {n}) or ({R}, T, {n})"
        )
    shift = np.zeros(R) if k is None else finite("k", k)
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


def declared_periods(periods: Any, costs: RegimeCosts, others: dict[str, int]) -> int:
    """Return T, on which everything with a period axis must agree."""
    found = {name: part.shape[1] for name, part in zip("Qck", costs[:3], strict=True) if part.shape[1] > 1}
    found |= others
    if periods is not None:
        if isinstance(periods, bool) or not isinstance(periods, (int, np.integer)):
            raise BadData(f"periods is {periods!r}; it must be a whole number")
        found["periods"] = int(periods)
    if not found:
        raise BadData("periods is needed: nothing given has a period axis longer than 1")
    if len(set(found.values())) > 1:
        said = ", ".join(f"{name} says {count}" for name, count in found.items())
        raise BadData(f"the number of periods is not clear: {said}")
    T = int(next(iter(found.values())))
    if T < 1:
        raise BadData(f"periods is {T}; it must be at least 1")
    return T


def _max_terms(maxima: Any) -> tuple[MaxTerm, ...]:
    if not isinstance(maxima, Sequence) or not all(isinstance(term, MaxTerm) for term in maxima):
        raise BadData("maxima must be a sequence of MaxTerm")
    return tuple(maxima)


def _check_term(j: int, term: MaxTerm, R: int, n: int) -> None:
    if term.sign not in (1, -1):
        raise BadData(f"maxima[{j}].sign is {term.sign!r}; it must be +1 or -1")
    if np.asarray(term.regime).dtype.kind not in "iu" or not 0 <= term.regime < R:
        raise BadData(f"maxima[{j}].regime is {term.regime}; regimes are counted 0 to {R - 1}")
    alpha = finite(f"maxima[{j}].alpha", term.alpha)
    if alpha.shape != (n,):
        raise BadData(f"maxima[{j}].alpha has shape {alpha.shape}; it must be ({n},)")
    finite(f"maxima[{j}].beta and floor", [term.beta, term.floor])


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
    groups : sequence of Group
        Limits of the weights of some assets together.
    cardinality : int, optional
        The most weights that may differ from zero in a period.
    minimum_position : float or array_like, shape (n,)
        A weight is zero or at least so large, long or (where `lower` is negative) short.
    round_lots : float or array_like, shape (n,), optional
        Every weight is a whole multiple.
    net : (float, float)
        Limits of the sum of the weights of a period (default (1, 1): the budget).
    gross : float, optional
        Limit of the sum of their sizes.
    path : array_like of int, shape (T,), optional
        A fixed regime in every period; free when left out.
    transitions : array_like of bool, shape (R, R), optional
        ``transitions[r, s]``: s may follow r directly; the diagonal says which regimes may stay.
    dwell : int
        Periods for which a regime is kept once entered after period 0, unless the horizon ends first.
    max_switches : int, optional
        The most changes of regime.
    switch_cost : float
        :math:`\sigma`, per change of regime.
    covered : Covered, optional
        Drop the path: any regimes of total probability at least 1 - epsilon are covered in each period, and its
        cost is that of the costliest. Not to be combined with any rule or cost of a path.
    turnover_cost : float
        :math:`\kappa`, a fraction of what is traded (10 bp = 0.001).
    quadratic_impact, power_impact : float or array_like, shape (n,)
        Costs of the square of each trade, and of its size to the power 3/2.
    impact_pieces : int, optional
        Chords to the power 3/2, with a proved error (`impact_error`); exact, by cones, when left out.
    turnover_limit : float or array_like, shape (T,)
        Of :math:`\|W_t - W_{t-1}\|_1`; infinite where there is none.
    initial : array_like, shape (n,), optional
        Holdings before the first period, adding up to what `net` allows; without them the first purchase is
        free and unlimited.
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
    holdings: PlanSet
    rules: RegimePath
    trading: Trading
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
        groups: Sequence[Group] = (),
        cardinality: int | None = None,
        minimum_position: ArrayLike = 0.0,
        round_lots: ArrayLike | None = None,
        net: tuple[float, float] = (1.0, 1.0),
        gross: float | None = None,
        path: ArrayLike | None = None,
        transitions: ArrayLike | None = None,
        dwell: int = 1,
        max_switches: int | None = None,
        switch_cost: float = 0.0,
        covered: Covered | None = None,
        turnover_cost: float = 0.0,
        quadratic_impact: ArrayLike = 0.0,
        power_impact: ArrayLike = 0.0,
        impact_pieces: int | None = None,
        turnover_limit: ArrayLike = np.inf,
        initial: ArrayLike | None = None,
        exact: bool = False,
    ) -> None:
        costs = declared_costs(Q, c, k, maxima)
        R, n = costs.Q.shape[0], costs.Q.shape[-1]
        least, most = finite("lower", lower), finite("upper", upper)
        lengths = {} if path is None else {"path": np.size(path)}
        lengths |= {name: len(b) for name, b in (("lower", least), ("upper", most)) if b.ndim == 2}
        T = declared_periods(periods, costs, lengths)
        holdings = PlanSet(
            n, T, least, most, groups=groups, cardinality=cardinality, minimum_position=minimum_position,
            round_lots=round_lots, net=net, gross=gross, turnover_limit=turnover_limit,
        )  # fmt: skip
        rules = RegimePath(
            R, T, path=path, transitions=transitions, dwell=dwell, max_switches=max_switches,
            switch_cost=switch_cost, covered=covered,
        )  # fmt: skip
        trading = Trading(
            n, T, turnover_cost=turnover_cost, quadratic_impact=quadratic_impact, power_impact=power_impact,
            impact_pieces=impact_pieces, initial=initial,
        )  # fmt: skip
        _check_initial(trading.initial, holdings)
        fields = {
            "costs": costs,
            "T": T,
            "holdings": holdings,
            "rules": rules,
            "trading": trading,
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
    def lower(self) -> Floats:
        """Lower bounds of the weights, shape (T, n)."""
        return self.holdings.lower

    @property
    def upper(self) -> Floats:
        """Upper bounds of the weights, shape (T, n)."""
        return self.holdings.upper

    @property
    def path(self) -> Integers | None:
        """The fixed regimes, shape (T,), or None."""
        return self.rules.path

    @property
    def switch_cost(self) -> float:
        """The cost of a change of regime."""
        return self.rules.switch_cost

    @property
    def turnover_cost(self) -> float:
        """The cost of turnover."""
        return self.trading.turnover_cost

    @property
    def initial(self) -> Floats | None:
        """Holdings before the first period, shape (n,), or None."""
        return self.trading.initial

    @property
    def separable(self) -> bool:
        """Whether no cost and no rule ties the periods together."""
        return not (self.trading.couples or self.holdings.limited or self.rules.couples)

    @property
    def options(self) -> tuple[str, ...]:
        """Names of the options in use that only the built form takes, by `method="cuts"`."""
        return (*self.holdings.options, *self.rules.options, *self.trading.options)

    @property
    def impact_error(self) -> float:
        """How far above the declared objective the built one can be: with `impact_pieces`, else 0."""
        return self.trading.impact_error(self.lower, self.upper)

    def model(
        self,
        lowering: str | None = None,
        big_m: str | ArrayLike = "interval",
        bounders: Mapping[str, Bounder] | None = None,
    ) -> Model:
        r"""Return the builder, to add rows of your own.

        With ``lowering="big-m"``, `big_m` is a tier of bounds (``"interval"``, ``"lp"``, ``"mip"``),
        ``"published"``, or numbers broadcasting to (R, T). Neither the published rule nor numbers are checked
        here, so that a wrong M can be built and refuted: `solve` reports the point that it cuts off.
        `bounders` serve the tiers, as for `Model`; those of `proofolio.verification.big_m.tiers` when left out.
        Without a lowering it is the hull, and Big-M where regimes are covered or Q is indefinite.

        Variables: ``W`` (n, T), ``Z`` (R, T), ``cost`` (T,); with trading costs ``buy`` or ``traded``; where
        changes of regime cost or count, ``enter`` (R, T - 1).

        Raises
        ------
        BadData
            For an unknown lowering or tier, and a `big_m` for a lowering without any M.
        UnsupportedProgram
            For the hull of an indefinite Q, and for lowerings that need one regime a period where regimes are
            covered.

        Notes
        -----
        Big-M is right for covered regimes with the same M: where :math:`Z_r = 0` some s is covered, so
        :math:`\mathrm{cost} \ge f_s \ge f_r - \max_w (f_r - f_s) \ge f_r - M_r` holds anyway, and the row of r
        cuts nothing off. Where several regimes are covered each of their rows has no M left. Multiple Big-M and
        the hull lean on exactly one regime a period.
        """
        bounders = BOUNDERS if bounders is None else bounders
        lowering = asked_lowering(self, lowering, big_m, bounders)
        n, T = self.n, self.T
        model = Model("regime_switching", bounders)  # no checker: `solve` reports an M that cuts off
        W = model.variable("W", (n, T), self.lower.T, self.upper.T)
        Z = self.rules.variable(model)
        self.holdings.add(model, W)
        switching = self.rules.add(model, Z)
        budget = self.holdings.budget
        cost = selected_cost(
            model, "cost", Z, W.T, self.costs, lowering=lowering, big_m=big_m, exact=self.exact, budget=budget
        )
        model.minimise(cost.sum() + self.trading.add(model, W, self.holdings.turnover_limit, budget is not None) + switching)
        return model

    @property
    def convex(self) -> bool:
        """Whether no Q is indefinite, beyond rounding."""
        if convexity_defect(self.costs.Q) is not None:
            return True
        return all(is_positive_semidefinite(Q) for Q in self.costs.Q.reshape(-1, self.n, self.n))

    def to_program(self, lowering: str | None = None, big_m: str | ArrayLike = "interval") -> Program:
        """Return the program in matrix form; arguments as for `model`."""
        return self.model(lowering, big_m).freeze()

    def to_pyomo(self, lowering: str | None = None, big_m: str | ArrayLike = "interval") -> Any:
        """Return a Pyomo model with variables ``W[i,t]``, ``Z[r,t]``, ``cost[t]``."""
        return self.to_program(lowering, big_m).to_pyomo()

    def to_cvxpy(self, lowering: str | None = None, big_m: str | ArrayLike = "interval") -> Any:
        """Return a CVXPY problem with variables named ``W``, ``Z``, ``cost``.

        Raises
        ------
        UnsupportedProgram
            For indefinite Q and native indicators, which CVXPY cannot express.
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
            As for `model`. Naming one, SCIP, a start or a solver's options asks for the built form: nothing
            else is then tried.
        method : {"auto", "separation", "path", "cuts"}
            ``"separation"`` solves one small quadratic program for each regime and period, where nothing ties
            the periods together; ``"path"`` prices the trades and takes the cheapest regime path, where
            turnover or switching costs do; ``"cuts"`` builds the form and gives it to the solver.
            ``"auto"`` takes the first that fits; of the options, the first two know bounds, a fixed path,
            turnover and switching costs and first holdings, and leave all others to the built form. The
            answer's ``answer.solution.method`` says which it was.
        separate : bool
            Whether ``"auto"`` may separate.
        **settings
            `time_limit`, `gap`, `seed`, `threads`, `options`, `start`, `progress` (see `proofolio.solve`). The
            time limit is that of the whole call: building, searching and checking. With a tier of `big_m`,
            at most half of it goes into bounds; those not reached by then are the interval's. With a limit, a point
            and a bound by simple means stand ready before the built form is solved (see
            `proofolio.models.regime_switching.methods.start`), and are the answer, with ``method`` "constant weights", where the
            solver has found nothing as good or where there is no time to build the form.

        Returns
        -------
        RegimeSolution
            With the checks of the answer against the raw data; its status is never better than they allow.

        Raises
        ------
        BadData
            For an unknown solver, lowering, tier, method or setting, and for what would have no effect: a `big_m`
            where there is no M, and a form, a start or a solver's options beside ``"separation"`` or ``"path"``.
        UnsupportedProgram
            For a method named that the program does not fit, and an indefinite Q without SCIP.
        """
        asked = BuiltForm(solver, lowering, big_m)
        return solve_by(self, asked, method, separate, settings)

    def with_path(self, path: ArrayLike) -> RegimeSwitching:
        """Return the same program with the regime of every period fixed.

        Raises
        ------
        BadData
            Where regimes are covered, and for a path that breaks the rules.
        """
        rules = self.rules
        fixed = RegimePath(
            self.R, self.T, path=path, transitions=rules.transitions, dwell=rules.dwell,
            max_switches=rules.max_switches, switch_cost=rules.switch_cost, covered=rules.covered,
        )  # fmt: skip
        return _changed(self, rules=fixed)

    def uncoupled(self) -> RegimeSwitching:
        """Return the same program without costs and limits of trading and costs and rules of switching."""
        rules = RegimePath(self.R, self.T, path=self.path, covered=self.rules.covered)
        trading = Trading(self.n, self.T, initial=self.initial)
        return _changed(self, rules=rules, trading=trading, holdings=self.holdings.unlimited())

    def objective(self, W: ArrayLike, path: ArrayLike) -> float:
        """Recompute the objective from raw data, the power 3/2 of trades taken as it is.

        Parameters
        ----------
        W : array_like, shape (n, T)
        path : array_like, shape (T,) or (R, T)
            The regimes, or indicators: a period then costs what the costliest of its regimes does.
        """
        weights = np.asarray(W, dtype=float)
        if weights.shape != (self.n, self.T):
            raise BadData(f"W has shape {weights.shape}; it must be ({self.n}, {self.T})")
        Z = self.indicators(path)
        total = float(self.period_costs(weights, Z).sum())
        return total + self.trading.cost(weights) + self.rules.cost(Z)

    def indicators(self, path: ArrayLike) -> Floats:
        """Return indicators (R, T) of zeros and ones for a path (T,), or those given, rounded."""
        if np.ndim(path) != 2:
            if self.rules.covered is not None:
                raise BadData(f"path has shape {np.shape(path)}; covered regimes need ({self.R}, {self.T})")
            chosen = read_path(path, self.T, self.R)
            one: Floats = (np.arange(self.R)[:, None] == chosen).astype(float)
            return one
        Z: Floats = np.round(finite("path", path))
        if Z.shape != (self.R, self.T) or not np.all(np.isin(Z, (0.0, 1.0))) or not np.all(Z.any(axis=0)):
            raise BadData(
                f"path has shape {Z.shape}; it must be ({self.T},), or zeros and ones of shape "
                f"({self.R}, {self.T}) with a regime in every period"
            )
        return Z

    def period_costs(self, W: Floats, Z: Floats) -> Floats:
        """Return the cost of the costliest regime marked in each period, shape (T,)."""
        dearest: Floats = np.where(Z > 0.5, self.costs.value(W.T), -np.inf).max(axis=0)
        return dearest


def _changed(program: RegimeSwitching, **changes: Any) -> RegimeSwitching:
    """Return a copy with fields changed; the values are taken as already validated."""
    copy = object.__new__(RegimeSwitching)
    for name in RegimeSwitching.__dataclass_fields__:
        object.__setattr__(copy, name, changes.get(name, getattr(program, name)))
    return copy


def _check_initial(initial: Floats | None, holdings: PlanSet) -> None:
    if initial is None:
        return
    low, high = holdings.net
    total = initial.sum()
    if not low - FEASIBLE <= total <= high + FEASIBLE:
        allowed = f"{low:g}" if low == high else f"something from {low:g} to {high:g}"
        raise BadData(
            f"initial adds up to {total:.12g}; holdings before the first period must add up to {allowed}"
        )
