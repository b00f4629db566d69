"""A plan depends on the numbers of a covariance, not on how they lie in memory."""

import numpy as np
import pytest

import proofolio as pf

N, H = 5, 3
EQUAL = 1e-9  # BLAS adds up in another order for another layout; plans are found to about 1e-10


def covariances():
    random = np.random.default_rng(4)
    root = random.normal(size=(H, N, 2 * N)) * np.linspace(0.5, 1.5, N)[:, None]
    return 1e-4 * root @ root.swapaxes(1, 2)


def backwards(covariance):
    return np.asfortranarray(covariance)


def cut_out(covariance):
    """Return the same numbers as some of the assets of a wider array."""
    wide = np.full((H, N + 2, N + 2), np.nan)
    members = np.array([True, False, True, True, True, False, True])
    wide[np.ix_(range(H), np.flatnonzero(members), np.flatnonzero(members))] = covariance
    return wide[..., members, :][..., members]


def strided(covariance):
    wide = np.zeros((H, N, 2 * N))
    wide[..., ::2] = covariance
    return wide[..., ::2]


@pytest.mark.parametrize("lies", [backwards, cut_out, strided])
@pytest.mark.parametrize("model", ["mean-variance", "risk-parity", "published"])
def test_plan(model, lies):
    covariance = covariances()
    other = lies(covariance)
    assert not other.flags.c_contiguous
    assert np.array_equal(other, covariance)
    w0 = np.full(N, 1.0 / N)
    if model == "mean-variance":
        mean = 1e-4 * np.random.default_rng(1).normal(size=(H, N))
        stepper = pf.MeanVariance(N, H, gamma_risk=5.0, gamma_trade=1e-4).stepper()
        found, wanted = stepper.solve(mean, other, w0), stepper.solve(mean, covariance, w0)
    else:
        method = "gauss-newton" if model == "risk-parity" else model
        stepper = pf.RiskParity(N, H, gamma_trade=0.01).stepper(method, starts="erc")
        found, wanted = stepper.solve(other, w0), stepper.solve(covariance, w0)
    assert found.ok == wanted.ok
    np.testing.assert_allclose(found.W, wanted.W, rtol=0, atol=EQUAL)


def test_plan_from_many_starts():
    """Each of the hundred descents takes the same road as the one above: one layout and a period are enough."""
    stepper = pf.RiskParity(N, 1, gamma_trade=0.01).stepper()
    found, wanted = (
        stepper.solve(given[:1], np.full(N, 1.0 / N)) for given in (cut_out(covariances()), covariances())
    )
    assert found.starts > 20
    np.testing.assert_allclose(found.W, wanted.W, rtol=0, atol=EQUAL)


@pytest.mark.parametrize("lies", [backwards, cut_out, strided])
def test_equal_risk(lies):
    for other, covariance in zip(lies(covariances()), covariances(), strict=True):
        np.testing.assert_allclose(pf.equal_risk(other), pf.equal_risk(covariance), rtol=0, atol=EQUAL)
