"""The lines of BOUNDS taken all at once, as long as there is nothing about them that must be said."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import NamedTuple

import numpy as np

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
    sides = []
    for own, fixed, wrong in (("LO", _LOWER, np.inf), ("UP", _UPPER, -np.inf)):
        given = is_kind[own] | is_kind["FX"]
        side = np.where(given, value, 0.0)
        for kind, bound in fixed.items():
            given, side = given | is_kind[kind], np.where(is_kind[kind], bound, side)
        sides.append(dict(zip(columns[given].tolist(), side[given].tolist(), strict=True)))
        if len(sides[-1]) < np.count_nonzero(given) or np.any(side[given] == wrong):
            return None
    return Bounds(sets[:1].texts()[0], columns.tolist(), *sides, columns[is_kind["BV"]].tolist())
