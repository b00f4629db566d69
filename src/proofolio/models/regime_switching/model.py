"""`RegimeSwitching`: the regime-switching problem as users declare it, build it in any form, and solve it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, Protocol

import numpy as np
from numpy.typing import ArrayLike

from proofolio.errors import BadData, UnsupportedProgram
from proofolio.formulations.costs import MaxTerm, RegimeCosts
from proofolio.models.arguments import finite
from proofolio.models.portfolio.plan_set import Group, PlanSet
from proofolio.models.portfolio.trading import Trading
from proofolio.models.regime_switching.form import built_form
from proofolio.models.regime_switching.methods.path import PathMethod
from proofolio.models.regime_switching.methods.separation import Separation
from proofolio.models.regime_switching.methods.whole import Whole, corroborated
from proofolio.models.regime_switching.problem import RegimeProblem
from proofolio.models.regime_switching.rules import Covered, RegimePath
from proofolio.models.regime_switching.solution import RegimeSolution
from proofolio.processes import one_blas_thread
from proofolio.program.builder import Bounder, Builder
from proofolio.program.program import Program
from proofolio.program.quadratic import symmetric
from proofolio.solvers.capabilities import SOLVERS, find
from proofolio.solvers.limits import Deadline
from proofolio.solvers.solution import Settings, read_settings
from proofolio.verification.certified.confirming import CONFIRM

__all__ = ["RegimeSwitching"]


class Method(Protocol):
    """A method: it says whether a problem fits, and solves those that do."""

    @property
    def name(self) -> str:
        """What `RegimeSwitching.solve` calls it."""

    def fits(self, problem: RegimeProblem) -> str | None:
        """Return why the problem does not fit; None where it does."""

    def solve(self, problem: RegimeProblem, settings: Settings, deadline: Deadline) -> RegimeSolution:
        """Solve and check; the deadline is that of the whole call."""


# Methods that work on the problem itself, in the order in which `auto` tries them; the whole form takes the rest.
OWN_METHODS: tuple[Method, ...] = (Separation(), PathMethod())


class RegimeSwitching(RegimeProblem):
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
        super().__init__(costs, T, holdings, rules, trading, bool(exact))

    def model(
        self,
        lowering: str | None = None,
        big_m: str | ArrayLike = "interval",
        bounders: Mapping[str, Bounder] | None = None,
    ) -> Builder:
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
        return built_form(self, lowering, big_m, bounders)

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
        solver: str | None = None,
        lowering: str | None = None,
        big_m: str | ArrayLike = "interval",
        *,
        method: str = "auto",
        confirm: str = "none",
        **settings: Any,
    ) -> RegimeSolution:
        """Solve and check.

        Parameters
        ----------
        solver : {"highs", "scip"}, optional
            A solver that is named gets the whole form; otherwise the method decides, and the whole form goes to
            the first solver that can take it.
        lowering, big_m
            As for `model`. Naming one, a solver, a start or a solver's options asks for the whole form: nothing
            else is then tried.
        method : {"auto", "separation", "path", "whole"}
            ``"separation"`` solves one small quadratic program for each regime and period, where nothing ties
            the periods together; ``"path"`` prices the trades and takes the cheapest regime path, where
            turnover or switching costs do; ``"whole"`` builds the form and gives it to the solver.
            ``"auto"`` takes the first that fits; of the options, the first two know bounds, a fixed path,
            turnover and switching costs and first holdings, and leave all others to the whole form. The
            answer's `method` and `solver` say which it was.
        confirm : {"none", "auto", "second", "certificate"}
            What an optimum has to rest on beside one word. With ``"none"`` it is ``verified-optimal`` where gradients
            prove its bound (separation without maxima) and otherwise ``solver-optimal``, the word of a search. The
            whole form is confirmed as `proofolio.solve` does it; answers of the two other methods become
            ``verified-optimal`` where a solver proves soon that the whole form has nothing better. ``"certificate"``
            asks for the whole form, in the Big-M lowering unless another is named.
        **settings
            `time_limit`, `gap`, `seed`, `threads`, `options`, `start`, `progress` (see `proofolio.solve`). The
            time limit is that of the whole call: building, searching and checking. With a tier of `big_m`,
            at most half of it goes into bounds; those not reached by then are the interval's. With a limit, a
            point and a bound by simple means stand ready before the whole form is solved (see
            `proofolio.models.regime_switching.methods.start`), and are the answer, with `method`
            ``"constant weights"``, where the solver has found nothing as good or where there is no time to
            build the form.

        Returns
        -------
        RegimeSolution
            With the checks of the answer against the raw data; its status is never better than they allow.

        Raises
        ------
        BadData
            For an unknown solver, lowering, tier, method or setting, and for what would have no effect: a `big_m`
            where there is no M, and a form, a start, a solver's options or a certificate beside
            ``"separation"`` or ``"path"``.
        UnsupportedProgram
            For a method or solver named that the program does not fit, such as HiGHS for an indefinite Q.
        """
        if confirm not in CONFIRM:
            raise BadData(f"confirm is {confirm!r}; it must be one of {', '.join(CONFIRM)}")
        return _solve(self, Whole(solver, lowering, big_m, confirm), method, settings)


@one_blas_thread()
def _solve(problem: RegimeProblem, whole: Whole, method: str, given: Mapping[str, Any]) -> RegimeSolution:
    settings = read_settings(given)
    deadline = Deadline.after(settings.time_limit)
    chosen = _chosen(problem, whole, method, settings)
    found = chosen.solve(problem, settings, deadline)
    if chosen is whole or whole.confirm == "none":
        return found
    return corroborated(problem, found, whole.confirm, settings, deadline)


def _chosen(problem: RegimeProblem, whole: Whole, name: str, settings: Settings) -> Method:
    """Return the method named, or with ``"auto"`` the first that fits, once what is asked for makes sense."""
    methods: dict[str, Method] = {m.name: m for m in (*OWN_METHODS, whole)}
    if name not in ("auto", *methods):
        raise BadData(f"method is {name!r}; it must be one of {', '.join(('auto', *methods))}")
    if whole.solver is not None:
        find(whole.solver, SOLVERS)
    asked = _about_a_form(whole, settings)
    if name == "auto":
        return next((m for m in OWN_METHODS if not asked and m.fits(problem) is None), whole)
    chosen = methods[name]
    if asked and chosen is not whole:
        raise BadData(
            f"method={name!r} builds no form for a solver and would ignore {', '.join(asked)}: leave that out, "
            f"or use method={whole.name!r}"
        )
    reason = chosen.fits(problem)
    if reason is not None:
        raise UnsupportedProgram(f"{reason}: use method={whole.name!r}")
    return chosen


def _about_a_form(whole: Whole, settings: Settings) -> list[str]:
    """Return the arguments given that mean something only for the whole form and its solver."""
    given = {
        "solver": whole.solver is not None,
        "lowering": whole.lowering is not None,
        "big_m": not (isinstance(whole.big_m, str) and whole.big_m == "interval"),
        "options": bool(settings.options),
        "start": settings.start is not None,
        "confirm": whole.confirm == "certificate",
    }
    return [name for name, present in given.items() if present]


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
