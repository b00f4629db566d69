"""Names in model files: what a format can spell, the map beside a file, and arrays found again in names."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from math import prod
from pathlib import Path
from typing import NamedTuple

import numpy as np

from proofolio.errors import BadData
from proofolio.program.program import Block, RowBlock, index_texts
from proofolio.whole_files import write_whole

__all__ = [
    "NameMap",
    "Spelling",
    "changed",
    "fresh_name",
    "lp_name",
    "map_path",
    "mps_name",
    "row_blocks",
    "variable_blocks",
]


_LONGEST = 200  # readers keep names in buffers of 255 bytes
# indices as `Block` spells them, and small enough for numpy
_INDEX = "(?:0|[1-9][0-9]{0,17})"
_INDEXED = re.compile(rf"(?s)(.+)\[({_INDEX}(?:,{_INDEX})*)\]")
# HiGHS loses its way when a name is a word of the format
_MPS_WORDS = re.compile(
    r"(?i)name|objsense:?|rows|columns|rhs|ranges|bounds|quadobj|q?c?matrix|[qc]section|sos[12]?|indicators|endata"
    r"|(max|min)(imize)?|'marker'"
)
_LP_PLAIN = re.compile(r"[A-Za-z_][A-Za-z0-9_.]*")
# a word of the format is read as such wherever it stands, and e1 as an exponent after a number
_LP_WORDS = re.compile(
    r"(?i)e\d*|free|inf|infinity|min(imi[sz]e|imum)?|max(imi[sz]e|imum)?|st|s\.t\.|subject|such|to|that|bounds?"
    r"|bin(ary|aries)?|gen(erals?)?|int(egers?)?|sos[12]?|s[12]|semi(s|nteger)?|sc|si|end"
)


def mps_name(name: str) -> str:
    """Return the name as free MPS can spell it: visible ASCII without blanks."""
    plain = re.sub(r"[^!-~]", "_", name)[:_LONGEST]
    return plain if plain and plain[0] not in "$*" and not _MPS_WORDS.fullmatch(plain) else f"_{plain}"


def lp_name(name: str) -> str:
    """Return the name as every LP reader can spell it: letters, digits, dots and underscores."""
    plain = re.sub(r"[^A-Za-z0-9_.]", "_", re.sub(r"[])}]", "", name))[:_LONGEST]
    return plain if _LP_PLAIN.fullmatch(plain) and not _LP_WORDS.fullmatch(plain) else f"n_{plain}"


def fresh_name(name: str, taken: set[str]) -> str:
    """Return the name, or the name with a number behind it that is not taken; it is taken from now on."""
    found, k = name, 2
    while found in taken:
        found, k = f"{name}_{k}", k + 1
    taken.add(found)
    return found


class Spelling:
    """Gives each name of a model a spelling of its own in a file."""

    def __init__(self, spell: Callable[[str], str]) -> None:
        self._spell = spell
        self._taken: set[str] = set()

    def __call__(self, names: Iterable[str]) -> list[str]:
        """Return the spellings, in order; names the format can hold as they are come first."""
        wanted = list(names)
        spelled = [self._spell(name) for name in wanted]
        kept = []
        for name, spelling in zip(wanted, spelled, strict=True):
            kept.append(name == spelling and name not in self._taken)
            if kept[-1]:
                self._taken.add(name)
        return [s if keep else fresh_name(s, self._taken) for s, keep in zip(spelled, kept, strict=True)]


def changed(spelled: Iterable[str], names: Iterable[str]) -> dict[str, str]:
    """Return the names that are spelled differently, by their spelling."""
    return {s: n for s, n in zip(spelled, names, strict=True) if s != n}


def map_path(path: Path) -> Path:
    """Return where the name map of a model file stands: ``model.lp.names.json``."""
    return path.with_name(path.name.removesuffix(".gz") + ".names.json")


@dataclass(frozen=True)
class NameMap:
    """From the names in a file to the names of the model; two rows of one name are the sides of one row."""

    variables: dict[str, str] = field(default_factory=dict)
    rows: dict[str, str] = field(default_factory=dict)
    sets: dict[str, str] = field(default_factory=dict)

    def write(self, path: Path) -> None:
        """Write the map as JSON."""
        entries = {"variables": self.variables, "rows": self.rows, "sets": self.sets}
        text = json.dumps(entries, indent=1, ensure_ascii=False)
        write_whole(path, text + "\n")

    @staticmethod
    def read(path: Path) -> NameMap:
        """Read a map; an empty one where there is no file."""
        if not path.exists():
            return NameMap()
        try:
            found = json.loads(path.read_text(encoding="utf-8"))
            return NameMap(dict(found["variables"]), dict(found["rows"]), dict(found["sets"]))
        except (OSError, ValueError, KeyError, TypeError) as error:
            why = f"{type(error).__name__}: {error}"
            raise BadData(
                f"{path} is not a map of names ({why}): delete it or write the model again"
            ) from None

    def __bool__(self) -> bool:
        return bool(self.variables or self.rows or self.sets)

    def check(self, path: Path, variables: Sequence[str], rows: Sequence[str], sets: Sequence[str]) -> None:
        """Raise `BadData` when the map names what the file does not have."""
        stray = sorted(
            ({*self.variables} - {*variables}) | ({*self.rows} - {*rows}) | ({*self.sets} - {*sets})
        )
        if stray:
            raise BadData(f"{path} is the map of another model (it has {stray[0]!r}): delete it")


class _Run(NamedTuple):
    """Neighbours of one array, with what stands between their brackets; or a single name, with None."""

    base: str
    indices: list[str] | None
    start: int

    def is_whole(self, shape: tuple[int, ...]) -> bool:
        """Whether the indices are all of an array of this shape, in row-major order."""
        indices = self.indices or []
        return len(indices) == prod(shape) and indices == list(index_texts(shape))


def _runs(names: Sequence[str]) -> list[_Run]:
    """Cut names into runs of one array, as far as they stand together."""
    runs: list[_Run] = []
    base, axes = "", -1
    for k, name in enumerate(names):
        found = _INDEXED.fullmatch(name)
        if found is None:
            runs.append(_Run(name, None, k))
            axes = -1
            continue
        array, index = found.groups()
        if array != base or index.count(",") != axes:
            base, axes = array, index.count(",")
            indices: list[str] = []
            runs.append(_Run(base, indices, k))
        indices.append(index)
    return runs


def _unique(runs: Iterable[_Run]) -> Counter[str]:
    return Counter(run.base for run in runs)


def variable_blocks(names: Sequence[str]) -> tuple[Block, ...]:
    """Return blocks with these element names: arrays where ``w[0,0], w[0,1], ...`` stand in order."""
    runs = _runs(names)
    seen = _unique(runs)
    blocks: list[Block] = []
    for run in runs:
        if run.indices is None:
            blocks.append(Block(run.base, (), run.start))
            continue
        shape = tuple(int(last) + 1 for last in run.indices[-1].split(","))
        if seen[run.base] == 1 and run.is_whole(shape):
            blocks.append(Block(run.base, shape, run.start))
        else:
            blocks += [Block(names[k], (), k) for k in range(run.start, run.start + len(run.indices))]
    return tuple(blocks)


def row_blocks(names: Sequence[str]) -> tuple[RowBlock, ...]:
    """Return row blocks whose element names are these; an array of rows may skip some."""
    runs = _runs(names)
    seen = _unique(runs)
    blocks: list[RowBlock] = []
    for run in runs:
        if run.indices is not None and seen[run.base] == 1:
            numbers = np.array([list(map(int, index.split(","))) for index in run.indices], dtype=np.intp)
            shape = tuple(int(last) + 1 for last in numbers.max(axis=0))
            if prod(shape) < 2**62:
                positions = np.ravel_multi_index(tuple(numbers.T), shape)
                if np.all(np.diff(positions) > 0):
                    blocks.append(RowBlock(run.base, shape, run.start, positions.astype(np.intp)))
                    continue
        count = 1 if run.indices is None else len(run.indices)
        one = np.zeros(1, dtype=np.intp)
        blocks += [RowBlock(names[k], (), k, one) for k in range(run.start, run.start + count)]
    return tuple(blocks)
