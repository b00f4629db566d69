"""The same strategies under other costs, and through the crises."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from proofolio.backtesting.costs import LinearCost
from proofolio.backtesting.metrics import Metrics
from proofolio.backtesting.run import Scene, play
from proofolio.backtesting.simulator import Run
from proofolio.backtesting.strategy import Strategy
from proofolio.backtesting.tasks import Workshop

__all__ = ["BASIS_POINTS", "CRISES", "Crisis", "CrisisFigures", "cost_sensitivity", "crisis_figures"]


BASIS_POINTS = (1.0, 5.0, 10.0, 20.0, 50.0, 100.0, 150.0)


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


@dataclass(frozen=True)
class CrisisFigures:
    """What one strategy did within a crisis, on the days of it that were traded: `first` to `last`."""

    crisis: Crisis
    strategy: str
    metrics: Metrics
    first: str
    last: str


def cost_sensitivity(
    scene: Scene,
    strategies: Sequence[Strategy],
    basis_points: Sequence[float] = BASIS_POINTS,
    workshop: Workshop | None = None,
) -> dict[float, list[Run]]:
    """Return, for each cost in basis points of what is traded, one run a strategy.

    Only what is charged changes: the strategies' own trade aversion stays as it is.
    """
    pairs = [(strategy, LinearCost(bp / 1e4)) for bp in basis_points for strategy in strategies]
    runs = play(scene, pairs, workshop)
    n = len(strategies)
    return {bp: runs[k * n : (k + 1) * n] for k, bp in enumerate(basis_points)}


def crisis_figures(
    runs: Sequence[Run], crises: Sequence[Crisis] = CRISES, least_days: int = 10
) -> list[CrisisFigures]:
    """Return the figures within each crisis that falls into the runs' days, if `least_days` of it do."""
    found = []
    for crisis in crises:
        for run in runs:
            first = int(np.searchsorted(run.dates, np.datetime64(crisis.first, "D"), side="right"))
            stop = int(np.searchsorted(run.dates, np.datetime64(crisis.last, "D"), side="right"))
            if stop - first >= least_days:
                days = str(run.dates[first]), str(run.dates[stop - 1])
                found.append(CrisisFigures(crisis, run.name, run.within(first, stop), *days))
    return found
