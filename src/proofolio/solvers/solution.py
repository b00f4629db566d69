"""What a solver is asked, and the one answer of every solve."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from html import escape
from numbers import Real
from typing import TYPE_CHECKING, Any

import numpy as np

from proofolio.arrays import Floats
from proofolio.brief import facts
from proofolio.errors import BadData, SolverFailure
from proofolio.program.expression import Expression
from proofolio.program.program import Program
from proofolio.program.quadratic import Quadratic
from proofolio.solvers.limits import Deadline

if TYPE_CHECKING:
    import pandas as pd

__all__ = [
    "BROKEN",
    "CANCELLED",
    "INFEASIBLE",
    "NOTHING",
    "OPTIMAL",
    "UNBOUNDED",
    "VERIFIED",
    "Check",
    "Progress",
    "RefutedClaim",
    "Settings",
    "Solution",
    "gap_size",
    "read_settings",
]


# The statuses of an optimum, and of an answer whose every check holds; and of there being no point, and no limit.
OPTIMAL = ("certified-optimal", "verified-optimal", "solver-optimal")
VERIFIED = (*OPTIMAL, "verified-feasible")
INFEASIBLE = ("infeasible", "solver-infeasible")
UNBOUNDED = ("unbounded", "solver-unbounded")
# Of an answer whose point does not stand its checks.
BROKEN = ("leaks", "infeasible-solution")
# What an objective of nothing is taken to be, for a relative gap.
NOTHING = 1e-9
# An objective whose terms cancel is known to this part of their sum.
CANCELLED = 1e-3
# A millisecond: solvers refuse a time limit of nothing.
LEAST = 1e-3
Progress = Callable[[float, "float | None", "float | None"], None]


LISTED = 12  # values that a notebook shows
ZERO = 1e-9


@dataclass(frozen=True, eq=False)
class Settings:
    """How to solve.

    Attributes
    ----------
    time_limit : float
        Wall seconds of the whole call: building, searching, finishing and checking. It is kept within a
        second on programs of up to about a million stored numbers, unless the machine is overloaded.
    gap : float
        Relative gap at which to stop: that of `Solution.gap`.
    seed, threads : int
    options : mapping
        The solver's own options, passed through by their own names.
    start : ndarray, optional
        A point (one number a column, NaN where unknown) to start from.
    progress : function of (seconds, objective, bound), optional
        Called now and then, in the user's own sense of the objective.
    """

    time_limit: float = float("inf")
    gap: float = 1e-6
    seed: int = 0
    threads: int = 1
    options: Mapping[str, Any] = field(default_factory=dict)
    start: Floats | None = None
    progress: Progress | None = None

    def __post_init__(self) -> None:
        for name in ("time_limit", "gap", "seed", "threads"):
            value = getattr(self, name)
            if isinstance(value, bool) or not isinstance(value, Real):
                raise BadData(f"{name} is {value!r}; it must be a number")
        if not self.time_limit > 0:
            raise BadData(f"time_limit is {self.time_limit}; it must be a positive number of seconds")
        for name in ("seed", "threads"):
            if not float(getattr(self, name)).is_integer():
                raise BadData(f"{name} is {getattr(self, name)!r}; it must be a whole number")
        if not 0 <= self.gap < float("inf"):
            raise BadData(f"gap is {self.gap}; it must be a finite number that is not negative")
        if self.threads < 1:
            raise BadData(f"threads is {self.threads}; it must be at least 1")

    def until(self, deadline: Deadline) -> Settings:
        """Return the settings with what is left until a deadline as their time limit, a millisecond at least."""
        return replace(self, time_limit=max(min(self.time_limit, deadline.left), LEAST))


def read_settings(given: Mapping[str, Any]) -> Settings:
    """Return the settings given by keyword, `start` as it is; `BadData` for what is no setting."""
    known = tuple(Settings.__dataclass_fields__)
    unknown = sorted(set(given) - set(known))
    if unknown:
        raise BadData(f"no setting is named {unknown[0]!r}: there are {', '.join(known)}")
    if not isinstance(given.get("options", {}), Mapping):
        raise BadData(
            f"options is a {type(given['options']).__name__}; it must be a dictionary by option name"
        )
    return Settings(**given)


@dataclass(frozen=True)
class Check:
    """One check: what was measured, and the most it may be.

    Attributes
    ----------
    name : str
    ok : bool
    value : float
        The measured violation, error or worsening; 0 is perfect, NaN is what could not be decided.
    tolerance : float
    detail : str
        Where, in the model's own names; empty when there is nothing to say.
    """

    name: str
    ok: bool
    value: float
    tolerance: float
    detail: str = ""


@dataclass(frozen=True)
class RefutedClaim:
    """What a solver claimed, and a better point has shown to be wrong.

    Attributes
    ----------
    solver : str
    status : str
        ``"optimal"``, ``"infeasible"`` or ``"unbounded"``.
    objective : float or None
        The value that was claimed to be optimal.
    by : str
        Who found otherwise.
    """

    solver: str
    status: str
    objective: float | None
    by: str

    def __str__(self) -> str:
        said = {
            "infeasible": "that no point satisfies the model",
            "unbounded": "that the objective has no limit",
        }.get(self.status, f"that {self.objective:.9g} is optimal" if self.objective is not None else "")
        return f"{self.solver} claims {said}, and {self.by} found otherwise"


def gap_size(program: Program, x: Floats | None, objective: float) -> float:
    """Return what a gap is relative to: the objective's size, or what is known of it where its terms cancel.

    That is a thousandth of the sum of its terms at a point, as for all checks of an objective, and never less than
    1e-9: a bound of -1e-16 beside an objective of 0 leaves no gap.
    """
    terms = 0.0
    if x is not None:
        terms = float(np.abs(program.q * x).sum() + 0.5 * np.abs(x) @ (abs(program.P) @ np.abs(x)))
    return max(abs(objective), CANCELLED * terms, NOTHING)


@dataclass(frozen=True, eq=False)
class Solution:
    """The answer of a solve, in the user's own sense of the objective, with the checks made of it.

    A solver returns one without checks, whose status is the solver's claim; the checks then decide the status
    (`checked`). Models return subclasses with views of their own, such as weights.

    Attributes
    ----------
    program : Program
        The program in matrix form that `x` belongs to.
    status : str
        After the checks, all of which hold for the first four: ``certified-optimal`` (proved in exact
        arithmetic), ``verified-optimal`` (multipliers prove the bound of a continuous program, or an independent
        run found nothing better), ``solver-optimal`` (one solver's word for the bound), ``verified-feasible``
        (the gap is open); ``infeasible`` and ``unbounded`` (certified or corroborated), ``solver-infeasible``
        and ``solver-unbounded`` (one solver's word), ``leaks``, ``infeasible-solution``, ``claim-wrong`` or
        ``limit``, which means that time was up before
        there was an incumbent, or before the one there is could be tested for leaks. Of a solver's bare
        claim: ``optimal`` (within the gap asked for), ``feasible`` (stopped with an incumbent), ``limit``
        (stopped without one), ``infeasible`` or ``unbounded``.
    objective, bound : float or None
        Value of the incumbent, recomputed from the program's data, and the proven bound on the optimum.
    x : ndarray or None
        The incumbent.
    seconds : float
        Wall time of the solve.
    solver, version, method : str
        Who answered; `method` says which algorithm (``"MILP"``, ``"outer approximation"``, ``"path"``...).
    nodes : int
    message : str
        What the solver says beside its status.
    duals : mapping, optional
        Multipliers of continuous programs (``"rows"``, ``"bounds"``), for the checks.
    checks : tuple of Check
        Empty where there was no point to check. One that could not be decided has the value NaN.
    claim : str
        The solver's own status, kept once the checks have given the answer another; empty before that.
    certificate : Certificate or None
        What proves a ``certified-optimal`` answer, one that is ``infeasible`` or ``unbounded``, or that no point
        satisfies the model exactly (see `exactly_infeasible`).
    claims : tuple of RefutedClaim
        Claims that were refuted before this answer was found.
    confirm_seconds : float
        Wall time of the confirmation; `seconds` is without it.
    """

    program: Program
    status: str
    objective: float | None
    bound: float | None
    x: Floats | None
    seconds: float
    solver: str
    version: str
    method: str = ""
    nodes: int = 0
    message: str = ""
    duals: Mapping[str, Floats] | None = None
    checks: tuple[Check, ...] = ()
    claim: str = ""
    certificate: Any = None
    claims: tuple[RefutedClaim, ...] = ()
    confirm_seconds: float = 0.0

    def __repr__(self) -> str:
        known = (
            "no objective"
            if self.objective is None
            else f"objective {self.objective:.10g}, gap {self.gap:.1e}"
        )
        return f"<{type(self).__name__} {self.status}: {known} ({self.made_by}, {self.seconds:.2f} s)>"

    def _repr_html_(self) -> str:
        """Return status, objective and the first values that are not zero, for a notebook."""
        said = f"<p>{escape(repr(self))}</p>"
        if self.x is None:
            return said
        moved = [(name, value) for name, value in self.values.items() if abs(value) > ZERO]
        more = f"<p>and {len(moved) - LISTED} more that are not 0</p>" if len(moved) > LISTED else ""
        return said + facts({name: f"{value:.6g}" for name, value in moved[:LISTED]}) + more

    def to_frame(self) -> pd.DataFrame:
        """Return a row a column of the program: its value, bounds, and whether it is an integer.

        Raises
        ------
        SolverFailure
            Without a point.
        """
        import pandas as pd  # slow to import, and of no use to a solve itself

        program = self.program
        columns = {
            "value": self.point,
            "lower": program.lower,
            "upper": program.upper,
            "integer": program.integer,
        }
        return pd.DataFrame(columns, index=pd.Index(program.column_names, name="column"))

    @property
    def ok(self) -> bool:
        """Whether there is a checked answer and every check holds."""
        return self.status in VERIFIED

    @property
    def certified(self) -> bool:
        """Whether a certificate proves what the status says."""
        return self.certificate is not None and not self.exactly_infeasible

    @property
    def exactly_infeasible(self) -> bool:
        """Whether it is proved that no point satisfies the model exactly, while this one does within tolerances."""
        return self.x is not None and self.certificate is not None and self.certificate.point is None

    @property
    def failed(self) -> tuple[Check, ...]:
        """The checks that did not hold."""
        return tuple(c for c in self.checks if not c.ok)

    @property
    def made_by(self) -> str:
        """Solver, version and method in one phrase, such as ``highs 1.11.0, MILP``."""
        who = f"{self.solver} {self.version}".rstrip()
        return f"{who}, {self.method}" if self.method else who

    @property
    def statistics(self) -> dict[str, Any]:
        """How the answer was found: solver, version, method, seconds, nodes, message."""
        names = ("solver", "version", "method", "seconds", "nodes", "message")
        return {name: getattr(self, name) for name in names}

    @property
    def gap(self) -> float:
        """Relative gap ``|objective - bound| / size``; infinite without both.

        The size is that of the objective, a thousandth of the sum of its terms at the incumbent, or 1e-9, whichever
        is largest.
        """
        if self.objective is None or self.bound is None:
            return float("inf")
        return abs(self.objective - self.bound) / gap_size(self.program, self.x, self.objective)

    @property
    def values(self) -> dict[str, float]:
        """The incumbent as a dictionary from column names to numbers."""
        return self.program.values(self.point)

    @property
    def point(self) -> Floats:
        """The incumbent; `SolverFailure` when there is none."""
        if self.x is None:
            raise SolverFailure(f"{self.solver} has no solution to show: its status is {self.status}")
        return self.x

    def __getitem__(self, name: str) -> Floats:
        values: Floats = self.point[self.program.columns(name)]
        return values

    def value(self, expression: Expression | Quadratic) -> Floats:
        """Evaluate an expression of the model at the incumbent."""
        return expression.value(self.point)

    def checked(self, checks: tuple[Check, ...], status: str) -> Solution:
        """Return the answer with its checks, and the status that they leave of the claim."""
        return replace(self, checks=checks, status=status, claim=self.claim or self.status)

    def unchecked(self) -> Solution:
        """Return the solver's bare claim, whose status is the solver's own."""
        return replace(self, checks=(), status=self.claim or self.status, claim="")
