"""The checker on statements with quadratic forms of the inputs."""

from dataclasses import replace

import pytest

from proofolio.verification.proofs.checker import holds
from proofolio.verification.proofs.lines import Atom, Line
from proofolio.verification.proofs.questions import sound_question
from proofolio.verification.proofs.statement import parts
from tests.verification.proofs.proofs_by_hand import COPIED, SOUND, F, changed, columns, squared, zip_columns


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
