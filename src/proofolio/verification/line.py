"""Rows in rational numbers, and how they are written down."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

from proofolio.verification.certificate import Row, Side

__all__ = ["Line", "line_document", "read_line", "side_number", "side_text"]


@dataclass(frozen=True)
class Line:
    """A row ``low <= terms x <= high``, asked for only where a column takes one of some values (`when`)."""

    terms: Row
    low: Side
    high: Side
    when: tuple[int, frozenset[int]] | None = None


def side_text(value: Side) -> str | None:
    """Return a side as JSON can hold it."""
    return None if value is None else str(value)


def side_number(text: str | None) -> Side:
    """Return the side that `side_text` wrote."""
    return None if text is None else Fraction(text)


def line_document(line: Line) -> dict[str, Any]:
    """Return a line as JSON can hold it."""
    document: dict[str, Any] = {
        "terms": {str(j): str(a) for j, a in line.terms.items()},
        "low": side_text(line.low),
        "high": side_text(line.high),
    }
    if line.when is not None:
        document["when"] = [line.when[0], sorted(line.when[1])]
    return document


def read_line(document: Mapping[str, Any]) -> Line:
    """Return the line that `line_document` wrote."""
    when = document.get("when")
    return Line(
        {int(j): Fraction(a) for j, a in document["terms"].items()},
        side_number(document["low"]),
        side_number(document["high"]),
        None if when is None else (int(when[0]), frozenset(int(v) for v in when[1])),
    )
