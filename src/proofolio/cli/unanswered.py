"""What ``--json`` prints of a command that ended before it knew anything: the keys of its answer, with null.

Whoever reads the document need not ask first whether a key is there.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

__all__ = ["KEYS", "unanswered"]

KEYS: dict[str, tuple[str, ...]] = {
    "solve": (
        "model", "solver", "solver_version", "status", "startup_seconds", "objective", "bound", "gap", "seconds",
        "nodes", "checks", "values", "method", "message", "confirm_seconds", "certified", "exactly_infeasible",
        "claims",
    ),
    "audit": ("model", "rows_total", "candidates", "skipped", "rows", "summary", "seconds"),
    "prove": ("claims", "summary"),
    "bench": (
        "out", "runs", "by_status", "table", "cases", "wrong", "differing", "claims", "notes", "files", "ok",
    ),
}  # fmt: skip


def unanswered(arguments: Sequence[str], message: str = "interrupted") -> dict[str, Any]:
    """Return the document of a command line that has no answer.

    Parameters
    ----------
    arguments : sequence of str
        The command and what stands after it.
    message : str

    Examples
    --------
    >>> unanswered(["prove", "maximum", "--json"])
    {'claims': None, 'summary': None, 'status': 'limit', 'message': 'interrupted'}
    """
    command = next((word for word in arguments if not word.startswith("-")), "")
    nothing: dict[str, Any] = dict.fromkeys(KEYS.get(command, ()))
    return nothing | {"status": "limit", "message": message}
