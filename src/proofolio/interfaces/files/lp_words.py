"""What words of LP files are: names, and words that begin sections; `lp_reader` holds the grammar."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any, NamedTuple

import numpy as np

from proofolio.arrays import Integers, Mask
from proofolio.interfaces.files.words import Words

__all__ = ["NAME", "NO_NAMES", "NUM", "SECTION", "Columns", "heads", "is_closed"]


NUM = r"(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?"
_BODY = r"[^\s+\-*^/:;<>=\[\]\\]*"
NAME = rf"(?![0-9.,(])[^\s+\-*^/:;<>=\[\]\\]{_BODY}(?:\[[^\s\[\]^*]*\]{_BODY})*"
SECTION = re.compile(
    r"(?<!\S)(?:(?P<objective>(?:max|min)(?:imi[sz]e|imum)?)|(?P<rows>subject\s+to|such\s+that|s\.t\.|st\.?)"
    r"|(?P<lazy>lazy\s+constraints)|(?P<cuts>user\s+cuts)|(?P<foreign>gen(?:eral)?\s*constraints|gencons|pwlobj|scenario)"
    r"|(?P<bounds>bounds?)|(?P<generals>gen(?:erals?)?|int(?:egers?)?)|(?P<binaries>bin(?:ary|aries)?)"
    r"|(?P<semi>semi-?continuous|semis?)|(?P<semi_integer>semi-?integers?)|(?P<sos>sos[12]?)|(?P<end>end))(?!\S)",
    re.I,
)
_BRACKETED = re.compile(r"\[[^\s\[\]^*]*\]")
_IN_NO_NAME = re.compile(r"[+\-*^/:;<>=\[\]\\]")
_OF_BRACKETS = re.compile("[(){},]")
_LETTERS = 3  # of words that begin sections
_BEGINNINGS = ("max", "min", "sub", "suc", "s.t", "laz", "use", "gen", "pwl", "sce", "bou", "int", "bin", "sem", "sos",
    "end")  # fmt: skip
NO_NAMES = frozenset({"inf", "infinity", "nan", "free"})


def heads(text: str, words: Words | None) -> list[re.Match[str]]:
    """Return the words of a text that begin sections; `words` are all of them, where they are plain."""
    if words is None:
        return list(SECTION.finditer(text))
    three = [words.raw[words.begin + k].astype(np.intp) for k in range(_LETTERS)]
    likely = words.begin[_may_begin_section()[_letters(*three)]] - 1
    return [head for head in (SECTION.match(text, at) for at in likely.tolist()) if head is not None]


def _letters(*letters: Any) -> Any:
    """Return a number of three letters, the same for small and large ones."""
    number = letters[0] & 31
    for letter in letters[1:]:
        number = number * 32 + (letter & 31)
    return number


@cache
def _may_begin_section() -> Mask:
    """Return by the number of its three letters whether a word may begin a section."""
    found = np.zeros(32**_LETTERS, dtype=bool)
    # after St can come anything
    words = [*_BEGINNINGS, *(f"st{chr(k)}" for k in range(32))]
    found[[_letters(*map(ord, word)) for word in words]] = True
    return found


class Columns(NamedTuple):
    """Columns of many terms: the place of each, the names that are new, and how many columns there are with them."""

    at: Integers
    different: int
    new: list[str]
    end: int

    @classmethod
    def of(cls, words: Words, known: Mapping[str, int]) -> Columns | None:
        """Return the columns; None where a new one may have no name that the format allows."""
        found = words.distinct()
        if found is None:
            return None
        first, which = found
        names = words[first].texts()
        new = [name for name in names if name not in known]
        if not _are_names(new):
            return None
        place = dict(zip(new, range(len(known), len(known) + len(new)), strict=True))
        places = np.array([place[name] if name in place else known[name] for name in names], dtype=np.intp)
        return cls(places[which], len(names), new, len(known) + len(new))


def _are_names(words: Sequence[str]) -> bool:
    """Whether words that begin like names are names."""
    together = " ".join(words)
    if not NO_NAMES.isdisjoint(map(str.lower, words)) or _IN_NO_NAME.search(_BRACKETED.sub("", together)):
        return False
    return not _OF_BRACKETS.search(together) or all(map(is_closed, words))


def is_closed(name: str) -> bool:
    """Whether the brackets of a name match, and no comma ends it."""
    return name[-1] != "," and name.count("(") == name.count(")") and name.count("{") == name.count("}")
