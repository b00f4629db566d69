"""The checker of proofs on proofs by hand: what holds, and the sentence for every way in which one does not."""

import copy
from dataclasses import replace
from fractions import Fraction
from math import ulp

import pytest

from proofolio.verification.exact.certificate import NUMBERS, digest
from proofolio.verification.exact.in_time import TimeIsUp, stopped_when
from proofolio.verification.proofs.checker import holds, recheck
from proofolio.verification.proofs.lines import Atom, Line
from proofolio.verification.proofs.questions import cell_generators, sound_question
from proofolio.verification.proofs.statement import DELTA, Statement, parts

F = Fraction


def changed(document, path, value):
    """A copy with another value at a place; None for the value takes the key away."""
    made = copy.deepcopy(document)
    inner = made
    for key in path[:-1]:
        inner = inner[key]
    inner[path[-1]] = value
    return made


def columns(*given):
    """The columns of a statement: name, kind, lower, upper, and whether it is an integer."""
    names, kinds, lower, upper, integer = zip(*given, strict=True)
    ends = [tuple(None if end is None else F(end) for end in side) for side in (lower, upper)]
    return {"names": names, "kinds": kinds, "lower": ends[0], "upper": ends[1], "integer": integer}


# ------------------------------------------------------------------ an output that equals an input
EQUAL = Line({1: F(1), 0: F(-1)}, F(0), F(0))
COPY = Statement(
    **columns(("u", "input", 0, 1, False), ("v", "output", None, None, False)),
    rows=(EQUAL,),
    entries=(((EQUAL,),),),
)
COPIED = {
    "verdict": "proved",
    "delta": "0",
    "total": True,
    "parts": [
        {
            # the breach of a facet is a row after the program's: v - u - t >= 0, then u - v - t >= 0
            "sound": [
                {
                    "piece": 0,
                    "facets": [
                        {"bound": "0", "multipliers": {"0": "1", "1": "-1"}},
                        {"bound": "0", "multipliers": {"0": "-1", "2": "-1"}},
                    ],
                }
            ],
            "complete": [{"values": {}, "lift": {}, "multipliers": {"0": {"0": "1"}, "1": {"0": "-1"}}}],
            "total": [{"piece": 0, "facets": []}],
        }
    ],
}
SOUND, COMPLETE = ("parts", 0, "sound"), ("parts", 0, "complete")


def test_a_proof_by_hand_holds():
    assert holds(COPY, COPIED) == (True, "")
    document = {**COPIED, "numbers": NUMBERS, "statement": COPY.document()}
    document["digest"] = digest(document)
    assert recheck(document) == (True, "")
    assert recheck(document, COPY) == (True, "")
    assert "another statement" in recheck(document, replace(COPY, upper=(F(2), None))).reason
    assert "digest does not match" in recheck({**document, "digest": ""}).reason
    binary = {**document, "numbers": "binary"}
    assert "its numbers are not" in recheck({**binary, "digest": digest(binary)}).reason
    assert not recheck({k: v for k, v in document.items() if k != "digest"}).ok


def test_without_outputs_for_every_input_nothing_is_said_of_totality():
    for total in (None, True, False):
        found = holds(COPY, {**COPIED, "total": total})
        assert found.ok is (total is not False)
    for total in ("yes", 0, 1, 1.0, "true"):  # 1 equals true, and yet no proof of totality was asked for
        assert "neither true, false nor unknown" in holds(COPY, {**COPIED, "total": total}).reason
    assert "cannot be read" in holds(COPY, {k: v for k, v in COPIED.items() if k != "total"}).reason


@pytest.mark.parametrize(
    ("path", "value", "reason"),
    [
        (("verdict",), "refuted", "cannot be read: KeyError"),
        (("verdict",), "undecided", "a verdict 'undecided' has no certificate"),
        (("parts",), [], "another number of parts"),
        ((*SOUND,), [], "an entry has no soundness proof"),
        ((*SOUND, 0, "piece"), 1, "a branch on a wrong piece"),
        ((*SOUND, 0, "piece"), -1, "a branch on a wrong piece"),
        ((*SOUND, 0, "facets"), [], "a facet of a piece is missing"),
        ((*SOUND, 0, "facets", 0), {"piece": 0, "facets": []}, "a branch on a wrong piece"),
        ((*SOUND, 0, "facets", 0, "multipliers"), {"0": "1"}, "inside the pieces"),
        ((*SOUND, 0, "facets", 0, "multipliers"), {}, "inside the pieces"),  # t is at most 1
        ((*SOUND, 0, "facets", 0, "multipliers"), {"0": "-1", "2": "-1"}, "inside the pieces"),  # freed there
        ((*SOUND, 0, "facets", 0, "bound"), "1", "not what its multipliers prove"),
        ((*SOUND, 0, "facets", 0), {"empty": {"0": "1", "1": "-1"}}, "do not prove a case empty"),
        ((*SOUND, 0, "facets", 0), {"column": 0, "cases": []}, "a branch on a wrong column"),
        ((*COMPLETE,), [], "no completeness proof"),
        ((*COMPLETE, 0), {"empty": {"0": "1"}}, "do not prove a cell empty"),
        ((*COMPLETE, 0), {"column": 0, "cases": []}, "a branch on a wrong column"),
        ((*COMPLETE, 0, "values"), {"1": "0"}, "does not choose every integer"),
        (
            (*COMPLETE, 0, "lift"),
            {"0": {"terms": {}, "constant": "0"}},
            "does not give every auxiliary column",
        ),
        ((*COMPLETE, 0, "multipliers", "2"), {}, "multipliers for no row"),
        ((*COMPLETE, 0, "multipliers", "-1"), {}, "multipliers for no row"),
        ((*COMPLETE, 0, "multipliers", "0"), {}, "prove nothing about a row"),
        ((*COMPLETE, 0, "multipliers", "0"), {"0": "2"}, "prove nothing about a row"),
        (("parts", 0, "total"), [], "no proof that it is total"),
        (("parts", 0, "total", 0, "facets"), [{}], "a facet of a piece is missing"),
        (("delta",), "1/1000000000000", "the delta it states"),
    ],
)
def test_what_is_wrong_is_said(path, value, reason):
    found = holds(COPY, changed(COPIED, path, value))
    assert not found.ok
    assert reason in found.reason
    assert found.reason.startswith("the certificate ")


def test_a_cut_divides_a_cell():
    leaf = COPIED["parts"][0]["complete"][0]
    cut = {"cut": {"0": "1"}, "limit": "1/2", "inside": leaf, "beyond": leaf}
    assert holds(COPY, changed(COPIED, (*COMPLETE, 0), cut)).ok
    # u <= 2 holds in all of the box, and u >= 2 nowhere: row 1 of the cell says so on either side
    empty = {"empty": {"1": "-1"}}
    beyond = {"cut": {"0": "1"}, "limit": "2", "inside": leaf, "beyond": empty}
    assert holds(COPY, changed(COPIED, (*COMPLETE, 0), beyond)).ok
    inside = {"cut": {"0": "1"}, "limit": "-1", "inside": {"empty": {"1": "1"}}, "beyond": leaf}
    assert holds(COPY, changed(COPIED, (*COMPLETE, 0), inside)).ok
    for wrong in (
        beyond | {"inside": empty, "beyond": leaf},
        inside | {"inside": leaf, "beyond": {"empty": {"1": "1"}}},
        cut | {"inside": {"empty": {"1": "1"}}},
    ):
        assert "do not prove a cell empty" in holds(COPY, changed(COPIED, (*COMPLETE, 0), wrong)).reason
    stranger = replace(COPY, **columns(*zip_columns(COPY), ("w", "auxiliary", 0, 1, False)))
    stranger = replace(stranger, rows=(EQUAL, Line({2: F(1), 1: F(1)}, None, F(9))))
    found = holds(stranger, changed(COPIED, (*COMPLETE, 0), cut | {"cut": {"2": "1"}}))
    assert not found.ok


def zip_columns(statement):
    return zip(
        statement.names, statement.kinds, statement.lower, statement.upper, statement.integer, strict=True
    )


def test_a_row_that_fails_on_a_cell():
    """The program asks for v <= u, the meaning only for v <= u + 1."""
    loose = replace(COPY, entries=(((Line({1: F(1), 0: F(-1)}, F(0), F(1)),),),))
    document = changed(COPIED, ("total",), None)
    document = changed(document, (*SOUND, 0, "facets", 0, "bound"), "-1")
    assert "a row fails on a cell" in holds(loose, document).reason


def test_vertices_and_rays_complete_a_cell():
    """v and w are both at least u: v has a ray, w goes with it."""
    rows = (Line({1: F(1), 0: F(-1)}, F(0), None), Line({2: F(1), 1: F(-1)}, F(0), None))
    up = Statement(
        **columns(
            ("u", "input", 0, 1, False),
            ("v", "output", None, None, False),
            ("w", "auxiliary", None, None, False),
        ),
        rows=rows,
        entries=(((rows[0],),),),
    )
    sound = {"piece": 0, "facets": [{"bound": "0", "multipliers": {"0": "-1", "2": "-1"}}]}
    by_vertices = {"values": {}, "points": [{"2": "1"}, {"2": "1"}], "rays": [{"2": "1"}]}
    document = {
        "verdict": "proved",
        "delta": "0",
        "total": None,
        "parts": [{"sound": [sound], "complete": [by_vertices]}],
    }
    assert holds(up, document).ok
    for path, value, reason in (
        (("points",), [{"2": "1"}], "a vertex or ray is missing"),
        (("rays",), [], "a vertex or ray is missing"),
        (("rays", 0), {"2": "1/2"}, "a ray is not completed"),
        (("rays", 0), {}, "a ray is not completed"),
        (("points", 0), {"2": "-1"}, "less than its rows ask for"),
        (("points",), [{}, {}], "less than its rows ask for"),
    ):
        found = holds(up, changed(document, (*COMPLETE, 0, *path), value))
        assert not found.ok
        assert reason in found.reason
    # by a lift it is the same: w = v
    lifted = {
        "values": {},
        "lift": {"2": {"terms": {"1": "1"}, "constant": "0"}},
        "multipliers": {"0": {"0": "-1"}, "1": {}},
    }
    assert holds(up, changed(document, (*COMPLETE, 0), lifted)).ok
    below = changed(lifted, ("lift", "2", "constant"), "-1")
    assert "a row fails" in holds(up, changed(document, (*COMPLETE, 0), below)).reason
    itself = changed(lifted, ("lift", "2", "terms"), {"2": "1"})
    assert "more than the points" in holds(up, changed(document, (*COMPLETE, 0), itself)).reason


# ------------------------------------------------------------------ integers
# b in {0, 1} is given, z in {0, 1} chosen, v an output: z = b, v = z; the meaning is v = b
RELAYED = Statement(
    **columns(("b", "input", 0, 1, True), ("v", "output", -3, 3, False), ("z", "auxiliary", 0, 1, True)),
    rows=(Line({2: F(1), 0: F(-1)}, F(0), F(0)), Line({1: F(1), 2: F(-1)}, F(0), F(0))),
    entries=(((Line({1: F(1), 0: F(-1)}, F(0), F(0)),),),),
)


def relayed():
    """Branch on both integers; with b and z equal both facets hold, with others the first row is violated."""
    scale = sound_question(RELAYED, 0).pieces[0][0].scale
    unit = str(1 / F(scale))
    minus = str(-1 / F(scale))
    inside = {
        "piece": 0,
        "facets": [
            {"bound": "0", "multipliers": {"1": unit, "2": minus}},
            {"bound": "0", "multipliers": {"1": minus, "3": minus}},
        ],
    }

    def case(b, z):
        return inside if b == z else {"empty": {"0": "1" if z > b else "-1"}}

    sound = {
        "column": 0,
        "cases": [{"column": 2, "cases": [case(b, z) for z in (0, 1)]} for b in (0, 1)],
    }

    def complete(b):
        at = {"0": {}, "1": {}, "2": {"0": "1"}, "3": {"0": "-1"}, "4": {"0": "1"}, "5": {"0": "-1"}}
        return {"values": {"2": str(b)}, "lift": {}, "multipliers": at}

    return {
        "verdict": "proved",
        "delta": "0",
        "total": None,
        "parts": [{"sound": [sound], "complete": [{"column": 0, "cases": [complete(0), complete(1)]}]}],
    }


def test_integers_are_settled_value_by_value():
    assert holds(RELAYED, relayed()) == (True, "")


@pytest.mark.parametrize(
    ("path", "value", "reason"),
    [
        ((*SOUND, 0, "cases"), [], "a value of an integer column is missing"),
        ((*SOUND, 0, "column"), 1, "a branch on a wrong column"),
        ((*SOUND, 0, "cases", 0, "column"), 0, "a branch on a wrong column"),
        ((*SOUND, 0, "cases", 0, "cases", 1, "empty"), {"0": "-1"}, "a case empty"),
        ((*SOUND, 0, "cases", 1, "cases", 0, "empty"), {"0": "1"}, "a case empty"),
        ((*COMPLETE, 0, "cases"), [], "a value of an integer input is missing"),
        ((*COMPLETE, 0, "column"), 2, "a branch on a wrong column"),
        ((*COMPLETE, 0, "cases", 0, "values"), {}, "does not choose every integer"),
        ((*COMPLETE, 0, "cases", 0, "values"), {"2": "2"}, "a value outside its bounds"),
        ((*COMPLETE, 0, "cases", 0, "values"), {"2": "1/2"}, "a value outside its bounds"),
        ((*COMPLETE, 0, "cases", 0, "values"), {"2": "1"}, "a row fails on a cell"),
        ((*COMPLETE, 0, "cases", 0), {"column": 0, "cases": []}, "a branch on a wrong column"),
    ],
)
def test_what_is_wrong_with_integers_is_said(path, value, reason):
    found = holds(RELAYED, changed(relayed(), path, value))
    assert not found.ok
    assert reason in found.reason


def test_a_case_waits_for_its_integer_inputs():
    leaf = relayed()["parts"][0]["complete"][0]["cases"][0]
    assert "before its integer inputs are" in holds(RELAYED, changed(relayed(), (*COMPLETE, 0), leaf)).reason


def test_vertices_with_integers_held():
    document = relayed()
    cases = [{"values": {"2": str(b)}, "points": [{}], "rays": []} for b in (0, 1)]
    document = changed(document, (*COMPLETE, 0, "cases"), cases)
    assert holds(RELAYED, document).ok
    wrong = changed(document, (*COMPLETE, 0, "cases", 0, "values"), {"2": "1"})
    assert not holds(RELAYED, wrong).ok
    # an output that is an integer is what was chosen for it
    whole = replace(RELAYED, integer=(True, True, True))
    cases = [{"values": {"1": str(v), "2": str(b)}, "points": [{}], "rays": []} for b, v in ((0, 0), (1, 0))]
    sound = whole_sound()
    mixed = {**document, "parts": [{"sound": [sound], "complete": [{"column": 0, "cases": cases}]}]}
    assert "another integer output" in holds(whole, mixed).reason
    cases[1]["values"]["1"] = "1"
    assert holds(whole, mixed).ok


def whole_sound():
    """Branch on b, z and v: only b = z = v is left, and lies in the piece."""

    def case(b, z, v):
        if b != z:
            return {"empty": {"0": "1" if z > b else "-1"}}
        if v != z:
            return {"empty": {"1": "1" if v > z else "-1"}}
        return {
            "piece": 0,
            "facets": [{"empty": {}, "multipliers": {}}] * 2,
        } and _facets(b)

    def _facets(b):
        # v - b - s t >= 0 with v = b: t <= 0
        scale = sound_question(replace(RELAYED, integer=(True, True, True)), 0).pieces[0][0].scale
        minus = str(-1 / F(scale))
        return {
            "piece": 0,
            "facets": [
                {"bound": "0", "multipliers": {"2": minus}},
                {"bound": "0", "multipliers": {"3": minus}},
            ],
        }

    return {
        "column": 0,
        "cases": [
            {
                "column": 2,
                "cases": [{"column": 1, "cases": [case(b, z, v) for v in range(-3, 4)]} for z in (0, 1)],
            }
            for b in (0, 1)
        ],
    }


# ------------------------------------------------------------------ refutations
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


# the program asks for v = z / 2 with z chosen; the meaning allows all of v in [0, 1]
HALVES = Statement(
    **columns(
        ("b", "input", 0, 2, True), ("v", "output", F(-1, 4), 2, False), ("z", "auxiliary", 0, 2, True)
    ),
    rows=(Line({1: F(2), 2: F(-1)}, F(0), F(0)), Line({0: F(1), 2: F(1)}, None, F(3))),
    entries=(
        ((Line({1: F(1)}, F(0), F(1)),), (Line({1: F(1)}, F(3), F(4)),), (Line({1: F(1)}, F(-1), F(-1, 2)),)),
    ),
)


def incomplete(v, tree, b="1"):
    return {
        "verdict": "refuted",
        "refutation": {"direction": "complete", "part": 0, "points": [{"0": b, "1": v}], "tree": tree},
    }


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


# ------------------------------------------------------------------ rounding
def test_delta_is_what_is_reached_and_at_most_a_billionth():
    """The program's limit is a last digit above the meaning's: .30000000000000004 for .3."""
    written = F("0.30000000000000004")
    close = Statement(
        **columns(("u", "input", 0, 1, False), ("v", "output", None, None, False)),
        rows=(Line({1: F(1), 0: F(-1)}, F(0), written),),
        entries=(((Line({1: F(1), 0: F(-1)}, F(0), F(3, 10)),),),),
    )
    scale = sound_question(close, 0).pieces[0][0].scale
    reached = (written - F(3, 10)) / scale
    unit, minus = str(1 / scale), str(-1 / scale)
    document = {
        "verdict": "proved",
        "delta": str(reached),
        "total": None,
        "parts": [
            {
                "sound": [
                    {
                        "piece": 0,
                        "facets": [
                            {"bound": str(reached), "multipliers": {"0": unit, "1": minus}},
                            {"bound": "0", "multipliers": {"0": minus, "2": minus}},
                        ],
                    }
                ],
                "complete": [{"values": {}, "lift": {}, "multipliers": {"0": {"0": "1"}, "1": {"0": "-1"}}}],
            }
        ],
    }
    assert holds(close, document) == (True, "")
    for stated in ("0", str(2 * reached)):
        assert "the delta it states" in holds(close, changed(document, ("delta",), stated)).reason
    wider = replace(close, rows=(Line({1: F(1), 0: F(-1)}, F(0), written + F(1, 10**12)),))
    assert not holds(wider, document).ok
    # the other way round it is the row that misses on the cell
    other = replace(close, rows=close.entries[0][0], entries=((close.rows,),))
    document = changed(document, (*SOUND, 0, "facets", 0, "bound"), str(-reached))
    size = parts(other)[0].scale({1: F(1), 0: F(-1)})
    missed = (written - F(3, 10)) / size
    document = changed(document, ("delta",), str(missed))
    document = changed(document, (*SOUND, 0, "facets", 0, "bound"), str(-reached * scale / size))
    scaled = [{"0": str(1 / size), "1": str(-1 / size)}, {"0": str(-1 / size), "2": str(-1 / size)}]
    for k in (0, 1):
        document = changed(document, (*SOUND, 0, "facets", k, "multipliers"), scaled[k])
    assert holds(other, document) == (True, "")
    assert "the delta it states" in holds(other, changed(document, ("delta",), "0")).reason


# ------------------------------------------------------------------ quadratic forms
def squared(low=0, high=4, **options):
    """t = uu with u in [-2, 2], and an output below it."""
    given = [
        ("u", "input", -2, 2, False),
        ("t", "input", low, high, False),
        ("v", "output", None, None, False),
    ]
    row = Line({2: F(1), 1: F(-1)}, F(0), F(0))
    statement = Statement(
        **columns(*given), rows=(row,), entries=(((row,),),), atoms=(Atom(1, ((0, 0, F(1)),)),)
    )
    return replace(statement, **options)


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        ({"low": 1}, "leave out values"),
        ({"high": 3}, "leave out values"),
        ({"low": None}, "leave out values"),
        ({"high": None}, "leave out values"),
        ({"lower": (None, F(0), None)}, "leave out values"),
        ({"kinds": ("output", "input", "output")}, "not one of inputs"),
        ({"kinds": ("input", "auxiliary", "output")}, "not one of inputs"),
        ({"integer": (False, True, False)}, "an atom is an integer"),
        ({"atoms": (Atom(1, ((1, 1, F(1)),)),)}, "stands for another atom"),
        ({"atoms": (Atom(3, ((0, 0, F(1)),)),)}, "an atom is of no column"),
        ({"atoms": (Atom(1, ((0, 3, F(1)),)),)}, "an atom is of no column"),
        ({"atoms": (Atom(1, ((-1, 0, F(1)),)),)}, "an atom is of no column"),
        ({"atoms": (Atom(-1, ((0, 0, F(1)),)),)}, "an atom is of no column"),
    ],
)
def test_an_atom_is_an_input_that_may_take_every_value_of_its_form(options, reason):
    content = {"verdict": "undecided"}
    assert "has no certificate" in holds(squared(), content).reason
    assert "has no certificate" in holds(squared(low=-1, high=5), content).reason
    assert reason in holds(squared(**options), content).reason


def test_a_refutation_gives_atoms_the_values_of_their_forms():
    """v may go up to t + 1."""
    row, meant = Line({2: F(1), 1: F(-1)}, F(0), F(1)), Line({2: F(1), 1: F(-1)}, F(0), F(0))
    beside = Line({2: F(1), 1: F(-1), 0: F(1)}, None, F(9))
    loose = squared(rows=(row, beside), entries=(((meant, beside),),))
    assert [part.names for part in parts(loose)] == [("u", "t", "v")]
    document = {
        "verdict": "refuted",
        "refutation": {
            "direction": "sound",
            "part": 0,
            "entry": 0,
            "points": [{"0": "1", "1": "1", "2": "2"}],
            "inputs": {"0": "1", "1": "1"},
        },
    }
    assert holds(loose, document) == (True, "")
    for path, value, reason in (
        (("inputs",), {"0": "1", "1": "2"}, "the parts differ about an input"),
        (("inputs",), {"0": "2", "1": "1"}, "the parts differ about an input"),
        (("inputs",), {"0": "-1", "1": "1"}, "the parts differ about an input"),
        (("inputs",), {"0": "3", "1": "1"}, "outside its box"),
        (("inputs",), {"0": "-3", "1": "1"}, "outside its box"),
        (("inputs",), {"1": "1"}, "cannot be read: KeyError"),
    ):
        wrong = holds(loose, changed(document, ("refutation", *path), value))
        assert not wrong.ok
        assert reason in wrong.reason
    false = changed(document, ("refutation", "inputs"), {"0": "1", "1": "2"})
    false = changed(false, ("refutation", "points"), [{"0": "1", "1": "2", "2": "3"}])
    assert "not what it stands for" in holds(loose, false).reason
    whole = replace(loose, integer=(True, False, False))
    half = changed(document, ("refutation", "inputs"), {"0": "1/2", "1": "1/4"})
    half = changed(half, ("refutation", "points"), [{"0": "1/2", "1": "1/4", "2": "1"}])
    assert holds(loose, half) == (True, "")
    assert not holds(whole, half).ok
    named = replace(loose, names=("u", "t", "u"))
    assert "share a name" in holds(named, document).reason


# ------------------------------------------------------------------ edges
def test_a_document_with_a_wrong_proof_and_a_right_digest_is_refused():
    document = {**COPIED, "numbers": NUMBERS, "statement": COPY.document(), "delta": "1"}
    assert "the delta it states" in recheck({**document, "digest": digest(document)}).reason


def test_a_check_that_is_stopped_says_nothing():
    with pytest.raises(TimeIsUp), stopped_when(lambda: True):
        holds(COPY, COPIED)


def test_an_atom_may_be_all_that_there_is():
    whole = squared()
    pair = replace(
        whole, **{name: getattr(whole, name)[:2] for name in ("names", "kinds", "lower", "upper", "integer")}
    )
    pair = replace(pair, rows=(), entries=())
    assert "has no certificate" in holds(pair, {"verdict": "undecided"}).reason


def test_inputs_of_forms_alone_stay_in_their_boxes_too():
    """u stands in no row, only in t = uu; w in nothing."""
    loose = squared(high=20, rows=(Line({2: F(1), 1: F(-1)}, F(0), F(1)),))
    loose = replace(loose, **columns(*zip_columns(loose), ("w", "input", None, None, False)))
    assert [part.names for part in parts(loose)] == [("t", "v")]

    def found(u, t, w="0", statement=loose):
        refutation = {
            "direction": "sound",
            "part": 0,
            "entry": 0,
            "points": [{"0": t, "1": str(F(t) + 1)}],
            "inputs": {"0": u, "1": t, "3": w},
        }
        return holds(statement, {"verdict": "refuted", "refutation": refutation})

    for u, w in (("2", "-100"), ("-2", "100"), ("1/2", "0")):
        assert found(u, str(F(u) ** 2), w) == (True, "")
    for u in ("3", "-3"):
        assert "outside its box" in found(u, "9").reason
    whole = replace(loose, integer=(True, False, False, False))
    assert found("1", "1", statement=whole) == (True, "")
    assert "outside its box" in found("1/2", "1/4", statement=whole).reason


def test_no_input_without_outputs_beside_quadratic_parts():
    unit = 1 / F(sound_question(parts(squared())[0], 0).pieces[0][0].scale)
    content = {**COPIED, "gap": {"part": 0, "entry": 0, "point": {}}}
    for facet, rows in enumerate(((("0", unit), ("1", -unit)), (("0", -unit), ("2", -unit)))):
        multipliers = {row: str(factor) for row, factor in rows}
        content = changed(content, (*SOUND, 0, "facets", facet, "multipliers"), multipliers)
    assert holds(squared(), content) == (True, "")
    assert "says nothing beside quadratic parts" in holds(squared(), {**content, "total": False}).reason


def ulps(k):
    return k * F(ulp(0.3))


def beside(program, meaning, sound, complete, delta, integer=True, **options):
    """v - u at most a number in the program, another in the meaning; b in {0, 1} may stand in both rows."""
    rows = [
        Line({1: F(1), 0: F(-1), 2: -b} if b else {1: F(1), 0: F(-1)}, None, limit)
        for b, limit in (program, meaning)
    ]
    statement = Statement(
        **columns(
            ("u", "input", 0, 1, False), ("v", "output", None, None, False), ("b", "input", 0, 1, integer)
        ),
        rows=(rows[0], Line({2: F(1), 1: F(1)}, None, F(99))),
        entries=(((rows[1], Line({2: F(1), 1: F(1)}, None, F(99))),),),
    )
    part = {"sound": [sound], "complete": [complete]}
    document = {"verdict": "proved", "delta": str(delta), "total": None, "parts": [part]}
    return holds(replace(statement, **options), document)


def inside(bound_):
    """The two facets of the meaning: rows 2 and 3; each follows from its row of the program."""
    leaves = [{"bound": str(bound_), "multipliers": {"0": "1", "2": "-1"}}]
    return {"piece": 0, "facets": [*leaves, {"bound": "0", "multipliers": {"1": "1", "3": "-1"}}]}


FROM_THE_CELL = {"values": {}, "lift": {}, "multipliers": {"0": {"0": "1"}, "1": {"1": "1"}}}
THREE = F(3, 10)


@pytest.mark.parametrize(("k", "fine"), [(0, True), (1, True), (4, True), (5, False)])
def test_rows_may_be_missed_by_what_both_are_rounded_by(k, fine):
    """Two units in the last place for the row of the program, and two for that of the meaning."""
    cases = {"column": 2, "cases": [FROM_THE_CELL] * 2}
    found = beside((0, THREE + ulps(k)), (0, THREE), inside(ulps(k)), cases, ulps(k))
    assert found.ok is fine
    assert fine or "inside the pieces" in found.reason
    found = beside((0, THREE), (0, THREE + ulps(k)), inside(-ulps(k)), cases, ulps(k))
    assert found.ok is fine
    assert fine or "a row fails on a cell" in found.reason


def test_the_worst_case_of_an_integer_counts():
    """With b on, the limit is one unit higher."""
    cases = {"column": 2, "cases": [FROM_THE_CELL] * 2}
    sound = {"column": 2, "cases": [inside(0), inside(ulps(1))]}
    assert beside((ulps(1), THREE), (0, THREE), sound, cases, ulps(1)) == (True, "")
    assert "the delta" in beside((ulps(1), THREE), (0, THREE), sound, cases, 0).reason
    sound = {"column": 2, "cases": [inside(0), inside(-ulps(1))]}
    assert beside((0, THREE), (ulps(1), THREE), sound, cases, ulps(1)) == (True, "")
    assert "the delta" in beside((0, THREE), (ulps(1), THREE), sound, cases, 0).reason
    # and so does that of a cut's halves
    cut = {
        "cut": {"0": "1", "1": "1"},
        "limit": "999",
        "inside": FROM_THE_CELL,
        "beyond": {"empty": {"0": "1", "2": "-1"}},
    }
    cases = {"column": 2, "cases": [cut] * 2}
    assert beside((0, THREE), (ulps(1), THREE), sound, cases, ulps(1)) == (True, "")
    cut = {**cut, "limit": "-999", "inside": {"empty": {"2": "1"}}, "beyond": FROM_THE_CELL}
    assert not beside((0, THREE), (ulps(1), THREE), sound, {"column": 2, "cases": [cut] * 2}, ulps(1)).ok


def test_an_integer_without_values_has_no_cases():
    none = {"column": 2, "cases": []}
    bounds = {"lower": (F(0), None, F(1, 3)), "upper": (F(1), None, F(2, 3))}
    assert beside((0, THREE), (0, F(9)), none, none, 0, **bounds) == (True, "")


@pytest.mark.parametrize(
    ("delta", "fine"), [(DELTA, True), (DELTA + F(1, 10**20), False), (100 * DELTA, False)]
)
def test_no_rounding_excuses_more_than_a_billionth(delta, fine):
    """Limits around 1e9 are rounded by 1e-7, an integer as large takes them back, and the row is of size one."""
    large = 10**9
    limit = F(1, 10) - large
    statement = Statement(
        **columns(("b", "input", large, large, True), ("v", "output", None, None, False)),
        rows=(Line({1: F(1), 0: F(-1)}, None, limit + delta),),
        entries=(((Line({1: F(1), 0: F(-1)}, None, limit),),),),
    )
    leaf = {"values": {}, "lift": {}, "multipliers": {"0": {"0": "1"}}}
    sound = {"piece": 0, "facets": [{"bound": str(delta), "multipliers": {"0": "1", "1": "-1"}}]}
    part = {"sound": [sound], "complete": [{"column": 0, "cases": [leaf]}]}
    found = holds(statement, {"verdict": "proved", "delta": str(delta), "total": None, "parts": [part]})
    assert found.ok is fine
    assert fine or "a delta beyond 1e-9" in found.reason


def test_an_input_at_a_rounded_end_has_outputs():
    """u may be one unit above what the meaning lets it be."""
    narrow = Line({0: F(1)}, None, THREE)
    statement = replace(
        COPY, upper=(THREE + ulps(1), None), rows=(EQUAL, narrow), entries=(((EQUAL, narrow),),)
    )
    size = parts(statement)[0].scale({0: F(1)})
    wide = parts(statement)[0].scale(EQUAL.terms)
    missed = ulps(1) / size
    sound = {
        "piece": 0,
        "facets": [
            {"bound": "0", "multipliers": {"0": str(1 / wide), "2": str(-1 / wide)}},
            {"bound": "0", "multipliers": {"0": str(-1 / wide), "3": str(-1 / wide)}},
            {"bound": "0", "multipliers": {"1": str(1 / size), "4": str(-1 / size)}},
        ],
    }
    leaf = {"values": {}, "lift": {}, "multipliers": {"0": {"0": "1"}, "1": {"0": "-1"}, "2": {"1": "1"}}}
    total = {"piece": 0, "facets": [{"bound": str(missed), "multipliers": {"0": str(-1 / size)}}]}
    document = {
        "verdict": "proved",
        "delta": str(missed),
        "total": True,
        "parts": [{"sound": [sound], "complete": [leaf], "total": [total]}],
    }
    assert holds(statement, document) == (True, "")
    assert "the delta" in holds(statement, {**document, "delta": "0"}).reason


def test_cuts_and_lifts_speak_of_inputs_and_outputs():
    """w is an auxiliary beside u and v: w + v <= 9."""
    statement = replace(
        COPY,
        **columns(*zip_columns(COPY), ("w", "auxiliary", 0, 1, False)),
        rows=(EQUAL, Line({2: F(1), 1: F(1)}, None, F(9))),
    )
    sound = {
        "piece": 0,
        "facets": [
            {"bound": "0", "multipliers": {"0": "1", "2": "-1"}},
            {"bound": "0", "multipliers": {"0": "-1", "3": "-1"}},
        ],
    }
    leaf = {
        "values": {},
        "lift": {"2": {"terms": {}, "constant": "0"}},
        "multipliers": {"0": {"0": "1"}, "1": {"0": "-1"}, "2": {"0": "1"}, "3": {}, "4": {}},
    }
    document = {
        "verdict": "proved",
        "delta": "0",
        "total": None,
        "parts": [{"sound": [sound], "complete": [leaf]}],
    }
    assert holds(statement, document) == (True, "")
    cut = {"cut": {"0": "1", "1": "1"}, "limit": "1/2", "inside": leaf, "beyond": leaf}
    assert holds(statement, changed(document, (*COMPLETE, 0), cut)) == (True, "")
    stranger = changed(document, (*COMPLETE, 0), {**cut, "cut": {"2": "1"}})
    assert "a cut speaks of more" in holds(statement, stranger).reason
    # w = 2 v - u is v, so between 0 and 1; it uses both points
    both = {"2": {"terms": {"0": "-1", "1": "2"}, "constant": "0"}}
    multipliers = {"0": {"0": "1"}, "1": {"0": "-1"}, "2": {"0": "3"}, "3": {"0": "2"}, "4": {"0": "-2"}}
    lifted = {**leaf, "lift": both, "multipliers": multipliers}
    assert holds(statement, changed(document, (*COMPLETE, 0), lifted)) == (True, "")


def upward(**options):
    """v at least u, w at least v + 1/10 - z, with z in {0, 1} chosen."""
    rows = (Line({1: F(1), 0: F(-1)}, F(0), None), Line({2: F(1), 1: F(-1), 3: F(1)}, F(1, 10), None))
    statement = Statement(
        **columns(
            ("u", "input", 0, 1, False),
            ("v", "output", None, None, False),
            ("w", "auxiliary", None, None, False),
            ("z", "auxiliary", 0, 1, True),
        ),
        rows=rows,
        entries=(((rows[0],),),),
    )
    return replace(statement, **options)


def test_vertices_may_be_completed_up_to_rounding_and_rays_keep_integers_still():
    sound = {"piece": 0, "facets": [{"bound": "0", "multipliers": {"0": "-1", "2": "-1"}}]}
    short = F(ulp(0.1))

    def found(missing, delta):
        points = [{"2": str(v + F(1, 10) - missing)} for v in (0, 1)]
        (first, second), _ = cell_generators(upward(), upward().entries[0][0], {})
        points = points if first[1] < second[1] else points[::-1]
        leaf = {"values": {"3": "0"}, "points": points, "rays": [{"2": "1"}]}
        part = {"sound": [sound], "complete": [leaf]}
        return holds(upward(), {"verdict": "proved", "delta": str(delta), "total": None, "parts": [part]})

    assert found(F(0), 0) == (True, "")
    assert found(short, short) == (True, "")
    assert found(2 * short, 2 * short) == (True, "")
    assert "the delta" in found(short, 0).reason
    assert "less than its rows ask for" in found(3 * short, 3 * short).reason


def test_a_ray_of_an_integer_output_is_refused():
    whole = Statement(
        **columns(("u", "input", 0, 0, False), ("v", "output", 0, 3, True)),
        rows=(Line({1: F(1), 0: F(-1)}, F(0), None),),
        entries=(((Line({1: F(1), 0: F(-1)}, F(0), None),),),),
    )
    leaf = {"values": {"1": "0"}, "points": [{}], "rays": [{}]}
    unit = str(-1 / F(sound_question(whole, 0).pieces[0][0].scale))
    sound = {"piece": 0, "facets": [{"bound": "0", "multipliers": {"0": unit, "1": unit}}]}
    part = {"sound": [sound], "complete": [leaf]}
    document = {"verdict": "proved", "delta": "0", "total": None, "parts": [part]}
    assert "a ray moves an integer" in holds(whole, document).reason


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
