"""What `proofolio prove` answers: proofs, refutations in words, names, files, saved proofs."""

import json
from fractions import Fraction

import pytest

import proofolio.verification.proofs.proving as proving

CLAIMS = """
from proofolio import product
from proofolio.formulations.products import product_meaning
from proofolio.verification.proofs.claim import Box, Claim

BOX = {"b": Box(2, 0, 1, integer=True), "u": Box(2, [-2, 1], [3, 4])}


def by_hand(M):
    def rows(model, b, u):
        w = model.variable("w", 2, -9, 9)
        model.add("low", w >= u - M * (1 - b))
        model.add("high", w <= u + M * (1 - b))
        model.add("off_low", w >= -M * b)
        model.add("off_high", w <= M * b)
        return w
    return rows


right = Claim(by_hand(5.0), BOX, ("v",), product_meaning(), "by hand", "big-m")


def short():
    return Claim(by_hand(2.75), BOX, ("v",), product_meaning(), "by hand, M short", "big-m")


def forgotten():
    return Claim(lambda model, b, u: model.variable("w", 2, -9, 9), BOX, ("v",), product_meaning(), "no rows")


def hull():
    return Claim(lambda model, b, u: product(model, "w", b, u, lowering="hull"), BOX, ("v",), product_meaning())


def several():
    return [right, short()]


def curved():
    return Claim(lambda model, b, u: model.quadratic([[1, 0], [0, 1]], u), BOX, ("v",), product_meaning(), "curved")


def breaks():
    return Claim(lambda model, b, u: 1 / 0, BOX, ("v",), product_meaning(), "broken")


def endless():
    return Claim(lambda model, b, u: model.bounds(model.variable("w", 2) + b) and None, BOX, ("v",), product_meaning())


def strict():
    return Claim(by_hand(5.0), BOX, ("v",), [lambda b, u, v: [v > u]], "strict")


def raises():
    raise OSError("no data today")


def nothing():
    return []


def number():
    return 3


def needs(n):
    return n
"""
KEYS = {"name", "lowering", "verdict", "delta", "witness", "sharp", "ideal", "certificates", "seconds"}


@pytest.fixture(autouse=True)
def here(tmp_path, monkeypatch):
    (tmp_path / "c.py").write_text(CLAIMS, encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def claims(result):
    return json.loads(result.stdout)["claims"]


def test_a_claim_is_proved_with_the_keys_that_are_promised(run):
    result = run("prove", "c.py:right", "--json")
    (claim,) = claims(result)
    assert result.exit_code == 0
    assert result.stderr == ""
    assert set(claim) >= KEYS
    assert (claim["name"], claim["lowering"], claim["verdict"]) == ("by hand", "big-m", "proved")
    assert (claim["delta"], claim["witness"], claim["sharp"]) == (0, None, None)
    assert claim["certificates"] > 4
    summary = json.loads(result.stdout)["summary"]
    assert (summary["proved"], summary["refuted"], summary["undecided"]) == (1, 0, 0)


def test_a_short_m_is_refuted_with_the_point_in_words(run):
    result = run("prove", "c.py:short")
    assert result.exit_code == 1
    assert "by hand, M short (big-m) from c.py:short cuts off a point that is meant:" in result.stdout
    assert "inputs   b[" in result.stdout
    assert "meaning  it allows v[" in result.stdout
    assert "is broken by " in result.stdout
    (claim,) = claims(run("prove", "c.py:short", "--json"))
    values = {name: Fraction(str(v)) for name, v in claim["witness"]["values"].items()}
    assert claim["witness"]["direction"] == "complete"
    assert all(values[f"v[{k}]"] == values[f"b[{k}]"] * values[f"u[{k}]"] for k in range(2))
    broken = [
        k
        for k in range(2)
        if abs(values[f"v[{k}]"]) > Fraction("2.75") * values[f"b[{k}]"]
        or abs(values[f"v[{k}]"] - values[f"u[{k}]"]) > Fraction("2.75") * (1 - values[f"b[{k}]"])
    ]
    assert broken


def test_forgotten_rows_are_refuted_with_what_they_allow(run):
    result = run("prove", "c.py:forgotten")
    assert result.exit_code == 1
    assert "allows a point that is not meant:" in result.stdout
    assert "rows     they allow v[0] = " in result.stdout
    assert "meaning  the nearest of 2 pieces wants" in result.stdout
    assert claims(run("prove", "c.py:forgotten", "--json"))[0]["witness"]["direction"] == "sound"


def test_strength_is_said_of_what_is_proved_where_it_is_asked_for(run):
    (claim,) = claims(run("prove", "c.py:hull", "--strength", "--json"))
    assert (claim["sharp"], claim["ideal"]) == (True, True)
    assert claim["name"]
    (weak,) = claims(run("prove", "c.py:right", "--strength", "--json"))
    assert weak["sharp"] is False
    assert weak["not_sharp_along"]
    assert weak["fractional_vertex"]
    assert " sharp  ideal " in run("prove", "c.py:hull", "--strength").stdout
    assert " sharp " not in run("prove", "c.py:hull").stdout


def test_several_claims_from_one_function_and_several_names(run):
    result = run("prove", "c.py:several", "c.py:hull", "--json")
    assert result.exit_code == 1
    assert [claim["verdict"] for claim in claims(result)] == ["proved", "refuted", "proved"]


def test_undecided_is_plain_news_and_bad_news_when_strict(run):
    result = run("prove", "c.py:curved")
    assert result.exit_code == 0
    assert "undecided  curved from c.py:curved: an output is quadratic" in result.stdout
    assert run("prove", "c.py:curved", "--strict").exit_code == 1
    (claim,) = claims(run("prove", "c.py:curved", "--json"))
    assert (claim["verdict"], claim["delta"], claim["sharp"], claim["certificates"]) == (
        "undecided",
        None,
        None,
        0,
    )


def test_names_of_the_catalogue(run, one_sentence):
    words = run("prove", "product-tiny/hull").stdout
    assert "product [tiny]" in words
    assert "1 proved." in words
    both = claims(run("prove", "product-of-binaries", "--json"))
    assert [(c["name"], c["lowering"]) for c in both] == [
        ("product of binaries", "hull"),
        ("product of binaries", "big-m"),
        ("product of binaries", "binary"),
    ]
    folded = run("prove", "product-tiny/hull", "product-signs/hull").stdout
    assert "product, 2 bounds" in folded
    assert "2 proved (of several bounds the worst is shown). All by proofs that ship" in folded
    listed = run("prove", "--list")
    assert "maximum-at-least " in listed.stdout
    assert "selected-cost " in listed.stdout
    assert listed.exit_code == 0
    shipped = claims(run("prove", "--list", "--json"))
    assert {"name": "maximum [signs]", "lowering": "hull"} in shipped


def test_saved_proofs_hold_and_a_changed_one_does_not(here, run):
    result = run("prove", "c.py:several", "--certificates", "proofs", "--json")
    assert [claim["file"] for claim in claims(result)] == [
        "proofs/by-hand--big-m.json",
        "proofs/by-hand-m-short--big-m.json",
    ]
    good = run("prove", "c.py:right", "--check", "proofs")
    assert good.exit_code == 0
    assert "1 of 1 proofs hold, checked without a solver." in good.stdout
    everything = run("prove", "--check", "proofs", "--json")
    assert everything.exit_code == 1  # one of them is a refutation, and it holds
    assert json.loads(everything.stdout)["summary"] == {"hold": 2, "fail": 0}
    assert claims(everything)[0]["about"] == "the rows in the file"
    file = here / "proofs" / "by-hand--big-m.json"
    (here / "proofs" / "by-hand-m-short--big-m.json").unlink()
    absent = run("prove", "c.py:short", "--check", "proofs")
    assert absent.exit_code == 2
    assert (
        "holds no proof of 'by hand, M short' (by-hand-m-short--big-m.json); it has by-hand--big-m"
        in absent.stderr
    )
    (here / "proofs" / "by-hand-m-short--big-m.json").write_text(file.read_text())
    other = run("prove", "c.py:short", "--check", "proofs")
    assert other.exit_code == 1
    assert "another statement" in other.stdout
    file.write_text(file.read_text().replace('"delta": "0"', '"delta": "1/7"'))
    result = run("prove", "c.py:right", "--check", "proofs", "--json")
    assert result.exit_code == 1
    assert claims(result)[0]["ok"] is False


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["maxi"], "no shipped claim is called 'maxi': there are product, "),
        (["product/simplex"], "product has no lowering 'simplex': it has hull, big-m"),
        ([""], "no shipped claim is called ''"),
        (["c.py"], "write c.py:NAME"),
        (["none.py:x"], "none.py does not exist: give a name that `proofolio prove --list` shows"),
        (["c.py:absent"], "its claims are right"),
        (["c.py:raises"], "c.py:raises raised OSError in line"),
        (["c.py:nothing"], "gives an empty list where a Claim is needed"),
        (["c.py:number"], "gives int where a Claim is needed"),
        (["c.py:needs"], "needs arguments (n)"),
        (["c.py:BOX"], "c.py:BOX is a dict, not a function that returns a Claim"),
        (["c.py:breaks"], "c.py:breaks raised ZeroDivisionError in line"),
        (["c.py:endless"], "c.py:endless: "),
        (["c.py:strict"], "c.py:strict"),
        (["c.py:right", "--check", "none"], "--check none is no folder"),
        (["nothing.py:a", "--check", "none"], "nothing.py does not exist"),
        (["c.py:nowhere", "--check", "none"], "c.py"),
        (["--check", "none"], "--check none is no folder"),
        (["c.py:right", "--check", "."], "--check . holds no proof of 'by hand'"),
        (["--check", "empty"], "--check empty holds no proof"),
        (["c.py:right", "--certificates", "c.py"], "c.py cannot be made"),
        (["c.py:right", "--certificates", "a", "--check", "b"], "give one of the two"),
        (["--no-such-option"], "--no-such-option"),
    ],
)
def test_bad_input_is_one_sentence_and_status_2(here, arguments, words, run, one_sentence):
    (here / "empty").mkdir()
    for extra in ([], ["--json"]):
        result = run("prove", *arguments, *extra)
        assert result.exit_code == 2, result.output
        assert result.stdout == ""
        assert words in one_sentence(result)


def test_ctrl_c_shows_what_is_known(run, monkeypatch):
    prove, done = proving.prove, []

    def pressed(claim, **options):
        if done:
            raise KeyboardInterrupt
        done.append(claim)
        return prove(claim, **options)

    monkeypatch.setattr(proving, "prove", pressed)
    result = run("prove", "c.py:several", "--json")
    assert result.exit_code == 130
    assert [claim["verdict"] for claim in claims(result)] == ["proved"]
    assert json.loads(result.stdout)["interrupted"] is True
    assert "interrupted: 1 of 2 claims" in result.stderr
