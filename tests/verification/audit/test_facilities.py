"""A facility-location model as a reader wrote it: two families of Big-M rows, hand-picked M's, one far too large."""

from fractions import Fraction

import numpy as np
import pytest

from proofolio import Model
from proofolio.verification.audit.auditing import audit, rows_like
from proofolio.verification.audit.tightening import tightened

DEMAND = np.array([30.0, 45.0, 25.0, 60.0, 20.0])
CAPACITY = np.array([120.0, 90.0, 150.0, 80.0, 100.0])
FIXED = np.array([500.0, 420.0, 610.0, 390.0, 450.0])
COST = np.array([[4.0, 6, 9, 5, 8], [5, 3, 7, 8, 6], [7, 6, 3, 4, 5], [8, 5, 4, 6, 3], [3, 7, 6, 4, 9]])


def facilities(total, pair):
    model = Model("facilities")
    ship, on = model.variable("ship", (5, 5), lower=0), model.variable("open", 5, binary=True)
    model.add("demand", ship.sum(0) == DEMAND)
    model.add("capacity", ship.sum(1) <= CAPACITY)
    model.add("total_if_open", ship.sum(1) <= np.array(total) * on)
    model.add("pair_if_open", ship <= np.array(pair) * on.reshape(5, 1))
    model.minimise((COST * ship).sum() + (FIXED * on).sum())
    return model.freeze()


@pytest.fixture(scope="module")
def large():
    """Nothing is too small; the totals of C and E, and all pairs but one, are 100 times too large."""
    return audit(
        facilities([120, 90, 15000, 80, 10000], [3000, 4500, 25, 6000, 2000]),
        big_m=["total_if_open", "pair_if_open"],
    )


def test_both_families_are_redundant_and_both_are_tightened(large):
    assert {row.verdict for row in large.rows} == {"redundant"}
    after, rows = tightened(large)
    assert len(rows) == large.summary["larger_than_needed"] == 22
    need = {row.row: row.suggested_big_m for row in large.rows}
    assert all(row.big_m == need[row.name] for row in rows)
    again = audit(after)
    assert again.summary["larger_than_needed"] == again.summary["unsafe"] == 0


def test_a_row_that_holds_at_the_rounded_point_is_not_the_one_that_leaks(large):
    """The row of M 25 has the binary of one that leaks: the witness of that one says nothing of it."""
    program, unsafe = large.opened.program, 0
    for row, (candidate, finding) in zip(large.rows, large.judged, strict=True):
        if row.row == "pair_if_open[0,2]":
            assert row.safe is not False
        if row.safe is not False:
            continue
        unsafe += 1
        point = dict(finding.safety.point)
        point[row_binary := candidate.place.binary] = Fraction(candidate.on)
        assert program.binary[row_binary]
        assert candidate.value(point) - candidate.tight > Fraction(1, 10**6)
    assert unsafe


def test_every_invalid_row_has_a_suggestion():
    """A point shows at once that an M is too small; how much would do takes a linear program, which is asked."""
    found = audit(
        facilities([50, 85, 15000, 80, 10000], [3000, 4500, 15, 6000, 2000]),
        big_m=["total_if_open", "pair_if_open"],
    )
    invalid = {row.row: row.suggested_big_m for row in found.rows if row.verdict == "invalid"}
    assert invalid == {
        "total_if_open[0]": 120.0, "total_if_open[1]": 90.0, **{f"pair_if_open[{k},2]": 25.0 for k in range(5)},
    }  # fmt: skip


def test_a_pattern_matches_the_name_without_indices_too(large):
    program = large.opened.program
    assert rows_like(program, "*_if_open") == rows_like(program, "*_if_open*")
    assert rows_like(program, "total_if_open[2]") == {"total_if_open[2]"}
    assert rows_like(program, "*_if_opn") == frozenset()
