"""What a solver is asked and what it answers."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from proofolio.arrays import Floats
from proofolio.errors import BadData, SolverFailure
from proofolio.program.expression import Expression
from proofolio.program.program import Program
from proofolio.program.quadratic import Quadratic
from proofolio.solvers.limits import Deadline

__all__ = ["Progress", "Settings", "Solution"]


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
        if not self.time_limit > 0:
            raise BadData(f"time_limit is {self.time_limit}; it must be a positive number of seconds")
        if not self.gap >= 0:
            raise BadData(f"gap is {self.gap}; it must be a number that is not negative")
        if self.threads < 1:
            raise BadData(f"threads is {self.threads}; it must be at least 1")

    def until(self, deadline: Deadline) -> Settings:
        """Return the settings with what is left until a deadline as their time limit, a millisecond at least."""
        return replace(self, time_limit=max(min(self.time_limit, deadline.left), LEAST))


@dataclass(frozen=True, eq=False)
class Solution:
    """A solver's claim about a program, in the user's own sense of the objective.

    Attributes
    ----------
    status : str
        ``"optimal"`` (within the gap asked for), ``"feasible"`` (stopped with an incumbent),
        ``"limit"`` (stopped without one), ``"infeasible"`` or ``"unbounded"``.
    objective, bound : float or None
        Value of the incumbent, recomputed from the program's data, and the proven bound on the optimum.
    x : ndarray or None
        The incumbent.
    seconds : float
        Wall time of the solve.
    nodes : int
    solver, version, method : str
        Who answered; `method` says which algorithm (``"MILP"``, ``"outer approximation"``...).
    duals : mapping, optional
        Multipliers of continuous programs (``"rows"``, ``"bounds"``), for the checks.
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
