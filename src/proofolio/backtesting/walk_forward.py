"""Walk-forward: choose on the past, trade the next span, move on."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from proofolio.arrays import Floats
from proofolio.backtesting.costs import Costs
from proofolio.backtesting.run import Scene, backtest
from proofolio.backtesting.simulator import Run, simulate
from proofolio.backtesting.strategy import Strategy
from proofolio.backtesting.tasks import Workshop
from proofolio.errors import BadData

__all__ = ["Fold", "walk_forward"]


@dataclass(frozen=True)
class Fold:
    """One choice: rows looked back on, rows then traded, which candidate, and its Sharpe ratio in the past."""

    looked_back: tuple[int, int]
    traded: tuple[int, int]
    chosen: int
    sharpe: float


def walk_forward(
    scene: Scene,
    candidates: Sequence[Strategy],
    costs: Costs,
    *,
    look_back: int,
    step: int,
    workshop: Workshop | None = None,
) -> tuple[Run, tuple[Fold, ...]]:
    """Return one run that every `step` days goes on with the candidate of the best Sharpe ratio so far.

    Each candidate runs over the whole scene on its own; that is causal, so its returns before a day are what was
    known of it on that day. The portfolio itself is one: when the candidate changes, the holdings stay and the
    new one trades them, at a cost.

    Parameters
    ----------
    scene : Scene
    candidates : sequence of Strategy
    costs : Costs
    look_back : int
        Days of the candidates' past that decide; the first trade is made after so many days of the scene.
    step : int
        Days between choices.
    workshop : Workshop, optional

    Returns
    -------
    run : Run
    folds : tuple of Fold

    Raises
    ------
    BadData
        When the scene has no day left after `look_back`, or there is no candidate.
    """
    if not candidates or look_back < 2 or step < 1:
        raise BadData(
            "walk-forward needs a candidate, two days or more to look back on and a step of one or more."
        )
    first = scene.start + look_back
    if first >= scene.stop:
        raise BadData(
            f"the {scene.stop - scene.start} days leave none to trade after {look_back} to look back on; look back "
            "on fewer."
        )
    past = backtest(scene, candidates, costs, workshop)
    runs, folds, holdings = [], [], None
    for start in range(first, scene.stop, step):
        stop = min(start + step, scene.stop)
        back = (start - look_back - scene.start, start - scene.start)
        sharpes = [run.within(*back).sharpe for run in past]
        best = int(np.argmax([-math.inf if math.isnan(s) else s for s in sharpes]))
        run = simulate(
            scene.market,
            candidates[best],
            costs,
            start=start,
            stop=stop,
            forecasts=scene.book(candidates[best].needs),
            rebalance=scene.rebalance,
            holdings=holdings,
        )
        holdings = _drifted(scene, run)
        runs.append(run)
        folds.append(Fold((start - look_back, start), (start, stop), best, sharpes[best]))
    return _joined(runs), tuple(folds)


def _drifted(scene: Scene, run: Run) -> Floats:
    """Return the weights at the last close of a run."""
    grown: Floats = run.weights[-1] * (1.0 + scene.market.returns[run.start + len(run.dates) - 1])
    shares: Floats = grown / grown.sum()
    return shares


def _joined(runs: Sequence[Run]) -> Run:
    told = ("unanswered", "unproved", "collapsed")
    joined = {
        name: np.concatenate([getattr(run, name) for run in runs])
        for name in ("dates", "weights", "trades", "costs", "gross", "risk_free", *told)
    }
    return Run(name="walk-forward", start=runs[0].start, seconds=sum(run.seconds for run in runs), **joined)
