"""Every formulation that ships is proved, and none of many random correct ones is refuted."""

import numpy as np
import pytest

from proofolio import (
    BadData,
    MaxTerm,
    Model,
    absolute,
    maximum,
    minimum,
    piecewise_linear,
    positive_part,
    product,
    selected_cost,
)
from proofolio.formulations.costs import RegimeCosts
from proofolio.formulations.extrema import maximum_meaning
from proofolio.formulations.piecewise import piecewise_linear_meaning
from proofolio.formulations.products import product_meaning
from proofolio.formulations.selected_costs import selected_cost_meaning
from proofolio.verification.proofs.catalogue.claims import CONSTRUCTS, FAMILIES, bounds, shipped_claims
from proofolio.verification.proofs.claim import Box, Claim
from proofolio.verification.proofs.proving import prove
from proofolio.verification.proofs.reading import state

# Proved anew every time, over boxes below, around and above zero in the cells of one claim. The proofs that ship are
# checked again in test_shipped_proofs.py, and testing/test_conformance.py proves the smallest claim of every lowering.
LIGHT = ("product", "semicontinuous", "cardinality", "round_lot", "fixed_charge")


def pytest_generate_tests(metafunc):
    if "construct" in metafunc.fixturenames:
        full = metafunc.config.getoption("--full")
        cases = [(c, f) for c in CONSTRUCTS for f in FAMILIES] if full else [(c, "signs") for c in LIGHT]
        metafunc.parametrize(("construct", "family"), cases)


def test_shipped_claims_are_proved_anew(construct, family):
    seen = set()
    for claim in shipped_claims(construct, [family]):
        # on a convex side every lowering writes the same rows, and a proof knows nothing but the statement
        statement = repr(state(claim))
        if statement in seen:
            continue
        seen.add(statement)
        proof = prove(claim)
        assert (claim.name, claim.lowering, proof.verdict) == (claim.name, claim.lowering, "proved"), (
            proof.reason
        )
        assert 0 <= proof.delta <= 1e-9
        assert proof.certificates.check(claim).ok


def test_an_output_that_the_meaning_rounds_beyond_its_bound_is_no_refutation():
    """A slope of 4.000000000000001 takes the output 2.05 ulps beyond its largest value."""
    low, high = bounds("large", (2, 3))
    x = np.round(np.linspace(low.min(), high.max(), 5), 9)
    y = np.round(float(x[-1] - x[0]) * np.array([0.5, -0.25, 0.75, -0.5, 0.125]), 9)
    assert (y[2] - y[1]) / (x[2] - x[1]) == 4.000000000000001
    claim = Claim(
        lambda model, u: piecewise_linear(model, "pwl", u, x, y, lowering="incremental"),
        {"u": Box((2, 3), low, high)},
        ("v",),
        piecewise_linear_meaning(x, y, "exact"),
    )
    assert prove(claim).verdict == "proved"


@pytest.mark.parametrize("family", FAMILIES)
def test_bounds_differ_in_every_entry(family):
    low, high = bounds(family, (3, 2, 3))
    assert np.unique(low).size > 15
    assert np.all(low <= high)


def test_the_catalogue_knows_its_names():
    with pytest.raises(BadData, match="median"):
        shipped_claims("median")
    assert {claim.lowering for claim in shipped_claims("product", ["tiny"])} == {"hull", "big-m"}


VALUES = {
    "maximum": lambda model, u, **options: maximum(model, "v", [u, 0.5 - u], **options),
    "minimum": lambda model, u, **options: minimum(model, "v", [u, 0.5 - u], **options),
    "absolute": lambda model, u, **options: absolute(model, "v", u, **options),
    "positive_part": lambda model, u, **options: positive_part(model, "v", u, **options),
    "piecewise_linear": lambda model, u, **options: piecewise_linear(
        model, "v", u, [-1, 0, 1, 2], [0, 2, 1, 3], **options
    ),
}


@pytest.mark.parametrize("word", VALUES)
def test_every_side_in_every_lowering_has_a_claim(word):
    """Whatever a user can write is among what is proved."""
    claims = shipped_claims(word, ["signs"])
    known = {(claim.name.removesuffix(" [signs]"), claim.lowering) for claim in claims}
    count = 0
    for side in ("exact", "at_least", "at_most"):
        for lowering in sorted({lowering.partition(",")[0] for _, lowering in known}):
            model = Model()
            try:
                VALUES[word](model, model.variable("u", 2, -1, 2), side=side, lowering=lowering)
            except BadData:
                continue  # a lowering that this side does not have
            count += 1
            name = word if side == "exact" else f"{word} {side}"
            name = f"piecewise_linear wavy {side}" if word == "piecewise_linear" else name
            assert (name, lowering) in known
    assert count == (9 if word == "piecewise_linear" else 15)


def random_claim(rng):
    """A correct product or maximum on two-decimal boxes, over and under zero."""
    shape = (1,)
    if rng.random() < 0.5:
        low = np.round(rng.uniform(-5, 5, shape), 2)
        box = Box(shape, low, low + np.round(rng.uniform(0, 5, shape), 2))
        lowering = str(rng.choice(["hull", "big-m"]))
        inputs = {"b": Box(shape, 0, 1, integer=True), "u": box}
        return Claim(
            lambda model, b, u: product(model, "w", b, u, lowering=lowering),
            inputs,
            ("v",),
            product_meaning(),
        )
    K = int(rng.integers(2, 4))
    low = np.round(rng.uniform(-5, 5, (K, *shape)), 2)
    box = Box((K, *shape), low, low + np.round(rng.uniform(0, 9, (K, *shape)), 2))
    lowering = str(rng.choice(["hull", "big-m"]))
    return Claim(
        lambda model, u: maximum(model, "w", u, lowering=lowering), {"u": box}, ("v",), maximum_meaning(K)
    )


@pytest.mark.parametrize("seed", range(8))
def test_no_random_correct_formulation_is_refuted(seed):
    rng = np.random.default_rng(seed)
    for _ in range(25):
        proof = prove(random_claim(rng))
        assert proof.verdict == "proved", (proof.reason, str(proof.witness))
        assert proof.total is True


def regimes(model, Z, w, costs, **options):
    model.add("one", Z.sum(0) == 1)
    return selected_cost(model, "selected", Z, w, costs, **options)


def test_the_published_bound_of_the_selected_cost_is_refuted():
    # Q = 0, c = +-(1, 1, 1): the published rule gives sqrt(3) where 2 is needed
    c = np.array([[[1.0, 1, 1]], [[-1.0, -1, -1]]])
    costs = RegimeCosts(np.zeros((2, 1, 3, 3)), c, np.zeros((2, 1)))
    inputs = {"Z": Box((2, 1), 0, 1, integer=True), "w": Box((1, 3), 0, 1)}

    def claim(big_m):
        def rows(model, Z, w):
            model.add("budget", w.sum(-1) == 1)
            return regimes(model, Z, w, costs, lowering="big-m", big_m=big_m, budget=1.0)

        return Claim(rows, inputs, ("cost",), selected_cost_meaning(costs, 1.0))

    refuted = prove(claim("published"))
    assert refuted.verdict == "refuted"
    assert refuted.witness.direction == "complete"
    assert refuted.certificates.check(claim("published")).ok
    assert prove(claim("interval")).verdict == "proved"
    assert prove(claim(2.0)).verdict == "proved"


def test_a_budget_is_part_of_the_meaning_and_of_the_hull():
    costs = RegimeCosts(
        np.zeros((2, 1, 2, 2)),
        np.array([[[0.5, -0.25]], [[-0.75, 1.0]]]),
        np.array([[0.1], [-0.2]]),
        (MaxTerm(0, -1, np.array([1.0, -1.0]), 0.0, 0.1),),
    )
    inputs = {"Z": Box((2, 2), 0, 1, integer=True), "w": Box((2, 2), 0, [[1, 0.9], [0.8, 1]])}
    for lowering in ("hull", "big-m"):

        def rows(model, Z, w, lowering=lowering):
            model.add("budget", w.sum(-1) == 1)
            return regimes(model, Z, w, costs, lowering=lowering, budget=1.0)

        assert prove(Claim(rows, inputs, ("cost",), selected_cost_meaning(costs, 1.0))).verdict == "proved"


def quadratic_costs(lowering, Q, k=(0.0, 0.0), big_m="interval"):
    costs = RegimeCosts(np.array(Q).reshape(2, 1, 1, 1), np.zeros((2, 1, 1)), np.array(k).reshape(2, 1))
    inputs = {"Z": Box((2, 1), 0, 1, integer=True), "w": Box((1, 1), 0, 1)}

    def rows(model, Z, w):
        return regimes(model, Z, w, costs, lowering=lowering, big_m=big_m)

    return Claim(rows, inputs, ("cost",), selected_cost_meaning(costs))


def test_quadratic_costs_are_proved_where_they_may_be_taken_apart():
    for lowering, Q in (("hull", (1, 2)), ("hull", (0.5, 0)), ("indicator", (1, 2)), ("big-m", (1, 0))):
        proof = prove(quadratic_costs(lowering, Q))
        assert proof.verdict == "proved", proof.reason
        assert proof.certificates.check(quadratic_costs(lowering, Q)).ok
    short = prove(quadratic_costs("big-m", (1, 0), big_m=[[0.999], [0.999]]))
    assert short.verdict == "refuted"
    assert short.witness.direction == "complete"
    assert short.witness.values["w[0,0]"] == 1
    assert short.certificates.check().ok


def test_quadratic_costs_are_undecided_where_the_lemma_is_about_their_difference():
    # 2 w^2 and w^2 are multiples of one square; two forms of two weights are not
    assert prove(quadratic_costs("big-m", (1, 2), k=(0.25, 0.0))).verdict == "proved"
    three = RegimeCosts(
        np.array([np.eye(2), [[2, 0.5], [0.5, 1]]]).reshape(2, 1, 2, 2), np.zeros((2, 1, 2)), np.zeros((2, 1))
    )
    claim = Claim(
        lambda model, Z, w: regimes(model, Z, w, three, lowering="big-m"),
        {"Z": Box((2, 1), 0, 1, integer=True), "w": Box((1, 2), 0, 1)},
        ("cost",),
        selected_cost_meaning(three),
    )
    proof = prove(claim)
    assert proof.verdict == "undecided"
    assert "lemma about their differences" in proof.reason
