"""Whether the confidence that regimes give a view earns anything: without hindsight, beside placebos.

Pairs of assets and windows of time are drawn at random, and each is traded with both opposite views, so that no choice
of a pair, a sign or a span can flatter a rule. The placebo of a rule is the rule itself with its confidences shifted in
time: the same numbers, the same persistence, and no knowledge. Differences are of certainty equivalents,
``r - gamma (r - mean)^2`` a week, and their intervals come from resampling blocks of calendar weeks, in which all pairs
move together.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from proofolio.arrays import Floats, Integers
from proofolio.backtesting.tasks import Task, TaskRunner, digested
from proofolio.backtesting.view_paths import Followed, WeeklyMarket, both_at_once, follow, held
from proofolio.errors import BadData
from proofolio.forecasts.covariance import sample
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
    "Difference",
    "ViewDesign",
    "ViewExperiment",
    "horizon_differences",
    "view_experiment",
    "weekly_market",
]

STATIC = (0.1, 0.5, 0.9)
DAYS_A_WEEK, WEEKS_A_YEAR, DAYS_A_YEAR = 5, 52.0, 252.0
BLOCK = 26  # calendar weeks that are resampled together: a regime lasts months
DRAWS = 2000
CHUNK = 10  # pairs of one task
SATURATED = 0.01


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

    def __post_init__(self) -> None:
        """Check the numbers."""
        if min(self.pairs, self.weeks, self.shifts, self.horizon) < 1:
            raise BadData(
                f"pairs={self.pairs}, weeks={self.weeks}, shifts={self.shifts} and horizon={self.horizon}; give 1 or "
                "more of each."
            )
        if self.confidence not in ("sigmoid", "cdf", "calibrated"):
            raise BadData(f"confidence is {self.confidence!r}; choose sigmoid, cdf or calibrated.")
        if not (self.volume > 0 and self.value > 0):
            raise BadData("no volume is known: give --volume or --no-impact.")

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
class ViewExperiment:
    """What came out.

    Attributes
    ----------
    design : ViewDesign
    names : tuple of str
        The assets.
    pairs, starts : (N, 2) and (N,) integers
    decisions : int
        Weeks that were there to draw from.
    differences : tuple of Difference
        The rule less each alternative.
    strategies : dict
        By name: certainty equivalent, return, risk, cost and turnover, % a year.
    placebos : (shifts,) array
        Mean certainty equivalent with the confidences shifted, % a year.
    rank : int
        Of the rule among itself and its placebos, 1 the worst.
    both_rank : int
        The same where both opposite views are held at once.
    true_higher, placebo_higher : float
        Share of the pairs in which the view that came true had the higher mean confidence, and with shifted ones.
    flattering, placebo_flattering : float
        Share of the pairs that would make a good story: the view that came true had the higher confidence, and the
        Sharpe ratio is above that of each constant confidence; and the same with shifted confidences.
    said : dict
        Shares: saturated (confidence below .01 or above .99), believed, collapsed; stale (weeks, mean and 95th of
        100), unproved (weeks of plans), largest_gap.
    confidence : (2, N, W) array
        In each view.
    difference_a_pair : (N,) array
        Of certainty equivalents, the rule less its placebos.
    horizons : tuple of Difference
        See `horizon_differences`; empty where it was not asked for.
    """

    design: ViewDesign
    names: tuple[str, ...]
    pairs: Integers
    starts: Integers
    decisions: int
    differences: tuple[Difference, ...]
    strategies: dict[str, dict[str, float]]
    placebos: Floats
    rank: int
    both_rank: int
    true_higher: float
    placebo_higher: float
    flattering: float
    placebo_flattering: float
    said: dict[str, float]
    confidence: Floats
    difference_a_pair: Floats
    horizons: tuple[Difference, ...] = ()

    def sentence(self) -> str:
        """Say in plain words whether the rule helps: with one view at a time, and with both opposite ones at once."""
        named = {d.name: d for d in self.differences}
        one, both = named["shifted confidences"], named["both views at once less both shifted"]
        of = len(self.placebos) + 1
        helps, hurts = one.low > 0 or both.low > 0, one.high < 0 or both.high < 0
        if helps and not hurts:
            start = "Confidence from regimes helps here"
        elif hurts and not helps:
            start = "Confidence from regimes hurts here"
        else:
            start = "Nothing shows that confidence from regimes helps here"
        return (
            f"{start}: against the same confidences shifted in time it has earned {one.mean:+.2f} % a year of "
            f"certainty equivalent with one view at a time (95 % interval {one.low:.2f} to {one.high:.2f}, rank "
            f"{self.rank} of {of} from below), and {both.mean:+.2f} with both opposite views at once ({both.low:.2f} "
            f"to {both.high:.2f}, rank {self.both_rank})."
        )

    def document(self) -> dict[str, Any]:
        """Return what ``--json`` prints."""
        return {
            "rule": self.design.name,
            "assets": list(self.names),
            "pairs": len(self.pairs),
            "weeks": self.design.weeks,
            "horizon": self.design.horizon,
            "decisions": self.decisions,
            "seed": self.design.seed,
            "differences": [_said(d, "less") for d in self.differences],
            "horizons": [_said(d, "difference") for d in self.horizons],
            "strategies": self.strategies,
            "placebos": self.placebos.tolist(),
            "rank": self.rank,
            "both_rank": self.both_rank,
            "true_higher": self.true_higher,
            "placebo_higher": self.placebo_higher,
            "flattering": self.flattering,
            "placebo_flattering": self.placebo_flattering,
            "said": self.said,
            "sentence": self.sentence(),
        }


def _said(d: Difference, what: str) -> dict[str, Any]:
    return {what: d.name, "mean": d.mean, "low": d.low, "high": d.high, "decided": d.decided}


@dataclass(frozen=True, eq=False)
class _Known:
    """What every task needs."""

    market: WeeklyMarket
    up: Floats  # (N, W) confidences in +v
    down: Floats
    shifted: Floats  # (2, K, N, W)
    pairs: Integers
    starts: Integers
    v: float


def view_experiment(
    returns: Floats, names: tuple[str, ...], design: ViewDesign, runner: TaskRunner | None = None
) -> ViewExperiment:
    """Run the experiment on daily returns.

    Parameters
    ----------
    returns : (T, n) array
        Simple returns a day, oldest first.
    names : tuple of n str
    design : ViewDesign
    runner : TaskRunner, optional
        Where tasks run, and where the regimes are kept.

    Raises
    ------
    BadData
        If there are too few days for one window of weeks after the first fit, or fewer than two assets.
    """
    runner = runner or TaskRunner()
    known, history, D = _known(returns, design, runner)
    N = design.pairs
    shifts = known.shifted.shape[1]
    chunks = [np.arange(k, min(k + CHUNK, N)) for k in range(0, N, CHUNK)]
    tasks = [Task(digested(known, chunk), f"pairs {chunk[-1] + 1}", chunk) for chunk in chunks]
    done = runner.run(_followed, known, tasks, Followed)
    placebo = [
        Task(digested("both", known, chunk), f"placebos of pairs {chunk[-1] + 1}", chunk) for chunk in chunks
    ]
    both = runner.run(_both_shifted, known, placebo, Followed)
    both_shifted = np.concatenate([one.net.reshape(shifts, -1, design.weeks) for one in both], axis=1)
    kinds = _kinds(shifts)
    nets, costs, turnovers, gaps, unproved = (
        np.concatenate([getattr(one, name).reshape(len(kinds), -1, design.weeks) for one in done], axis=1)
        for name in ("net", "cost", "turnover", "gap", "unproved")
    )
    series = (nets, costs, turnovers, gaps, unproved)
    return _judged(design, names, known, kinds, series, both_shifted, history, D)


def horizon_differences(
    returns: Floats, design: ViewDesign, horizons: Sequence[int], runner: TaskRunner | None = None
) -> tuple[Difference, ...]:
    """Return what the rule earns with longer plans, less what it earns with those of one week.

    For each horizon H above 1 there are two rows: less H = 1, and less H = 1 at `gamma_trade` / H. With a forecast that
    is the same for each week of the plan, a horizon does little but divide the price of trading, so it is the second
    that says what planning is worth.

    Parameters
    ----------
    returns, design, runner
        See `view_experiment`; pairs, windows and confidences are the same.
    horizons : sequence of int
        In weeks; 1 is always there.

    Raises
    ------
    BadData
        As `view_experiment`, or if a horizon is below 1.
    """
    if min(horizons, default=1) < 1:
        raise BadData(f"horizon is {min(horizons)}; give weeks, 1 or more.")
    runner = runner or TaskRunner()
    known, _, _ = _known(returns, design, runner)
    longer = sorted(set(horizons) - {1})
    settings = [(1, 1.0), *((H, 1.0) for H in longer), *((1, 1.0 / H) for H in longer)]
    tasks = [
        Task(digested("horizons", known, H, share), f"horizon {H}, costs x {share:.2g}", (H, share))
        for H, share in settings
    ]
    done = runner.run(_rule_followed, known, tasks, Followed)
    ce = {
        setting: _equivalents(one.net.reshape(2, -1, design.weeks), design.gamma_risk).mean(axis=0)
        for setting, one in zip(settings, done, strict=True)
    }
    unproved = {setting: int(one.unproved.sum()) for setting, one in zip(settings, done, strict=True)}
    blocks, draws = _blocks(known, design)

    def named(name: str, *pair: tuple[int, float]) -> str:
        missed = sum(unproved[setting] for setting in pair)
        return name if not missed else f"{name} ({missed:,} plans not proved within 1e-6)"

    return tuple(
        _difference(named(name, (H, 1.0), other), ce[H, 1.0] - ce[other], blocks, draws)
        for H in longer
        for name, other in (
            (f"H = {H} less H = 1", (1, 1.0)),
            (f"H = {H} less H = 1 at gamma_trade / {H}", (1, 1.0 / H)),
        )
    )


def _known(returns: Floats, design: ViewDesign, runner: TaskRunner) -> tuple[_Known, RegimeHistory, int]:
    """Return what all portfolios know, the regimes behind it, and the number of decisions."""
    n = returns.shape[1]
    if n < 2:
        raise BadData("an experiment on pairs needs two assets or more.")
    window = design.regimes.window
    decisions = np.arange(window, len(returns) - DAYS_A_WEEK + 1, DAYS_A_WEEK)
    if len(decisions) < design.weeks + 1:
        raise BadData(
            f"{window:,} days are needed before the first decision and {design.weeks} weeks after it: "
            f"{window + DAYS_A_WEEK * (design.weeks + 1):,} in all; there are {len(returns):,}."
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
    known = _Known(
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
        [DAYS_A_WEEK * sample(returns[max(0, d - design.covariance_days) : d])[1] for d in decisions]
    )
    market = drifted(np.full(n, 1.0 / n), returns)[decisions - 1]
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


def _kinds(shifts: int) -> list[str]:
    """Return the portfolios of a pair, in the order of `_followed`: each of the first kinds for both views."""
    one_sided = ["rule", *(f"{100 * c:g} %" for c in STATIC), *(f"shift {j + 1}" for j in range(shifts))]
    return [f"{kind} {side}" for kind in one_sided for side in "+-"] + ["both", "both at 50 %"]


def _followed(known: _Known, chunk: Integers) -> Followed:
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


def _rule_followed(known: _Known, setting: tuple[int, float]) -> Followed:
    """Return the rule's portfolios at a horizon and a share of the costs, views of +v first."""
    H, share = setting
    market = replace(known.market, horizon=H, gamma_trade=share * known.market.gamma_trade)
    up = np.full_like(known.up, known.v)
    return follow(
        market, np.tile(known.pairs, (2, 1)), np.tile(known.starts, 2), np.concatenate([known.up, known.down]),
        np.concatenate([up, -up]),
    )  # fmt: skip


def _both_shifted(known: _Known, chunk: Integers) -> Followed:
    """Return the portfolios of both views at once with shifted confidences: shifts in the outer order."""
    up, down = known.shifted[:, :, chunk]
    share, value = both_at_once(up.reshape(-1, up.shape[-1]), down.reshape(-1, up.shape[-1]))
    shifts = len(up)
    return follow(
        known.market, np.tile(known.pairs[chunk], (shifts, 1)), np.tile(known.starts[chunk], shifts), share,
        known.v * value,
    )  # fmt: skip


def _equivalents(net: Floats, gamma: float) -> Floats:
    """Return certainty equivalents a week, of which the mean over a path is that of the path."""
    return np.asarray(net - gamma * (net - net.mean(axis=-1, keepdims=True)) ** 2)


def _judged(
    design: ViewDesign,
    names: tuple[str, ...],
    known: _Known,
    kinds: list[str],
    followed: tuple[Floats, ...],
    both_shifted: Floats,
    history: RegimeHistory,
    D: int,
) -> ViewExperiment:
    nets, costs, turnovers, gaps, unproved = followed
    W, gamma = design.weeks, design.gamma_risk
    ce = _equivalents(nets, gamma)
    place = {kind: k for k, kind in enumerate(kinds)}

    def mean_of(kind: str, values: Floats) -> Floats:
        return np.asarray(0.5 * (values[place[f"{kind} +"]] + values[place[f"{kind} -"]]))

    shifts = [kind.removesuffix(" +") for kind in kinds if kind.startswith("shift") and kind.endswith("+")]
    rule = mean_of("rule", ce)
    kept = held(known.market, known.starts, W)
    market_ce = _equivalents(kept, gamma)
    placebo = np.stack([mean_of(kind, ce) for kind in shifts])
    blocks, draws = _blocks(known, design)
    others = {f"{100 * c:g} %": mean_of(f"{100 * c:g} %", ce) for c in STATIC}
    others |= {"market": market_ce, "shifted confidences": placebo.mean(axis=0)}
    differences = [_difference(name, rule - other, blocks, draws) for name, other in others.items()]
    both = ce[place["both"]] - ce[place["both at 50 %"]]
    differences.append(_difference("both views at once less both at 50 %", both, blocks, draws))
    both_placebo = _equivalents(both_shifted, gamma)
    both = ce[place["both"]] - both_placebo.mean(axis=0)
    differences.append(_difference("both views at once less both shifted", both, blocks, draws))
    per_both = both_placebo.mean(axis=(1, 2))
    series = (ce, nets, costs, turnovers)
    strategies = {}
    for kind in ("rule", *(f"{100 * c:g} %" for c in STATIC)):
        both_sides = nets[[place[f"{kind} +"], place[f"{kind} -"]]]
        strategies[kind] = _figures([mean_of(kind, x) for x in series], _risk(both_sides))
    strategies["shifted confidences"] = _figures(
        [np.stack([mean_of(kind, x) for kind in shifts]).mean(axis=0) for x in series],
        _risk(np.stack([nets[place[f"{kind} {side}"]] for kind in shifts for side in "+-"])),
    )
    nothing = np.zeros_like(kept)
    strategies["market"] = _figures([market_ce, kept, nothing, nothing], _risk(kept))
    per_placebo = _yearly(placebo.mean(axis=(1, 2)))
    came = np.sign(_relative(known.market.returns, known.pairs, known.starts, W))
    higher = np.sign(known.up.mean(axis=1) - known.down.mean(axis=1)) == came
    shifted_higher = np.sign(known.shifted[0].mean(axis=2) - known.shifted[1].mean(axis=2)) == came
    sharpe = {
        kind: _sharpe(mean_of(kind, nets)) for kind in ("rule", *(f"{100 * c:g} %" for c in STATIC), *shifts)
    }
    constant = np.max([sharpe[f"{100 * c:g} %"] for c in STATIC], axis=0)
    confidence = np.stack([known.up, known.down])
    return ViewExperiment(
        design=design,
        names=names,
        pairs=known.pairs,
        starts=known.starts,
        decisions=D,
        differences=tuple(differences),
        strategies=strategies,
        placebos=per_placebo,
        both_rank=1 + int((per_both < ce[place["both"]].mean()).sum()),
        rank=1 + int((per_placebo < _yearly(rule.mean())).sum()),
        true_higher=float(higher.mean()),
        placebo_higher=float(shifted_higher.mean()),
        flattering=float((higher & (sharpe["rule"] > constant)).mean()),
        placebo_flattering=float(
            (shifted_higher & (np.stack([sharpe[k] for k in shifts]) > constant)).mean()
        ),
        said={
            "saturated": float(((confidence < SATURATED) | (confidence > 1.0 - SATURATED)).mean()),
            "believed": float(history.believed.mean()),
            "collapsed": float(history.collapsed.mean()),
            "stale_mean": float(history.stale.mean()),
            "stale_95": float(np.quantile(history.stale, 0.95)),
            "unproved": float(unproved.sum()),
            "plans": float(unproved.size),
            "largest_gap": float(gaps.max()),
        },
        confidence=confidence,
        difference_a_pair=np.asarray(_yearly((rule - placebo.mean(axis=0)).mean(axis=1))),
    )


def _yearly(a_week: Floats) -> Floats:
    return np.asarray(100.0 * WEEKS_A_YEAR * a_week)


def _sharpe(net: Floats) -> Floats:
    return np.asarray(net.mean(axis=1) / np.maximum(net.std(axis=1), 1e-300))


def _risk(net: Floats) -> float:
    return float(100.0 * np.sqrt(WEEKS_A_YEAR) * net.std(axis=-1).mean())


def _figures(values: Sequence[Floats], risk: float) -> dict[str, float]:
    ce, net, cost, turnover = values
    return {
        "certainty_equivalent": float(_yearly(ce.mean())),
        "gross": float(_yearly((net + cost).mean())),
        "net": float(_yearly(net.mean())),
        "risk": risk,
        "cost": float(_yearly(cost.mean())),
        "turnover": float(WEEKS_A_YEAR * turnover.mean()),
    }


def _relative(returns: Floats, pairs: Integers, starts: Integers, weeks: int) -> Floats:
    """Return how much more a earned than b in each window."""
    grown = (1.0 + returns[starts[:, None] + np.arange(weeks)]).prod(axis=1)
    each = np.arange(len(pairs))
    return np.asarray(grown[each, pairs[:, 0]] - grown[each, pairs[:, 1]])


def _blocks(known: _Known, design: ViewDesign) -> tuple[Integers, Integers]:
    """Return the block of each week, and the blocks of each draw."""
    blocks = (known.starts[:, None] + np.arange(design.weeks)) // BLOCK
    random = np.random.default_rng(design.seed + 1)
    return blocks, random.integers(0, blocks.max() + 1, (DRAWS, int(blocks.max()) + 1))


def _difference(name: str, difference: Floats, blocks: Integers, draws: Integers) -> Difference:
    """Return the mean of (N, W) differences a week, % a year, and its interval by resampled blocks."""
    sums = np.bincount(blocks.ravel(), difference.ravel(), minlength=draws.shape[1])
    counts = np.bincount(blocks.ravel(), minlength=draws.shape[1])
    total = counts[draws].sum(axis=1)
    drawn = sums[draws].sum(axis=1)[total > 0] / total[total > 0]
    low, high = np.quantile(_yearly(drawn), [0.025, 0.975])
    return Difference(name, float(_yearly(difference.mean())), float(low), float(high))
