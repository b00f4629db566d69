"""The figures, against cases small enough to work out by hand."""

import math

import numpy as np
import pytest

from proofolio.backtesting.metrics import drawdowns, max_drawdown, measure, monthly_returns, sharpe_ratio
from proofolio.errors import BadData

DAYS = np.array(["2020-01-30", "2020-01-31", "2020-02-03", "2020-02-04"], dtype="datetime64[D]")
RETURNS = np.array([0.10, -0.20, 0.25, 0.02])  # wealth 1.1, 0.88, 1.1, 1.122


def figures(**changes):
    given = {
        "returns": RETURNS,
        "risk_free": np.full(4, 0.01),
        "trades": np.array([[0.5, -0.5], [0.0, 0.0], [0.1, -0.1], [0.0, 0.0]]),
        "costs": np.array([0.001, 0.0, 0.0002, 0.0]),
        "dates": DAYS,
        "periods_per_year": 2,
    }
    return measure(**(given | changes))


def test_every_figure_of_four_days_by_hand():
    found = figures()
    assert found.total_return == pytest.approx(0.122, abs=1e-15)
    assert found.annual_return == pytest.approx(1.122**0.5 - 1, rel=1e-13)
    # mean 0.0425; squares of the deviations: .0575^2 + .2425^2 + .2075^2 + .0225^2 = .105675
    assert found.volatility == pytest.approx(math.sqrt(0.105675 / 3 * 2), rel=1e-13)
    assert found.sharpe == pytest.approx(0.0325 / math.sqrt(0.105675 / 3) * math.sqrt(2), rel=1e-13)
    assert found.max_drawdown == pytest.approx(0.2, abs=1e-15)
    assert found.calmar == pytest.approx((1.122**0.5 - 1) / 0.2, rel=1e-13)
    assert found.turnover == pytest.approx(1.2 * 2 / 4)
    assert found.costs == pytest.approx(0.0012 * 2 / 4)
    assert (found.worst_month_name, found.days) == ("2020-01", 4)
    assert found.worst_month == pytest.approx(1.1 * 0.8 - 1)
    assert found.annualised


def test_less_than_a_year_is_not_compounded_to_one():
    found = figures(periods_per_year=12)
    assert not found.annualised
    assert found.annual_return == found.total_return == pytest.approx(0.122, abs=1e-15)
    assert found.calmar == pytest.approx(0.122 / 0.2)
    # what is a rate stays one
    assert found.volatility == pytest.approx(math.sqrt(0.105675 / 3 * 12), rel=1e-13)
    assert found.turnover == pytest.approx(1.2 * 12 / 4)
    assert figures(periods_per_year=4).annual_return == pytest.approx(0.122)
    assert figures(periods_per_year=4).annualised


def test_a_first_loss_counts_as_a_drawdown():
    assert max_drawdown(np.array([-0.3, 0.1])) == pytest.approx(0.3)
    assert drawdowns(np.array([-0.3, 0.1])).tolist() == pytest.approx([0, 0.3, 0.23])


def test_months_compound_and_do_not_run_into_each_other():
    months, returns = monthly_returns(RETURNS, DAYS)
    assert [str(m) for m in months] == ["2020-01", "2020-02"]
    assert returns == pytest.approx([1.1 * 0.8 - 1, 1.25 * 1.02 - 1])
    # a January is not the next year's January
    months, _ = monthly_returns(np.zeros(2), np.array(["2020-01-31", "2021-01-04"], dtype="datetime64[D]"))
    assert len(months) == 2


def test_what_never_varies_has_no_sharpe_and_what_never_falls_no_calmar():
    assert math.isnan(sharpe_ratio(np.full(5, 0.1), np.zeros(5), 252))
    assert math.isnan(figures(returns=np.array([0.01, 0.02, 0.0, 0.03])).calmar)


def test_the_risk_free_rate_is_taken_off_day_by_day():
    moving = np.array([0.0, 0.02, 0.0, 0.02])
    expected = sharpe_ratio(RETURNS - moving, np.zeros(4), 2)
    assert figures(risk_free=moving).sharpe == pytest.approx(expected, rel=1e-14)


def test_ruin_is_a_loss_of_everything():
    assert figures(returns=np.array([0.1, -1.0, 0.0, 0.0])).annual_return == -1.0


def test_one_day_is_too_few():
    with pytest.raises(BadData, match="two periods"):
        measure(RETURNS[:1], np.zeros(1), np.zeros((1, 2)), np.zeros(1), DAYS[:1], 252)
