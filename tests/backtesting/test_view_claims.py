"""What the published library takes for granted: each figure by another road."""

import math

import numpy as np
import pytest

from proofolio.backtesting import view_claims
from proofolio.backtesting.view_claims import first_trades, published_shares, said_in_units


@pytest.fixture(scope="module")
def found():
    return view_claims.claims()


def test_a_stated_confidence_moves_a_view_further_than_it_says():
    rng = np.random.default_rng(1)
    X = rng.standard_normal((50, 4))
    Sigma, P, stated = X.T @ X / 50, np.array([0.5, 0.5, -1.0, 0.0]), np.array([0.1, 0.5, 0.9])
    np.testing.assert_allclose(published_shares(Sigma, P, stated), 4 * stated / (1 + 3 * stated), rtol=1e-12)
    np.testing.assert_allclose(published_shares(Sigma, P, stated, certainty=0.5), stated, rtol=1e-12)
    # The same by minimising both squared distances, the definition behind the formula.
    tau, s = 4.0, 0.5
    omega = (1 - s) / s * P @ Sigma @ P
    precision = np.linalg.inv(tau * Sigma) + np.outer(P, P) / omega
    moved = P @ np.linalg.solve(precision, P / omega)
    assert published_shares(Sigma, P, [s])[0] == pytest.approx(moved, rel=1e-10)


def test_the_published_sigmoid_depends_on_the_unit_and_the_other_does_not():
    found = said_in_units("published")
    for unit, periods in {"day": 252, "week": 52, "year": 1}.items():
        v = 0.04 / periods
        scale = float(f"1e{-int(f'{v:e}'.split('e')[1])}")
        assert found[unit] == pytest.approx(1 / (1 + math.exp(scale * v)), rel=1e-12)
    assert [round(found[unit], 3) for unit in ("day", "week", "year")] == [0.17, 0.0, 0.018]
    assert set(np.round(list(said_in_units("view").values()), 12)) == {round(1 / (1 + math.e), 12)}


def test_trades_are_counted_from_the_first_week_on():
    rng = np.random.default_rng(0)
    returns = 0.01 * rng.standard_normal((2000, 3))
    shares, turnover = first_trades(returns, kept=True)
    assert shares.shape == turnover.shape == (3,)
    assert ((shares >= 0) & (shares <= 1)).all()
    assert turnover[0] < turnover[1] < turnover[2]


def test_every_claim_has_its_verdict(found):
    assert [claim.holds for claim in found] == [False] * 5
    by_claim = {claim.claim.split()[-1]: claim.figures for claim in found}
    assert np.round(found[0].figures["moved"], 2).tolist() == [0.31, 0.8, 0.97]
    np.testing.assert_allclose(found[0].figures["posterior"], [0.1, 0.5, 0.9], rtol=1e-12)
    assert by_claim["negative"]["confidence"] == by_claim["negative"]["mirrored"]
    assert np.round(found[2].figures["published"], 3).tolist() == [0.0, 0.268, 0.0, 0.268]
    assert "math domain error" in found[1].found
