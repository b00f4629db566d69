"""What an experiment with views tries, what its portfolios know, and how their differences are judged.

Pairs of assets and windows of time are drawn at random, and each is traded with both opposite views. A placebo of a
rule is the rule with its confidences shifted in time. The intervals of differences are those of a bootstrap over blocks
of calendar weeks.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field, replace

import numpy as np

from proofolio.arrays import Floats, Integers
from proofolio.backtesting.tasks import Task, TaskRunner, digested
from proofolio.backtesting.view_paths import Followed, WeeklyMarket, both_at_once, follow
from proofolio.errors import BadData
from proofolio.forecasts.covariance import ewma, sample
from proofolio.forecasts.views.asset_regimes import AssetRegimes, RegimeHistory
from proofolio.forecasts.views.confidences import (
    CalibratedConfidence,
    CdfConfidence,
    Confidence,
    Scale,
    SigmoidConfidence,
)
from proofolio.forecasts.views.formulas import drifted

__all__ = [
    "STATIC",
    "WEEKS_A_YEAR",
    "Difference",
    "Known",
    "ViewDesign",
    "bootstrap_blocks",
    "difference_of",
    "equivalents",
    "kinds_of",
    "known_before",
    "portfolios_of",
    "weekly_market",
    "yearly",
]

STATIC = (0.1, 0.5, 0.9)
DAYS_A_WEEK, WEEKS_A_YEAR, DAYS_A_YEAR = 5, 52.0, 252.0
BLOCK = 26  # calendar weeks that are resampled together: a regime lasts months
DRAWS = 2000


@dataclass(frozen=True)
class ViewDesign:
    """What is tried.

    Parameters
    ----------
    confidence : {"sigmoid", "cdf", "calibrated"}
        The rule; ``"sigmoid"`` with `eta` and `scale` is the published one by default.
    eta, scale
        See `SigmoidConfidence`; returns are daily.
    yearly : float
        What each view claims, 0.04 a year.
    regimes : AssetRegimes
    pairs, weeks, shifts, seed : int
        Pairs drawn (each with a window of so many weeks), and placebos a pair.
    horizon : int
        Weeks that each plan looks ahead, all with this week's forecast: that divides the price of trading, no more.
    gamma_risk, gamma_trade : float
    half_spread, impact : float
        a, and b of ``k = b sigma / sqrt(volume / value)``, where sigma is an asset's volatility a week over the
        first window.
    volume, value : float
        Money traded in each asset a day, and money held. The data has no volumes: this is an assumption.
    delta, tau : float
        Of the prior.
    covariance_days : int
        Days behind Sigma.
    half_life : float, optional
        Days in which a day's weight in Sigma halves; all have the same by default.
    market : tuple of n floats, optional
        The market's weights on the first day, equal by default; they drift.
    """

    confidence: str = "sigmoid"
    eta: float = 1.0
    scale: Scale = "published"
    yearly: float = 0.04
    regimes: AssetRegimes = field(default_factory=AssetRegimes)
    pairs: int = 120
    weeks: int = 104
    shifts: int = 19
    seed: int = 0
    horizon: int = 1
    gamma_risk: float = 1.25
    gamma_trade: float = 1.0
    half_spread: float = 2.5e-4
    impact: float = 1.0
    volume: float = 1e9
    value: float = 1e6
    delta: float = 2.5
    tau: float = 0.05
    covariance_days: int = 360
    half_life: float | None = None
    market: tuple[float, ...] | None = None

    def __post_init__(self) -> None:
        """Check the numbers."""
        if min(self.pairs, self.weeks, self.shifts, self.horizon) < 1:
            raise BadData(
                f"pairs={self.pairs}, weeks={self.weeks}, shifts={self.shifts} and horizon={self.horizon}; give 1 or "
                "more of each."
            )
        if self.confidence not in ("sigmoid", "cdf", "calibrated"):
            raise BadData(f"confidence is {self.confidence!r}; choose sigmoid, cdf or calibrated.")
        if not (math.isfinite(self.yearly) and self.yearly):
            raise BadData(
                f"each view claims {self.yearly:g} a year; give a finite return but 0, 0.04 for 4 %."
            )
        for name in ("gamma_risk", "gamma_trade", "half_spread", "impact"):
            if not 0.0 <= getattr(self, name) < math.inf:
                raise BadData(f"{name} is {getattr(self, name):g}; give a finite number, 0 or more.")
        if self.half_life is not None and not 0.0 < self.half_life < math.inf:
            raise BadData(f"half_life is {self.half_life:g}; give a number of days above 0.")
        if self.half_spread >= 0.5:
            raise BadData(
                f"half_spread is {self.half_spread:g}; give a fraction of what is traded, below 0.5."
            )
        if self.impact and not 0 < self.volume < math.inf:
            raise BadData("no volume is known: give --volume or --no-impact.")
        if self.impact and not 0 < self.value < math.inf:
            raise BadData(f"value is {self.value:g}; give the money invested, above 0.")
        _ = self.rule

    @property
    def rule(self) -> Confidence:
        """The rule."""
        if self.confidence == "sigmoid":
            return SigmoidConfidence(self.eta, self.scale)
        return CdfConfidence() if self.confidence == "cdf" else CalibratedConfidence()

    @property
    def name(self) -> str:
        """What tables call the rule."""
        return f"sigmoid, {self.scale}" if self.confidence == "sigmoid" else self.confidence


@dataclass(frozen=True)
class Difference:
    """A mean difference of certainty equivalents, % a year, with the 95 % interval of a block bootstrap."""

    name: str
    mean: float
    low: float
    high: float

    @property
    def half_width(self) -> float:
        """Half of the interval's width."""
        return 0.5 * (self.high - self.low)

    @property
    def decided(self) -> bool:
        """Whether the interval leaves 0 out."""
        return self.low > 0 or self.high < 0


@dataclass(frozen=True, eq=False)
class Known:
    """What every task needs."""

    market: WeeklyMarket
    up: Floats  # (N, W) confidences in +v
    down: Floats
    shifted: Floats  # (2, K, N, W)
    pairs: Integers
    starts: Integers
    v: float


def known_before(returns: Floats, design: ViewDesign, runner: TaskRunner) -> tuple[Known, RegimeHistory, int]:
    """Return what all portfolios know, the regimes behind it, and the number of decisions."""
    n = returns.shape[1]
    if n < 2:
        raise BadData("an experiment on pairs needs two assets or more.")
    window = design.regimes.window
    decisions = np.arange(window, len(returns) - DAYS_A_WEEK + 1, DAYS_A_WEEK)
    if len(decisions) < design.weeks + 1:
        raise BadData(
            f"{window:,} rows are needed before the first decision and {design.weeks} weeks after it: "
            f"{window + DAYS_A_WEEK * (design.weeks + 1):,} in all; there are {len(returns):,}."
        )
    if design.shifts >= len(decisions):
        raise BadData(
            f"there are {len(decisions)} decisions to shift confidences by, and shifts={design.shifts}; give fewer."
        )
    history = _histories(returns, decisions, design.regimes, runner)
    market = weekly_market(returns, decisions, design)
    random = np.random.default_rng(design.seed)
    possible = np.array([(a, b) for a in range(n) for b in range(a + 1, n)])
    N = design.pairs
    order = np.concatenate([random.permutation(len(possible)) for _ in range(-(-N // len(possible)))])[:N]
    pairs, starts = possible[order], random.integers(0, len(decisions) - design.weeks + 1, N)
    up, down = _confidences(design, history, market, pairs)
    inside = starts[:, None] + np.arange(design.weeks)
    D = len(decisions)
    offsets = np.unique(np.round(D * np.arange(1, design.shifts + 1) / (design.shifts + 1)).astype(np.intp))
    each = np.arange(N)[:, None]
    shifted = np.stack([[c[(inside + offset) % D, each] for offset in offsets] for c in (up, down)])
    known = Known(
        market, up[inside, each], down[inside, each], shifted, pairs, starts, design.yearly / WEEKS_A_YEAR
    )
    return known, history, D


def _asset_history(shared: tuple[Floats, Integers, AssetRegimes], asset: int) -> RegimeHistory:
    returns, decisions, regimes = shared
    return regimes.history(returns[:, [asset]], decisions)


def _histories(
    returns: Floats, decisions: Integers, regimes: AssetRegimes, runner: TaskRunner
) -> RegimeHistory:
    tasks = [
        Task(digested(returns[:, i], decisions, regimes), f"regimes of asset {i + 1}", i)
        for i in range(returns.shape[1])
    ]
    found = runner.run(_asset_history, (returns, decisions, regimes), tasks, RegimeHistory)
    names = [name for name in RegimeHistory.__dataclass_fields__ if name != "rows"]
    return replace(
        found[0], **{name: np.concatenate([getattr(one, name) for one in found], axis=1) for name in names}
    )


def weekly_market(returns: Floats, decisions: Integers, design: ViewDesign) -> WeeklyMarket:
    """Return what each decision knows of prior and risk, and the week after it."""
    n = returns.shape[1]
    Sigma = np.stack(
        [
            DAYS_A_WEEK * _covariance(returns[max(0, d - design.covariance_days) : d], design)
            for d in decisions
        ]
    )
    first = np.full(n, 1.0 / n) if design.market is None else np.array(design.market)
    market = drifted(first, returns)[decisions - 1]
    later = np.stack([(1.0 + returns[d : d + DAYS_A_WEEK]).prod(axis=0) - 1.0 for d in decisions])
    sigma = returns[: decisions[0]].std(axis=0) * np.sqrt(DAYS_A_WEEK)
    return WeeklyMarket(
        Sigma=Sigma,
        prior=design.delta * np.einsum("dij,dj->di", Sigma, market),
        market=market,
        returns=later,
        half_spread=np.full(n, design.half_spread),
        power_impact=design.impact * sigma / np.sqrt(DAYS_A_WEEK * design.volume / design.value),
        gamma_risk=design.gamma_risk,
        gamma_trade=design.gamma_trade,
        tau=design.tau,
        horizon=design.horizon,
    )


def _covariance(returns: Floats, design: ViewDesign) -> Floats:
    if design.half_life is None:
        return sample(returns)[1]
    return ewma(returns, design.half_life)[1]


def _confidences(
    design: ViewDesign, history: RegimeHistory, market: WeeklyMarket, pairs: Integers
) -> tuple[Floats, Floats]:
    """Return (D, N) confidences in ``r_a - r_b = +v`` and ``= -v``, in days whatever the plan's period."""
    a, b = pairs.T
    r_hat = history.mean[:, a] - history.mean[:, b]
    error = np.sqrt(history.error[:, a] ** 2 + history.error[:, b] ** 2)
    Sigma = market.Sigma / DAYS_A_WEEK
    spread = np.sqrt(Sigma[:, a, a] + Sigma[:, b, b] - 2.0 * Sigma[:, a, b])
    v = np.full(r_hat.size, design.yearly / DAYS_A_YEAR)
    sides = [
        design.rule(r_hat.ravel(), sign * v, spread.ravel(), error.ravel()).reshape(r_hat.shape)
        for sign in (1, -1)
    ]
    return sides[0], sides[1]


def kinds_of(shifts: int) -> list[str]:
    """Return the portfolios of a pair, in the order of `portfolios_of`: each of the first kinds for both views."""
    one_sided = ["rule", *(f"{100 * c:g} %" for c in STATIC), *(f"shift {j + 1}" for j in range(shifts))]
    return [f"{kind} {side}" for kind in one_sided for side in "+-"] + ["both", "both at 50 %"]


def portfolios_of(known: Known, chunk: Integers) -> Followed:
    """Return all portfolios of some pairs: kinds in the outer order, pairs in the inner one."""
    up, down = known.up[chunk], known.down[chunk]
    shares, values = [], []
    alternatives = [(up, down), *((np.full_like(up, c), np.full_like(up, c)) for c in STATIC)]
    alternatives += [
        (known.shifted[0, j][chunk], known.shifted[1, j][chunk]) for j in range(known.shifted.shape[1])
    ]
    for plus, minus in alternatives:
        shares += [plus, minus]
        values += [np.full_like(up, known.v), np.full_like(up, -known.v)]
    for one, other in ((up, down), (np.full_like(up, 0.5), np.full_like(up, 0.5))):
        share, value = both_at_once(one, other)
        shares.append(share)
        values.append(known.v * value)
    kinds = len(shares)
    return follow(
        known.market,
        np.tile(known.pairs[chunk], (kinds, 1)),
        np.tile(known.starts[chunk], kinds),
        np.concatenate(shares),
        np.concatenate(values),
    )


def equivalents(net: Floats, gamma: float) -> Floats:
    """Return certainty equivalents a week, of which the mean over a path is that of the path."""
    return np.asarray(net - gamma * (net - net.mean(axis=-1, keepdims=True)) ** 2)


def yearly(a_week: Floats) -> Floats:
    """Return returns a week as % a year."""
    return np.asarray(100.0 * WEEKS_A_YEAR * a_week)


def bootstrap_blocks(known: Known, design: ViewDesign) -> tuple[Integers, Integers]:
    """Return the block of each week, and the blocks of each draw."""
    blocks = (known.starts[:, None] + np.arange(design.weeks)) // BLOCK
    random = np.random.default_rng(design.seed + 1)
    return blocks, random.integers(0, blocks.max() + 1, (DRAWS, int(blocks.max()) + 1))


def difference_of(name: str, difference: Floats, blocks: Integers, draws: Integers) -> Difference:
    """Return the mean of (N, W) differences a week, % a year, and its interval by resampled blocks."""
    sums = np.bincount(blocks.ravel(), difference.ravel(), minlength=draws.shape[1])
    counts = np.bincount(blocks.ravel(), minlength=draws.shape[1])
    total = counts[draws].sum(axis=1)
    drawn = sums[draws].sum(axis=1)[total > 0] / total[total > 0]
    low, high = np.quantile(yearly(drawn), [0.025, 0.975])
    return Difference(name, float(yearly(difference.mean())), float(low), float(high))
