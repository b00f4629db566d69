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


def column_before_the_first(document):
    document["certificate"]["point"]["-1"] = "7"


def column_behind_the_last(document):
    document["certificate"]["point"]["99"] = "7"


def cut_of(row):
    def change(document):
        leaf = {"kind": "leaf", "multipliers": {}, "empty": False}
        document["certificate"]["cuts"] = [{"kind": "cut", "row": row, "side": "1", "nodes": [leaf]}]

    return change


@pytest.mark.parametrize(
    "change",
    [
        better_bound, other_point, half_a_unit, no_tree, no_multipliers, column_before_the_first,
        column_behind_the_last, cut_of({}), cut_of({"0": "0"}), cut_of({"99": "1"}), cut_of({"-1": "1"}),
    ],
)  # fmt: skip
def test_a_forged_certificate_does_not_hold_though_its_digest_does(tmp_path, change):
    file = save_certificate(solve(knapsack(), confirm="certificate"), tmp_path / "answer.json")
    assert not check_certificate(forged(file, change), knapsack()).ok


def test_a_ray_that_a_row_stops_does_not_hold(tmp_path):
    file = save_certificate(solve(unlimited(), confirm="certificate"), tmp_path / "answer.json")
    forged(file, lambda d: d["certificate"].update(ray={"1": "1"}))
    assert not check_certificate(file, unlimited()).ok


def test_a_bound_that_is_far_from_the_point_is_no_optimum(tmp_path):
    def loosened(document):
        document["certificate"].update(point={}, value="0", bound="-1000000")

    file = save_certificate(solve(knapsack(), confirm="certificate"), tmp_path / "answer.json")
    found = check_certificate(forged(file, loosened), knapsack())
    assert (found.holds, found.ok, found.objective, found.bound) == (True, False, 0, 1_000_000)
    wide = solve(knapsack(), gap=0.5, confirm="certificate")
    assert check_certificate(save_certificate(wide, file), knapsack(), gap=0.5).ok


@pytest.mark.parametrize("build", [unlimited, nothing])
@pytest.mark.parametrize("number", ["value", "bound"])
def test_numbers_that_nothing_proves_are_not_passed_on(tmp_path, build, number):
    file = save_certificate(solve(build(), confirm="certificate"), tmp_path / "answer.json")
    assert check_certificate(file, build()).ok
    forged(file, lambda d: d["certificate"].update({number: "123"}))
    assert not check_certificate(file, build()).ok


def test_nodes_that_are_none_are_told_in_a_sentence(tmp_path):
    def confused(document):
        document["certificate"]["nodes"] = [{"kind": "tangent", "row": None, "point": {}}]

    file = save_certificate(solve(knapsack(), confirm="certificate"), tmp_path / "answer.json")
    with pytest.raises(BadData, match="is no certificate"):
        check_certificate(forged(file, confused), knapsack())


@pytest.mark.parametrize("more", ["set", "indicator", "cone"])
def test_a_certificate_says_nothing_of_a_model_with_more_than_rows(tmp_path, more):
    def sum_of(extra):
        model = Model()
        x, b = model.variable("x", 2, lower=0, upper=1), model.variable("b", binary=True)
        model.add("room", x.sum() + b <= 5)
        if extra == "set":
            model.sos1("set", x)
        if extra == "indicator":
            model.indicator("implied", b, x.sum() <= 1)
        if extra == "cone":
            model.cone("cone", x, b)
        model.maximise(x.sum() + b)
        return model

    file = save_certificate(solve(sum_of(None), confirm="certificate"), tmp_path / "answer.json")
    with pytest.raises(BadData, match="cannot speak of this model: certificates do not know"):
        check_certificate(file, sum_of(more))


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


def test_a_vipr_file_is_for_others(tmp_path):
    file = save_certificate(solve(knapsack(), confirm="certificate"), tmp_path / "answer.vipr")
    assert file.read_text().startswith("VER 1.0")
    with pytest.raises(BadData, match="for checkers of the VIPR format"):
        check_certificate(file)
