"""Certificates are saved, reloaded and checked again without a solver; no corruption goes unnoticed."""

import copy
import dataclasses
import subprocess
import sys
from fractions import Fraction
from functools import cache

import numpy as np
import pytest

from proofolio import BadData, maximum, product
from proofolio.formulations.extrema import maximum_meaning
from proofolio.formulations.products import product_meaning
from proofolio.verification.exact.certificate import System, bound, digest, is_basic, written
from proofolio.verification.proofs.checker import recheck
from proofolio.verification.proofs.claim import Box, Claim
from proofolio.verification.proofs.proof import Certificates
from proofolio.verification.proofs.proving import prove
from proofolio.verification.proofs.questions import sound_question
from proofolio.verification.proofs.reading import state
from proofolio.verification.proofs.statement import parts


def claims():
    u = Box((2, 1), [[-1.5], [-0.25]], [[0.75], [2]])
    pair = {"b": Box(2, 0, 1, integer=True), "u": Box(2, [-1, 0.5], [2, 0.5])}
    return {
        "product": Claim(lambda m, b, u: product(m, "w", b, u), pair, ("v",), product_meaning()),
        "maximum": Claim(lambda m, u: maximum(m, "w", u), {"u": u}, ("v",), maximum_meaning(2)),
        "hull": Claim(lambda m, u: maximum(m, "w", u, lowering="hull"), {"u": u}, ("v",), maximum_meaning(2)),
        "short M": Claim(lambda m, u: maximum(m, "w", u, big_m=2), {"u": u}, ("v",), maximum_meaning(2)),
        "one-sided": Claim(
            lambda m, u: maximum(m, "w", u, side="at_least"), {"u": u}, ("v",), maximum_meaning(2)
        ),
        "a gap": Claim(
            lambda m, u: (m.add("r", u >= 0.5), u)[1],
            {"u": Box(1, 0, 1)},
            ("v",),
            [lambda u, v: [v == u, u >= 0.5]],
        ),
        "a square": limited_square(1.5, 1.5),
        "a wrong square": limited_square(1.5, 1.25),
        "rounded": rounded_sum(),
    }


def limited_square(written, meant):
    def square(u):
        return u.owner.quadratic(np.array([[1.0]]), u.reshape((1,)))

    return Claim(
        lambda m, u: m.add("r", square(u) <= written),
        {"u": Box((), -2, 2)},
        (),
        [lambda u: [square(u) <= meant]],
        elementwise=False,
    )


def rounded_sum():
    """Two rows whose limits add up to what is meant only up to the last digit of 0.1 + 0.2."""

    def rows(m, u):
        v, w = m.variable("v", lower=-9, upper=9), m.variable("w", lower=-9, upper=9)
        m.add("a", w == u + 0.1)
        m.add("b", v <= w + 0.2)
        m.add("c", v >= u)
        return v

    return Claim(
        rows, {"u": Box((), 0, 1)}, ("v",), [lambda u, v: [v <= u + (0.1 + 0.2), v >= u]], elementwise=False
    )


@cache
def proved(name):
    return prove(claims()[name])


@pytest.mark.parametrize("name", claims())
def test_saved_and_loaded_certificates_hold(name, tmp_path):
    proof = proved(name)
    path = tmp_path / "certificate.json"
    proof.certificates.save(path)
    loaded = Certificates.load(path)
    assert loaded.document == proof.certificates.document
    assert loaded.check().ok
    assert loaded.check(claims()[name]).ok
    other = "maximum" if name != "maximum" else "product"
    assert "another statement" in loaded.check(claims()[other]).reason


def test_the_verdicts_are_the_expected_ones():
    found = {name: (proved(name).verdict, proved(name).total) for name in claims()}
    assert found == {
        "product": ("proved", True),
        "maximum": ("proved", True),
        "hull": ("proved", True),
        "short M": ("refuted", None),
        "one-sided": ("refuted", None),
        "a gap": ("proved", False),
        "a square": ("proved", None),
        "a wrong square": ("refuted", None),
        "rounded": ("proved", True),
    }
    assert proved("rounded").delta > 0


def leaves(value, path=()):
    """Every place in a document, inner nodes included."""
    yield path, value
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from leaves(inner, (*path, key))
    elif isinstance(value, list):
        for key, inner in enumerate(value):
            yield from leaves(inner, (*path, key))


def corrupted(value):
    """Other values for one place."""
    if isinstance(value, bool):
        return [not value]
    if value is None:
        return ["1", True]
    if isinstance(value, int):
        return [value + 1, -1]
    if isinstance(value, str):
        try:
            number = Fraction(value)
        except ValueError:
            return [value + "x", ""]
        return [str(number + 1), str(-2 * number - Fraction(1, 3))]
    if isinstance(value, list):
        return [value[:-1]] if value else [[None]]
    return [dict(list(value.items())[:-1])] if value else [{"0": "1"}]


def changed(document, path, value):
    other = copy.deepcopy(document)
    inner = other
    for key in path[:-1]:
        inner = inner[key]
    inner[path[-1]] = value
    return other


@pytest.mark.parametrize("name", claims())
def test_every_corruption_breaks_the_digest(name):
    document = dict(proved(name).certificates.document)
    for path, value in leaves(document):
        for wrong in corrupted(value) if path else []:
            assert not recheck(changed(document, path, wrong)).ok, (path, wrong)


PROOFS = ("empty", "multipliers", "lift", "cut", "limit", "points", "tree", "point")
# numbers of a proof that may be others and still prove: another multiplier, another point


@pytest.mark.parametrize("name", claims())
def test_a_corruption_with_a_fresh_digest_proves_the_same_claim_or_nothing(name):
    # what still passes is a proof of the same statement with the same verdict: only its multipliers differ
    statement = state(claims()[name]).statement
    document = dict(proved(name).certificates.document)
    caught = passed = 0
    for path, value in leaves(document):
        if not path or path[0] in ("digest", "numbers"):
            continue
        for wrong in corrupted(value):
            other = changed(document, path, wrong)
            other["digest"] = digest(other)
            if recheck(other, statement).ok:
                assert any(key in PROOFS for key in path), (path, value, wrong)
                assert other["verdict"] == document["verdict"]
                passed += 1
            else:
                caught += 1
    assert caught > 5 * passed


def test_missing_cases_are_noticed():
    claim = claims()["maximum"]
    document = proved("maximum").certificates.document

    def trees(value, path=()):
        return [
            (p, v) for p, v in leaves(value, path) if isinstance(v, dict) and ("cases" in v or "facets" in v)
        ]

    found = trees(document)
    assert found
    for path, tree in found:
        key = "cases" if "cases" in tree else "facets"
        for k in range(len(tree[key])):
            other = changed(document, (*path, key), tree[key][:k] + tree[key][k + 1 :])
            other["digest"] = digest(other)
            assert "missing" in Certificates(other).check(claim).reason


def test_a_proof_of_one_verdict_is_no_proof_of_the_other():
    document = dict(proved("short M").certificates.document)
    for verdict in ("proved", "undecided"):
        other = document | {"verdict": verdict}
        other["digest"] = digest(other)
        assert not recheck(other).ok


def test_files_that_are_no_certificates_are_refused(tmp_path):
    path = tmp_path / "c.json"
    path.write_text("[]")
    with pytest.raises(BadData, match="one JSON object"):
        Certificates.load(path)
    path.write_text("{")
    with pytest.raises(BadData, match="cannot be read"):
        Certificates.load(path)
    assert not recheck({}).ok


def test_the_checker_imports_no_solver():
    code = (
        "import sys, types, pathlib\n"
        "import proofolio\n"
        "root = pathlib.Path(proofolio.__file__).parent / 'verification'\n"
        "package = types.ModuleType('proofolio.verification'); package.__path__ = [str(root)]\n"
        "sys.modules['proofolio.verification'] = package\n"
        "before = set(sys.modules)\n"
        "import proofolio.verification.proofs.checker\n"
        "new = set(sys.modules) - before\n"
        "assert not any(m.split('.')[0] in ('highspy', 'numpy', 'scipy', 'pyscipopt') for m in new), new\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_numbers_are_read_as_written():
    claim = Claim(lambda m, u: u, {"u": Box(1, 0.1, 0.3)}, ("v",), [lambda u, v: [v == u, u <= 0.3]])
    proof = prove(claim)
    assert proof.verdict == "proved"
    assert proof.delta == 0
    assert proof.certificates.document["statement"]["columns"][0]["lower"] == "1/10"
    assert np.all(
        [isinstance(row["terms"], dict) for row in proof.certificates.document["statement"]["rows"]]
    )


def said_twice(above):
    """The output is at most u and a bit: two equal rows with a number that is rounded stand between."""

    def rows(model, u):
        v, w = model.variable("v", lower=-9, upper=9), model.variable("w", lower=-9, upper=9)
        model.add("a", w == u + 0.1)
        model.add("b", w == u + 0.1)
        model.add("c", v <= w + (above - 0.1))
        model.add("l", v >= u - 1)
        return v

    return Claim(rows, {"u": Box((), 0, 1)}, ("v",), [lambda u, v: [v <= u, v >= u - 1]], elementwise=False)


def test_multiples_of_equal_rows_that_cancel_lend_no_room(monkeypatch):
    """What 1e8 times one row less 1e8 times its twin would lend hides a breach of 5e-10."""
    wrong = said_twice(5e-10)
    assert prove(wrong).verdict == "refuted"
    honest = prove(said_twice(0.0))
    assert honest.verdict == "proved"
    assert honest.certificates.check(said_twice(0.0)).ok
    statement = state(wrong).statement
    (part,) = parts(statement)
    question = sound_question(part, 0)
    unit = 1 / question.pieces[0][0].scale  # the breached facet: v - scale t >= u
    document = copy.deepcopy(dict(honest.certificates.document))
    document["statement"] = statement.document()
    big = 10**8 * unit
    forged = {0: unit + big, 1: -big, 2: unit, 4: -unit}
    here = dataclasses.replace(question.system, freed=question.freed({}, {0: 0}))
    goal = {question.t: Fraction(1)}
    reached = bound(here, goal, forged)
    assert 0 < reached < Fraction(1, 10**9)
    assert is_basic(here, goal, {0: unit, 2: unit, 4: -unit})
    assert not is_basic(here, goal, forged)
    rooms = [*question.rooms, *(f.room for f in question.pieces[0])]
    assert reached <= sum(abs(y) * rooms[i] for i, y in forged.items())
    tree = document["parts"][0]["sound"][0]["facets"]
    tree[0] = {"bound": str(reached), "multipliers": written(forged)}
    tree[1] = {"bound": "0", "multipliers": written({3: -unit, 5: -unit})}
    document["delta"] = str(reached)
    document["digest"] = digest(document)
    assert "inside the pieces" in Certificates(document).check(wrong).reason
    monkeypatch.setattr("proofolio.verification.proofs.statement.is_basic", lambda *_: True)
    assert Certificates(document).check(wrong).ok  # nothing else stands in its way


@pytest.mark.parametrize("fixed", [{}, {1: Fraction(1)}])
def test_the_only_multipliers_on_their_rows_and_bounds_are_basic(fixed):
    one = Fraction(1)
    rows = ({0: one, 1: one}, {1: one}, {0: one}, {0: 2 * one, 1: one})
    system = System(
        rows, (None,) * 4, (3 * one, one, 2 * one, 5 * one), (None,) * 2, (2 * one, one), fixed=fixed
    )
    goal = {0: one}
    assert is_basic(system, goal, {})
    assert is_basic(system, goal, {0: one})  # with the bound of column 1
    assert is_basic(
        system, goal, {0: one, 1: -one}
    )  # a row in place of that bound, whether it is fixed or not
    assert is_basic(system, goal, {0: -one, 3: one})
    assert not is_basic(system, goal, {0: one, 1: one})  # row 1 and the bound of column 1 say the same
    assert not is_basic(system, goal, {0: one, 1: -one, 2: one, 3: -one / 2})
    assert not is_basic(system, goal, {2: one / 2})  # and so do row 2 and the bound of column 0
