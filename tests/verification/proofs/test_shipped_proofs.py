"""The proofs that ship are those of today's claims, hold without a solver, and prove nothing else."""

import copy
import dataclasses
from fractions import Fraction

import pytest

from proofolio import BadData, product
from proofolio.formulations.products import product_meaning
from proofolio.verification.proofs.catalogue import shipped_proofs
from proofolio.verification.proofs.catalogue.claims import CONSTRUCTS, shipped_claims
from proofolio.verification.proofs.catalogue.shipped_proofs import (
    FOLDER,
    packed,
    shipped_proof,
    statement_key,
    unpacked,
)
from proofolio.verification.proofs.checker import holds
from proofolio.verification.proofs.claim import Box, Claim
from proofolio.verification.proofs.reading import state

SHARE = 8  # of the claims of a construct one in so many is checked each time, and all with --full
LARGEST = 900_000  # bytes of all files: beside them the wheel has 1.7 MB, and 3 MB is its limit


def of(construct):
    return unpacked(FOLDER.joinpath(f"{construct}.jsonl.gz").read_bytes())


@pytest.mark.parametrize("construct", CONSTRUCTS)
def test_the_proofs_that_ship_are_those_of_the_claims_of_today(construct, pytestconfig):
    """What is missing or left over: python scripts/make_proofs.py."""
    known = of(construct)
    claims = shipped_claims(construct)
    statements = [state(claim).statement for claim in claims]
    keys = [statement_key(statement) for statement in statements]
    assert len(known) == len(set(keys))
    # the roots in a cone are LAPACK's: where another machine gives another last digit, the command proves anew
    cones = {key for claim, key in zip(claims, keys, strict=True) if claim.lowering == "hull, quadratic rows"}
    assert set(keys) - set(known) <= cones
    every = 1 if pytestconfig.getoption("--full") else SHARE
    for claim, statement, key in list(zip(claims, statements, keys, strict=True))[::every]:
        if key not in known:
            continue
        checked = holds(statement, known[key])
        assert checked.ok, (claim.title, claim.lowering, checked.reason)
        assert known[key]["verdict"] == "proved"
        assert 0 <= Fraction(known[key]["delta"]) <= Fraction(1, 10**9)


def test_they_leave_the_wheel_below_its_limit():
    files = [file for file in FOLDER.iterdir() if file.name.endswith(".gz")]
    assert {file.name.partition(".")[0] for file in files} == set(CONSTRUCTS)
    assert sum(len(file.read_bytes()) for file in files) < LARGEST


def claim_of(name, lowering):
    construct = name.partition(" ")[0].partition(",")[0]
    (found,) = (c for c in shipped_claims(construct) if (c.title, c.lowering) == (name, lowering))
    return construct, found


CASES = [
    ("product [signs]", "hull"),
    ("maximum at_most [tiny]", "hull"),
    ("cardinality, 1 of 3 [large]", "sos1"),
    ("disjunction, at least one [asymmetric]", "hull, quadratic rows"),
    ("selected_cost with both [two-decimal]", "big-m"),
]


@pytest.mark.parametrize("case", CASES, ids=" ".join)
def test_a_shipped_proof_is_an_ordinary_proof(case):
    construct, claim = claim_of(*case)
    proof = shipped_proof(construct, claim)
    assert (proof.verdict, proof.reason) == ("proved", "")
    assert (proof.name, proof.lowering) == case
    assert 0 <= proof.delta <= 1e-9
    assert proof.certificates.check(claim).ok


def nodes(tree, path=()):
    """Every branch and leaf of the trees of a document."""
    if isinstance(tree, dict):
        yield path, tree
        for key, inner in tree.items():
            yield from nodes(inner, (*path, key))
    elif isinstance(tree, list):
        for k, inner in enumerate(tree):
            yield from nodes(inner, (*path, k))


def with_changes(content, changed):
    """The content once for each node that a function wants to change."""
    for path, node in nodes(content["parts"]):
        new = changed(copy.deepcopy(node))
        if new is None:
            continue
        other = copy.deepcopy(content)
        inner = other["parts"]
        for key in path[:-1]:
            inner = inner[key]
        inner[path[-1]] = new
        yield path, other


def another_multiplier(node):
    """A leaf states the bound that its multipliers reach, so another one must be caught.

    The largest is changed: a small one may stand by a row of 0s at the corner, where another value proves the same.
    """
    if "bound" not in node or not node["multipliers"]:
        return None
    row, y = max(node["multipliers"].items(), key=lambda item: abs(Fraction(item[1])))
    node["multipliers"][row] = str(Fraction(y) + Fraction(1, 7))
    return node


def no_multipliers(node):
    return {"empty": {}} if "empty" in node else None


def fewer_cases(node):
    key = next((k for k in ("cases", "facets", "points", "rays") if node.get(k)), None)
    return None if key is None else node | {key: node[key][:-1]}


def better_bound(node):
    return node | {"bound": "-1/3"} if "bound" in node else None


CHANGES = (another_multiplier, no_multipliers, fewer_cases, better_bound)


@pytest.mark.parametrize("case", CASES[:3], ids=" ".join)
def test_no_changed_proof_holds(case):
    construct, claim = claim_of(*case)
    statement = state(claim).statement
    content = of(construct)[statement_key(statement)]
    assert holds(statement, content).ok
    tried = 0
    for change in CHANGES:
        for path, wrong in list(with_changes(content, change))[:12]:
            tried += 1
            assert not holds(statement, wrong).ok, (change.__name__, path)
    assert tried >= 24
    for key, value in (("verdict", "refuted"), ("delta", "1/3"), ("delta", "-1"), ("parts", [])):
        assert not holds(statement, content | {key: value}).ok
    assert not holds(statement, {key: value for key, value in content.items() if key != "parts"}).ok


def test_no_proof_of_another_claim_holds():
    claims = [c for c in shipped_claims("maximum", ["signs", "tiny"]) if c.lowering in ("big-m", "hull")]
    statements = [state(claim).statement for claim in claims]
    known = of("maximum")
    proofs = [known[statement_key(statement)] for statement in statements]
    for i, statement in enumerate(statements):
        for k, proof in enumerate(proofs):
            # Two lowerings that write the same rows are one statement.
            same = statement_key(statement) == statement_key(statements[k])
            assert holds(statement, proof).ok == same, (claims[i].title, claims[k].title)
    assert len({statement_key(statement) for statement in statements}) > len(claims) / 2


BOX = {"b": Box((2, 3), 0, 1, integer=True), "u": Box((2, 3), -1, [[1, 2, 3], [4, 5, 6]])}


def by_hand(M):
    def rows(model, b, u):
        w = model.variable("w", (2, 3), -9, 9)
        model.add("low", w >= u - M * (1 - b))
        model.add("high", w <= u + M * (1 - b))
        model.add("off_low", w >= -M * b)
        model.add("off_high", w <= M * b)
        return w

    return Claim(rows, BOX, ("v",), product_meaning(), "product by hand", "big-m")


def test_a_changed_formulation_finds_no_proof():
    construct, claim = claim_of("product [signs]", "hull")
    box = claim.inputs["u"]
    wider = {"b": claim.inputs["b"], "u": dataclasses.replace(box, upper=box.upper + 1e-9)}
    for other in (
        dataclasses.replace(claim, inputs=wider),
        dataclasses.replace(claim, meaning=claim.meaning[:1]),
        dataclasses.replace(claim, meaning=claim.meaning[::-1]),
        dataclasses.replace(claim, function=lambda model, b, u: product(model, "product", b, u + 1e-9)),
        dataclasses.replace(claim, elementwise=False),
    ):
        found = shipped_proof(construct, other)
        assert (found.verdict, found.certificates) == ("undecided", None)
        assert "no proof of its rows and meaning as they are today" in found.reason
    renamed = dataclasses.replace(claim, name="another name", lowering="another")
    assert shipped_proof(construct, renamed).verdict == "proved"  # the same rows and the same meaning


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """A folder in place of the one that ships, with the right file of products."""
    (tmp_path / "product.jsonl.gz").write_bytes(packed(of("product")))
    monkeypatch.setattr(shipped_proofs, "FOLDER", tmp_path)
    shipped_proofs._shipped.cache_clear()
    yield tmp_path
    shipped_proofs._shipped.cache_clear()


def test_a_wrong_formulation_is_not_proved_by_a_right_ones_proof(folder):
    """Whatever key a proof is kept under."""
    _, right = claim_of("product [signs]", "big-m")
    short = by_hand(2.75)
    proofs = of("product")
    stolen = {statement_key(state(short).statement): proofs[statement_key(state(right).statement)]}
    (folder / "product.jsonl.gz").write_bytes(packed(proofs | stolen))
    found = shipped_proof("product", short)
    assert found.verdict == "undecided"
    assert "the proof that ships does not hold" in found.reason


def cut_off(content):
    return content[: len(content) // 2]


def one_byte_changed(content):
    middle = len(content) // 2
    return content[:middle] + bytes([content[middle] ^ 1]) + content[middle + 1 :]


@pytest.mark.parametrize(
    "damage", [cut_off, one_byte_changed, lambda content: b"", lambda content: packed({})]
)
def test_a_damaged_file_proves_nothing(damage, folder):
    file = folder / "product.jsonl.gz"
    file.write_bytes(damage(file.read_bytes()))
    _, claim = claim_of("product [tiny]", "hull")
    found = shipped_proof("product", claim)
    assert (found.verdict, found.certificates) == ("undecided", None)
    assert found.reason


def test_what_no_proof_file_is_is_said():
    with pytest.raises(BadData, match="cannot be read"):
        unpacked(b"[]")
    assert unpacked(packed({})) == {}


def test_packing_is_the_same_each_time():
    proofs = of("product")
    backwards = dict(reversed(proofs.items()))
    assert packed(backwards) == packed(proofs)
    assert unpacked(packed(proofs)) == proofs
