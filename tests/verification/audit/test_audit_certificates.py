"""Certificates are saved, hold when read back without a solver, and notice every change."""

import copy
import json

import pytest

from proofolio import BadData, Model
from proofolio.verification.audit import checker
from proofolio.verification.audit.auditing import audit
from proofolio.verification.audit.certificates import FILE, check_certificates, save_certificates
from proofolio.verification.exact.certificate import digest


def every_verdict():
    """A model with a row of every verdict."""
    model = Model("all")
    x, z = model.variable("x", 6, lower=0, upper=7.5), model.variable("z", 6, binary=True)
    model.add("cap", x[2] + x[3] <= 4)
    model.add("must", x[3] + 10 * z[3] >= 12)
    model.add("tight", x[0] <= 7.5 * z[0])
    model.add("loose", x[1] + x[0] <= 99 * z[1])
    model.add("redundant", x[2] <= 5 + 10 * (1 - z[2]))
    model.add("forcing", x[3] <= 3 + 7 * (1 - z[3]))
    model.add("binding", x[4] <= 2.25 * z[4])
    model.add("invalid", 0.7 * x[5] - 0.3 * x[4] <= 1.1 * z[5])
    v, s = model.variable("v", 2, lower=0, upper=7.5), model.variable("s", 5, binary=True)
    model.add("dead", v[0] - x[4] <= 2 - 30 * s[0])
    model.add("half", 2 * s[1:4].sum() <= 3)
    model.add("sum", v[1] <= 3 * s[1:4].sum())
    model.add("branched", v[1] <= 3 * s[4])  # the relaxation allows 4.5
    return model.freeze()


@pytest.fixture(scope="module")
def saved(tmp_path_factory):
    folder = tmp_path_factory.mktemp("certificates")
    found = audit(every_verdict(), big_m="invalid")
    assert {row.verdict for row in found.rows} >= {
        "tight",
        "loose",
        "redundant",
        "forcing",
        "binding",
        "invalid",
        "dead",
    }
    assert {row.row: row.verdict for row in found.rows}["branched"] == "tight"
    save_certificates(found, folder)
    return folder, json.loads((folder / FILE).read_text())


def rewritten(tmp_path, document):
    (tmp_path / FILE).write_text(json.dumps(document))
    return tmp_path


def test_all_hold_when_read_back(saved):
    folder, document = saved
    checked = check_certificates(folder, every_verdict())
    assert len(checked) == len(document["certificates"])
    assert len(checked) == len(audit(every_verdict()).rows)
    assert any(isinstance(node, list) for entry in document["certificates"] for node in entry.get("tree", []))
    assert all(c.ok for c in checked), [c for c in checked if not c.ok]
    assert all(c.ok for c in check_certificates(folder))


def other(value):
    """The same field with another content of the same kind."""
    match value:
        case bool():
            return not value
        case int():
            return 1 - value
        case None:
            return "1/2"
        case "upper" | "lower":
            return "lower" if value == "upper" else "upper"
        case str() if value.lstrip("-").replace("/", "").isdigit():
            return value + "7" if value == "0" or value.startswith("-") else "-" + value
        case str():
            return value + "x"
        case _:
            raise TypeError(value)


def corruptions(entry):
    for key, value in entry.items():
        if isinstance(value, list):
            yield f"{key} empty", {**entry, key: []}
            yield f"{key} cut", {**entry, key: value[:-1]}
        elif isinstance(value, dict):
            for inner in value:
                changed = copy.deepcopy(entry)
                changed[key][inner] = other(value[inner])
                yield f"{key}.{inner}", changed
                changed = copy.deepcopy(entry)
                del changed[key][inner]
                yield f"{key} without {inner}", changed
        else:
            yield key, {**entry, key: other(value)}
        yield f"without {key}", {k: v for k, v in entry.items() if k != key}


def test_every_field_of_every_certificate_is_watched(saved, tmp_path):
    _, document = saved
    book = checker._Book(document["system"])
    seen = 0
    for entry in document["certificates"]:
        assert checker._checked(book, entry).ok
        for what, changed in corruptions(entry):
            assert not checker._checked(book, changed).ok, (entry["row"], what)
            seen += 1
            if what.startswith("digest") or what == "without digest":
                continue
            # with the digest forged as well, only a point that is cut off all the same may pass
            said = {k: v for k, v in changed.items() if k != "digest"}
            forged = {**said, "digest": digest(said)}
            if checker._checked(book, forged).ok:
                assert what.startswith(("point", "without point", "without reached")), (entry["row"], what)
    assert seen > 80


def test_a_point_with_huge_terms_lends_no_rounding(tmp_path):
    """A certificate's writer chooses its point: x = 1004 with u = v = 3e19 + 1 does not make M = 4 enough."""
    model = Model("cancelling")
    x, y = model.variable("x", lower=0, upper=1004), model.variable("y", binary=True)
    u, v = model.variable("u"), model.variable("v")
    model.add("big", x + 0.5 * u - 0.5 * v <= 4 * y)
    model.add("same", u - v == 0)
    program = model.freeze()
    save_certificates(audit(program), tmp_path)
    document = json.loads((tmp_path / FILE).read_text())
    (entry,) = document["certificates"]
    at = {name: j for j, name in enumerate(document["system"]["columns"])}
    large = 3 * 10**19 + 1
    point = {str(at[name]): str(value) for name, value in (("x", 1004), ("y", 1), ("u", large), ("v", large))}
    forged = {k: entry[k] for k in ("row", "side", "binary", "off_value", "big_m")} | {
        "verdict": "tight", "bound": "1004", "multipliers": {"1": "1/2"}, "point": point, "reached": "1004",
    }  # fmt: skip
    checked = checker._checked(checker._Book(document["system"]), forged | {"digest": digest(forged)})
    assert checked.reason == "its bound does not prove M"


def test_another_verdict_is_noticed(saved):
    _, document = saved
    book = checker._Book(document["system"])
    verdicts = (
        "tight", "loose", "valid", "redundant", "forcing", "dead", "binding", "invalid", "undecided",
    )  # fmt: skip
    for entry in document["certificates"]:
        for verdict in verdicts:
            said = {k: v for k, v in entry.items() if k != "digest"} | {"verdict": verdict}
            forged = {**said, "digest": digest(said)}
            assert checker._checked(book, forged).ok == (verdict == entry["verdict"])


def test_rows_and_digest_are_watched(saved, tmp_path):
    _, document = saved
    changes = [
        lambda d: d["system"]["rows"][0].update(high="5"),
        lambda d: d["system"]["rows"][2]["terms"][0].__setitem__(1, "2"),
        lambda d: d["system"]["rows"][2].update(name="other"),
        lambda d: d["system"]["columns"].__setitem__(0, "other"),
        lambda d: d["system"]["integer"].pop(),
        lambda d: d["system"]["upper"].__setitem__(0, "1"),
        lambda d: d["system"]["lower"].__setitem__(0, None),
        lambda d: d.update(digest="0" * 64),
        lambda d: d.update(numbers="binary"),
        lambda d: d.update(model="other"),
        lambda d: d["candidates"].pop(),
        lambda d: d["candidates"][0].update(certified=False),
        lambda d: d["candidates"][0].update(declared=True),
        lambda d: d.update(more=1),
        lambda d: d.pop("candidates"),
        lambda d: d.pop("system"),
        lambda d: d.pop("certificates"),
    ]
    for change in changes:
        broken = copy.deepcopy(document)
        change(broken)
        with pytest.raises(BadData):
            check_certificates(rewritten(tmp_path, broken))


def test_another_model_is_noticed(saved):
    folder, _ = saved
    model = Model("all")
    model.add("cap", model.variable("x", lower=0) <= 1)
    with pytest.raises(BadData, match="another model"):
        check_certificates(folder, model)


def test_missing_and_broken_files(tmp_path):
    with pytest.raises(BadData, match="cannot be read"):
        check_certificates(tmp_path / "nowhere")
    (tmp_path / FILE).write_text("{")
    with pytest.raises(BadData, match="not JSON"):
        check_certificates(tmp_path)
    (tmp_path / FILE).write_text("[]")
    with pytest.raises(BadData, match="no file of certificates"):
        check_certificates(tmp_path)


def test_points_of_curved_models_are_not_saved(tmp_path):
    model = Model()
    x, z = model.variable("x", 2, lower=0, upper=3), model.variable("z", binary=True)
    model.add("ball", model.quadratic([[1, 0], [0, 1]], x) <= 40)
    model.add("link", x[0] <= 2 * z)
    found = audit(model, big_m="*")
    assert found.rows[0].verdict == "invalid"
    save_certificates(found, tmp_path)
    assert check_certificates(tmp_path) == ()


def sealed(document):
    """The document with all digests computed anew, as somebody who forges one would."""
    found = {key: document[key] for key in ("model", "system", "candidates")}
    entries = [{k: v for k, v in entry.items() if k != "digest"} for entry in document["certificates"]]
    return document | {
        "digest": digest(found),
        "certificates": [entry | {"digest": digest(entry)} for entry in entries],
    }


def test_a_certificate_that_is_taken_out_is_missing(saved, tmp_path):
    _, document = saved
    for left in (document["certificates"][1:], []):
        lost = check_certificates(
            rewritten(tmp_path, sealed(document | {"certificates": left})), every_verdict()
        )
        wrong = [c for c in lost if not c.ok]
        assert len(lost) == len(document["certificates"])
        assert [c.reason for c in wrong] == ["it is missing"] * (len(document["certificates"]) - len(left))
    first = document["certificates"][0]
    twice = check_certificates(rewritten(tmp_path, sealed(document | {"certificates": [first] * 2})))
    assert [c.ok for c in twice[:2]] == [True, False]


def test_candidates_of_the_file_are_those_of_the_model(saved, tmp_path):
    """A file may not leave a candidate out, invent one, or say nothing is certified without that being counted."""
    _, document = saved
    sides = document["candidates"]
    for changed in (sides[1:], [*sides, sides[0]], [sides[0] | {"row": "other"}, *sides[1:]]):
        forged = sealed(document | {"candidates": changed})
        with pytest.raises(BadData, match="candidates of the model"):
            check_certificates(rewritten(tmp_path, forged), every_verdict())
    none = [side | {"certified": False} for side in sides]
    empty = sealed(document | {"candidates": none, "certificates": []})
    assert check_certificates(rewritten(tmp_path, empty), every_verdict()).uncertified == len(sides)


def test_what_was_declared_cannot_be_swapped(saved, tmp_path):
    folder, document = saved
    forged = copy.deepcopy(document)
    swap = {"invalid": "binding", "binding": "invalid"}
    for entry in forged["certificates"]:
        if entry["verdict"] in swap:
            entry.update(verdict=swap[entry["verdict"]], declared=not entry["declared"])
    wrong = [c for c in check_certificates(rewritten(tmp_path, sealed(forged))) if not c.ok]
    assert sorted(c.verdict for c in wrong) == ["binding", "invalid"]
    for side in forged["candidates"]:
        side["declared"] ^= side["row"] in ("binding", "invalid")
    forged = rewritten(tmp_path, sealed(forged))
    assert all(c.ok for c in check_certificates(folder, every_verdict(), big_m="invalid"))
    with pytest.raises(BadData, match="rows that are declared: the one of row"):
        check_certificates(forged, every_verdict(), big_m="invalid")


def test_what_a_formulation_declares_cannot_be_undone(tmp_path):
    model = Model()
    x, z = model.variable("x", lower=0, upper=3), model.variable("z", binary=True)
    model.add("link", x <= 2 * z, model.switch("fixed charge", z, 0, 2.0, "given", ()))
    program = model.freeze()
    save_certificates(audit(program), tmp_path)
    document = json.loads((tmp_path / FILE).read_text())
    (entry,) = document["certificates"]
    assert entry["verdict"] == "invalid"
    entry.update(verdict="binding", declared=False)
    document["candidates"][0]["declared"] = False
    with pytest.raises(BadData, match="rows that are declared"):
        check_certificates(rewritten(tmp_path, sealed(document)), program)
