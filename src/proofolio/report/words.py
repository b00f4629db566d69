"""The words of an answer and what each of them means, in one list for the terminal, the pages and the README."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from proofolio.report.table import Table

__all__ = ["MEANINGS", "words_table"]


MEANINGS = {
    "certified-optimal": (
        "every check holds, and a tree proved in exact arithmetic shows that nothing is better by more than the gap"
    ),
    "verified-optimal": (
        "every check holds, and a second run or the multipliers show that nothing is better by more than the gap"
    ),
    "solver-optimal": "every check holds; that nothing is better is one solver's word",
    "verified-feasible": "every check holds, but the gap asked for is not reached",
    "infeasible": "no point satisfies the model",
    "unbounded": "the objective has no limit",
    "solver-infeasible": "no point satisfies the model, by one solver's word",
    "solver-unbounded": "the objective has no limit, by one solver's word",
    "leaks": "the solution is no longer one when its integers are exact",
    "infeasible-solution": "the solution breaks the model's own rows",
    "claim-wrong": "the solver's claim does not hold",
    "limit": "time was up before a solution was found and checked",
}
"""The statuses of `proofolio.solve`, the best first."""


def words_table(statuses: Iterable[str], others: Mapping[str, str] | None = None) -> Table:
    """Return the table of what these statuses mean, the best first; `others` are those of the caller's own."""
    used = set(statuses)
    known = {**MEANINGS, **(others or {})}
    return Table(("status", "meaning"), [(s, meaning) for s, meaning in known.items() if s in used])
