"""Dwell, switches and transitions: the relaxation has integral optima, and bad input is named."""

from dataclasses import replace

import numpy as np
import pytest

from proofolio import BadData, Model, dwell, solve, switches, transitions
from proofolio.verification.proofs.catalogue.claims import shipped_claims
from proofolio.verification.proofs.strengths import strength


def relaxed(build, shape, seed, one_hot):
    """The optimum of a random objective with and without integrality."""
    rng = np.random.default_rng(seed)
    price = rng.integers(-9, 10, shape)
    found = []
    for binary in (True, False):
        model = Model()
        Z = model.variable("Z", shape, binary=True)
        if one_hot:
            model.add("one", Z.sum(0) == 1)
        extra = build(model, Z)
        model.minimise((Z * price).sum() + extra)
        program = model.freeze()
        if not binary:
            program = replace(program, integer=np.zeros(program.n, bool))
        found.append(solve(program, solver="highs").objective)
    return found


@pytest.mark.parametrize("seed", range(5))
def test_dwell_is_the_hull_of_its_paths_with_a_price_on_starts(seed):
    def build(model, Z):
        return 3.5 * dwell(model, "start", Z, up=3, down=2).sum()

    whole, loose = relaxed(build, (2, 12), seed, one_hot=False)
    assert whole == pytest.approx(loose, abs=1e-6)


@pytest.mark.parametrize("seed", range(5))
def test_the_network_of_transitions_is_ideal(seed):
    allowed = np.array([[1, 1, 0], [0, 1, 1], [1, 0, 1]], bool)

    def build(model, Z):
        moves = transitions(model, "move", Z, allowed)
        return (moves * np.random.default_rng(seed).integers(0, 5, moves.shape)).sum()

    whole, loose = relaxed(build, (3, 8), seed, one_hot=True)
    assert whole == pytest.approx(loose, abs=1e-6)


@pytest.mark.parametrize("lowering", ["starts", "network"])
def test_a_price_on_switches_leaves_the_relaxation_integral(lowering):
    whole, loose = relaxed(
        lambda model, Z: 4.0 * switches(model, "switch", Z, lowering=lowering).sum(), (3, 8), 1, one_hot=True
    )
    assert whole == pytest.approx(loose, abs=1e-6)


def test_the_report_says_that_small_networks_are_sharp_and_ideal():
    (network, rows) = shipped_claims("transitions", ["signs"])
    assert strength(network, directions=20).ideal is not False
    assert strength(rows, directions=20).sharp is not False


@pytest.mark.parametrize("lowering", ["starts", "network"])
def test_at_most_so_many_switches(lowering):
    price = np.array([[0, 9, 0, 9, 0], [9, 0, 9, 0, 9]])
    for most, best in ((0, 18), (1, 18), (2, 9), (3, 9), (4, 0)):
        model = Model()
        Z = model.variable("Z", (2, 5), binary=True)
        model.add("one", Z.sum(0) == 1)
        switches(model, "switch", Z, most, lowering=lowering)
        model.minimise((Z * price).sum())
        assert solve(model.freeze(), solver="highs").objective == pytest.approx(best)


def test_bad_paths_and_limits_are_named():
    model = Model()
    Z = model.variable("Z", (2, 3), binary=True)
    free = model.variable("free", (2, 3), 0, 1)
    for call in (
        lambda: dwell(model, "a", free),
        lambda: switches(model, "b", free),
        lambda: transitions(model, "c", free, np.ones((2, 2))),
    ):
        with pytest.raises(BadData, match="binary"):
            call()
    with pytest.raises(BadData, match="whole number of periods"):
        dwell(model, "d", Z, up=0)
    with pytest.raises(BadData, match="two periods"):
        dwell(model, "e", Z[:, :1])
    with pytest.raises(BadData, match="limit"):
        switches(model, "f", Z, 1.5)
    with pytest.raises(BadData, match=r"\(R, T\) and \(R, R\)"):
        transitions(model, "g", Z, np.ones((3, 3)))
    with pytest.raises(BadData, match="truth"):
        transitions(model, "h", Z, 2 * np.ones((2, 2)))
