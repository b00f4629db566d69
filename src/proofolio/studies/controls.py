"""From a user's prices to a control problem, its targets, a matched cost of speed and a bounded gap."""

from __future__ import annotations

import warnings
from time import perf_counter

import pandas as pd
from numpy.typing import ArrayLike

from proofolio.errors import DoubtfulEstimate, DoubtfulUnits, Imprecise
from proofolio.models.arguments import each_asset, positive
from proofolio.models.control.experiments import Experiment
from proofolio.models.control.regime_control import RegimeControl

__all__ = ["controlled"]


WEEKLY, PLAN = 52.0, 0.25  # steps a year of the gaps, years of the plan


def controlled(
    prices: pd.DataFrame,
    regimes: int = 3,
    *,
    gamma: float = 3.0,
    eta: float | None = None,
    costs: ArrayLike = 1e-3,
    limits: float = 1.0,
    paths: int = 40,
    seed: int = 0,
    command: str = "",
) -> Experiment:
    """Return what a control problem fitted to prices looks like: regimes, targets, a cost of speed, gaps.

    Parameters
    ----------
    prices : DataFrame
        By date, a column an asset, without gaps.
    regimes : int
    gamma : float
    eta : float, optional
        Matched to the costs by default, for a policy that filters the regimes.
    costs : float or array_like, shape (d,)
        Fractions of what is traded.
    limits : float
        Largest size of a position, for the gaps.
    paths, seed : int
        Of the gaps and of the matching.
    command : str
        That asked for it.
    """
    began = perf_counter()
    positive("gamma", gamma), positive("limits", limits)  # before the fit, which takes seconds
    if eta is not None:
        positive("eta", eta)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always", DoubtfulEstimate)
        warnings.simplefilter("always", DoubtfulUnits)
        warnings.simplefilter("always", Imprecise)
        control = RegimeControl.fit(prices, regimes, gamma=gamma, eta=0.1 if eta is None else eta)
        found, names = control.calibration, list(map(str, prices.columns))
        assert found is not None  # `fit` leaves it
        cost = each_asset("costs", costs, len(names))
        if eta is None:
            eta = control.match_costs(
                cost,
                paths=paths,
                years=1.0,
                periods_per_year=found.periods_per_year,
                seed=seed,
                filtered=True,
            )
        bounded = RegimeControl(
            control.chain,
            control.alpha,
            control.Sigma,
            gamma,
            eta,
            control.Lambda,
            horizon=1.0,
            limits=limits,
            l1=cost,
            units="year",
        )
        rows = []
        for policy in (bounded.one_step(), bounded.lookahead(PLAN)):
            gap = bounded.bound(policy, paths, seed, WEEKLY)
            rows.append((gap.policy, gap.value, gap.upper, gap.gap, *gap.interval))
    targets = control.with_eta(eta).riccati().targets()
    index = pd.Index(control.chain.names, name="regime")
    gaps = pd.DataFrame(rows, columns=["policy", "value", "upper", "gap", "low", "high"]).set_index("policy")
    said = (
        f"{len(prices)} rows of {len(names)} assets, {regimes} regimes of an equally weighted basket; gamma {gamma:g}, "
        f"eta {eta:g}, generator by {control.chain.method}. Gaps: weekly steps, one year, positions within "
        f"{limits:g}, the linear costs given; they say nothing about errors of the fit."
    )
    doubts = sorted({str(warning.message) for warning in caught})
    if doubts:
        said += " Doubts: " + "; ".join(doubts) + "."
    return Experiment(
        "prices", command, said,
        {
            "regimes": found.table(),
            "drifts a year, shrunk": pd.DataFrame(control.alpha, index=index, columns=names),
            "targets without limits": pd.DataFrame(targets, index=index, columns=names),
            "gaps": gaps,
        },
        [], {}, perf_counter() - began,
    )  # fmt: skip
