"""What the published library takes for granted, computed: roprisor/alphamodel, the code of Oprisor and Kwon (2021).

Its data cannot be had, so no figure of its tables is repeated here. What follows from its formulas alone can be tried.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np

from proofolio.arrays import Floats
from proofolio.backtesting.view_paths import follow
from proofolio.backtesting.view_trial import ViewDesign, weekly_market
from proofolio.forecasts.prices import load_prices, simple_returns
from proofolio.forecasts.views.confidences import Scale, SigmoidConfidence
from proofolio.forecasts.views.formulas import posterior

__all__ = ["Claim", "claims", "first_trades", "published_shares", "said_in_units"]

CERTAINTY = 0.8  # the library's c, from which tau = c / (1 - c) = 4
STATED = (0.1, 0.5, 0.9)
YEARLY = 0.04
UNITS = {"day": 252.0, "week": 52.0, "year": 1.0}
# Views a year just below and above a power of ten a day: 2.52 % is 1e-4.
NEIGHBOURS = (0.025, 0.0253, 0.25, 0.253)
SAME = 0.01  # shares and confidences that differ by less are called the same
ONCE = 0.9  # of all trading in the first week: what is called trading once
PAIRS, WEEKS, FIRST_DAY = 5, 52, 1700


@dataclass(frozen=True)
class Claim:
    """One thing the library takes for granted.

    Attributes
    ----------
    claim : str
    found : str
        What comes out.
    holds : bool
    figures : dict
        The numbers behind `found`.
    """

    claim: str
    found: str
    holds: bool
    figures: dict[str, Any]

    @property
    def verdict(self) -> str:
        """In words."""
        return "holds" if self.holds else "does not hold"

    def document(self) -> dict[str, Any]:
        """Return what ``--json`` prints."""
        return asdict(self) | {"verdict": self.verdict}


def claims(seed: int = 0) -> list[Claim]:
    """Return what is computed; `seed` draws the pairs of bundled stocks whose trades are counted."""
    returns = simple_returns(load_prices()).to_numpy()
    return [_shares(returns), _negative(), _jumps(), _once(returns, seed), _units()]


def published_shares(
    Sigma: Floats, P: Floats, stated: Sequence[float], certainty: float = CERTAINTY
) -> Floats:
    r"""Return how far one view moves towards its value under the library's formulas, for each stated confidence.

    With :math:`\tau = c/(1-c)` of its certainty c and :math:`\Omega = P\Sigma P'(1 - s)/s` of the stated s,
    without tau, its posterior mean is computed as it stands,
    :math:`\mu = \pi + \tau\Sigma P'(P\tau\Sigma P' + \Omega)^{-1}(v - P\pi)`.
    """
    tau = certainty / (1.0 - certainty)
    variance = float(P @ Sigma @ P)
    omega = variance * (1.0 - np.asarray(stated)) / np.asarray(stated)
    carried = tau * (Sigma @ P)
    return np.array([P @ (carried / (tau * variance + each)) for each in omega])


def said_in_units(scale: Scale, r_hat: float = 0.0, yearly: float = YEARLY) -> dict[str, float]:
    """Return the sigmoid's confidence in one claim that is said per day, per week and per year."""
    rule = SigmoidConfidence(scale=scale)
    return {
        unit: float(rule([r_hat / periods], [yearly / periods], [0.01], [0.01])[0])
        for unit, periods in UNITS.items()
    }


def first_trades(returns: Floats, *, kept: bool, seed: int = 0) -> tuple[Floats, Floats]:
    """Return the share of all trading that falls in the first week, and the turnover a year, by stated confidence.

    Portfolios of `PAIRS` random pairs follow one view of 4 % a year at a constant confidence for a year, from the
    market's weights, with the costs of the experiment and a plan proved within 1e-6 each week.

    Parameters
    ----------
    returns : (T, n) array
        A day.
    kept : bool
        Whether all plans use the first week's prior and covariance; else each week's own.
    seed : int
    """
    decisions = FIRST_DAY + 5 * np.arange(WEEKS)
    market = weekly_market(returns[: decisions[-1] + 5], decisions, ViewDesign())
    if kept:
        first = np.zeros(WEEKS, dtype=np.intp)
        market = replace(market, Sigma=market.Sigma[first], prior=market.prior[first])
    random = np.random.default_rng(seed)
    pairs = np.array([random.choice(returns.shape[1], 2, replace=False) for _ in range(PAIRS)])
    each = np.repeat(STATED, PAIRS)
    found = follow(
        market,
        np.tile(pairs, (len(STATED), 1)),
        np.zeros(len(each), dtype=np.intp),
        np.repeat(each[:, None], WEEKS, axis=1),
        np.full((len(each), WEEKS), YEARLY / 52.0),
    )
    traded = found.turnover.reshape(len(STATED), PAIRS, WEEKS)
    total = traded.sum(axis=(1, 2))
    return np.asarray(traded[:, :, 0].sum(axis=1) / total), np.asarray(total / PAIRS)


def _shares(returns: Floats) -> Claim:
    Sigma = np.cov(returns[-360:].T)
    P = np.zeros(len(Sigma))
    P[:2] = 1.0, -1.0
    theirs = published_shares(Sigma, P, STATED)
    ours = [float(posterior(np.zeros(len(P)), Sigma, [P], [YEARLY / 252], [c]).pull[0]) for c in STATED]
    return Claim(
        f"A view stated at {_percents(STATED)} % is believed so far",
        f"it moves {_percents(theirs)} % of the way, as Omega has no tau and tau is c/(1-c) = "
        f"{CERTAINTY / (1 - CERTAINTY):.0f}; by `pf.posterior` {_percents(ours)} %",
        bool(np.abs(theirs - STATED).max() < SAME),
        {"stated": list(STATED), "moved": theirs.tolist(), "posterior": ours},
    )


def _negative() -> Claim:
    v = -YEARLY / 252.0
    try:
        scale = 10.0 ** -math.floor(math.log10(v))
        theirs, holds = f"its scale is {scale:g}", True
    except ValueError as error:
        theirs, holds = f"log10 of a negative number stops it (ValueError: {error})", False
    rule = SigmoidConfidence(scale="published")
    ours = [float(rule([s * 1e-4], [s * -v], [0.01], [0.01])[0]) for s in (1.0, -1.0)]
    return Claim(
        "A view may be negative",
        f"{theirs}; by `SigmoidConfidence` a view and its mirror image get {ours[0]:.3f} and {ours[1]:.3f}",
        holds,
        {"v": v, "confidence": ours[0], "mirrored": ours[1]},
    )


def _jumps() -> Claim:
    found = {
        scale: [
            float(SigmoidConfidence(scale=scale)([0.0], [v / 252], [0.01], [0.01])[0]) for v in NEIGHBOURS
        ]
        for scale in ("published", "view")
    }
    theirs = found["published"]
    said = ", ".join(f"{100 * v:g} % a year {c:.2g}" for v, c in zip(NEIGHBOURS, theirs, strict=True))
    jump = max(abs(theirs[1] - theirs[0]), abs(theirs[3] - theirs[2]))
    return Claim(
        "Nearly the same view gets nearly the same confidence",
        f"where the regimes say 0: {said}; with scale='view' {found['view'][0]:.3f} for all",
        jump < SAME,
        {"yearly": list(NEIGHBOURS), **found},
    )


def _once(returns: Floats, seed: int) -> Claim:
    (kept, turnover), (own, turnover_own) = (
        first_trades(returns, kept=kept, seed=seed) for kept in (True, False)
    )
    return Claim(
        "A portfolio of stated confidences trades once",
        f"bundled stocks, {PAIRS} pairs, {_percents(STATED)} %: the first of {WEEKS} weeks has {_percents(kept)} % of "
        f"a turnover of {_percents(turnover)} % where prior and covariance stay, {_percents(own)} % of "
        f"{_percents(turnover_own)} % where both are of the week",
        bool(kept.min() >= ONCE),
        {
            "stated": list(STATED),
            "kept": {"first_week": kept.tolist(), "turnover": turnover.tolist()},
            "own": {"first_week": own.tolist(), "turnover": turnover_own.tolist()},
        },
    )


def _units() -> Claim:
    theirs, ours = said_in_units("published"), said_in_units("view")
    said = ", ".join(f"per {unit} {c:.2g}" for unit, c in theirs.items())
    return Claim(
        "A claim of 4 % a year gets the same confidence in days, weeks and years",
        f"where the regimes say 0: {said}; with scale='view' {ours['day']:.3f} in all three",
        max(theirs.values()) - min(theirs.values()) < SAME,
        {"published": theirs, "view": ours},
    )


def _percents(shares: Sequence[float] | Floats) -> str:
    return ", ".join(f"{100 * share:.0f}" for share in shares)
