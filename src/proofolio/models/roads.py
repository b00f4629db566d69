"""Which way a declared regime-switching program is solved."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from numpy.typing import ArrayLike

from proofolio.errors import BadData
from proofolio.models.path_road import follows_paths, solve_by_paths
from proofolio.models.regime_solution import RegimeSolution, verified_solution
from proofolio.models.separation import separates, solve_separately
from proofolio.solvers.blas_threads import one_blas_thread
from proofolio.solvers.deadline import Deadline
from proofolio.verification.bounders import bounders_until
from proofolio.verification.solve import read_settings

if TYPE_CHECKING:
    from proofolio.models.regime_switching import RegimeSwitching

__all__ = ["BuiltForm", "solve_by"]

# Of a time limit, what bounds for M may use up; from then on they are the interval's.
BUILDING = 0.5
METHODS = ("auto", "separation", "path", "cuts")


@dataclass(frozen=True, eq=False)
class BuiltForm:
    """The built form asked for, and who is to solve it.

    Attributes
    ----------
    solver : str
    lowering : str or None
        None leaves the choice open.
    big_m : str or array_like
    """

    solver: str
    lowering: str | None
    big_m: str | ArrayLike

    @property
    def open(self) -> bool:
        """Whether nothing about the form was asked for."""
        plain = isinstance(self.big_m, str) and self.big_m == "interval"
        return self.solver == "highs" and self.lowering is None and plain


@one_blas_thread()
def solve_by(
    program: RegimeSwitching,
    asked: BuiltForm,
    method: str,
    separate: bool,
    settings: Mapping[str, Any],
) -> RegimeSolution:
    """Solve by the named method, or with ``"auto"`` by the first that fits; see `RegimeSwitching.solve`."""
    if method not in METHODS:
        raise BadData(f"method is {method!r}; it must be one of {', '.join(METHODS)}")
    wanted = read_settings(settings)
    deadline = Deadline.after(wanted.time_limit)
    free = asked.open and not wanted.options and wanted.start is None
    if method == "separation" or (method == "auto" and free and separate and separates(program)):
        return solve_separately(program, wanted, deadline)
    if method == "path" or (method == "auto" and free and follows_paths(program)):
        return solve_by_paths(program, wanted, deadline)
    bounders = bounders_until(deadline.within(BUILDING * wanted.time_limit))
    built = program.model(asked.lowering, asked.big_m, bounders).freeze()
    pairs_given = asked.lowering == "multiple-big-m" and not isinstance(asked.big_m, str)
    return verified_solution(program, built, asked.solver, settings, deadline, pairs_given)
