"""The smaller program made of what is left when columns are fixed."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from proofolio.program.program import (
    Block,
    Cones,
    Indicators,
    Program,
    QuadraticRows,
    RowBlock,
    SpecialOrderedSet,
    Switch,
    element_name,
)
from proofolio.program.quadratic import Form
from proofolio.solvers.affine_parts import ROW, WAITING, AffineParts

__all__ = ["KeptBlock", "smaller_program"]

Floats = NDArray[np.float64]
Integers = NDArray[np.intp]


@dataclass(frozen=True, eq=False)
class KeptBlock(Block):
    """What is left of a block of variables: a flat array of the elements at `positions` of the `whole`."""

    positions: Integers
    whole: tuple[int, ...]

    def element_names(self) -> Iterator[str]:
        """Yield the names the elements had in the whole block."""
        for indices in zip(*(a.tolist() for a in np.unravel_index(self.positions, self.whole)), strict=True):
            yield element_name(self.name, indices)


def smaller_program(
    program: Program,
    parts: AffineParts,
    state: NDArray[np.int8],
    kept: Integers,
    lower: Floats,
    upper: Floats,
    sets: tuple[SpecialOrderedSet, ...],
) -> Program:
    """Return the program in the kept columns; the others are at `lower`."""
    x = lower.copy()
    x[kept] = 0.0
    base = parts.matrix @ x + parts.constant
    new = np.full(program.n, -1, dtype=np.intp)
    new[kept] = np.arange(kept.size)

    def body(chosen: Any) -> Any:
        return parts.matrix[np.flatnonzero(chosen)][:, kept]

    rows = state == ROW
    P = sparse.csc_array(program.P)
    pull = P @ x
    return Program(
        P=P[:, kept][kept],
        q=(program.q + pull)[kept],
        c=float(program.c + program.q @ x + 0.5 * x @ pull),
        A=body(rows),
        row_lower=(parts.lower - base)[rows],
        row_upper=(parts.upper - base)[rows],
        lower=lower[kept],
        upper=upper[kept],
        integer=program.integer[kept],
        variables=_kept_variables(program, new),
        rows=_kept_rows(parts, rows, new),
        quadratic=_kept_quadratics(parts, state, new, x, base, kept),
        cones=_kept_cones(parts, state, base, body),
        indicators=_kept_indicators(parts, state, new, base, body),
        sos=tuple(SpecialOrderedSet(s.name, s.kind, new[s.columns], s.weights) for s in sets),
        maximise=program.maximise,
        name=program.name,
    )


def _kept_variables(program: Program, new: Integers) -> tuple[Block, ...]:
    blocks: list[Block] = []
    start = 0
    for block in program.variables:
        left = np.flatnonzero(new[block.start : block.start + block.size] >= 0)
        if left.size == block.size and not isinstance(block, KeptBlock):
            blocks.append(Block(block.name, block.shape, start))
        elif left.size:
            positions, whole = (
                (block.positions[left], block.whole) if isinstance(block, KeptBlock) else (left, block.shape)
            )
            blocks.append(KeptBlock(block.name, (left.size,), start, positions, whole))
        start += left.size
    return tuple(blocks)


def _selected(
    blocks: tuple[RowBlock, ...], chosen: Any, start: int, new: Integers | None = None
) -> list[RowBlock]:
    """Return the blocks of the chosen rows, which stand from `start` on."""
    found = []
    for block in blocks:
        keep = chosen[block.rows]
        count = int(keep.sum())
        if count:
            switch = None if new is None else _kept_switch(block.switch, keep, new)
            found.append(RowBlock(block.name, block.shape, start, block.positions[keep], switch))
        start += count
    return found


def _kept_switch(switch: Switch | None, keep: Any, new: Integers) -> Switch | None:
    if switch is None or np.any(new[switch.binary[keep]] < 0):
        return None
    s = switch.take(keep)
    return Switch(s.construct, new[s.binary], s.on, s.big_m, s.tier)


def _kept_rows(parts: AffineParts, rows: Any, new: Integers) -> tuple[RowBlock, ...]:
    p = parts.program
    counts = [int(rows[s].sum()) for s in (slice(0, p.m), parts.indicators, parts.quadratic)]
    found = _selected(p.rows, rows[: p.m], 0, new)
    found += _selected(p.indicators.blocks, rows[parts.indicators], counts[0])
    found += _selected(p.quadratic.blocks, rows[parts.quadratic], sum(counts[:2]))
    start = sum(counts)
    for block in p.cones.blocks:
        first, last = p.cones.pointer[block.start], p.cones.pointer[block.start + block.size]
        left = np.flatnonzero(rows[parts.cones][first:last])
        if left.size:
            found.append(RowBlock(f"{block.name}_decided", (int(last - first),), start, left))
        start += left.size
    return tuple(found)


def _kept_indicators(parts: AffineParts, state: Any, new: Integers, base: Floats, body: Any) -> Indicators:
    p, left = parts.program, state == WAITING
    left[: parts.indicators.start] = left[parts.indicators.stop :] = False
    mine = left[parts.indicators]
    return Indicators(
        new[p.indicators.binary[mine]],
        p.indicators.on[mine],
        body(left),
        (parts.lower - base)[left],
        (parts.upper - base)[left],
        tuple(_selected(p.indicators.blocks, mine, 0)),
    )


def _kept_cones(parts: AffineParts, state: Any, base: Floats, body: Any) -> Cones:
    p, left = parts.program, state == WAITING
    left[: parts.cones.start] = False
    mine = left[parts.cones][p.cones.pointer[:-1]]
    lengths = np.diff(p.cones.pointer)[mine]
    pointer = np.concatenate([[0], np.cumsum(lengths)]).astype(np.intp)
    return Cones(body(left), base[left], pointer, tuple(_selected(p.cones.blocks, mine, 0)))


def _kept_quadratics(
    parts: AffineParts, state: Any, new: Integers, x: Floats, base: Floats, kept: Integers
) -> QuadraticRows:
    r"""Substitute: x'Mx = k'M_kk k + 2 f'M_fk k + f'M_ff f over kept and fixed columns k, f."""
    p = parts.program
    mine = np.flatnonzero(state[parts.quadratic] == WAITING)
    pulls = np.zeros((mine.size, p.n))
    constants = base[parts.quadratic][mine].copy()
    forms: list[tuple[Form, ...]] = []
    shared: dict[tuple[int, bytes], Floats] = {}
    for row, k in enumerate(mine.tolist()):
        entry = []
        for f in p.quadratic.forms[k]:
            columns = new[f.columns]
            left = columns >= 0
            fixed = x[f.columns[~left]]
            if not left.all():
                pulls[row, f.columns[left]] += 2.0 * (fixed @ f.matrix[np.ix_(~left, left)])
                constants[row] += float(fixed @ f.matrix[np.ix_(~left, ~left)] @ fixed)
            if left.any():
                # Rows that shared a matrix share what is left of it, so its convexity is decided once.
                key = (id(f.matrix), left.tobytes())
                matrix = shared.setdefault(key, f.matrix if left.all() else f.matrix[np.ix_(left, left)])
                entry.append(Form(columns[left], matrix))
        forms.append(tuple(entry))
    matrix = parts.matrix[parts.quadratic.start + mine][:, kept] + sparse.csr_array(pulls[:, kept])
    waiting = state[parts.quadratic] == WAITING
    return QuadraticRows(
        sparse.csr_array(matrix),
        tuple(forms),
        parts.lower[parts.quadratic][mine] - constants,
        parts.upper[parts.quadratic][mine] - constants,
        tuple(_selected(p.quadratic.blocks, waiting, 0)),
    )
