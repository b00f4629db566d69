"""What has to be proved about a part: questions, projections and lifts mean what they say, at every point of a grid."""

import itertools
import random
from dataclasses import replace
from fractions import Fraction
from math import ulp

import pytest

from proofolio.verification.exact.certificate import Undecidable, evaluate, violation
from proofolio.verification.exact.vertices import generators
from proofolio.verification.proofs import questions
from proofolio.verification.proofs.lines import Line
from proofolio.verification.proofs.questions import (
    active_lines,
    cell_generators,
    combinations,
    disjoint_outputs,
    excess,
    lifted_facets,
    outside_bounds,
    projected,
    recession,
    sound_question,
    substituted,
    total_question,
)
from proofolio.verification.proofs.statement import Statement, facets

F = Fraction
HALF = F(1, 2)


def unit(number):
    return F(ulp(float(number)))


# x and y in [-2, 2] and b in {0, 1} are given, v is an output, w an auxiliary, z in {0, 1} is chosen
PART = Statement(
    names=("x", "y", "b", "v", "w", "z"),
    kinds=("input", "input", "input", "output", "auxiliary", "auxiliary"),
    lower=(F(-2), F(-2), F(0), F(-9), None, F(0)),
    upper=(F(2), F(2), F(1), F(9), F(8), F(1)),
    integer=(False, False, True, False, False, True),
    rows=(
        Line({3: F(1), 4: F(-1)}, F(0), F(0)),  # v = w
        Line({4: F(1), 0: F(-3)}, None, F(1), (5, frozenset({1}))),
        Line({4: F(1), 5: F(2)}, F(-6), None),
        Line({3: F(1), 2: F(-1)}, None, F(7), (2, frozenset({0}))),
    ),
    entries=(
        (
            (Line({3: F(1), 0: F(-1)}, F(0), F(0)), Line({1: F(1)}, F(0), None)),
            (Line({3: F(1)}, F(1), F(4)),),
        ),
        ((Line({0: F(1), 1: F(2)}, None, F(3)),),),
    ),
)


# ------------------------------------------------------------------ sound and total
def test_a_point_is_outside_by_t_where_one_facet_of_each_piece_says_so():
    question = sound_question(PART, 0)
    assert question.t == 6
    assert question.columns == (2, 5)
    assert [len(piece) for piece in question.pieces] == [3, 2]
    system, count = question.system, len(PART.rows)
    assert system.rows[:count] == PART.program.rows
    assert (system.lower[-1], system.upper[-1]) == (-1, 1)
    for x, y, v in itertools.product(
        (F(-1), F(0), F(1, 2)), (F(-1), F(0), F(2)), (F(0), F(1, 2), F(3), F(5))
    ):
        point = {0: x, 1: y, 2: F(1), 3: v, 4: v, 5: F(0)}
        free = {(i, side) for i in range(count) for side in ("lower", "upper")}
        for t in (F(1, 4), F(1), F(0), F(-1, 4)):
            outside = [
                max((evaluate(f.terms, point) - f.limit) / f.scale for f in piece) >= t
                for piece in question.pieces
            ]
            held = []
            for chosen in itertools.product(*(range(len(piece)) for piece in question.pieces)):
                freed = question.freed({}, dict(enumerate(chosen))) | free
                held.append(violation(replace(system, freed=frozenset(freed)), {**point, question.t: t}) == 0)
            assert any(held) is all(outside)
            if t > 0:  # the first facet that is broken: one choice at most, but where two say the same
                assert sum(held) <= 2


def test_what_is_not_picked_is_not_asked_for():
    question = sound_question(PART, 0)
    start = len(PART.rows)
    every = {(start + k, side) for k in range(5) for side in ("lower", "upper")}
    conditional = {(1, "lower"), (1, "upper"), (3, "lower"), (3, "upper")}
    assert question.freed({}, {}) == every | conditional
    # the second facet of the first piece is broken: its lower side holds, and the upper one of the facet before it
    picked = every - {(start + 1, "lower"), (start, "upper")}
    assert question.freed({5: F(1), 2: F(0)}, {0: 1}) == picked
    assert question.freed({5: F(0), 2: F(0)}, {0: 1}) == picked | {(1, "lower"), (1, "upper")}
    last = every - {(start + 4, "lower"), (start + 3, "upper")}
    assert question.freed({5: F(1), 2: F(0)}, {1: 1}) == last


def test_rounding_lends_to_a_question_by_rows_and_facets():
    tenth = replace(
        PART, rows=(Line({3: F(1)}, None, F(1, 10)),), entries=(((Line({3: F(1)}, None, F(3, 10)),),),)
    )
    question = sound_question(tenth, 0)
    here = replace(question.system, freed=question.freed({}, {0: 0}))
    scale = question.pieces[0][0].scale
    room = 2 * unit(0.1) + 2 * unit(0.3)
    assert question.lent(here, {0: 1 / scale, 1: -1 / scale}) == room / scale
    assert question.lent(here, {1: -1 / scale}) == 2 * unit(0.3) / scale


def test_an_input_has_outputs_where_the_projection_says_so():
    """Some output puts a grid point into a piece exactly where the piece, its outputs eliminated, holds it."""
    rng = random.Random(1)
    seen = {True: 0, False: 0}
    for trial in range(80):
        outputs = rng.randint(1, 2)
        part = Statement(
            names=tuple("xyvw"[: 2 + outputs]),
            kinds=("input", "input", *["output"] * outputs),
            lower=(F(-3),) * 2 + (None,) * outputs,
            upper=(F(3),) * 2 + (None,) * outputs,
            integer=(False,) * (2 + outputs),
            rows=(),
            entries=(),
        )
        piece = []
        for _ in range(rng.randint(1, 4)):
            terms = {j: F(rng.choice((-3, -1, 1, 2))) for j in range(2 + outputs) if rng.random() < 0.7}
            side = F(rng.randint(-2, 3))
            low, high = rng.choice(((None, side), (side, None), (side, side), (side - 1, side + 2)))
            piece.append(Line(terms, low, high))
        found = projected(part, piece)
        for facet in found:
            assert set(facet.terms) <= {0, 1}
            assert facet.scale == part.scale(facet.terms)
            assert facet.room == part.rounding(facet.terms, facet.limit)
        for x in itertools.product((F(-2), F(-1, 2), F(0), F(1), F(3)), repeat=2):
            point = dict(enumerate(x))
            inner = []
            for line in piece:
                constant = sum((line.terms.get(j, F(0)) * x[j] for j in (0, 1)), F(0))
                row = tuple(line.terms.get(2 + k, F(0)) for k in range(outputs))
                if line.high is not None:
                    inner.append((row, line.high - constant))
                if line.low is not None:
                    inner.append((tuple(-a for a in row), constant - line.low))
            exists = bool(generators(inner, outputs)[0])
            assert all(evaluate(f.terms, point) <= f.limit for f in found) is exists, (trial, x)
            seen[exists] += 1
    assert min(seen.values()) > 200


def test_the_total_question_is_about_the_box_of_the_inputs():
    question = total_question(PART, 0)
    assert question.base == PART.cell(())
    assert question.columns == (2,)
    assert question.rooms == ()
    first, second = question.pieces
    assert [(f.terms, f.limit) for f in first] == [({1: -1}, 0)]  # v = x whatever x is
    assert second == ()  # some v is between 1 and 4


def test_what_says_nothing_is_no_facet():
    """0 = 0 and 0 <= 1/2 are left out, 0 <= -1/2 is not; a row without sides is none."""

    def rows(low, high):
        return [
            Line({3: F(1), 0: F(-1)}, F(0), F(0)),
            Line({3: F(2), 0: F(-2)}, low, high),
            Line({3: F(1)}, None, None),
        ]

    assert projected(PART, rows(F(0), F(0))) == ()
    assert projected(PART, rows(None, HALF)) == ()
    (never,) = projected(PART, rows(None, -HALF))
    assert (never.terms, never.limit) == ({}, -HALF)


def test_a_projection_that_grows_is_undecidable(monkeypatch):
    lines = [Line({3: F(s), 0: F(k)}, None, F(1)) for k in range(4) for s in (1, -1)]
    assert len(projected(PART, lines)) == 15  # and 0 <= 2, which says nothing
    monkeypatch.setattr(questions, "MOST_ROWS", 15)
    with pytest.raises(Undecidable, match="more than 15 rows"):
        projected(PART, lines)
    monkeypatch.setattr(questions, "MOST_ROWS", 16)
    assert len(projected(PART, lines)) == 15


def test_entries_choose_their_pieces_in_every_way(monkeypatch):
    assert combinations(PART) == [(0, 0), (1, 0)]
    wide = replace(PART, entries=(PART.entries[0], PART.entries[0], PART.entries[0][:1]))
    assert combinations(wide) == [(0, 0, 0), (0, 1, 0), (1, 0, 0), (1, 1, 0)]
    monkeypatch.setattr(questions, "MOST_COMBINATIONS", 4)
    assert len(combinations(wide)) == 4
    monkeypatch.setattr(questions, "MOST_COMBINATIONS", 3)
    with pytest.raises(Undecidable, match="in 4 ways, more than 3"):
        combinations(wide)


def test_outputs_of_two_entries_are_shared():
    assert disjoint_outputs(PART)
    both = replace(PART, entries=(PART.entries[0], (*PART.entries[1], PART.entries[0][1])))
    assert not disjoint_outputs(both)
    assert disjoint_outputs(replace(PART, entries=PART.entries[:1]))
    assert not disjoint_outputs(replace(PART, entries=(PART.entries[1], PART.entries[0], PART.entries[0])))


# ------------------------------------------------------------------ complete
def test_a_lift_is_put_in_place_of_its_columns():
    rng = random.Random(2)
    for _ in range(100):
        terms = {j: F(rng.randint(-3, 3)) for j in range(6) if rng.random() < 0.8}
        fixed = {j: F(rng.randint(-2, 2)) for j in (2, 5) if rng.random() < 0.7}
        lift = {4: ({0: F(rng.randint(-2, 2)), 3: F(rng.randint(-2, 2))}, F(rng.randint(-3, 3), 2))}
        found, constant = substituted(terms, fixed, lift)
        assert all(found.values())
        assert found.keys().isdisjoint(fixed.keys() | lift.keys())
        point = {j: F(rng.randint(-4, 4), 3) for j in range(6)} | fixed
        point[4] = evaluate(lift[4][0], point) + lift[4][1]
        assert evaluate(found, point) + constant == evaluate(terms, point)


def test_the_rows_that_hold_once_integers_are_fixed():
    lines = active_lines(PART, {2: F(1), 5: F(1)})
    assert lines[:3] == [PART.rows[0], PART.rows[1], PART.rows[2]]  # and not the last, which b = 0 asks for
    assert lines[3:] == [PART.bound_lines[j] for j in (3, 4, 5)]
    assert active_lines(PART, {2: F(0), 5: F(0)})[:3] == [PART.rows[0], PART.rows[2], PART.rows[3]]
    free = replace(PART, lower=(*PART.lower[:4], None, F(0)), upper=(*PART.upper[:4], None, F(1)))
    assert active_lines(free, {2: F(1), 5: F(1)})[3:] == [free.bound_lines[j] for j in (3, 5)]
    lower_only = replace(PART, lower=(*PART.lower[:4], F(0), F(0)), upper=(*PART.upper[:4], None, F(1)))
    assert active_lines(lower_only, {2: F(1), 5: F(1)})[4] == Line({4: F(1)}, F(0), None)
    # an output that is an integer is held at the value that was chosen, as an auxiliary is not
    chosen = replace(PART, integer=(False, False, True, True, False, True))
    assert active_lines(chosen, {2: F(1), 5: F(1), 3: F(4)})[3] == Line(
        {3: F(1)}, F(4), F(4), (3, frozenset())
    )
    selector = replace(PART, kinds=(*PART.kinds[:5], "selector"))
    assert len(active_lines(selector, {2: F(1), 5: F(1)})) == 5


def test_lifted_rows_are_facets_in_the_points():
    lift = {4: ({0: F(2), 3: F(1, 2)}, F(3))}
    found = lifted_facets(PART, {2: F(1), 5: F(1)}, lift)
    rows = [(f.terms, f.limit) for f in found]
    assert rows[:2] == [({0: -2, 3: F(1, 2)}, 3), ({0: 2, 3: F(-1, 2)}, -3)]  # v - w <= 0 and >= 0
    assert rows[2] == ({0: -1, 3: F(1, 2)}, -2)  # w - 3x <= 1
    assert rows[3] == ({0: -2, 3: F(-1, 2)}, 6 + 2 + 3)  # w + 2z >= -6
    assert rows[4:6] == [({3: 1}, 9), ({3: -1}, 9)]
    assert rows[6] == ({0: 2, 3: F(1, 2)}, 5)
    assert rows[7:] == [({}, 0), ({}, 1)]  # z itself
    chosen = replace(PART, integer=(False, False, True, True, False, True))
    pinned = lifted_facets(chosen, {2: F(1), 3: F(4), 5: F(1)}, lift)
    assert [(f.terms, f.limit) for f in pinned[4:6]] == [
        ({3: 1}, 4),
        ({3: -1}, -4),
    ]  # not put in: it must be so
    assert (pinned[0].terms, pinned[0].limit) == ({0: -2, 3: F(-1, 2)}, -1)  # 4 - w <= 0
    for facet, before in zip(found, facets(PART, active_lines(PART, {2: F(1), 5: F(1)})), strict=True):
        assert (facet.scale, facet.room) == (before.scale, before.room)


def test_the_corners_of_a_cell():
    # 0 <= v - x and v <= 2 + b over the box
    lines = (
        Line({3: F(1), 0: F(-1)}, F(0), None),
        Line({3: F(1), 2: F(-1)}, None, F(2)),
        Line({1: F(1)}, F(1), F(1)),
    )
    points, rays = cell_generators(PART, lines, {2: F(1)})
    assert rays == []
    corners = {(x, y, v) for x, y, v in (tuple(p[j] for j in (0, 1, 3)) for p in points)}
    assert corners == {(-2, 1, -2), (-2, 1, 3), (2, 1, 2), (2, 1, 3)}
    assert all(set(p) == {0, 1, 3} for p in points)
    assert max(p[3] for p in cell_generators(PART, lines, {2: F(2)})[0]) == 4
    points, rays = cell_generators(PART, lines[::2], {2: F(0)})
    assert {p[3] for p in points} == {-2, 2}  # outputs have no bounds here
    assert len(rays) == 1
    assert rays[0][0] == rays[0][1] == 0
    assert rays[0][3] > 0


def test_how_far_a_completion_misses_its_rows():
    fixed = {2: F(1), 5: F(1)}
    point = {0: F(1), 1: F(0), 2: F(1), 3: F(4), 4: F(4), 5: F(1)}
    assert excess(PART, fixed, point) == 0
    with pytest.raises(Undecidable, match="less than its rows ask for"):
        excess(PART, fixed, {**point, 4: F(4) + F(1, 10**12)})  # integers are not rounded
    rounded = replace(PART, rows=(Line({3: F(1), 4: F(-1)}, None, F(1, 10)),))
    room = 2 * unit(0.1)
    missed = {**point, 3: F(4) + F(1, 10) + room}
    assert excess(rounded, fixed, missed) == room / rounded.scale({3: F(1), 4: F(-1)})
    with pytest.raises(Undecidable):
        excess(rounded, fixed, {**missed, 3: missed[3] + F(1, 10**30)})


def test_an_output_beyond_its_bounds():
    low, high = PART.excused.lower[3], PART.excused.upper[3]
    assert not outside_bounds(PART, 3, high)
    assert outside_bounds(PART, 3, high + F(1, 10**30))
    assert not outside_bounds(PART, 3, low)
    assert outside_bounds(PART, 3, low - F(1, 10**30))
    assert not outside_bounds(PART, 0, F(99))  # an input
    assert not outside_bounds(PART, 4, F(99))  # not an output
    free = replace(PART, lower=(*PART.lower[:3], None, None, F(0)), upper=(*PART.upper[:3], None, F(8), F(1)))
    assert not outside_bounds(free, 3, F(10**9))
    assert not outside_bounds(free, 3, F(-(10**9)))


def test_directions_that_hold_for_ever():
    endless = recession(PART)
    assert endless.rows == PART.program.rows
    assert endless.low == (0, None, 0, None)
    assert endless.high == (0, 0, None, 0)
    assert endless.lower == (0, 0, 0, 0, None, 0)
    assert endless.upper == (0,) * 6
