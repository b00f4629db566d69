"""The checker of proofs on proofs by hand: what holds, and the sentence for every way in which one does not."""

from dataclasses import replace

import pytest

from proofolio.verification.exact.certificate import NUMBERS, digest
from proofolio.verification.exact.in_time import TimeIsUp, stopped_when
from proofolio.verification.proofs.checker import holds, recheck
from proofolio.verification.proofs.lines import Line
from proofolio.verification.proofs.questions import sound_question
from proofolio.verification.proofs.statement import Statement
from tests.verification.proofs.proofs_by_hand import (
    COMPLETE,
    COPIED,
    COPY,
    EQUAL,
    SOUND,
    F,
    changed,
    columns,
    zip_columns,
)


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
    # v - b - s t >= 0 with v = b: t <= 0
    minus = str(-1 / F(sound_question(replace(RELAYED, integer=(True, True, True)), 0).pieces[0][0].scale))
    inside = {"piece": 0, "facets": [{"bound": "0", "multipliers": {row: minus}} for row in ("2", "3")]}

    def case(b, z, v):
        if b != z:
            return {"empty": {"0": "1" if z > b else "-1"}}
        return inside if v == z else {"empty": {"1": "1" if v > z else "-1"}}

    def cases(b):
        return [{"column": 1, "cases": [case(b, z, v) for v in range(-3, 4)]} for z in (0, 1)]

    return {"column": 0, "cases": [{"column": 2, "cases": cases(b)} for b in (0, 1)]}


def test_a_document_with_a_wrong_proof_and_a_right_digest_is_refused():
    document = {**COPIED, "numbers": NUMBERS, "statement": COPY.document(), "delta": "1"}
    assert "the delta it states" in recheck({**document, "digest": digest(document)}).reason


def test_a_check_that_is_stopped_says_nothing():
    with pytest.raises(TimeIsUp), stopped_when(lambda: True):
        holds(COPY, COPIED)


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
