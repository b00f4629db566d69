"""SCA against SLSQP: the same program for both, and figures that say what they claim."""

import numpy as np
import pytest
from scipy.optimize import check_grad

from proofolio.backtesting import solver_comparison as slsqp
from proofolio.backtesting.forecasts import ForecastPlan
from proofolio.backtesting.solver_comparison import compare_solvers
from proofolio.models.portfolio.risk_budgeting import equal_risk
from proofolio.models.portfolio.risk_parity import RiskParity


def test_both_ways_are_judged_alike_and_sca_is_never_the_worse(market_of, two_regimes):
    market = market_of(two_regimes(days=220))
    plan = ForecastPlan(driving=(0, 1), window=120)
    rows = compare_solvers(market, plan, start=120, stop=220, days=3, horizons=(1, 2), gamma_trades=(1e-4,))
    assert [(row.method, row.horizon) for row in rows] == [("sca", 1), ("slsqp", 1), ("sca", 2), ("slsqp", 2)]
    for ours, theirs in zip(rows[::2], rows[1::2], strict=True):
        assert (ours.days, ours.worse, ours.failed) == (3, 0, 0)
        assert ours.objective <= theirs.objective + 1e-9
        assert ours.least_weight > 0.01
        assert 0 <= ours.ante_mean <= ours.ante_max < ours.post_max


def test_slsqp_is_given_the_program_and_its_gradient(monkeypatch):
    """Value and gradient against the model's own objective, away from the kinks."""
    rng = np.random.default_rng(0)
    root = rng.standard_normal((2, 3, 3))
    sigma, w0 = root @ root.swapaxes(1, 2) + np.eye(3), np.full(3, 1 / 3)
    seen = {}

    def caught(fun, x0, **others):
        seen["fun"] = fun
        return minimize(fun, x0, **others)

    minimize = slsqp.minimize
    monkeypatch.setattr(slsqp, "minimize", caught)
    W, objective, ok = slsqp.slsqp_risk_parity(sigma, w0, 1e-3, start=equal_risk(sigma).T)
    program = RiskParity(3, 2, 1e-3)
    assert objective == pytest.approx(program.objective(W.T, sigma, w0), rel=1e-12)
    assert W.sum(axis=0) == pytest.approx(1.0, abs=1e-9)
    assert ok
    x = rng.dirichlet(np.ones(3), size=2)
    assert seen["fun"](x.ravel())[0] == pytest.approx(program.objective(x, sigma, w0), rel=1e-12)
    assert check_grad(lambda y: seen["fun"](y)[0], lambda y: seen["fun"](y)[1], x.ravel()) < 1e-6
