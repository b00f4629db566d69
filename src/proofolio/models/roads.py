"""Which way a declared regime-switching program is solved."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from numpy.typing import ArrayLike

from proofolio.errors import BadData
from proofolio.models.asked_lowering import asked_lowering
from proofolio.models.first_answer import first_answer, reading_seconds
from proofolio.models.path_road import follows_paths, solve_by_paths
from proofolio.models.regime_solution import RegimeSolution, verified_solution
from proofolio.models.separation import separates, solve_separately
from proofolio.solvers import SOLVERS
from proofolio.solvers.blas_threads import one_blas_thread
from proofolio.solvers.deadline import Deadline
from proofolio.solvers.solution import Settings
from proofolio.verification.bounders import bounders_until
from proofolio.verification.solve import read_settings

if TYPE_CHECKING:
    from proofolio.models.regime_switching import RegimeSwitching

__all__ = ["BuiltForm", "solve_by"]

# Of a time limit, what bounds for M may use up; from then on they are the interval's.
BUILDING = 0.5
# And what an answer by simple means may use up, before the form is built; or where there is no time to build it.
FIRST, ALONE = 0.15, 0.8
METHODS = ("auto", "separation", "path", "cuts")
UNBUILT = ("separation", "path")


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
    def named(self) -> tuple[str, ...]:
        """What about the form was asked for."""
        plain = isinstance(self.big_m, str) and self.big_m == "interval"
        asked = {
            "solver": self.solver != "highs",
            "lowering": self.lowering is not None,
            "big_m": not plain,
        }
        return tuple(name for name, present in asked.items() if present)

    @property
    def open(self) -> bool:
        """Whether nothing about the form was asked for."""
        return not self.named


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
    if str(asked.solver) not in SOLVERS:
        raise BadData(f"no solver is named {asked.solver!r}: there are {', '.join(sorted(SOLVERS))}")
    if method in UNBUILT:
        _check_nothing_asked(asked, method, wanted)
    free = asked.open and not wanted.options and wanted.start is None
    if method == "separation" or (method == "auto" and free and separate and separates(program)):
        return solve_separately(program, wanted, deadline)
    if method == "path" or (method == "auto" and free and follows_paths(program)):
        return solve_by_paths(program, wanted, deadline)
    # what means nothing is refused whether or not there is time to build it
    asked_lowering(program, asked.lowering, asked.big_m, bounders_until(deadline))
    limited = math.isfinite(wanted.time_limit)
    hurried = reading_seconds(program) > (1.0 - FIRST) * wanted.time_limit
    share = ALONE if hurried else FIRST
    first = first_answer(program, deadline.within(share * wanted.time_limit)) if limited else None
    if first is not None and first.weights is not None and hurried:
        return first.declared(program, first.bound, wanted, deadline)
    bounders = bounders_until(deadline.within(BUILDING * wanted.time_limit))
    built = program.model(asked.lowering, asked.big_m, bounders).freeze()
    pairs_given = asked.lowering == "multiple-big-m" and not isinstance(asked.big_m, str)
    answer = verified_solution(program, built, asked.solver, settings, deadline, pairs_given)
    if first is None:
        return answer
    proved = isinstance(asked.big_m, str) and asked.big_m != "published"
    return first.improve(program, answer, wanted, deadline, proved)


def _check_nothing_asked(asked: BuiltForm, method: str, wanted: Settings) -> None:
    """Refuse what a road that builds no form would ignore."""
    ignored = [*asked.named, *["options"] * bool(wanted.options), *["start"] * (wanted.start is not None)]
    if ignored:
        raise BadData(
            f"method={method!r} builds no form for a solver and would ignore {', '.join(ignored)}: leave that out, "
            "or use method='cuts'"
        )
