"""Certificates of optima in files: what holds, what was changed, and whose model it is."""

from __future__ import annotations

import json
from fractions import Fraction

import numpy as np
import pytest

from proofolio import BadData, Model, check_certificate, save_certificate, solve
from proofolio.solvers.highs.session import Session
from proofolio.verification.exact.certificate import digest


def knapsack(most=7.5):
    model = Model()
    x = model.variable("x", 4, binary=True)
    model.add("room", np.array([3, 4, 2, 5]) @ x <= most)
    model.maximise(np.array([4.1, 5.2, 2.5, 6.3]) @ x)
    return model


def curved():
    model = Model()
    x = model.variable("x", 2, lower=-5, upper=5, integer=True)
    model.minimise(model.quadratic(np.array([[2.0, 1.0], [1.0, 3.0]]), x) - 3.3 * x.sum())
    return model


def unlimited():
    model = Model()
    x, k = model.variable("x", lower=0), model.variable("k", lower=0, integer=True)
    model.add("together", 3 * k - 2 * x <= 1)
    model.maximise(k)
    return model


def nothing():
    model = Model()
    x = model.variable("x", 2, lower=0, upper=3, integer=True)
    model.add("odd", 2 * x.sum() == 3)
    return model


@pytest.mark.parametrize(
    ("build", "says", "objective"),
    [
        (knapsack, "optimal", Fraction("9.3")),
        (curved, "optimal", None),
        (unlimited, "unbounded", None),
        (nothing, "infeasible", None),
    ],
)
def test_what_is_saved_is_checked_again_without_a_solver(tmp_path, monkeypatch, build, says, objective):
    answer = solve(build(), confirm="certificate")
    file = save_certificate(answer, tmp_path / "answer.json")
    assert [p.name for p in tmp_path.iterdir()] == ["answer.json"]
    monkeypatch.setattr(Session, "__init__", lambda *_, **__: pytest.fail("a solver was asked"))
    found = check_certificate(file, build())
    assert (found.ok, found.says) == (True, says)
    if objective is not None:
        assert found.objective == found.bound == objective
        worth = {f"x[{j}]": Fraction(c) for j, c in enumerate(("4.1", "5.2", "2.5", "6.3"))}
        assert sum(worth[name] * v for name, v in found.values.items()) == objective
    elif says == "optimal":
        least = min(
            a * a * 2 + 2 * a * b + 3 * b * b - 3.3 * (a + b) for a in range(-5, 6) for b in range(-5, 6)
        )
        assert float(found.bound) == pytest.approx(least)


def forged(file, change):
    document = json.loads(file.read_text())
    change(document)
    document["digest"] = digest(document)
    file.write_text(json.dumps(document))
    return file


def better_bound(document):
    certificate = document["certificate"]
    certificate["bound"] = certificate["value"] = str(Fraction(certificate["value"]) - 1)


def other_point(document):
    document["certificate"]["point"] = {"0": "1", "1": "1", "2": "1", "3": "1"}


def half_a_unit(document):
    document["certificate"]["point"]["3"] = "1/2"


def no_tree(document):
    document["certificate"]["nodes"] = []


def no_multipliers(document):
    for node in document["certificate"]["nodes"]:
        if node["kind"] == "leaf":
            node["multipliers"] = {}


def loose_bound(document):
    certificate = document["certificate"]
    certificate["point"], certificate["value"], certificate["bound"] = {}, "0", "-1000000"


def no_gap(document):
    document["certificate"]["gap"] = None


@pytest.mark.parametrize(
    "change", [better_bound, other_point, half_a_unit, no_tree, no_multipliers, loose_bound, no_gap]
)
def test_a_forged_certificate_does_not_hold_though_its_digest_does(tmp_path, change):
    file = save_certificate(solve(knapsack(), confirm="certificate"), tmp_path / "answer.json")
    assert not check_certificate(forged(file, change), knapsack()).ok


def test_an_optimum_is_one_within_the_gap_that_is_asked_for_and_the_gap_is_said(tmp_path):
    answer = solve(knapsack(), confirm="certificate", gap=0.5)
    found = check_certificate(save_certificate(answer, tmp_path / "answer.json"), knapsack())
    assert found.ok
    assert found.gap == (found.bound - found.objective) / found.objective
    assert found.objective <= Fraction("9.3") <= found.bound <= Fraction("1.5") * found.objective
    # the point of nothing, worth 0, is far below every bound, whatever part of 0 is allowed
    forged(tmp_path / "answer.json", lambda d: d["certificate"].update(point={}, value="0"))
    assert not check_certificate(tmp_path / "answer.json", knapsack()).ok


def test_a_value_beside_a_ray_is_that_of_its_point(tmp_path):
    file = save_certificate(solve(unlimited(), confirm="certificate"), tmp_path / "answer.json")
    assert check_certificate(file, unlimited()).ok
    forged(file, lambda d: d["certificate"].update(value="-1000"))
    assert not check_certificate(file, unlimited()).ok


def test_a_ray_that_a_row_stops_does_not_hold(tmp_path):
    file = save_certificate(solve(unlimited(), confirm="certificate"), tmp_path / "answer.json")
    forged(file, lambda d: d["certificate"].update(ray={"1": "1"}))
    assert not check_certificate(file, unlimited()).ok


def test_another_model_a_changed_file_and_no_certificate_are_told_in_a_sentence(tmp_path):
    answer = solve(knapsack(), confirm="certificate")
    file = save_certificate(answer, tmp_path / "answer.json")
    with pytest.raises(BadData, match="speaks of another model than this one: their numbers differ"):
        check_certificate(file, knapsack(8.5))
    with pytest.raises(BadData, match="their columns differ"):
        check_certificate(file, curved())
    file.write_text(file.read_text().replace('"9.3', '"9.4').replace('"-93/10"', '"-94/10"'))
    with pytest.raises(BadData, match="has been changed since it was saved"):
        check_certificate(file, knapsack())
    file.write_text("{}")
    with pytest.raises(BadData, match="is no certificate"):
        check_certificate(file)
    with pytest.raises(BadData, match="cannot be read"):
        check_certificate(tmp_path / "none.json")
    with pytest.raises(BadData, match="there is no certificate to write: the answer is solver-optimal"):
        save_certificate(solve(knapsack(), confirm="none"), file)
    with pytest.raises(BadData, match="cannot be written"):
        save_certificate(answer, tmp_path / "missing" / "answer.json")


def into(*path, **entries):
    """A change that puts entries into what stands at a place in a document."""

    def change(document):
        for step in path:
            document = document[step]
        document.update(entries)

    return change


LEAF = {"kind": "leaf", "multipliers": {}, "empty": False}
HALVES = {"at": 0, "below": 1, "above": 2}


def cut(**row):
    return into("certificate", cuts=[{"kind": "cut", "row": row, "side": "1", "nodes": [LEAF]}])


def nodes(*some):
    return into("certificate", nodes=list(some))


@pytest.mark.parametrize(
    "change",
    [
        into("certificate", "point", **{"-1": "7"}),
        into("certificate", "point", **{"4": "7"}),
        into("certificate", ray={"-1": "1"}),
        into("certificate", ray={"4": "1"}),
        into("certificate", tangents=[{"kind": "tangent", "row": None, "point": {"-1": "1"}}]),
        cut(**{"4": "1"}),
        cut(**{"-1": "1"}),
        nodes({"kind": "branch", "column": -1, **HALVES}, LEAF, LEAF),
        nodes({"kind": "split", "row": {"4": "1"}, **HALVES}, LEAF, LEAF),
        into("program", linear={"-1": "1"}),
        into("program", matrix=[[4, 4, "1"]]),
        into("program", integer=[-1]),
        into("program", rows=[{"terms": {"4": "1"}, "low": None, "high": "1"}]),
        into("program", upper=["1"]),
        into(columns=["a"]),
    ],
)
def test_a_document_speaks_of_its_own_columns_only(tmp_path, change):
    file = save_certificate(solve(knapsack(), confirm="certificate"), tmp_path / "answer.json")
    with pytest.raises(BadData, match="is no certificate: it"):
        check_certificate(forged(file, change))


@pytest.mark.parametrize(
    "change",
    [
        cut(),
        cut(**{"0": "0"}),
        nodes({"kind": "tangent", "row": None, "point": {}}),
        nodes({"kind": "cut", "row": {"0": "1"}, "side": "1", "nodes": []}),
        nodes({"kind": "split", "row": {"0": "3/2"}, **HALVES}, LEAF, LEAF),
        nodes({"kind": "leaf", "multipliers": None, "empty": False}),
        nodes({"kind": "leaf", "multipliers": {"0": "1/0"}, "empty": False}),
        nodes({"kind": "leaf", "multipliers": {}, "empty": "no"}),
        nodes([]),
        into("certificate", value="nan"),
        into("certificate", value="1e999999999"),
        into("certificate", bound=0.5),
        into("certificate", point=["1"]),
        into(maximise="no"),
        into(says="infeasible"),
        into(columns=[1, 2, 3, 4]),
        into(program=None),
        lambda document: document["certificate"].pop("gap"),
    ],
)
def test_what_is_no_certificate_is_told_in_a_sentence(tmp_path, change):
    file = save_certificate(solve(knapsack(), confirm="certificate"), tmp_path / "answer.json")
    with pytest.raises(BadData, match="is no certificate: "):
        check_certificate(forged(file, change), knapsack())


@pytest.mark.parametrize("text", ["[]", "7", "null", '"text"', "[" * 100_000, "\x00"])
def test_a_file_of_something_else_is_told_in_a_sentence(tmp_path, text):
    (tmp_path / "answer.json").write_text(text)
    with pytest.raises(BadData, match="is no certificate: "):
        check_certificate(tmp_path / "answer.json")


def test_multipliers_of_rows_that_are_not_there_prove_nothing(tmp_path):
    answer = solve(knapsack(), confirm="certificate")
    for row in ("-1", "99"):
        file = save_certificate(answer, tmp_path / "answer.json")
        change = nodes({"kind": "leaf", "multipliers": {row: "1"}, "empty": True})
        assert not check_certificate(forged(file, change), knapsack()).ok


def test_tangents_of_an_objective_that_is_not_curved_prove_nothing(tmp_path):
    file = save_certificate(solve(knapsack(), confirm="certificate"), tmp_path / "answer.json")
    tangents = [{"kind": "tangent", "row": None, "point": {}}]
    leaf = {"kind": "leaf", "multipliers": {"1": "1"}, "empty": False}
    forged(file, into("certificate", tangents=tangents, nodes=[leaf]))
    assert not check_certificate(file, knapsack()).ok


def two(*more):
    """Two columns in [0, 1], at most 5 together, and more that a certificate cannot speak of."""
    text = "Maximize\n obj: x + y\nSubject To\n c: x + y <= 5\n{}Bounds\n x <= 1\n y <= 1\n{}End\n"
    return text.format(*more)


@pytest.mark.parametrize(
    ("more", "missing"),
    [
        (("", "SOS\n s: S1:: x:1 y:2\n"), "special ordered sets"),
        ((" i: b = 1 -> x <= 0\n", "Binary\n b\n"), "indicators"),
    ],
)
def test_a_certificate_is_none_of_a_model_with_more_than_it_speaks_of(tmp_path, more, missing):
    (tmp_path / "with.lp").write_text(two(*more))
    less = two(" i: b <= 1\n" if "i:" in more[0] else "", more[1] if "Binary" in more[1] else "")
    (tmp_path / "without.lp").write_text(less)
    file = save_certificate(solve(tmp_path / "without.lp", confirm="certificate"), tmp_path / "answer.json")
    assert check_certificate(file, tmp_path / "without.lp").ok
    with pytest.raises(BadData, match=f"speaks of another model than this one: this one has .*{missing}"):
        check_certificate(file, tmp_path / "with.lp")


def test_a_certificate_is_none_of_a_model_with_a_cone(tmp_path):
    def square(*, rounded):
        model = Model()
        x = model.variable("x", 2, lower=0, upper=1)
        if rounded:
            model.cone("round", x, 1.0)
        model.maximise(x.sum())
        return model

    answer = solve(square(rounded=False), confirm="certificate")
    file = save_certificate(answer, tmp_path / "answer.json")
    assert check_certificate(file, square(rounded=False)).objective == 2
    with pytest.raises(BadData, match="this one has cones"):
        check_certificate(file, square(rounded=True))


def test_a_vipr_file_is_for_others(tmp_path):
    file = save_certificate(solve(knapsack(), confirm="certificate"), tmp_path / "answer.vipr")
    assert file.read_text().startswith("VER 1.0")
    with pytest.raises(BadData, match="for checkers of the VIPR format"):
        check_certificate(file)
