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
        ({"risk_free": 2.0}, "risk_free is 2 a year; give a decimal"),
        ({"periods_per_year": "a"}, "periods_per_year is not an array of numbers"),
        ({"periods_per_year": 0}, "periods_per_year is 0; it must be a positive number"),
        ({"driving": 3}, r"driving names \[3\]"),
        ({"seed": -1}, "seed is -1"),
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
    for given in (
        prices[::-1],
        pd.concat([prices, prices.iloc[-1:]]),
    ):  # the past would be read from the future
        for year in (None, 252):
            with pytest.raises(pf.BadData, match="must go forward, each once"):
                pf.RegimeControl.fit(given, 2, periods_per_year=year)
    with pytest.raises(pf.BadData, match="two columns are called A"):
        pf.RegimeControl.fit(prices.set_axis(["A", "A"], axis=1), 2)
    with pytest.raises(pf.BadData, match=r"regimes is 2\.5"):
        pf.RegimeControl.fit(prices, 2.5)
    with pytest.raises(pf.BadData, match="DataFrame"):
        pf.RegimeControl.fit(prices.to_numpy(), 2)
    prices.iloc[7, 1] = np.nan
    with pytest.raises(pf.BadData, match="in column 'B'"):
        pf.RegimeControl.fit(prices, 2)


def test_a_rate_of_rows_that_the_dates_deny_is_doubted():
    prices = simulated(years=12, seed=2)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", pf.DoubtfulEstimate)
        with pytest.warns(
            pf.DoubtfulUnits, match=r"the dates have 261 rows a year and periods_per_year is 52"
        ):
            wrong = pf.RegimeControl.fit(prices, 2, periods_per_year=52)
        right = pf.RegimeControl.fit(prices, 2, periods_per_year=252)
    np.testing.assert_allclose(wrong.Sigma * 252 / 52, right.Sigma, rtol=1e-10)


def test_what_is_known_of_the_next_regime_is_what_bayes_says_of_the_prices_so_far(fitted):
    """Told again by multiplying out, from the model alone; a price later changes nothing of it."""
    found, prices = fitted.calibration, simulated().to_numpy()
    model, basket = found.regimes, (prices[1:] / prices[:-1] - 1).mean(axis=1)
    p = model.initial
    for k, r in enumerate(basket):
        p = p if k == 0 else p @ model.transition
        variance = model.covariances[:, 0, 0]
        p = p * np.exp(-((r - model.means[:, 0]) ** 2) / (2 * variance)) / np.sqrt(variance)
        p /= p.sum()
    np.testing.assert_allclose(found.next_regime, p @ model.transition, rtol=1e-8)
    trade = fitted.one_step(steps_per_year=252).trade(np.zeros((1, 2)), found.next_regime[None])
    assert np.isfinite(trade).all()


def test_three_known_regimes_are_found_within_their_errors():
    """Well apart in volatility, weekly, 120 years: generator, lengths, shares and units are those that made them."""
    truth = pf.RegimeChain([[-1.5, 1.2, 0.3], [1.0, -2.0, 1.0], [0.4, 2.6, -3.0]])
    path = truth.simulate(1, 120, 52, seed=5)[0][1:]
    volatility = np.array([0.05, 0.20, 0.80])[path]
    returns = 0.05 / 52 + volatility / np.sqrt(52) * np.random.default_rng(6).standard_normal(path.size)
    dates = pd.date_range("1900-01-05", periods=path.size + 1, freq="W-FRI")
    prices = pd.DataFrame({"A": 100 * np.append(1.0, np.cumprod(1 + returns))}, index=dates)
    control = pf.RegimeControl.fit(prices, 3)
    chain = control.chain
    off = ~np.eye(3, dtype=bool)
    assert np.all(np.abs(chain.generator - truth.generator)[off] <= 4 * chain.standard_error[off] + 0.1)
    np.testing.assert_allclose(chain.mean_length, truth.mean_length, rtol=0.3)
    np.testing.assert_allclose(chain.stationary, truth.stationary, atol=0.06)
    np.testing.assert_allclose(np.sqrt(control.Sigma[:, 0, 0]), [0.05, 0.20, 0.80], rtol=0.08)
