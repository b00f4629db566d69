"""Solvers: one file each, one capability table, and the algorithms above them."""

from proofolio.solvers.capabilities import SolverEntry, require
from proofolio.solvers.highs.solver import ENTRY as HIGHS
from proofolio.solvers.scip.solver import ENTRY as SCIP
from proofolio.solvers.solution import Settings, Solution

SOLVERS: dict[str, SolverEntry] = {entry.name: entry for entry in (HIGHS, SCIP)}

__all__ = ["SOLVERS", "Settings", "Solution", "SolverEntry", "require"]
