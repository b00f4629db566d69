"""What a solver is asked, and the one answer of every solve."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from numbers import Real
from typing import Any

from proofolio.arrays import Floats
from proofolio.errors import BadData, SolverFailure
from proofolio.program.expression import Expression
from proofolio.program.program import Program
from proofolio.program.quadratic import Quadratic
from proofolio.solvers.limits import Deadline

__all__ = ["VERIFIED", "Check", "Progress", "Settings", "Solution", "read_settings"]


# The statuses of an answer whose every check holds.
VERIFIED = ("certified-optimal", "verified-optimal", "solver-optimal", "verified-feasible")
# A millisecond: solvers refuse a time limit of nothing.
LEAST = 1e-3
Progress = Callable[[float, "float | None", "float | None"], None]


@dataclass(frozen=True, eq=False)
class Settings:
    """How to solve.

    Attributes
    ----------
    time_limit : float
        Wall seconds of the whole call: building, searching, finishing and checking. It is kept within a
        second on programs of up to about a million stored numbers, unless the machine is overloaded.
    gap : float
        Relative gap ``|objective - bound| / max(1e-10, |objective|)`` at which to stop.
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
        if not self.gap >= 0:
            raise BadData(f"gap is {self.gap}; it must be a number that is not negative")
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
        After the checks: ``certified-optimal`` and ``solver-optimal`` (where `proofolio.solve` was asked to confirm),
        ``verified-optimal``, ``verified-feasible``, ``leaks``, ``infeasible-solution``,
        ``claim-wrong``, ``limit``, ``infeasible`` or ``unbounded``. ``limit`` means that time was up before
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
    certificate : object or None
        What proves a ``certified-optimal`` answer, or an infeasible one
        (`proofolio.verification.certified.optimum.Certificate`).
    refuted : tuple of str
        Claims that a better point refuted, in a sentence each.
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
    refuted: tuple[str, ...] = ()

    def __repr__(self) -> str:
        known = (
            "no objective"
            if self.objective is None
            else f"objective {self.objective:.10g}, gap {self.gap:.1e}"
        )
        return f"<{type(self).__name__} {self.status}: {known} ({self.made_by}, {self.seconds:.2f} s)>"

    @property
    def ok(self) -> bool:
        """Whether there is a checked answer and every check holds."""
        return self.status in VERIFIED

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
        """Relative gap ``|objective - bound| / max(1e-10, |objective|)``; infinite without both."""
        if self.objective is None or self.bound is None:
            return float("inf")
        return abs(self.objective - self.bound) / max(1e-10, abs(self.objective))

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
