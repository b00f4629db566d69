"""From a user's prices to a control problem, its targets, a matched cost of speed and a bounded gap."""

from __future__ import annotations

import warnings
from time import perf_counter

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

from proofolio.backtesting.market import Market, market_of
from proofolio.errors import BadData, DoubtfulEstimate, Imprecise
from proofolio.forecasts.hidden_markov import fit_regimes
from proofolio.models.arguments import each_asset
from proofolio.models.control.chain import RegimeChain
from proofolio.models.control.experiments import Experiment
from proofolio.models.control.regime_control import RegimeControl

__all__ = ["control_of", "controlled"]


LEAST_DAYS = 20  # in a regime: fewer say nothing about a covariance


def control_of(
    prices: pd.DataFrame | Market,
    regimes: int = 3,
    *,
    gamma: float = 3.0,
    eta: float = 0.1,
    shrinkage: float = 0.5,
    limits: float | None = None,
) -> tuple[RegimeControl, list[str]]:
    """Return a control problem with the regimes of these prices, and what is doubtful about it.

    Parameters
    ----------
    prices : DataFrame or Market
        By date, a column an asset; an equally weighted basket of all drives the regimes.
    regimes : int
    gamma, eta : float
    shrinkage : float
        Of the means by regime, towards their common mean: 0 believes them, 1 does not.
    limits : float, optional
        Largest size of a position.

    Raises
    ------
    BadData
        For gaps in the prices, or a regime with next to no days.
    """
    market = market_of(prices)
    returns = np.asarray(market.history(len(market.dates)), dtype=float)
    if not np.isfinite(returns).all():
        raise BadData(
            "control needs assets that have a price on every date; drop columns or rows with gaps first"
        )
    if not 0.0 <= shrinkage <= 1.0:
        raise BadData(
            f"shrinkage is {shrinkage:g}; it is between 0 (believe each mean) and 1 (only their mean)"
        )
    year = market.calendar.periods_per_year
    basket = returns.mean(axis=1)
    fit = fit_regimes(basket, regimes)
    doubts: list[str] = []
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always", DoubtfulEstimate)
        chain = RegimeChain.from_hmm(fit, basket, periods_per_year=year)
    doubts += [str(warning.message) for warning in caught]
    weights = fit.smoothed_probabilities(basket)
    days = weights.sum(axis=0)
    if days.min() < LEAST_DAYS:
        raise BadData(f"regime {int(days.argmin())} has {days.min():.0f} periods only; fit fewer regimes")
    means = weights.T @ returns / days[:, None]
    common = returns.mean(axis=0)
    Sigma = np.empty((regimes, returns.shape[1], returns.shape[1]))
    for k in range(regimes):
        away = returns - means[k]
        Sigma[k] = (weights[:, k, None] * away).T @ away / days[k] * year
    alpha = ((1.0 - shrinkage) * means + shrinkage * common) * year
    return RegimeControl(chain, alpha, Sigma, gamma, eta, limits=limits, units="year"), doubts


def controlled(
    prices: pd.DataFrame | Market,
    regimes: int = 3,
    *,
    gamma: float = 3.0,
    eta: float | None = None,
    costs: ArrayLike = 1e-3,
    limits: float | None = 1.0,
    paths: int = 40,
    seed: int = 0,
    command: str = "",
) -> Experiment:
    """Return what a control problem of these prices looks like: regimes, targets, eta, gaps.

    Parameters
    ----------
    prices, regimes, gamma, limits
        As for `control_of`.
    eta : float, optional
        Matched to the costs by default.
    costs : float or array_like, shape (d,)
        Fractions of what is traded.
    paths, seed : int
        Of the bound and of the matching.
    command : str
        That asked for it.
    """
    began = perf_counter()
    market = market_of(prices)
    names = list(market.names)
    cost = each_asset("costs", costs, len(names))
    control, doubts = control_of(market, regimes, gamma=gamma, eta=0.1 if eta is None else eta)
    if eta is None:
        year = market.calendar.periods_per_year
        eta = control.match_costs(
            cost, paths=paths, years=1.0, periods_per_year=year, seed=seed, filtered=True
        )
    plain = control.with_eta(eta)
    bounded = RegimeControl(
        control.chain, control.alpha, control.Sigma, gamma, eta, control.Lambda, horizon=1.0, limits=limits, l1=cost,
        units="year",
    )  # fmt: skip
    chain, value = control.chain, plain.riccati()
    index = pd.Index(chain.names, name="regime")
    life = pd.DataFrame(
        {"share": chain.stationary, "mean length (days)": chain.mean_length * 365.25}, index=index
    )
    if chain.switches is not None:
        life["switches seen"] = chain.switches.sum(axis=1)
    targets = pd.DataFrame(value.targets(), index=index, columns=names)
    drifts = pd.DataFrame(control.alpha, index=index, columns=names)
    steps = 52.0
    rows = []
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always", Imprecise)
        for policy in (bounded.one_step(), bounded.lookahead(0.25)):
            gap = bounded.bound(policy, paths, seed, steps)
            rows.append((gap.policy, gap.value, gap.upper, gap.gap, *gap.interval))
    doubts += sorted({str(warning.message) for warning in caught})
    gaps = pd.DataFrame(rows, columns=["policy", "value", "upper", "gap", "low", "high"]).set_index("policy")
    said = (
        f"{len(market.dates)} periods of {len(names)} assets, {regimes} regimes of an equally weighted basket; gamma "
        f"{gamma:g}, eta {eta:g}, generator by {chain.method} (its period is within {chain.distance:.2g} of the fitted "
        f"matrix). Gaps: weekly steps, one year, positions within {limits}, the linear costs given. They say nothing "
        "about errors of the fit."
    )
    if doubts:
        said += " Doubts: " + "; ".join(doubts) + "."
    return Experiment(
        "prices", command, said,
        {"regimes": life, "drifts a year, shrunk": drifts, "targets without limits": targets, "gaps": gaps},
        [], {}, perf_counter() - began,
    )  # fmt: skip
