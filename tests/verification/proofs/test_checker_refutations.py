"""The checker on refutations by hand, and on inputs without outputs."""

from dataclasses import replace

import pytest

from proofolio.verification.proofs.checker import holds
from proofolio.verification.proofs.lines import Line
from proofolio.verification.proofs.questions import sound_question
from proofolio.verification.proofs.statement import Statement
from tests.verification.proofs.proofs_by_hand import (
    COPIED,
    COPY,
    EQUAL,
    HALVES,
    F,
    changed,
    columns,
    incomplete,
)

# the program lets v go up to u + 1; w is another part
LOOSE = Statement(
    **columns(
        ("u", "input", 0, 1, False),
        ("v", "output", None, None, False),
        ("x", "input", 0, 5, False),
        ("w", "output", -9, 9, True),
    ),
    rows=(Line({1: F(1), 0: F(-1)}, F(0), F(1)), Line({3: F(1), 2: F(-1)}, None, F(0))),
    entries=(((EQUAL,),), ((Line({3: F(1), 2: F(-1)}, None, F(0)),),)),
)
UNSOUND = {
    "verdict": "refuted",
    "refutation": {
        "direction": "sound",
        "part": 0,
        "entry": 0,
        "points": [{"0": "1/2", "1": "1"}, {"0": "3", "1": "2"}],
    },
}


def test_a_point_of_the_program_that_means_nothing_refutes():
    assert holds(LOOSE, UNSOUND) == (True, "")


@pytest.mark.parametrize(
    ("key", "value", "reason"),
    [
        ("direction", "wrong", "neither sound nor complete"),
        ("part", 2, "an index is out of range"),
        ("part", -1, "an index is out of range"),
        ("part", True, "an index is out of range"),
        ("part", "0", "an index is out of range"),
        ("part", 1, "the point lies in a piece"),
        ("entry", 1, "an index is out of range"),
        ("points", [{"0": "1/2", "1": "1"}], "does not cover every part"),
        ("points", [{"0": "1/2", "1": "1"}] * 3, "does not cover every part"),
        ("points", [{"0": "1/2", "1": "1/2"}, {"0": "3", "1": "2"}], "the point lies in a piece"),
        ("points", [{"0": "1/2", "1": "2"}, {"0": "3", "1": "2"}], "does not satisfy the rows"),
        ("points", [{"0": "2", "1": "3"}, {"0": "3", "1": "2"}], "does not satisfy the rows"),
        ("points", [{"0": "1/2", "1": "1"}, {"0": "3", "1": "4"}], "does not satisfy the rows"),
        ("points", [{"0": "1/2", "1": "1"}, {"0": "3", "1": "3/2"}], "an integer column of the point"),
        ("points", [{"0": "1/2", "1": "1", "2": "0"}, {"0": "3", "1": "2"}], "does not give every column"),
        ("points", [{"1": "1"}, {"0": "3", "1": "2"}], "does not give every column"),
    ],
)
def test_what_is_wrong_with_a_refutation_is_said(key, value, reason):
    found = holds(LOOSE, changed(UNSOUND, ("refutation", key), value))
    assert not found.ok
    assert reason in found.reason


THIRD = {
    "column": 2,
    "cases": [{"empty": {"0": "1"}}, {"empty": {"0": "-1"}}, {"empty": {"0": "-1"}}],
}


def test_a_meant_point_without_completion_refutes():
    assert holds(HALVES, incomplete("1/3", THIRD)) == (True, "")
    assert holds(HALVES, incomplete("3", {"beyond": 1})) == (True, "")
    assert holds(HALVES, incomplete("-1/2", {"beyond": 1})) == (True, "")


@pytest.mark.parametrize(
    ("document", "reason"),
    [
        (incomplete("1/2", THIRD), "do not exclude a case"),  # z = 1 completes it
        (incomplete("3/2", THIRD), "it lies in no piece"),
        (incomplete("1/3", THIRD, b="3"), "outside the box"),
        (incomplete("1/3", THIRD, b="1/2"), "an integer input of the point is not integer"),
        (incomplete("1/3", THIRD["cases"][0]), "do not exclude a case"),
        (incomplete("1/3", {**THIRD, "column": 0}), "a branch on a wrong column"),
        (incomplete("1/3", {**THIRD, "column": 1}), "a branch on a wrong column"),
        (
            incomplete("1/3", {**THIRD, "cases": THIRD["cases"][:2]}),
            "a value of an integer column is missing",
        ),
        (incomplete("1/3", {"column": 2, "cases": [THIRD] * 3}), "a branch on a wrong column"),
        (incomplete("1", {"beyond": 1}), "lies within its bounds"),
        (incomplete("3", {"beyond": 0}), "lies within its bounds"),
        (incomplete("3", {"beyond": 2}), "lies within its bounds"),
        (incomplete("1/3", {"clash": 1}), "an output does not clash"),
        (incomplete("1/3", {"clash": 2}), "an output does not clash"),
    ],
)
def test_what_is_wrong_with_a_missing_completion_is_said(document, reason):
    found = holds(HALVES, document)
    assert not found.ok
    assert reason in found.reason


def test_points_give_inputs_and_outputs_and_nothing_else():
    for point in ({"0": "1"}, {"0": "1", "1": "1/3", "2": "0"}):
        document = changed(incomplete("1/3", THIRD), ("refutation", "points"), [point])
        assert "every input and output" in holds(HALVES, document).reason


@pytest.mark.parametrize(("away", "clashes"), [(F(0), False), (F(1, 10**9), False), (F(1, 10**8), True)])
def test_an_integer_output_clashes_with_what_was_chosen_for_it(away, clashes):
    """v is an integer output between 0 and 1; the meaning allows a v that is none."""
    whole = Statement(
        **columns(("u", "input", 0, 1, False), ("v", "output", 0, 1, True)),
        rows=(Line({1: F(1), 0: F(1)}, None, F(9)),),
        entries=(((Line({1: F(1)}, F(0), F(1)),),),),
    )
    tree = {"column": 1, "cases": [{"clash": 1}, {"clash": 1}]}
    refutation = {
        "direction": "complete",
        "part": 0,
        "points": [{"0": "1", "1": str(1 - away)}],
        "tree": tree,
    }
    found = holds(whole, {"verdict": "refuted", "refutation": refutation})
    assert found.ok is clashes
    assert clashes or "does not clash" in found.reason


def test_an_input_without_outputs():
    """v = u where u is at least 1/2: below there is none."""
    gap = replace(COPY, entries=(((EQUAL, Line({0: F(1)}, F(1, 2), None)),),))
    gap = replace(gap, rows=(EQUAL, Line({0: F(1)}, F(1, 2), None)))
    sound = {
        "piece": 0,
        "facets": [
            {"bound": "0", "multipliers": {"0": "1", "2": "-1"}},
            {"bound": "0", "multipliers": {"0": "-1", "3": "-1"}},
            {"bound": "0", "multipliers": {"1": "-1", "4": "-1"}},
        ],
    }
    complete = {
        "values": {},
        "lift": {},
        "multipliers": {"0": {"0": "1"}, "1": {"0": "-1"}, "2": {"1": "-1"}},
    }
    document = {
        "verdict": "proved",
        "delta": "0",
        "total": False,
        "parts": [{"sound": [sound], "complete": [complete]}],
        "gap": {"part": 0, "entry": 0, "point": {"0": "1/4"}},
    }
    assert holds(gap, document) == (True, "")
    for path, value, reason in (
        (("gap", "point"), {"0": "1/2"}, "said to have no outputs has some"),
        (("gap", "point"), {"0": "-1"}, "is not in its box"),
        (("gap", "part"), 1, "an index is out of range"),
        (("gap", "entry"), 1, "an index is out of range"),
        (("total",), True, "cannot be read: KeyError"),
    ):
        found = holds(gap, changed(document, path, value))
        assert not found.ok
        assert reason in found.reason
    whole = replace(gap, integer=(True, False))
    assert not holds(whole, document).ok


def test_totality_needs_outputs_of_one_entry_each():
    twice = replace(COPY, entries=(COPY.entries[0], COPY.entries[0]))
    document = changed(COPIED, ("parts", 0, "sound"), COPIED["parts"][0]["sound"] * 2)
    complete = changed(COPIED["parts"][0]["complete"][0], ("multipliers", "0"), {"0": "1"})
    document = changed(document, ("parts", 0, "complete"), [complete])
    document = changed(document, ("parts", 0, "total"), COPIED["parts"][0]["total"] * 2)
    assert "share outputs" in holds(twice, document).reason
    assert holds(twice, changed(document, ("total",), None)).ok


def test_an_integer_input_without_outputs_is_one():
    """u in {0, 1} and v = u where u is at least 1/2."""
    half = Line({0: F(1)}, F(1, 2), None)
    gap = replace(COPY, integer=(True, False), rows=(EQUAL, half), entries=(((EQUAL, half),),))
    one = {"values": {}, "lift": {}, "multipliers": {"0": {"0": "1"}, "1": {"0": "-1"}, "2": {"1": "-1"}}}
    scales = [f.scale for f in sound_question(gap, 0).pieces[0]]
    signs = [("0", "1", "2"), ("0", "-1", "3"), ("1", "-1", "4")]
    facets_ = [
        {"bound": "0", "multipliers": {row: str(F(sign) / s), own: str(-1 / F(s))}}
        for (row, sign, own), s in zip(signs, scales, strict=True)
    ]
    document = {
        "verdict": "proved",
        "delta": "0",
        "total": False,
        "parts": [
            {
                "sound": [{"piece": 0, "facets": facets_}],
                "complete": [{"column": 0, "cases": [{"empty": {"1": "-1"}}, one]}],
            }
        ],
        "gap": {"part": 0, "entry": 0, "point": {"0": "0"}},
    }
    assert holds(gap, document) == (True, "")
    for value, reason in (("1/4", "is not integer"), ("1", "has some"), ("-1", "is not in its box")):
        assert reason in holds(gap, changed(document, ("gap", "point"), {"0": value})).reason


def test_only_outputs_clash():
    tree = {"column": 2, "cases": [{"clash": 2}] * 3}
    assert "an output does not clash" in holds(HALVES, incomplete("1/3", tree)).reason
