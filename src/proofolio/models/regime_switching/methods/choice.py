"""Which way a declared regime-switching program is solved.

Which lowering of the regimes' costs is meant, and whether what is asked for beside it means anything there.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from numpy.typing import ArrayLike

from proofolio.errors import BadData, UnsupportedProgram
from proofolio.models.regime_switching.methods.path import follows_paths, solve_by_paths
from proofolio.models.regime_switching.methods.separation import separates, solve_separately
from proofolio.models.regime_switching.methods.start import first_answer, reading_seconds
from proofolio.models.regime_switching.solution import RegimeSolution, verified_solution
from proofolio.solvers.capabilities import SOLVERS
from proofolio.solvers.limits import Deadline, one_blas_thread
from proofolio.solvers.solution import Settings
from proofolio.verification.big_m.tiers import bounders_until
from proofolio.verification.solving import read_settings

if TYPE_CHECKING:
    from proofolio.models.regime_switching.problem import RegimeSwitching

__all__ = ["LOWERINGS", "BuiltForm", "asked_lowering", "solve_by"]


# Each lowering with whether its rows hold an M.
LOWERINGS = {"hull": False, "big-m": True, "multiple-big-m": True, "indicator": False}


def asked_lowering(
    program: RegimeSwitching, lowering: str | None, big_m: str | ArrayLike, bounders: Iterable[str]
) -> str:
    """Return the lowering to build: the one named, else the hull, or Big-M where the hull cannot be.

    `bounders` are the names of the tiers of bounds beside the interval's.

    Raises
    ------
    BadData
        For a lowering that does not exist, a `big_m` that is no tier, and one for a lowering without any M.
    UnsupportedProgram
        For a lowering that needs one regime a period where regimes are covered.
    """
    covered = program.rules.covered is not None
    named = lowering is not None
    if lowering is None:
        lowering = "big-m" if covered or not program.convex else "hull"
    if str(lowering) not in LOWERINGS:
        raise BadData(f"there is no lowering {lowering!r}: name one of {', '.join(LOWERINGS)}")
    if covered and lowering in ("hull", "multiple-big-m"):
        raise UnsupportedProgram(
            f"lowering {lowering!r} needs one regime a period, and covered allows several: use 'big-m' or "
            "'indicator'"
        )
    if isinstance(big_m, str):
        tiers = ["interval", *sorted(bounders), *["published"] * (lowering != "multiple-big-m")]
        if big_m not in tiers:
            raise BadData(f"big_m is {big_m!r}; give numbers, or one of {', '.join(map(repr, tiers))}")
    # the maxima of an indicator form may have an M of the published rule
    unused = not LOWERINGS[lowering] and not (
        lowering == "indicator" and program.costs.maxima and isinstance(big_m, str) and big_m == "published"
    )
    if unused and not (isinstance(big_m, str) and big_m == "interval"):
        which = f"lowering {lowering!r}" if named else f"{lowering!r}, the lowering when none is named,"
        raise BadData(f"{which} has no M for big_m to set: name lowering 'big-m', or leave big_m out")
    return lowering


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
    return answer if first is None else first.improve(program, answer, wanted, deadline)


def _check_nothing_asked(asked: BuiltForm, method: str, wanted: Settings) -> None:
    """Refuse what a road that builds no form would ignore."""
    ignored = [*asked.named, *["options"] * bool(wanted.options), *["start"] * (wanted.start is not None)]
    if ignored:
        raise BadData(
            f"method={method!r} builds no form for a solver and would ignore {', '.join(ignored)}: leave that out, "
            "or use method='cuts'"
        )
