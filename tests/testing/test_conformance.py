"""The conformance suite: what ships conforms, and what a user may get wrong is said in words."""

import numpy as np
import pytest

from proofolio import Model, product
from proofolio.formulations.products import product_meaning
from proofolio.testing import conformance
from proofolio.verification.proofs.catalogue.claims import CONSTRUCTS, shipped_claims
from proofolio.verification.proofs.claim import Box, Claim

NATIVE = ("indicator", "sos1", "sos2")


def claims_of(construct, full):
    """The smallest claim of every lowering; all of them with --full."""
    claims = shipped_claims(
        construct, ["signs" if construct in ("transitions", "switches") else "two-decimal"]
    )
    claims.sort(key=lambda claim: sum(box.variable(Model(), "x").size for box in claim.inputs.values()))
    smallest = {claim.lowering: claim for claim in reversed(claims)}
    return claims if full else smallest.values()


def writes_indicators(claim):
    model = Model()
    claim.function(model, **{name: box.variable(model, name) for name, box in claim.inputs.items()})
    return len(model.freeze().indicators) > 0  # a convex side needs none, whatever the lowering asked for


@pytest.mark.parametrize("construct", CONSTRUCTS)
def test_what_ships_conforms(construct, pytestconfig):
    claims = claims_of(construct, pytestconfig.getoption("--full"))
    assert claims
    for claim in claims:
        report = conformance(claim, sharpness=False)
        assert report.ok, str(report)
        native = any(word in claim.lowering for word in NATIVE)
        if not native:
            assert set(report.interfaces.values()) == {"agrees"}, str(report)
        elif claim.lowering == "indicator" and writes_indicators(claim):
            assert all(found.startswith("cannot express: ") for found in report.interfaces.values())


def claim(function, box=None):
    inputs = {"b": Box(3, 0, 1, integer=True), "u": box or Box(3, [-1, 0.5, -3], [1, 2, -2])}
    return Claim(function, inputs, ("v",), product_meaning(), "mine")


def test_a_right_formulation_conforms_and_its_strength_is_reported():
    report = conformance(claim(lambda model, b, u: product(model, "v", b, u)))
    assert report.ok
    assert report.strength.sharp
    assert "sharp: yes, ideal: yes" in str(report)


def test_a_wrong_row_is_a_problem_with_a_point():
    report = conformance(
        claim(lambda model, b, u: product(model, "v", b, u, lowering="big-m", big_m=2.0)), sharpness=False
    )
    assert not report.ok
    assert "cut off a point" in report.problems[0]
    assert report.interfaces == {"pyomo": "agrees", "cvxpy": "agrees"}


def test_numbers_that_only_fit_the_claim_s_own_model_are_caught():
    def remembers(model, b, u):
        bounds = model.interval(u)  # infinite for an unbounded u, and nothing asks
        v = model.variable("v", 3, np.minimum(bounds.lower, 0), np.maximum(bounds.upper, 0))
        model.add("off_low", v >= bounds.lower * b)
        model.add("off_high", v <= bounds.upper * b)
        model.add("on_low", v >= u - bounds.upper * (1 - b))
        model.add("on_high", v <= u - bounds.lower * (1 - b))
        return v

    report = conformance(claim(remembers), sharpness=False)
    assert report.proof.verdict == "proved"
    assert not report.ok
    assert report.problems[0].startswith("no bounds: ")


def test_a_formulation_that_differs_between_interfaces_is_caught():
    def looks_at_its_model(model, b, u):
        big_m = 3.0 if type(model).__name__ == "Builder" else 4.0
        return product(model, "v", b, u, lowering="big-m", big_m=big_m)

    report = conformance(claim(looks_at_its_model), sharpness=False)
    assert len(report.problems) == 2
    assert all(": a row is missing" in problem for problem in report.problems)
