"""What proofs do beyond their limits: another method or `undecided`, and never another verdict."""

import numpy as np
import pytest

from proofolio import BadData, maximum, product, stack
from proofolio.formulations.extrema import maximum_meaning
from proofolio.formulations.products import product_meaning
from proofolio.verification.proofs import completions, sound_and_complete, strengths
from proofolio.verification.proofs.claim import Box, Claim
from proofolio.verification.proofs.proving import prove
from proofolio.verification.proofs.strengths import strength

U = {"u": Box((2, 1), [[-1.5], [-0.25]], [[0.75], [2]])}


def of_maximum(**options):
    rows = lambda m, u: maximum(m, "w", u, lowering="hull")  # noqa: E731
    return Claim(rows, U, ("v",), maximum_meaning(2), **options)


def distance(wrong=0.0):
    """v >= |u0 - u1| by two auxiliaries, which no affine lift gives."""

    def rows(model, u):
        v = model.variable("w", (1,))
        a = model.variable("a", (2, 1))
        model.add("first", a[0] >= u)
        model.add("second", a[1] >= -u)
        model.add("sum", v >= a.sum(0) + wrong)
        return v

    return Claim(rows, U, ("v",), [lambda u, v: [v >= 0 * u[0], v >= u[0] - u[1], v >= u[1] - u[0]]])


def test_more_cells_than_are_tried_leave_a_claim_undecided(monkeypatch):
    assert prove(of_maximum()).verdict == "proved"
    monkeypatch.setattr(sound_and_complete, "MOST_CELLS", 0)
    found = prove(of_maximum())
    assert found.verdict == "undecided"
    assert "more than 0 cells" in found.reason


def test_a_lift_that_is_too_large_to_look_for_is_done_without(monkeypatch):
    monkeypatch.setattr(completions, "LARGEST", 0)
    assert prove(of_maximum()).verdict in ("proved", "undecided")
    assert prove(distance()).verdict == "proved"
    assert prove(distance(0.5)).verdict == "refuted"


def test_vertices_in_too_many_dimensions_are_not_enumerated(monkeypatch):
    monkeypatch.setattr(completions, "LARGEST", 0)
    monkeypatch.setattr(completions, "MOST_COLUMNS", 0)
    found = prove(distance())
    assert found.verdict == "undecided"
    assert "in up to 0 dimensions only" in found.reason
    assert prove(distance(0.5)).verdict != "proved"


def test_a_lift_that_leaves_out_columns_or_speaks_of_another_part_is_not_used():
    part = lambda piece, u, v: {"w_chosen": [[float(k == piece)] for k in range(2)]}  # noqa: E731
    assert prove(of_maximum(lift=part)).verdict == "proved"

    def rows(model, u, s):
        t = model.variable("t", (1,), -9, 9)
        model.add("beside", t == s)
        return maximum(model, "w", u, lowering="hull"), t

    def lift(piece, u, s, v, t):
        copies = [u if k == piece else 0 * u for k in range(2)]
        return {"w_chosen": [[float(k == piece)] for k in range(2)], "w_copies": stack(copies) + s[0]}

    inputs = {**U, "s": Box(1, 0, 1)}
    both = [lambda u, s, v, t, piece=piece: [*piece(u, v), t == s] for piece in maximum_meaning(2)]
    assert prove(Claim(rows, inputs, ("v", "t"), both, lift=lift)).verdict == "proved"


def test_a_union_too_large_to_be_written_down_has_no_known_strength(monkeypatch):
    inputs = {"b": Box(1, 0, 1, integer=True), "u": Box(1, -1, 2)}
    claim = Claim(lambda m, b, u: product(m, "w", b, u, lowering="hull"), inputs, ("v",), product_meaning())
    assert strength(claim).sharp is True
    monkeypatch.setattr(strengths, "MOST_CASES", 1)
    found = strength(claim)
    assert found.sharp is not True
    assert found.reason


def test_directions_without_end_tell_nothing_of_strength():
    """v lies above nine numbers: more columns than vertices are enumerated for, and no end upwards."""

    def rows(model, u):
        v = model.variable("w", ())
        for k in range(9):
            model.add(f"above{k}", v >= u[k])
        return v

    meaning = [lambda u, v: [v >= u[k] for k in range(9)]]
    claim = Claim(rows, {"u": Box(9, np.zeros(9), np.ones(9))}, ("v",), meaning)
    assert prove(claim).verdict == "proved"
    found = strength(claim)
    assert found.sharp is not False
    assert found.direction == {}


@pytest.mark.parametrize("wrong", [False, True])
def test_a_proof_shows_itself_in_a_notebook(wrong):
    html = prove(distance(0.5 if wrong else 0.0))._repr_html_()
    assert ("refuted" in html) is wrong
    assert ("proved" in html) is not wrong


def test_what_is_no_claim_is_refused_in_a_sentence():
    with pytest.raises(BadData, match=r"takes a Claim, not a str; .* shipped_claims\('maximum'\)\[0\]"):
        prove("maximum")
