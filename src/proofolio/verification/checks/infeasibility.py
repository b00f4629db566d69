"""Why a model has no solution: requirements that cannot hold together, none of which can be spared."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from textwrap import shorten
from typing import TYPE_CHECKING, Any

import numpy as np

from proofolio.brief import first_few
from proofolio.errors import BadData, ProofolioError, SolverFailure
from proofolio.interfaces.opening import open_model
from proofolio.program.program import Program
from proofolio.program.structure import features, recognise_cones
from proofolio.solvers.continuous import solve_continuous
from proofolio.solvers.highs import solver as highs
from proofolio.solvers.highs.session import Session
from proofolio.solvers.limits import Deadline
from proofolio.solvers.quadratic import clarabel
from proofolio.solvers.scip import solver as scip
from proofolio.solvers.solution import INFEASIBLE, Settings, Solution
from proofolio.verification.certified.confirming import confirm
from proofolio.verification.checks.elements import Element, Member, elements, members, part_of

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["Iis", "Member", "explain_infeasible", "has_point"]


SHOWN, ALIKE = 8, 3
# Seconds that the proof of an explanation is given at least.
LEAST_PROOF = 0.5
CURVED = ("quadratic", "cone")
DISCRETE = ("integer", "indicator", "sos")


LONGEST = 280  # characters of a repr


@dataclass(frozen=True, eq=False)
class Iis:
    """An infeasible subset of a model's requirements.

    Attributes
    ----------
    members : tuple of Member
        They cannot hold together.
    irreducible : bool
        Whether a point was found that satisfies all the others, for each of them. False when the time
        limit came first, or a solver could not tell.
    barely : bool
        Whether SCIP, which forgives rows 1e-6, finds a point after all: they contradict each other by less.
    proved : str
        What says so of these alone: ``"certified"`` (multipliers, or a tree of them, in exact arithmetic),
        ``"corroborated"`` (two solvers, the second without presolve) or ``"solver"``.
    seconds : float
    """

    members: tuple[Member, ...]
    irreducible: bool
    barely: bool
    proved: str
    seconds: float

    def __repr__(self) -> str:
        return f"Iis({shorten(self.sentence, LONGEST, placeholder=' ...')})"

    def _repr_html_(self) -> str:
        """Return the members, for a notebook."""
        return f"<p>{escape(self.sentence)}</p>{self.to_frame().to_html(index=False)}"

    def to_frame(self) -> pd.DataFrame:
        """Return a row a member: its kind, name, and what it says."""
        import pandas as pd  # slow to import, and of no use to a search

        return pd.DataFrame(
            [(m.kind, m.name, m.says) for m in self.members], columns=["kind", "name", "says"]
        )

    @property
    def names(self) -> tuple[str, ...]:
        """The members' names."""
        return tuple(member.name for member in self.members)

    @property
    def sentence(self) -> str:
        """What a person can act on: one of these has to give."""
        groups: dict[tuple[str, str], list[Member]] = {}
        for member in self.members:
            groups.setdefault((member.kind, member.name.partition("[")[0]), []).append(member)
        said = []
        for (_, block), group in groups.items():
            few = group if len(group) <= ALIKE else group[:1]
            said += [str(member) for member in few]
            if len(group) > ALIKE:
                said[-1] += f" and {len(group) - 1} more {block}[...]"
        shown = first_few(said, SHOWN)
        hair = "; they contradict each other by less than 1e-6" if self.barely else ""
        hair += "; one solver says so, and nothing proves it" if self.proved == "solver" else ""
        if len(self.members) == 1:
            return f"this cannot hold by itself: {shown}{hair}"
        fewer = "" if self.irreducible else " (perhaps fewer of them)"
        return f"these {len(self.members)}{fewer} cannot hold together: {shown}{hair}"

    @property
    def document(self) -> dict[str, Any]:
        """Everything, with the keys of the command line's JSON."""
        listed = [{"kind": m.kind, "name": m.name, "says": m.says} for m in self.members]
        return {
            "members": listed,
            "irreducible": self.irreducible,
            "barely": self.barely,
            "proved": self.proved,
            "sentence": self.sentence,
            "seconds": self.seconds,
        }


def explain_infeasible(model: Any, time_limit: float = 10.0) -> Iis:
    """Return requirements of an infeasible model that cannot hold together, in the model's own names.

    The sides of rows, bounds, integrality, quadratic rows, cones, indicators and special ordered sets are
    spared one group at a time for as long as the rest stays infeasible (QuickXplain), and then one by one.
    Where the continuous relaxation is infeasible already, integrality has no part in the explanation, and
    for linear rows HiGHS's own subset is the start. That what is left is infeasible is then proved again, in exact
    arithmetic where that can be, without the solver that said so.

    Parameters
    ----------
    model : Program, Model, pyomo model, cvxpy.Problem, str or Path
    time_limit : float
        Seconds; what is left of the subset by then is returned.

    Raises
    ------
    BadData
        When the model has a solution.
    SolverFailure
        When no solver can tell within the time limit, or what a solver calls infeasible has a point.

    References
    ----------
    Junker, "QuickXplain: preferred explanations and relaxations for over-constrained problems", AAAI 2004.
    Gleeson, Ryan, "Identifying minimally infeasible subsystems of inequalities", ORSA J. Computing 2 (1990).

    Examples
    --------
    >>> from proofolio import Model
    >>> model = Model()
    >>> x = model.variable("x", 2, lower=0)
    >>> model.add("most", x.sum() <= 1)
    >>> model.add("least", x[0] >= 2)
    >>> explain_infeasible(model).names
    ('row most', 'row least', 'lower bound of x[1]')
    """
    started = time.perf_counter()
    program = recognise_cones(model if isinstance(model, Program) else open_model(model).program)
    search = _Search(program, started + time_limit)
    found, irreducible = search.deleted(_crossed(program) or search.smallest())
    part = part_of(program, found)
    proved = _proved(part, max(search.left(), LEAST_PROOF))
    barely = _scip_finds_a_point(part, search.left())
    return Iis(members(program, found), irreducible, barely, proved, time.perf_counter() - started)


def _proved(part: Program, seconds: float) -> str:
    """Return what proves again that nothing satisfies a part of a program."""
    claim = Solution(part, INFEASIBLE[0], None, None, None, 0.0, "highs", "")
    found = confirm(part, claim, "auto", Settings().gap, Deadline.after(seconds))
    if found.word == "refuted":
        raise SolverFailure(
            f"no explanation was found that is true: {found.by} satisfies rows that a solver says cannot hold together"
        )
    return {"certified": "certified", "verified": "corroborated"}.get(found.word, "solver")


def has_point(program: Program, seconds: float) -> bool | None:
    """Whether anything satisfies a program without objective; None when no solver could tell in time."""
    if seconds <= 0.0:
        return None
    settings = Settings(time_limit=max(seconds, 1e-2))
    used = features(program)
    asked = []
    if used <= clarabel.CAN:
        asked.append(solve_continuous)
    elif used <= highs.CAN and not used - {"integer"}:
        asked.append(highs.solve)
    if used or not asked:
        asked.append(scip.solve)
    for ask in asked:
        try:
            answer = ask(program, settings)
        except ProofolioError:
            continue
        if answer.x is not None or answer.status == "infeasible":
            return answer.x is not None
    return None


class _Search:
    """Subsets of a program's elements, and what solvers say of them."""

    def __init__(self, program: Program, deadline: float) -> None:
        self.program, self.deadline = program, deadline

    def left(self) -> float:
        return self.deadline - time.perf_counter()

    def feasible(self, kept: Sequence[Element]) -> bool | None:
        return has_point(part_of(self.program, kept), self.left())

    def smallest(self) -> list[Element]:
        """Return an infeasible subset, as small as the time allows."""
        every = elements(self.program)
        linear = [e for e in every if e.part not in DISCRETE and e.part not in CURVED]
        smooth = [e for e in every if e.part not in DISCRETE]
        if self.feasible(linear) is False:
            seed = _highs_subset(self.program, linear, self.left())
            return seed if seed and self.feasible(seed) is False else self.shrink(linear)
        if len(smooth) > len(linear) and self.feasible(smooth) is False:
            return self.shrink(smooth)
        found = self.feasible(every)
        if found:
            raise BadData("the model has a solution: there is nothing to explain")
        if found is None:
            raise SolverFailure("no solver could tell within the time limit whether the model has a solution")
        return self.shrink(every)

    def shrink(self, infeasible: list[Element]) -> list[Element]:
        return self._spare(infeasible, [], False)

    def _spare(self, some: list[Element], others: list[Element], grown: bool) -> list[Element]:
        """Return a small part of `some` that is infeasible together with the others (all of it is)."""
        if grown and self.feasible(others) is False:
            return []
        if len(some) == 1 or self.left() <= 0.0:
            return some
        half = len(some) // 2
        first, last = some[:half], some[half:]
        needed = self._spare(last, others + first, True)
        return self._spare(first, others + needed, bool(needed)) + needed

    def deleted(self, found: list[Element]) -> tuple[list[Element], bool]:
        """Spare one element after the other where that can be done; say whether all the rest are needed."""
        kept, sure = list(found), True
        for e in found:
            rest = [other for other in kept if other != e]
            point = self.feasible(rest)
            sure = sure and point is not None
            kept = rest if point is False else kept
        return kept, sure


def _scip_finds_a_point(part: Program, seconds: float) -> bool:
    """Whether SCIP, at its own tolerances, sees nothing wrong with a part that another solver found infeasible."""
    if seconds <= 0.0 or np.any(part.lower > part.upper) or np.any(part.row_lower > part.row_upper):
        return False
    try:
        return scip.solve(part, Settings(time_limit=seconds)).x is not None
    except ProofolioError:
        return False


def _crossed(program: Program) -> list[Element]:
    """Return two sides that leave nothing between them, which solvers refuse rather than report."""
    for part, lower, upper in (
        ("bound", program.lower, program.upper),
        ("row", program.row_lower, program.row_upper),
    ):
        crossed = np.flatnonzero(lower > upper)
        if crossed.size:
            i = int(crossed[0])
            return [Element(part, i, "lower"), Element(part, i, "upper")]
    return []


def _highs_subset(program: Program, linear: Sequence[Element], seconds: float) -> list[Element]:
    """Return HiGHS's irreducible subset of the linear elements; nothing when it finds none in time."""
    part = part_of(program, linear)
    session = Session()
    try:
        session.load(part.q, (part.lower, part.upper), part.A, (part.row_lower, part.row_upper))
    except SolverFailure:
        return []
    wanted = {Element(*side) for side in session.infeasible_subset(seconds)}
    return [e for e in linear if e in wanted]
