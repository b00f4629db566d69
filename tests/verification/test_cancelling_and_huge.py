"""Objectives whose terms cancel, numbers beyond doubles, and what the audit says it leaves out."""

from __future__ import annotations

import pytest

import proofolio as pf

CANCELS = """Minimize
 obj: x0 + {size} p - {size} q
Subject To
 l: x0 - 1 on >= 0
 h: x0 - 3 on <= 0
 c: 9 x0 + 3 x1 >= 3
 e: x0 - x1 - x2 = 0
 pq: p - q >= 0
Bounds
 0 <= x0 <= 3
 -inf <= x1 <= 0
 x2 free
 1000 <= p <= 2000
 q <= 2000
Generals
 x1 x2
Binaries
 on
End
"""


def program(tmp_path, text):
    path = tmp_path / "model.lp"
    path.write_text(text)
    return pf.read_program(path)


@pytest.mark.parametrize("confirm", ["second", "auto", "certificate"])
@pytest.mark.parametrize("solver", ["highs", "scip"])
@pytest.mark.parametrize("size", [1, 1000, 1000000])
def test_a_pair_that_cancels_hides_no_better_point(size, solver, confirm, tmp_path):
    """x0 = on = x2 = 1 and p = q cost 1, and x0 >= on, so that nothing costs less but x0 = 0, which row c forbids."""
    answer = pf.solve(
        program(tmp_path, CANCELS.format(size=size)), solver=solver, confirm=confirm, time_limit=20
    )
    if answer.status in ("certified-optimal", "verified-optimal"):
        assert answer.objective == pytest.approx(1.0)
    assert answer.status not in ("infeasible", "unbounded")


def test_an_answer_beyond_doubles_is_no_crash(tmp_path):
    """x >= 1e310 has points, none of which is a double."""
    far = program(tmp_path, "Minimize\n obj: x\nSubject To\n c: 1e-300 x >= 10000000000\nEnd\n")
    for confirm in ("auto", "certificate", "second"):
        answer = pf.solve(far, confirm=confirm, time_limit=10)
        assert answer.status not in ("certified-optimal", "verified-optimal", "infeasible", "unbounded")


def test_an_m_far_beyond_the_need_is_no_crash(tmp_path):
    """1e-300 x is at most 5e-300, of an M of 1e10; with b = 0 the row asks for x = 0, and the other one for x >= 1."""
    text = "Minimize\n obj: x + b\nSubject To\n c: 1e-300 x - 1e10 b <= 0\n d: b + x >= 1\n"
    found = pf.audit(program(tmp_path, text + "Bounds\n x <= 5\nBinaries\n b\nEnd\n"))
    (row,) = [row for row in found.rows if row.row == "c"]
    assert row.verdict == "dead"
    assert row.needed[1] == pytest.approx(5e-300)


def test_undecided_names_the_sets_that_are_left_out(tmp_path):
    """Of x and y at most one is not zero, so that 6 is needed; bounds alone say 12, and M is 10."""
    text = (
        "Minimize\n obj: x\nSubject To\n d: x + y - 10 b <= 0\nBounds\n x <= 6\n y <= 6\nBinaries\n b\n"
        "SOS\n s: S1:: x:1 y:2\nEnd\n"
    )
    (row,) = pf.audit(program(tmp_path, text)).rows
    assert row.verdict != "undecided" or "special ordered sets" in row.reason
