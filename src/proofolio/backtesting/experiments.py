"""What runs say beyond their figures: under other costs, through the crises, and by regime."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd

from proofolio.arrays import Floats
from proofolio.backtesting.backtests import Context
from proofolio.backtesting.costs import Costs, LinearCost, terms_of
from proofolio.backtesting.market import Market
from proofolio.backtesting.metrics import Metrics
from proofolio.backtesting.simulator import Simulation
from proofolio.errors import BadData, did_you_mean

__all__ = [
    "BASIS_POINTS",
    "CRISES",
    "Crisis",
    "CrisisFigures",
    "charged",
    "cost_sensitivity",
    "crisis_figures",
    "crisis_named",
    "regime_summary",
]


# ------------------------------------------------------------------ costs
BASIS_POINTS = (1.0, 5.0, 10.0, 20.0, 50.0, 100.0, 150.0)


def charged(run: Simulation, market: Market, costs: Costs, value: float = 1e6) -> Simulation:
    """Return the run as it would have been under other costs, without asking its strategy again.

    Costs are paid out of the whole portfolio, so they change what it is worth and not what it holds: weights and
    trades are the same to the bit. A strategy is never given the costs charged or the wealth they leave.

    Raises
    ------
    BadData
        When a trade costs all there is.
    """
    paid = np.zeros(len(run.dates))
    wealth = 1.0
    for d, trade in enumerate(run.trades):
        close = run.start - 1 + d
        if trade.any():
            terms = terms_of(costs, market.returns[: close + 1], trade, value * wealth)
            paid[d] = terms.total(trade)
        if not paid[d] < 1.0:  # NaN fails too
            raise BadData(
                f"{run.name} on {market.dates[close]}: the trade costs {paid[d]:g} of the portfolio, and wealth cannot "
                "go on from there; check the costs."
            )
        wealth *= (1.0 - paid[d]) * (1.0 + run.gross[d] - run.charges[d])
    return replace(run, costs=paid)


def cost_sensitivity(
    context: Context, runs: Sequence[Simulation], basis_points: Sequence[float] = BASIS_POINTS
) -> dict[float, list[Simulation]]:
    """Return, for each cost in basis points of what is traded, every run charged it; see `charged`.

    Only what is charged changes: the strategies' own trade aversion stays as it is.
    """
    return {
        float(bp): [charged(run, context.market, LinearCost(bp / 1e4), context.account.value) for run in runs]
        for bp in basis_points
    }


# ------------------------------------------------------------------ crises
@dataclass(frozen=True)
class Crisis:
    """A span of falling markets, first and last date."""

    name: str
    first: str
    last: str


# From a high of the S&P 500 to the low that followed.
CRISES = (
    Crisis("financial crisis", "2007-10-09", "2009-03-09"),
    Crisis("euro and debt ceiling", "2011-07-22", "2011-10-03"),
    Crisis("end of 2018", "2018-09-20", "2018-12-24"),
    Crisis("pandemic", "2020-02-19", "2020-03-23"),
    Crisis("inflation", "2022-01-03", "2022-10-12"),
)
LEAST = 10  # periods of a crisis: with fewer there is nothing to see


@dataclass(frozen=True, eq=False)
class CrisisFigures:
    """What one strategy did within a crisis, as part of its whole run: nothing is begun anew there.

    Attributes
    ----------
    crisis : Crisis
    strategy : str
    metrics : Metrics
    first, last : str
        Of the periods of the crisis that were traded.
    weights : (d, n) array
        Held during each of them.
    assets : mapping
        By name, each asset's own return over them.
    """

    crisis: Crisis
    strategy: str
    metrics: Metrics
    first: str
    last: str
    weights: Floats
    assets: Mapping[str, float]

    def document(self) -> dict[str, Any]:
        """Return the figures, and by asset its return, and the first, mean and last weight."""
        held = {"first": self.weights[0], "mean": self.weights.mean(axis=0), "last": self.weights[-1]}
        return {
            "crisis": self.crisis.name,
            "first": self.first,
            "last": self.last,
            "strategy": self.strategy,
            **self.metrics.document(),
            "asset_returns": dict(self.assets),
            "weights": {
                when: dict(zip(self.assets, weights.tolist(), strict=True)) for when, weights in held.items()
            },
        }


def crisis_named(given: str | Crisis | tuple[str, str]) -> Crisis:
    """Return a crisis as it is, one of `CRISES` by its name, or the one of two dates.

    Raises
    ------
    BadData
        For a name or dates that do not exist.
    """
    if isinstance(given, Crisis):
        return given
    if isinstance(given, str):
        known = {crisis.name: crisis for crisis in CRISES}
        if given not in known:
            raise BadData(
                f"there is no crisis {given!r}{did_you_mean(given, known)}; name one of {', '.join(known)}, or give "
                "the first and last date."
            )
        return known[given]
    try:
        first, last = (str(np.datetime64(str(side)[:10], "D")) for side in given)
    except (TypeError, ValueError):
        raise BadData(f"a crisis is {given!r}; give two dates like ('2020-02-19', '2020-03-23').") from None
    return Crisis(f"{first} to {last}", first, last)


def crisis_rows(dates: Any, crisis: Crisis) -> slice:
    """Return the rows of the periods that begin on its first date or later and end on its last or before."""
    first = int(np.searchsorted(dates, np.datetime64(crisis.first, "D"), side="right"))
    return slice(first, int(np.searchsorted(dates, np.datetime64(crisis.last, "D"), side="right")))


def crisis_figures(
    context: Context, runs: Sequence[Simulation], crises: Sequence[Crisis] = CRISES, least: int = LEAST
) -> list[CrisisFigures]:
    """Return the figures within each crisis with at least `least` periods among those of the runs."""
    found = []
    market = context.market
    for crisis in crises:
        for run in runs:
            rows = crisis_rows(run.dates, crisis)
            if rows.stop - rows.start < least:
                continue
            grown = (
                np.prod(1.0 + market.returns[run.start + rows.start : run.start + rows.stop], axis=0) - 1.0
            )
            found.append(
                CrisisFigures(
                    crisis,
                    run.name,
                    run.within(rows.start, rows.stop),
                    str(run.dates[rows.start]),
                    str(run.dates[rows.stop - 1]),
                    run.weights[rows],
                    dict(zip(market.names, grown.tolist(), strict=True)),
                )
            )
    return found


# ------------------------------------------------------------------ regimes
def regime_summary(context: Context) -> pd.DataFrame | None:
    """Return mean, volatility and correlations of every asset, in all and by regime; None without regimes.

    A period belongs to the regime believed in at its own close, given the returns up to it (filtered): a description
    of the span, which no decision was made on. Mean and volatility are a year (n - 1 in the variance), both NaN for
    an asset with fewer than two periods in a regime.

    Returns
    -------
    ((K + 1) n, 3 + n) DataFrame
        By regime, ``"all"`` and from ``"1"`` (the calmest), and asset; columns ``periods``, ``mean``, ``volatility``
        and ``correlation with ASSET`` for each.
    """
    book, market = context.regimes, context.market
    if book is None or book.regime is None or book.probabilities is None:
        return None
    returns = market.returns[book.first : book.first + len(book)]
    parts = {}
    everywhere = np.ones(len(book), dtype=np.bool_)
    inside = {str(k + 1): book.regime == k for k in range(book.probabilities.shape[2])}
    for name, within in ({"all": everywhere} | inside).items():
        own = pd.DataFrame(returns[within], columns=list(market.names))
        figures = pd.DataFrame(
            {
                "periods": own.count(),
                "mean": own.mean().where(own.count() >= 2) * market.calendar.periods_per_year,
                "volatility": own.std(ddof=1) * np.sqrt(market.calendar.periods_per_year),
            },
            index=list(market.names),
        )
        parts[name] = pd.concat([figures, own.corr().add_prefix("correlation with ")], axis=1)
    return pd.concat(parts, names=["regime", "asset"])
