r"""Frontiers of the strategies of the experiment: return against risk over risk aversions, and return at equal risk.

Certainty equivalents compare strategies at one risk aversion. Here every strategy is followed at several: its points
(risk, return) are joined by straight lines, and two strategies are compared where both have the same risk,

.. math::
    \frac{1}{G} \sum_g \Bigl( r_g - \sum_j \lambda_{gj} r'_j \Bigr), \qquad \sum_j \lambda_{gj} s'_j = s_g,

the mean over the points g of the rule whose risk s lies within the other's. Nothing is extrapolated. For intervals
blocks of calendar weeks are resampled, and the shares :math:`\lambda` are kept as they are. The first half of the weeks
stands beside the second: what is picked in the first is worth what the second shows.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from proofolio.arrays import Floats, Mask
from proofolio.backtesting.tasks import Task, TaskRunner, digested
from proofolio.backtesting.view_paths import Followed
from proofolio.backtesting.view_trial import (
    STATIC,
    WEEKS_A_YEAR,
    Difference,
    Known,
    ViewDesign,
    bootstrap_blocks,
    difference_of,
    kinds_of,
    known_before,
    portfolios_of,
    yearly,
)
from proofolio.errors import BadData

__all__ = ["GAMMA_RISKS", "HALVES", "FrontierPoint", "ViewFrontier", "view_frontier"]

GAMMA_RISKS = (0.1, 0.3, 0.6, 3.0)
HALVES = ("all weeks", "first half", "second half")


@dataclass(frozen=True)
class FrontierPoint:
    """One strategy at one risk aversion, over some weeks: risk and return after costs, % a year."""

    strategy: str
    horizon: int
    half: str
    gamma_risk: float
    risk: float
    net: float


@dataclass(frozen=True, eq=False)
class ViewFrontier:
    """What came out.

    Attributes
    ----------
    design : ViewDesign
        Whose `horizon` and `gamma_risk` are not used.
    names : tuple of str
    decisions : int
        Weeks that were there to draw from.
    gamma_risks, horizons : tuples
    points : tuple of FrontierPoint
        By horizon, half, strategy and risk aversion.
    differences : dict
        By horizon and half, the rule's return less that of each alternative at equal risk, % a year; left out where the
        two have no risk in common.
    plans, unproved : int
    largest_gap : float
    """

    design: ViewDesign
    names: tuple[str, ...]
    decisions: int
    gamma_risks: tuple[float, ...]
    horizons: tuple[int, ...]
    points: tuple[FrontierPoint, ...]
    differences: dict[tuple[int, str], tuple[Difference, ...]]
    plans: int
    unproved: int
    largest_gap: float

    @property
    def strategies(self) -> tuple[str, ...]:
        """The strategies, the rule first."""
        return tuple(dict.fromkeys(point.strategy for point in self.points))

    def of(self, strategy: str, horizon: int, half: str) -> list[FrontierPoint]:
        """Return the points of one frontier, least risk averse first."""
        asked = (strategy, horizon, half)
        return [p for p in self.points if (p.strategy, p.horizon, p.half) == asked]

    def sentence(self) -> str:
        """Say how the rule stands beside its placebo at equal risk, in both halves."""
        H = self.horizons[0]
        found = [
            next((d for d in self.differences[H, half] if d.name == "shifted confidences"), None)
            for half in HALVES
        ]
        said = [
            f"{half} {d.mean:+.2f} [{d.low:.2f}, {d.high:.2f}]" if d else f"{half} no risk in common"
            for half, d in zip(HALVES, found, strict=True)
        ]
        return (
            "At equal risk the rule has earned, over the same confidences shifted in time, in % a year: "
            f"{'; '.join(said)}."
        )

    def document(self) -> dict[str, Any]:
        """Return what ``--json`` prints."""
        return {
            "rule": self.design.name,
            "assets": list(self.names),
            "pairs": self.design.pairs,
            "weeks": self.design.weeks,
            "shifts": self.design.shifts,
            "decisions": self.decisions,
            "seed": self.design.seed,
            "gamma_risks": list(self.gamma_risks),
            "horizons": list(self.horizons),
            "points": [vars(point) for point in self.points],
            "equal_risk": [
                {"horizon": H, "half": half, "less": d.name, "mean": d.mean, "low": d.low, "high": d.high,
                 "decided": d.decided}
                for (H, half), found in self.differences.items() for d in found
            ],
            "plans": self.plans,
            "unproved": self.unproved,
            "largest_gap": self.largest_gap,
            "sentence": self.sentence(),
        }  # fmt: skip


def view_frontier(
    returns: Floats,
    names: tuple[str, ...],
    design: ViewDesign,
    gamma_risks: Sequence[float] = GAMMA_RISKS,
    horizons: Sequence[int] = (1,),
    runner: TaskRunner | None = None,
) -> ViewFrontier:
    """Follow the strategies of the experiment at several risk aversions and horizons.

    Parameters
    ----------
    returns, names, design, runner
        See `view_experiment`; pairs, windows, confidences and placebos are the same.
    gamma_risks : sequence of float
        Two or more.
    horizons : sequence of int
        In weeks.

    Raises
    ------
    BadData
        As `view_experiment`, or for risk aversions that are none or fewer than two.
    """
    gammas, lengths = tuple(sorted(set(gamma_risks))), tuple(sorted(set(horizons)))
    if len(gammas) < 2 or not all(0.0 <= g < math.inf for g in gammas):
        raise BadData(
            f"a frontier needs two risk aversions or more, finite and 0 or more; got {list(gamma_risks)}."
        )
    if not lengths or min(lengths) < 1:
        raise BadData(f"horizons are {list(horizons)}; give weeks, 1 or more.")
    runner = runner or TaskRunner()
    known, _, decisions = known_before(returns, design, runner)
    settings = [(H, g) for H in lengths for g in gammas]
    tasks = [
        Task(digested("frontier", known, H, g), f"horizon {H}, gamma_risk {g:g}", (H, g)) for H, g in settings
    ]
    done = dict(zip(settings, runner.run(_at, known, tasks, Followed), strict=True))
    kinds = kinds_of(known.shifted.shape[1])
    groups = _groups(kinds)
    rows = known.starts[:, None] + np.arange(design.weeks)
    masks = dict(zip(HALVES, (rows >= 0, rows < decisions // 2, rows >= decisions // 2), strict=True))
    points, differences = [], {}
    for H in lengths:
        net = {g: done[H, g].net.reshape(len(kinds), -1, design.weeks) for g in gammas}
        for half, mask in masks.items():
            frontiers = {
                name: [_point(net[g][members], mask) for g in gammas]
                for name, members in groups.items()
                if mask.any()
            }
            points += [
                FrontierPoint(name, H, half, g, risk, earned)
                for name, frontier in frontiers.items()
                for g, (risk, earned) in zip(gammas, frontier, strict=True)
            ]
            series = {
                name: np.stack([net[g][members].mean(axis=0) for g in gammas])
                for name, members in groups.items()
            }
            differences[H, half] = _differences(frontiers, series, mask, known, design)
    return ViewFrontier(
        design=design,
        names=names,
        decisions=decisions,
        gamma_risks=gammas,
        horizons=lengths,
        points=tuple(points),
        differences=differences,
        plans=sum(one.gap.size for one in done.values()),
        unproved=sum(int(one.unproved.sum()) for one in done.values()),
        largest_gap=max(float(one.gap.max()) for one in done.values()),
    )


def equal_risk_shares(risks: Floats, others: Floats) -> Floats:
    """Return how much of each point of another frontier has the risk of each point of a first, (G, G').

    Rows of points outside of the other's risks are 0. Where the other frontier has a risk twice, its first segment
    in the order of the points is taken.

    Parameters
    ----------
    risks, others : (G,) and (G',) arrays
    """
    shares = np.zeros((len(risks), len(others)))
    for row, risk in zip(shares, risks, strict=True):
        for j in range(len(others) - 1):
            low, high = sorted(others[j : j + 2])
            if low <= risk <= high:
                step = others[j + 1] - others[j]
                part = 0.5 if step == 0.0 else (risk - others[j]) / step
                row[j], row[j + 1] = 1.0 - part, part
                break
    return shares


def _at(known: Known, setting: tuple[int, float]) -> Followed:
    H, gamma_risk = setting
    market = replace(known.market, horizon=H, gamma_risk=gamma_risk)
    return portfolios_of(replace(known, market=market), np.arange(len(known.pairs)))


def _groups(kinds: Sequence[str]) -> dict[str, list[int]]:
    """Return the places of the portfolios of each strategy: views of both signs, and all shifts."""
    place = {kind: k for k, kind in enumerate(kinds)}
    groups = {
        name: [place[f"{name} {side}"] for side in "+-"]
        for name in ("rule", *(f"{100 * c:g} %" for c in STATIC))
    }
    groups["shifted confidences"] = [k for kind, k in place.items() if kind.startswith("shift")]
    return groups


def _point(net: Floats, mask: Mask) -> tuple[float, float]:
    """Return risk and return of (M, N, W) portfolios in the weeks of a mask, % a year."""
    counted = net[:, mask]
    return float(100.0 * math.sqrt(WEEKS_A_YEAR) * counted.std()), float(yearly(counted.mean()))


def _differences(
    frontiers: dict[str, list[tuple[float, float]]],
    series: dict[str, Floats],
    mask: Mask,
    known: Known,
    design: ViewDesign,
) -> tuple[Difference, ...]:
    blocks, draws = bootstrap_blocks(known, design)
    found = []
    for name in list(frontiers)[1:]:
        risks, others = (np.array([risk for risk, _ in frontiers[each]]) for each in ("rule", name))
        shares = equal_risk_shares(risks, others)
        common = shares.any(axis=1)
        if common.any():
            less = np.einsum("gj,jnw->gnw", shares[common], series[name])
            at_equal_risk = (series["rule"][common] - less).mean(axis=0)
            found.append(difference_of(name, at_equal_risk[mask], blocks[mask], draws))
    return tuple(found)
