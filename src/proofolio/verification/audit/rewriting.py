"""A Big-M row written anew with the M that is proved to be enough: its coefficient and its side."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction

import numpy as np

from proofolio.program.program import Program, RowBlock
from proofolio.verification.audit.candidates import Candidate
from proofolio.verification.audit.verdicts import Finding, judge, needed
from proofolio.verification.exact.lp_bounds import outward

__all__ = ["TightenedRow", "changed_row", "rebuilt", "written_alone"]


@dataclass(frozen=True)
class TightenedRow:
    """One row that changes: its new coefficient of the binary and its new side, as they stand in the row."""

    row: int
    name: str
    binary: int
    side: str
    coefficient: float
    limit: float
    big_m: float
    tier: str


def changed_row(candidate: Candidate, finding: Finding) -> TightenedRow | None:
    """Return the row with the M that is proved to be enough; None where that is no change for the better.

    An M that is enough is only lowered, one that is too small (``invalid``) only raised.
    """
    hi = needed(candidate, finding).hi
    if not isinstance(hi, Fraction) or not finding.certified:
        return None  # nothing but what is proved in exact arithmetic is written
    M = outward(max(hi, Fraction(0)), 1)
    if Fraction(M) >= candidate.big_m and judge(candidate, finding) != "invalid":
        return None
    d = -M if candidate.off else M
    # rounded outward: with the binary on, the row may give way by one unit in the last place, never cut
    limit = outward(candidate.tight + max(Fraction(0), Fraction(d)), 1)
    sign = 1.0 if candidate.place.side == "upper" else -1.0
    place = candidate.place
    return TightenedRow(
        place.row, place.name, place.binary, place.side, sign * d, sign * limit, M, finding.tier
    )


def rebuilt(program: Program, rows: Mapping[int, TightenedRow]) -> Program:
    """Return the program with rows changed, by their number."""
    A = program.A.copy()
    low, high = program.row_lower.copy(), program.row_upper.copy()
    for i, row in rows.items():
        a, b = A.indptr[i], A.indptr[i + 1]
        A.data[a:b][A.indices[a:b] == row.binary] = row.coefficient
        (high if row.side == "upper" else low)[i] = row.limit
    A.eliminate_zeros()
    blocks = tuple(_retagged(block, rows) for block in program.rows)
    return dataclasses.replace(program, A=A, row_lower=low, row_upper=high, rows=blocks)


def _retagged(block: RowBlock, rows: Mapping[int, TightenedRow]) -> RowBlock:
    if block.switch is None:
        return block
    changed = {i - block.start: rows[i] for i in range(block.rows.start, block.rows.stop) if i in rows}
    if not changed:
        return block
    M = block.switch.big_m.copy()
    for k, row in changed.items():
        M[k] = row.big_m
    tiers = {row.tier for row in changed.values()}
    tier = tiers.pop() if len(tiers) == 1 and len(changed) == block.size else block.switch.tier
    return dataclasses.replace(block, switch=dataclasses.replace(block.switch, big_m=M, tier=tier))


def written_alone(program: Program, candidate: Candidate) -> bool:
    """Whether a candidate's M can be changed: a linear row whose one side shares its coefficient with no other."""
    i = candidate.place.row
    two_sided = (
        candidate.kind == "row" and np.isfinite(program.row_lower[i]) and np.isfinite(program.row_upper[i])
    )
    return candidate.kind == "row" and not two_sided
