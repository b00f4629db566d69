"""An audit ends in time and says of every candidate what it knows, however many there are."""

import math
import time
from fractions import Fraction

import numpy as np
import pytest

from proofolio import Model, audit
from proofolio.interfaces.opening import open_model
from proofolio.verification.audit.candidates import candidates

N = 3000


def links(n):
    """x_i <= 100 z_i with x_i <= 7, in one group of rows that needs linear programs as well."""
    model = Model()
    x = model.variable("x", n, lower=0, upper=7)
    z = model.variable("z", n, binary=True)
    model.add("link", x <= 100 * z)
    model.add("total", x.sum() <= 7 * n / 2)
    return model


def test_all_candidates_come_back_although_no_time_was_left():
    began = time.process_time()
    found = audit(links(N), time_limit=1e-3)
    assert time.process_time() - began < 4.0
    assert len(found.rows) == N
    words = {row.verdict for row in found.rows}
    assert words <= {"undecided", "loose"}
    for row in found.rows:
        if row.verdict == "undecided":
            assert row.reason == "the time limit was reached before it was looked at"
            assert row.needed == (-math.inf, math.inf)


def test_what_is_judged_by_then_is_right_and_the_rest_undecided():
    """Intervals alone prove 7; whichever of the two words a row has, it is one of these."""
    for limit in (0.1, 0.3):
        for row in audit(links(N), time_limit=limit).rows:
            assert row.verdict in ("undecided", "loose")
            if row.verdict == "loose":
                assert row.needed[1] == 7.0


def test_known_is_given_what_is_judged_before_a_solver_is_asked():
    told = []
    found = audit(links(20), known=told.append)
    assert [row.verdict for row in told[0].rows] == ["loose"] * 20
    assert [row.verdict for row in found.rows] == ["loose"] * 20


def alone(model, i, j, sign):
    """Whether the side of row i binds at the least room of the others, and z_j gives way or frees the rest."""
    p = model.freeze()
    row = {int(k): sign * Fraction(str(a)) for k, a in zip(*_row(p, i), strict=True)}
    side = Fraction(str(float((p.row_upper if sign > 0 else p.row_lower)[i]))) * sign
    taken = sum(max(a, 0) for k, a in row.items() if p.binary[k] and k != j)
    rest = {k: a for k, a in row.items() if not p.binary[k]}
    ends = {k: (Fraction(str(float(p.lower[k]))), Fraction(str(float(p.upper[k])))) for k in rest}
    low = sum(min(a * e for e in ends[k]) for k, a in rest.items())
    high = sum(max(a * e for e in ends[k]) for k, a in rest.items())
    room = side - taken - max(row[j], 0)
    M = abs(row[j])
    return room < high and (low <= room + M / 100 or low < high <= room + M)


def _row(p, i):
    at = slice(p.A.indptr[i], p.A.indptr[i + 1])
    return p.A.indices[at].tolist(), p.A.data[at].tolist()


@pytest.mark.parametrize("seed", range(8))
def test_crowded_rows_are_candidates_where_one_binary_can_switch_them(seed):
    rng = np.random.default_rng(seed)
    model = Model()
    x = model.variable("x", 2, lower=-2, upper=5)
    z = model.variable("z", 4, binary=True)
    sizes = rng.integers(1, 3, (3, 4)) * rng.choice([-3.0, 3.0], (3, 1))
    model.add(
        "r", np.round(rng.uniform(-2, 2, (3, 2)), 1) @ x + sizes @ z <= np.round(rng.uniform(-9, 9, 3), 1)
    )
    program = open_model(model).program
    found = candidates(program)
    asked = {(c.place.row, c.place.binary) for c in found.asked}
    largest = [(i, 2 + j) for i in range(3) for j in range(4) if abs(sizes[i, j]) == np.max(np.abs(sizes[i]))]
    assert asked == {(i, j) for i, j in largest if alone(model, i, j, 1)}
    assert found.skipped == len(largest) - len(asked)
    late = candidates(program, is_late=lambda: True)
    assert {(c.place.row, c.place.binary) for c in late.asked} == set(largest)
    assert late.skipped == 0


def test_a_model_of_tiny_numbers_is_judged_without_overflow(tmp_path):
    """x <= 100 y in units of 1e-20: 50 is enough, and its coefficients as whole numbers fit into no 64 bits."""
    file = tmp_path / "tiny.lp"
    text = "Minimize\n obj: x\nSubject To\n big: 1e-20 x - 1e-18 y <= 0\nBounds\n x <= 50\nBinary\n y\nEnd\n"
    file.write_text(text, encoding="utf-8")
    (row,) = audit(file).rows
    assert row.verdict in ("loose", "undecided")
    assert row.big_m == 1e-18
