"""What a claim accepts, and how its rows become a statement in rational numbers."""

from fractions import Fraction

import numpy as np
import pytest

from proofolio import BadData, maximum, product
from proofolio.verification.proofs.claim import Box, Claim, build
from proofolio.verification.proofs.reading import state
from proofolio.verification.proofs.statement import Statement, parts

ONE = {"b": Box(2, 0, 1, integer=True), "u": Box(2, [-1, 0.1], [2, 3])}
PIECES = [lambda b, u, v: [b == 0, v == 0], lambda b, u, v: [b == 1, v == u]]


def rows(model, b, u):
    return product(model, "w", b, u)


def test_columns_are_inputs_outputs_then_the_rest_and_numbers_are_decimals():
    claim = Claim(
        lambda model, u: maximum(model, "w", u),
        {"u": Box((2, 1), 0.1, [[0.3], [0.7]])},
        ("v",),
        [lambda u, v: v == u[0]],
    )
    statement = state(claim).statement
    assert statement.names[:3] == ("u[0,0]", "u[1,0]", "v[0]")
    assert set(statement.kinds[3:]) == {"auxiliary"}
    assert statement.lower[0] == Fraction(1, 10)
    assert statement.upper[1] == Fraction(7, 10)


def test_an_output_that_is_no_variable_of_its_own_gets_a_linking_row():
    claim = Claim(lambda model, u: 2 * u + 1, {"u": Box(2, 0, 1)}, ("v",), [lambda u, v: v == 2 * u + 1])
    statement = state(claim).statement
    assert len(statement.rows) == 2
    assert statement.rows[0].terms == {0: 2, 2: -1}
    assert statement.rows[0].low == statement.rows[0].high == -1


def test_entries_that_share_nothing_are_parts_of_their_own():
    found = parts(state(Claim(rows, ONE, ("v",), PIECES)).statement)
    assert [part.names for part in found] == [("b[0]", "u[0]", "v[0]"), ("b[1]", "u[1]", "v[1]")]


def test_elementwise_false_is_one_joint_choice():
    found = parts(state(Claim(rows, ONE, ("v",), PIECES, elementwise=False)).statement)
    assert len(found) == 1
    assert len(found[0].entries) == 1


def test_pieces_are_called_by_name_or_in_order():
    by_name = [lambda v, u, b: [b == 0, v == 0], lambda v, u, b: [b == 1, v == u]]
    in_order = [lambda x, y, z: [x == 0, z == 0], lambda x, y, z: [x == 1, z == y]]
    wanted = state(Claim(rows, ONE, ("v",), PIECES)).statement
    assert state(Claim(rows, ONE, ("v",), by_name)).statement == wanted
    assert state(Claim(rows, ONE, ("v",), in_order)).statement == wanted


def test_a_statement_survives_its_document():
    statement = state(Claim(rows, ONE, ("v",), PIECES)).statement
    assert Statement.read(statement.document()) == statement


def test_truth_values_are_rows_that_hold_or_do_not():
    claim = Claim(
        rows, ONE, ("v",), [lambda b, u, v: [v == u, True], lambda b, u, v: [np.array([True, False])]]
    )
    entries = build(claim).entries
    assert [len(piece) for piece in entries[0]] == [1, 0]
    assert entries[1][1][0].high == -1


def test_without_outputs_the_smallest_row_gives_the_entries():
    claim = Claim(lambda model, x: None, {"x": Box((2, 3), 0, 1)}, (), [lambda x: [x <= 1, x.sum(0) <= 2]])
    assert len(build(claim).entries) == 3


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"meaning": [lambda b, u, v: [v > u]]}, "strict"),
        ({"meaning": [lambda b, u, v: [v.sum() == 0]]}, "does not fit entries"),
        ({"meaning": [lambda b, u, v: [v + u]]}, "write rows with"),
        ({"meaning": [lambda b, u: [u >= 0]]}, "called with"),
        ({"meaning": []}, "at least one"),
        ({"outputs": ("v", "w")}, "names 2 outputs"),
        ({"outputs": ("u",)}, "names must differ"),
        ({"inputs": {"b": 3, "u": 4}}, "must be a Box"),
        ({"lift": lambda piece, b, u, v: {"nothing": 0}}, "does not make"),
    ],
)
def test_what_does_not_fit_is_refused_in_a_sentence(change, words):
    fields = {"function": rows, "inputs": ONE, "outputs": ("v",), "meaning": PIECES} | change
    with pytest.raises(BadData, match=words):
        state(Claim(**fields))


def test_outputs_of_different_shapes_need_a_joint_claim():
    def two(model, u):
        return u, u.sum()

    fields = {
        "inputs": {"u": Box(2, 0, 1)},
        "outputs": ("v", "w"),
        "meaning": [lambda u, v, w: [v == u, w == u.sum()]],
    }
    with pytest.raises(BadData, match="elementwise=False"):
        state(Claim(two, **fields))
    assert len(state(Claim(two, **fields, elementwise=False)).statement.entries) == 1
