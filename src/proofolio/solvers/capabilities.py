"""The capability table: the solvers there are and what each can be given, asked before it is given anything."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from proofolio.errors import BadData, UnsupportedProgram
from proofolio.program.program import Program
from proofolio.program.structure import features
from proofolio.solvers.highs import solver as highs
from proofolio.solvers.scip import solver as scip
from proofolio.solvers.solution import Settings, Solution

__all__ = ["SOLVERS", "Solver", "SolverEntry", "require"]


class Solver(Protocol):
    """A function that solves a program it has been found able to solve."""

    def __call__(self, program: Program, settings: Settings) -> Solution:
        """Return the solver's claim."""


@dataclass(frozen=True)
class SolverEntry:
    """One line of the table.

    Attributes
    ----------
    name, version : str
    can : frozenset of str
        Features (see `proofolio.program.structure`) the solver takes.
    solve : Solver
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


def require(program: Program, name: str, table: dict[str, SolverEntry]) -> SolverEntry:
    """Return the solver of a name, or raise before anything is solved.

    Raises
    ------
    BadData
        For a name that is not in the table.
    UnsupportedProgram
        When the solver cannot take the program; the text says what is in the way and who can.
    """
    if name not in table:
        raise BadData(f"no solver is named {name!r}: there are {', '.join(sorted(table))}")
    lacking = table[name].lacks(program)
    if lacking:
        able = sorted(entry.name for entry in table.values() if not entry.lacks(program))
        who = f"{', '.join(able)} can" if able else "no solver here can"
        raise UnsupportedProgram(f"{name} cannot take {', '.join(sorted(lacking))}: {who}")
    return table[name]
