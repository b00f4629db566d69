"""The lines of BOUNDS taken all at once, as long as there is nothing about them that must be said."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

import numpy as np

from proofolio.arrays import Floats, Integers, Mask
from proofolio.interfaces.files.words import Words

__all__ = ["Bounds", "bounds_of"]


_NUMBERED, _BARE = ("LO", "UP", "FX"), ("FR", "MI", "PL", "BV")
_LOWER, _UPPER = {"FR": -np.inf, "MI": -np.inf, "BV": 0.0}, {"FR": np.inf, "PL": np.inf, "BV": 1.0}


class Bounds(NamedTuple):
    """Bounds of columns by their places: those from below, those from above, and the columns called binary.

    `name` is that of the set they all belong to.
    """

    name: str
    columns: list[int]
    lower: dict[int, float]
    upper: dict[int, float]
    binary: list[int]


def bounds_of(text: str, known: Mapping[str, int], read: Callable[[str], float]) -> Bounds | None:
    """Return what lines say, the first of a section; None where one of them needs a look of its own.

    That is: a type not as common as LO, UP, FX, FR, MI, PL and BV, a missing set, a column that is not known, a word
    that is no number, a side given twice, a negative upper bound.

    Parameters
    ----------
    text : str
        The lines.
    known : mapping
        The place of each column.
    read : callable
        Reads a bound that is not a few digits with a point.
    """
    words = Words.of(text)
    if words is None or not len(words):
        return None
    counts = words.per_line()
    counts = counts[counts > 0]
    first = np.concatenate([[0], np.cumsum(counts)[:-1]])
    kinds = words[first]
    is_kind = {kind: kinds.are(kind) for kind in (*_NUMBERED, *_BARE)}
    numbered = np.logical_or.reduce([is_kind[kind] for kind in _NUMBERED])
    bare = np.logical_or.reduce([is_kind[kind] for kind in _BARE])
    if not np.all((numbered & (counts == 4)) | (bare & (counts == 3))):
        return None
    sets = words[first + 1]
    columns = np.array([known.get(name, -1) for name in words[first + 2].texts()])
    if np.any(sets.changes()[1:]) or np.any(columns < 0):
        return None
    value = np.zeros(counts.size)
    try:
        value[numbered] = words[first[numbered] + 3].numbers(read)
    except ValueError:
        return None
    if np.any(is_kind["UP"] & (value < 0.0)):
        return None
    lower = _side(columns, value, is_kind, ("LO", "FX"), _LOWER)
    upper = _side(columns, value, is_kind, ("UP", "FX"), _UPPER)
    if lower is None or upper is None or np.inf in lower.values() or -np.inf in upper.values():
        return None
    return Bounds(sets[:1].texts()[0], columns.tolist(), lower, upper, columns[is_kind["BV"]].tolist())


def _side(
    columns: Integers,
    value: Floats,
    is_kind: Mapping[str, Mask],
    given: Sequence[str],
    fixed: Mapping[str, float],
) -> dict[int, float] | None:
    """Return the bounds from one side, given and fixed by their kinds; None where a column has two."""
    found: dict[int, float] = {}
    count = 0
    for kind in (*given, *fixed):
        at = columns[is_kind[kind]].tolist()
        bounds = value[is_kind[kind]].tolist() if kind in given else [fixed[kind]] * len(at)
        found.update(zip(at, bounds, strict=True))
        count += len(at)
    return found if len(found) == count else None
