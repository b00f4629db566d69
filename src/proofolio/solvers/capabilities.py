"""The capability table: the solvers there are and what each can be given, asked before it is given anything."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

from proofolio.errors import BadData, UnsupportedProgram
from proofolio.program.program import Program
from proofolio.program.structure import features
from proofolio.solvers.highs import solver as highs
from proofolio.solvers.scip import solver as scip
from proofolio.solvers.solution import Settings, Solution

__all__ = ["SOLVERS", "Solver", "SolverEntry", "find", "require"]


class Solver(Protocol):
    """A function that solves a program it has been found able to solve."""

    def __call__(self, program: Program, settings: Settings) -> Solution:
        """Return the solver's claim."""


@dataclass(frozen=True)
class SolverEntry:
    """A solver of programs, and what it can be given: one line of the table, here or in `SOLVERS` of a benchmark file.

    Attributes
    ----------
    name, version : str
        As records and tables call it.
    can : frozenset of str
        What it takes beyond a linear program, out of ``"integer"``, ``"quadratic-objective"``,
        ``"nonconvex-objective"``, ``"quadratic-rows"``, ``"nonconvex-rows"``, ``"cones"``, ``"indicators"``,
        ``"sos1"`` and ``"sos2"``. A program with anything else is ``unsupported``, and the solver is not asked.
    solve : function of (Program, Settings)
        Returns a `Solution` with what the solver claims: ``"optimal"`` (within the gap asked for), ``"feasible"``,
        ``"limit"`` (no point), ``"infeasible"`` or ``"unbounded"``; the claim is then checked.

    Examples
    --------
    >>> from proofolio import Solution
    >>> def give_up(program, settings):
    ...     return Solution(program, "limit", None, None, None, 0.0, "give-up", "1.0")
    >>> SolverEntry("give-up", "1.0", frozenset({"integer"}), give_up).name
    'give-up'
    """

    name: str
    version: str
    can: frozenset[str]
    solve: Solver

    def lacks(self, program: Program) -> frozenset[str]:
        """Return the features of a program this solver cannot express."""
        return features(program) - self.can


SOLVERS: dict[str, SolverEntry] = {
    "highs": SolverEntry("highs", highs.VERSION, highs.CAN, highs.solve),
    "scip": SolverEntry("scip", scip.VERSION, scip.CAN, scip.solve),
}


def find(name: str, table: Mapping[str, SolverEntry]) -> SolverEntry:
    """Return the solver of a name; `BadData` for a name that is not in the table."""
    if str(name) not in table:
        raise BadData(f"no solver is named {name!r}: there are {', '.join(sorted(table))}")
    return table[name]


def require(program: Program, name: str | None, table: Mapping[str, SolverEntry]) -> SolverEntry:
    """Return the solver of a name, or the first that can take a program, before anything is solved.

    Raises
    ------
    BadData
        For a name that is not in the table.
    UnsupportedProgram
        When the solver named, or every solver, cannot take the program; the text says what is in the way and
        who can.
    """
    able = [entry for entry in table.values() if not entry.lacks(program)]
    if name is None:
        if able:
            return able[0]
        raise UnsupportedProgram(
            f"no solver here can take {', '.join(sorted(_least_lacking(program, table)))}"
        )
    entry = find(name, table)
    lacking = entry.lacks(program)
    if lacking:
        who = f"{', '.join(sorted(e.name for e in able))} can" if able else "no solver here can"
        raise UnsupportedProgram(f"{name} cannot take {', '.join(sorted(lacking))}: {who}")
    return entry


def _least_lacking(program: Program, table: Mapping[str, SolverEntry]) -> frozenset[str]:
    """Return what the solver that comes closest lacks."""
    return min((entry.lacks(program) for entry in table.values()), key=len, default=features(program))
