"""Names in model files: what a format can spell, the map beside a file, and arrays found again in names."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from itertools import islice, takewhile
from math import prod
from operator import methodcaller
from pathlib import Path
from typing import NamedTuple

import numpy as np

from proofolio.arrays import Integers
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

    def of_variables(self, names: list[str]) -> list[str]:
        """Return the names of columns in the model."""
        if not self.variables:
            return names
        if [*self.variables] == names:  # a map that was written with the file
            return [*self.variables.values()]
        return [self.variables.get(name, name) for name in names]

    def __bool__(self) -> bool:
        return bool(self.variables or self.rows or self.sets)

    def check(self, path: Path, variables: Sequence[str], rows: Sequence[str], sets: Sequence[str]) -> None:
        """Raise `BadData` when the map names what the file does not have."""
        pairs = ((self.variables, variables), (self.rows, rows), (self.sets, sets))
        stray = sorted(name for given, known in pairs if given for name in given.keys() - {*known})
        if stray:
            raise BadData(f"{path} is the map of another model (it has {stray[0]!r}): delete it")


class _Run(NamedTuple):
    """Neighbours of one array, or names that are of none.

    Attributes
    ----------
    base : str, optional
        Name of the array; None for names that are of none.
    start, size : int
        Which of the names they are.
    shape : tuple, optional
        Of an array that they are all of, in row-major order.
    indices : list of str
        Otherwise what stands between the brackets of each.
    """

    base: str | None
    start: int
    size: int
    shape: tuple[int, ...] | None
    indices: list[str]


def _runs(names: Sequence[str]) -> list[_Run]:
    """Cut names into runs of one array, as far as they stand together."""
    runs: list[_Run] = []
    k = 0
    while k < len(names):
        size = len([*takewhile(_is_single, islice(names, k, None))])
        if size:
            runs.append(_Run(None, k, size, None, []))
            k += size
            continue
        found = _INDEXED.fullmatch(names[k])
        assert found is not None
        begins = methodcaller("startswith", f"{found[1]}[")
        size = len([*takewhile(begins, islice(names, k, None))])
        whole = _whole(found[1], names[k : k + size])
        runs += _cut(names, k, k + size) if whole is None else [_Run(found[1], k, size, whole, [])]
        k += size
    return runs


def _is_single(name: str) -> bool:
    return not name.endswith("]") or _INDEXED.fullmatch(name) is None


def _whole(base: str, names: Sequence[str]) -> tuple[int, ...] | None:
    """Return the shape of the array that names are all of, in row-major order."""
    last = _INDEXED.fullmatch(names[-1])
    if last is None or last[1] != base:
        return None
    shape = tuple(int(index) + 1 for index in last[2].split(","))
    if prod(shape) != len(names):
        return None
    *outer, inner = shape
    ends = [f"{index}]" for index in range(inner)]
    starts = (f"{base}[{index}," for index in index_texts(tuple(outer))) if outer else [f"{base}["]
    # element names of an array, without making each of them
    expected = "\n".join(start + f"\n{start}".join(ends) for start in starts)
    return shape if "\n" not in base and "\n".join(names) == expected else None


def _cut(names: Sequence[str], start: int, stop: int) -> list[_Run]:
    """Cut names into runs, a name at a time."""
    runs: list[_Run] = []
    base, axes = "", -1
    for k in range(start, stop):
        found = _INDEXED.fullmatch(names[k])
        if found is None:
            runs.append(_Run(None, k, 0, None, []))
            axes = -1
            continue
        array, index = found.groups()
        if array != base or index.count(",") != axes:
            base, axes = array, index.count(",")
            runs.append(_Run(base, k, 0, None, []))
        runs[-1].indices.append(index)
    closed = (run._replace(size=max(len(run.indices), 1)) for run in runs)
    return [
        run._replace(
            shape=None if run.base is None else _whole(run.base, names[run.start : run.start + run.size])
        )
        for run in closed
    ]


def _arrays(runs: Sequence[_Run], names: Sequence[str]) -> set[str]:
    """Return the names of arrays that stand in one run, and are no names by themselves."""
    seen = Counter(run.base for run in runs)
    if not seen.keys() - {None}:
        return set()
    single = {name for run in runs if run.base is None for name in names[run.start : run.start + run.size]}
    return {base for base, count in seen.items() if count == 1 and base is not None and base not in single}


def variable_blocks(names: Sequence[str]) -> tuple[Block, ...]:
    """Return blocks with these element names: arrays where ``w[0,0], w[0,1], ...`` stand in order."""
    runs = _runs(names)
    arrays = _arrays(runs, names)
    blocks: list[Block] = []
    for run in runs:
        if run.base in arrays and run.shape is not None:
            blocks.append(Block(run.base, run.shape, run.start))
        else:
            blocks += [Block(names[k], (), k) for k in range(run.start, run.start + run.size)]
    return tuple(blocks)


def row_blocks(names: Sequence[str]) -> tuple[RowBlock, ...]:
    """Return row blocks whose element names are these; an array of rows may skip some."""
    runs = _runs(names)
    arrays = _arrays(runs, names)
    blocks: list[RowBlock] = []
    for run in runs:
        place = _positions(run) if run.base in arrays else None
        if run.base is not None and place is not None:
            blocks.append(RowBlock(run.base, place[0], run.start, place[1]))
            continue
        one = np.zeros(1, dtype=np.intp)
        blocks += [RowBlock(names[k], (), k, one) for k in range(run.start, run.start + run.size)]
    return tuple(blocks)


def _positions(run: _Run) -> tuple[tuple[int, ...], Integers] | None:
    """Return the shape of an array and where in it the names of a run stand, if in order."""
    if run.shape is not None:
        return run.shape, np.arange(run.size, dtype=np.intp)
    if not run.indices:
        return None
    numbers = np.array([list(map(int, index.split(","))) for index in run.indices], dtype=np.intp)
    shape = tuple(int(last) + 1 for last in numbers.max(axis=0))
    if prod(shape) >= 2**62:
        return None
    positions = np.ravel_multi_index(tuple(numbers.T), shape).astype(np.intp)
    return (shape, positions) if np.all(np.diff(positions) > 0) else None
