"""A control problem from prices: what it finds where the truth is known, its units, and what it refuses."""

import warnings

import numpy as np
import pandas as pd
import pytest

import proofolio as pf

VOLATILITY = np.array([[0.10, 0.06], [0.30, 0.20]])  # calm, wild; a year
DRIFT = np.array([[0.12, 0.05], [-0.25, 0.02]])
TRUTH = pf.RegimeChain([[-2.0, 2.0], [3.0, -3.0]])
COVARIANCE = np.array([[[1.0, 0.3], [0.3, 1.0]], [[1.0, 0.6], [0.6, 1.0]]])


def simulated(years=40, year=252, seed=1):
    """Return prices of two assets, in two regimes."""
    path = TRUTH.simulate(1, years, year, seed=seed)[0][1:]
    rng = np.random.default_rng(seed)
    shocks = np.stack([rng.multivariate_normal([0, 0], C, path.size) for C in COVARIANCE])[
        path, np.arange(path.size)
    ]
    returns = DRIFT[path] / year + VOLATILITY[path] / np.sqrt(year) * shocks
    dates = pd.bdate_range("1980-01-01", periods=path.size + 1)
    prices = 100 * np.vstack([np.ones(2), np.cumprod(1 + returns, axis=0)])
    return pd.DataFrame(prices, index=dates, columns=["A", "B"])


@pytest.fixture(scope="module")
def fitted():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        return pf.RegimeControl.fit(simulated(), 2, costs=[2e-4, 5e-4], gamma=4.0, eta=0.01)


def test_the_numbers_are_those_that_made_the_prices(fitted):
    found = fitted.calibration
    assert found.periods_per_year == 252  # business days, read from the dates
    rates = np.abs(found.chain.generator - TRUTH.generator)[[0, 1], [1, 0]]
    assert np.all(rates <= 4 * found.chain.standard_error[[0, 1], [1, 0]])
    np.testing.assert_allclose(np.sqrt(np.diagonal(fitted.Sigma, axis1=1, axis2=2)), VOLATILITY, rtol=0.06)
    correlation = fitted.Sigma[:, 0, 1] / np.sqrt(fitted.Sigma[:, 0, 0] * fitted.Sigma[:, 1, 1])
    np.testing.assert_allclose(correlation, [0.3, 0.6], atol=0.06)
    assert np.all(np.abs(found.means - DRIFT) <= 4 * found.standard_error)


def test_means_are_shrunk_by_what_the_prior_says(fitted):
    found = fitted.calibration
    years = found.periods / 252
    np.testing.assert_allclose(found.kept, years / (years + 4.0), rtol=1e-12)  # 1 / 0.5^2 years
    np.testing.assert_allclose(found.standard_error, VOLATILITY / np.sqrt(years)[:, None], rtol=0.06)
    prices = simulated()
    common = (prices.to_numpy()[1:] / prices.to_numpy()[:-1] - 1).mean(axis=0) * 252
    expected = found.kept[:, None] * found.means + (1 - found.kept[:, None]) * common
    np.testing.assert_allclose(fitted.alpha, expected, rtol=1e-10)


def test_the_costs_give_lambda_its_shape_and_options_go_through(fitted):
    np.testing.assert_allclose(fitted.Lambda_diagonal[1] / fitted.Lambda_diagonal[0], 2.5, rtol=1e-12)
    mean = np.diagonal(fitted.Sigma, axis1=1, axis2=2).mean()
    assert fitted.Lambda_diagonal.mean() == pytest.approx(mean, rel=1e-12)
    assert (fitted.gamma, fitted.eta) == (4.0, 0.01)
    assert fitted.riccati().residual < 1e-12


def test_the_table_says_how_well_each_regime_is_known(fitted):
    table = fitted.calibration.table()
    assert list(table.index) == ["0", "1"]
    np.testing.assert_allclose(
        table["error of exit rate"], table["exit rate"] / np.sqrt(table["switches"]), rtol=1e-12
    )
    assert table["share"].sum() == pytest.approx(1.0)


def test_three_years_are_said_to_know_little():
    prices = simulated(years=3, seed=4)
    with pytest.warns(pf.DoubtfulEstimate, match=r"was left \d times in the data"):
        control = pf.RegimeControl.fit(prices, 2, risk_free=0.03)
    assert control.calibration.kept.max() < 0.5
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", pf.DoubtfulEstimate)
        plain = pf.RegimeControl.fit(prices, 2)
        flat = pf.RegimeControl.fit(prices, 2, prior_sharpe=0.0, driving="A")
    np.testing.assert_allclose(plain.alpha - control.alpha, 0.03, rtol=1e-9)
    np.testing.assert_allclose(flat.alpha[0], flat.alpha[1], rtol=1e-12)
    np.testing.assert_allclose(plain.Lambda, plain.Sigma.mean(axis=0))


def test_weekly_prices_are_weekly():
    prices = simulated(years=30, year=52, seed=2)
    prices.index = pd.date_range("1980-01-04", periods=len(prices), freq="W-FRI")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", pf.DoubtfulEstimate)
        control = pf.RegimeControl.fit(prices, 2)
    assert control.calibration.periods_per_year == 52
    np.testing.assert_allclose(np.sqrt(control.Sigma[:, 0, 0]), VOLATILITY[:, 0], rtol=0.15)


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"costs": [1e-4, 0.0]}, "costs of B are 0"),
        ({"costs": [1e-4, 1e-4, 1e-4]}, r"costs has shape \(3,\)"),
        ({"driving": "C"}, r"driving names \['C'\]; the assets are A, B"),
        ({"prior_sharpe": -1.0}, "prior_sharpe is -1"),
        ({"gamma": 0.0}, "gamma is 0"),
    ],
)
def test_bad_options_are_refused(options, sentence):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", pf.DoubtfulEstimate)
        with pytest.raises(pf.BadData, match=sentence):
            pf.RegimeControl.fit(simulated(years=5), 2, **options)


def test_bad_prices_are_refused():
    prices = simulated(years=5)
    with pytest.raises(pf.BadData, match="periods_per_year="):
        pf.RegimeControl.fit(prices.reset_index(drop=True), 2)
    with pytest.raises(pf.BadData, match="DataFrame"):
        pf.RegimeControl.fit(prices.to_numpy(), 2)
    prices.iloc[7, 1] = np.nan
    with pytest.raises(pf.BadData, match="in column 'B'"):
        pf.RegimeControl.fit(prices, 2)
