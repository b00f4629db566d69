"""Whether the confidence that regimes give a view earns anything: without hindsight, beside placebos.

Pairs of assets and windows of time are drawn at random, and each is traded with both opposite views, so that no choice
of a pair, a sign or a span can flatter a rule. The placebo of a rule is the rule itself with its confidences shifted in
time: the same numbers, the same persistence, and no knowledge. Differences are of certainty equivalents,
``r - gamma (r - mean)^2`` a week, and their intervals come from resampling blocks of calendar weeks, in which all pairs
move together.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from proofolio.arrays import Floats, Integers, Mask
from proofolio.backtesting.tasks import Task, TaskRunner, digested
from proofolio.backtesting.view_paths import Followed, both_at_once, follow, held
from proofolio.backtesting.view_trial import (
    STATIC,
    WEEKS_A_YEAR,
    Difference,
    Known,
    ViewDesign,
    bootstrap_blocks,
    difference_of,
    equivalents,
    kinds_of,
    known_before,
    portfolios_of,
    yearly,
)
from proofolio.errors import BadData
from proofolio.forecasts.views.asset_regimes import RegimeHistory

__all__ = ["ViewExperiment", "horizon_differences", "view_experiment"]

CHUNK = 10  # pairs of one task
SATURATED = 0.01


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
    believed : (N, W) booleans
        Weeks in which today's probability of a regime reaches the threshold in both assets.
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
    believed: Mask
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
    known, history, D = known_before(returns, design, runner)
    N = design.pairs
    shifts = known.shifted.shape[1]
    chunks = [np.arange(k, min(k + CHUNK, N)) for k in range(0, N, CHUNK)]
    tasks = [Task(digested(known, chunk), f"pairs {chunk[-1] + 1}", chunk) for chunk in chunks]
    done = runner.run(portfolios_of, known, tasks, Followed)
    placebo = [
        Task(digested("both", known, chunk), f"placebos of pairs {chunk[-1] + 1}", chunk) for chunk in chunks
    ]
    both = runner.run(_both_shifted, known, placebo, Followed)
    both_shifted = np.concatenate([one.net.reshape(shifts, -1, design.weeks) for one in both], axis=1)
    kinds = kinds_of(shifts)
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
    known, _, _ = known_before(returns, design, runner)
    longer = sorted(set(horizons) - {1})
    settings = [(1, 1.0), *((H, 1.0) for H in longer), *((1, 1.0 / H) for H in longer)]
    tasks = [
        Task(digested("horizons", known, H, share), f"horizon {H}, costs x {share:.2g}", (H, share))
        for H, share in settings
    ]
    done = runner.run(_rule_followed, known, tasks, Followed)
    ce = {
        setting: equivalents(one.net.reshape(2, -1, design.weeks), design.gamma_risk).mean(axis=0)
        for setting, one in zip(settings, done, strict=True)
    }
    unproved = {setting: int(one.unproved.sum()) for setting, one in zip(settings, done, strict=True)}
    blocks, draws = bootstrap_blocks(known, design)

    def named(name: str, *pair: tuple[int, float]) -> str:
        missed = sum(unproved[setting] for setting in pair)
        return name if not missed else f"{name} ({missed:,} plans not proved within 1e-6)"

    return tuple(
        difference_of(named(name, (H, 1.0), other), ce[H, 1.0] - ce[other], blocks, draws)
        for H in longer
        for name, other in (
            (f"H = {H} less H = 1", (1, 1.0)),
            (f"H = {H} less H = 1 at gamma_trade / {H}", (1, 1.0 / H)),
        )
    )


def _rule_followed(known: Known, setting: tuple[int, float]) -> Followed:
    """Return the rule's portfolios at a horizon and a share of the costs, views of +v first."""
    H, share = setting
    market = replace(known.market, horizon=H, gamma_trade=share * known.market.gamma_trade)
    up = np.full_like(known.up, known.v)
    return follow(
        market, np.tile(known.pairs, (2, 1)), np.tile(known.starts, 2), np.concatenate([known.up, known.down]),
        np.concatenate([up, -up]),
    )  # fmt: skip


def _both_shifted(known: Known, chunk: Integers) -> Followed:
    """Return the portfolios of both views at once with shifted confidences: shifts in the outer order."""
    up, down = known.shifted[:, :, chunk]
    share, value = both_at_once(up.reshape(-1, up.shape[-1]), down.reshape(-1, up.shape[-1]))
    shifts = len(up)
    return follow(
        known.market, np.tile(known.pairs[chunk], (shifts, 1)), np.tile(known.starts[chunk], shifts), share,
        known.v * value,
    )  # fmt: skip


def _judged(
    design: ViewDesign,
    names: tuple[str, ...],
    known: Known,
    kinds: list[str],
    followed: tuple[Floats, ...],
    both_shifted: Floats,
    history: RegimeHistory,
    D: int,
) -> ViewExperiment:
    nets, costs, turnovers, gaps, unproved = followed
    W, gamma = design.weeks, design.gamma_risk
    ce = equivalents(nets, gamma)
    place = {kind: k for k, kind in enumerate(kinds)}

    def mean_of(kind: str, values: Floats) -> Floats:
        return np.asarray(0.5 * (values[place[f"{kind} +"]] + values[place[f"{kind} -"]]))

    shifts = [kind.removesuffix(" +") for kind in kinds if kind.startswith("shift") and kind.endswith("+")]
    rule = mean_of("rule", ce)
    kept = held(known.market, known.starts, W)
    market_ce = equivalents(kept, gamma)
    placebo = np.stack([mean_of(kind, ce) for kind in shifts])
    blocks, draws = bootstrap_blocks(known, design)
    others = {f"{100 * c:g} %": mean_of(f"{100 * c:g} %", ce) for c in STATIC}
    others |= {"market": market_ce, "shifted confidences": placebo.mean(axis=0)}
    differences = [difference_of(name, rule - other, blocks, draws) for name, other in others.items()]
    both = ce[place["both"]] - ce[place["both at 50 %"]]
    differences.append(difference_of("both views at once less both at 50 %", both, blocks, draws))
    both_placebo = equivalents(both_shifted, gamma)
    both = ce[place["both"]] - both_placebo.mean(axis=0)
    differences.append(difference_of("both views at once less both shifted", both, blocks, draws))
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
    per_placebo = yearly(placebo.mean(axis=(1, 2)))
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
        rank=1 + int((per_placebo < yearly(rule.mean())).sum()),
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
        believed=_believed(history, known.pairs, known.starts, W),
        difference_a_pair=np.asarray(yearly((rule - placebo.mean(axis=0)).mean(axis=1))),
    )


def _believed(history: RegimeHistory, pairs: Integers, starts: Integers, weeks: int) -> Mask:
    inside = (starts[:, None] + np.arange(weeks))[:, :, None]
    return np.asarray(history.believed[inside, pairs[:, None, :]].all(axis=2))


def _sharpe(net: Floats) -> Floats:
    return np.asarray(net.mean(axis=1) / np.maximum(net.std(axis=1), 1e-300))


def _risk(net: Floats) -> float:
    return float(100.0 * np.sqrt(WEEKS_A_YEAR) * net.std(axis=-1).mean())


def _figures(values: Sequence[Floats], risk: float) -> dict[str, float]:
    ce, net, cost, turnover = values
    return {
        "certainty_equivalent": float(yearly(ce.mean())),
        "gross": float(yearly((net + cost).mean())),
        "net": float(yearly(net.mean())),
        "risk": risk,
        "cost": float(yearly(cost.mean())),
        "turnover": float(WEEKS_A_YEAR * turnover.mean()),
    }


def _relative(returns: Floats, pairs: Integers, starts: Integers, weeks: int) -> Floats:
    """Return how much more a earned than b in each window."""
    grown = (1.0 + returns[starts[:, None] + np.arange(weeks)]).prod(axis=1)
    each = np.arange(len(pairs))
    return np.asarray(grown[each, pairs[:, 0]] - grown[each, pairs[:, 1]])
