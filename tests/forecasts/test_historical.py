import numpy as np
import pytest

from proofolio.errors import BadData
from proofolio.forecasts import Forecast, Historical, ewma, ledoit_wolf, sample

RETURNS = 0.01 * np.random.default_rng(0).standard_normal((60, 3))


@pytest.mark.parametrize("kind", ["sample", "ewma", "ledoit-wolf"])
def test_each_forecast_is_the_moments_of_the_last_window(kind):
    direct = {"sample": sample, "ewma": lambda r: ewma(r, 7.0), "ledoit-wolf": ledoit_wolf}[kind]
    fitted = Historical(20, 4, covariance=kind, half_life=7.0).fit(RETURNS[:25])
    for day in range(25, 60):
        forecast = fitted.predict_online(RETURNS[day])
        mean, covariance = direct(RETURNS[day - 19 : day + 1])
        assert (forecast.H, forecast.n) == (4, 3)
        for ahead in range(4):
            np.testing.assert_allclose(forecast.mean[ahead], mean)
            np.testing.assert_allclose(forecast.covariance[ahead], covariance)
        assert forecast.probabilities is None
        assert forecast.regime is None


def test_a_forecast_given_does_not_change_and_copies_share_nothing():
    options = Historical(20, 2)
    one, other = options.fit(RETURNS[:20]), options.fit(RETURNS[:20])
    first = one.predict()
    mean, covariance = first.mean.copy(), first.covariance.copy()
    for row in RETURNS[20:]:
        one.predict_online(row)
    np.testing.assert_array_equal(first.mean, mean)
    np.testing.assert_array_equal(first.covariance, covariance)
    np.testing.assert_array_equal(other.predict().mean, mean)
    with pytest.raises(BadData, match="seen no returns"):
        options.predict()
    with pytest.raises(BadData, match="seen no returns"):
        options.predict_online(RETURNS[0])


def test_what_cannot_be_used_is_refused():
    with pytest.raises(BadData, match="19 rows of returns are fewer than the window of 20"):
        Historical(20).fit(RETURNS[:19])
    with pytest.raises(BadData, match="row 3, column 1 is nan"):
        Historical(20).fit(np.where(np.arange(180).reshape(60, 3) == 7, np.nan, RETURNS))
    with pytest.raises(BadData, match="shape"):
        Historical(20).fit(RETURNS[:, 0])
    fitted = Historical(20).fit(RETURNS)
    with pytest.raises(BadData, match="3 assets were fitted"):
        fitted.predict_online([0.0, 0.0])
    with pytest.raises(BadData, match="row 61, column 2 is nan"):
        fitted.predict_online([0.0, 0.0, np.nan])
    # A row refused has not been seen.
    np.testing.assert_allclose(fitted.predict().mean[0], RETURNS[-20:].mean(axis=0))
    for options in ({"window": 1}, {"H": 0}, {"half_life": 0}, {"covariance": "shrunk"}):
        with pytest.raises(BadData, match=str(next(iter(options.values())))):
            Historical(**options)


def test_a_forecast_whose_shapes_disagree_is_refused():
    with pytest.raises(BadData, match="mean and covariance"):
        Forecast(np.zeros((2, 3)), np.zeros((2, 3, 4)))
    with pytest.raises(BadData, match="probabilities has 2 rows for 2 periods"):
        Forecast(np.zeros((2, 3)), np.zeros((2, 3, 3)), np.ones((2, 1)))
