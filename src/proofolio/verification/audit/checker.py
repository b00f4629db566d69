"""The checker of an audit's certificates: no solver, no floating point, no numpy.

A document holds the linear rows and bounds of a model, and for every certified row what proves its verdict:
multipliers for a bound, multipliers for infeasibility, or a point that is cut off. Everything a certificate says
is computed anew from the rows by `proofolio.verification.exact.certificate`. What must be right for a certificate to
be believed: see `proofolio.verification.exact`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import Any

from proofolio.verification.exact.certificate import (
    System,
    bound,
    digest,
    evaluate,
    read_numbers,
    read_side,
    violation,
)

__all__ = ["CheckedCertificate", "checked"]


KEYS = frozenset({"row", "binary", "side", "off_value", "big_m", "verdict"})
PROVED = frozenset({"bound", "multipliers"})
CUT = frozenset({"point", "reached", "declared"})
SPECIAL = {"binding": CUT, "invalid": CUT, "redundant": PROVED | {"bound_on", "multipliers_on", "empty_on"}}


@dataclass(frozen=True)
class CheckedCertificate:
    """One certificate and whether it holds; `reason` says what is wrong with one that does not."""

    row: str
    side: str
    binary: str
    verdict: str
    ok: bool
    reason: str = ""


def checked(document: Mapping[str, Any]) -> tuple[CheckedCertificate, ...]:
    """Check every certificate of a document against the rows that the document holds."""
    book = _Book(document["system"])
    return tuple(_checked(book, entry) for entry in document["certificates"])


class _Book:
    """The rows of a file of certificates."""

    def __init__(self, rows: Any) -> None:
        self.columns = {name: j for j, name in enumerate(rows["columns"])}
        self.integer = frozenset(rows["integer"])
        self.names = {row["name"]: i for i, row in enumerate(rows["rows"])}
        self.system = System(
            tuple({j: Fraction(a) for j, a in row["terms"]} for row in rows["rows"]),
            tuple(read_side(row["low"]) for row in rows["rows"]),
            tuple(read_side(row["high"]) for row in rows["rows"]),
            tuple(read_side(v) for v in rows["lower"]),
            tuple(read_side(v) for v in rows["upper"]),
        )


def _checked(book: _Book, entry: Mapping[str, Any]) -> CheckedCertificate:
    try:
        # a point may be changed and still be cut off: true, and yet not what was saved
        said = {key: value for key, value in entry.items() if key != "digest"}
        wrong = _wrong(book, said) or (
            "" if entry["digest"] == digest(said) else "its fields are not those that were saved"
        )
    except (KeyError, TypeError, ValueError, ZeroDivisionError, IndexError) as error:
        wrong = f"it cannot be read: {type(error).__name__} {error}"
    row, side, binary, verdict = (str(entry.get(key, "")) for key in ("row", "side", "binary", "verdict"))
    return CheckedCertificate(row, side, binary, verdict, not wrong, wrong)


def _wrong(book: _Book, entry: Mapping[str, Any]) -> str:
    """Say what a certificate claims wrongly; empty when all of it holds."""
    extra = set(entry) - KEYS - SPECIAL.get(entry["verdict"], PROVED)
    if extra:
        return f"its field {min(extra)!r} does not belong to its verdict"
    i, y, side, verdict = (
        book.names[entry["row"]],
        book.columns[entry["binary"]],
        entry["side"],
        entry["verdict"],
    )
    limit = {"upper": book.system.high, "lower": book.system.low}[side][i]
    lower, upper = book.system.box(y)
    if limit is None or y not in book.integer or lower is None or lower < 0 or upper is None or upper > 1:
        return "its row has no such side, or its binary is not a binary variable of the model"
    sign = 1 if side == "upper" else -1
    body = {j: sign * a for j, a in book.system.rows[i].items()}
    d, rhs = body.pop(y), sign * limit
    off, M, tight = int(d < 0), abs(d), rhs - max(Fraction(0), d)
    if (off, M) != (entry["off_value"], Fraction(entry["big_m"])):
        return "its off-value or M is not that of the row"
    eps = max(Fraction(1), M) / 10**9
    freed = replace(book.system, freed=frozenset({(i, side)}))

    def proved(key: str, held: int, what: Mapping[int, Fraction]) -> Fraction | None:
        return bound(replace(freed, fixed={y: Fraction(held)}), what, read_numbers(entry[key]))

    if verdict in ("binding", "invalid"):
        if entry["declared"] is not (verdict == "invalid"):
            return "its verdict does not fit its declaration"
        point = read_numbers(entry["point"])
        outside = violation(replace(freed, fixed={y: Fraction(off)}), point)
        if (
            outside
            or any(point.get(j, Fraction(0)).denominator != 1 for j in book.integer)
            or any(not 0 <= j < len(book.columns) for j in point)
        ):
            return "its point does not satisfy the rest of the model exactly"
        reached = evaluate(body, point)
        return (
            ""
            if reached == Fraction(entry["reached"]) and reached - tight > M + eps
            else "its point is not cut off"
        )
    if verdict == "forcing":
        empty = proved("multipliers", off, {})
        fine = empty is not None and empty == Fraction(entry["bound"]) and empty < 0
        return "" if fine else "its multipliers do not prove that no point satisfies the rest of the model"
    top = proved("multipliers", off, body)
    if top is None or top != Fraction(entry["bound"]) or top - tight > M + eps:
        return "its multipliers do not prove its bound, or the bound does not prove M"
    redundant = False
    if verdict == "redundant":
        empty_on = entry["empty_on"]
        on = proved("multipliers_on", 1 - off, {} if empty_on else body)
        if on is None or on != Fraction(entry["bound_on"]) or not isinstance(empty_on, bool):
            return "its multipliers do not prove its bound with the binary on"
        redundant = on < 0 if empty_on else on <= tight
    verdict_now = "redundant" if redundant else "tight" if 100 * M <= 101 * (top - tight) else "loose"
    return "" if verdict == verdict_now else f"its numbers say {verdict_now}"
