"""The regime of each asset by itself: a hidden Markov model an asset, refitted week after week.

What a view's confidence is read from. The regime believed is a matter of `Hysteresis`: it changes when another one has
at least the threshold's probability, and between such weeks what was last believed is kept, however old it is. Calm
regimes are recognised far more often than wild ones, so what is kept is mostly calm: the age is part of the answer.

Regimes are numbered by volatility, calm first. No label of theirs says bull or bear: the wild one has the higher mean
in 5 to 35 % of fits, and which has it changes within months.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal, get_args

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

from proofolio.arrays import Floats, Integers, Mask
from proofolio.errors import BadData
from proofolio.forecasts.covariance import fading
from proofolio.forecasts.hidden_markov import CONSTANT
from proofolio.forecasts.rolling_fit import RollingFit
from proofolio.forecasts.transformers.probabilities import Hysteresis

__all__ = ["AssetRegimes", "RegimeHistory", "RegimeWalk", "Stale"]

Stale = Literal["keep", "mix", "unconditional"]


@dataclass(frozen=True, eq=False)
class RegimeHistory:
    """What D decisions know of the regimes of n assets; nothing in row d knows a return after ``rows[d]``.

    Attributes
    ----------
    rows : (D,) integers
        Returns known at each decision.
    means, sds, days, probability : (D, n, K) arrays
        Of each regime: mean and standard deviation per day, smoothed days in the window, filtered probability.
    transition : (D, n, K, K) array
    regime : (D, n) integers
        The one last believed, calmest 0.
    believed : (D, n) booleans
        Whether today's probability reaches the threshold.
    stale : (D, n) integers
        Decisions since what is used was believed: weeks, at the usual five days.
    collapsed : (D, n) booleans
        Whether the window has fewer than K regimes; the unconditional moments are then used.
    mean, sd, error : (D, n) arrays
        What is used: mean and standard deviation per day, and the standard error of that mean.
    volatility : (D, n) array
        Standard deviation of the last returns per day, exponentially weighted, about 0.
    """

    rows: Integers
    means: Floats
    sds: Floats
    days: Floats
    probability: Floats
    transition: Floats
    regime: Integers
    believed: Mask
    stale: Integers
    collapsed: Mask
    mean: Floats
    sd: Floats
    error: Floats
    volatility: Floats

    @property
    def errors(self) -> Floats:
        """Standard error of the mean of each regime, (D, n, K)."""
        with np.errstate(divide="ignore", invalid="ignore"):
            return np.asarray(self.sds / np.sqrt(self.days))

    @property
    def stay(self) -> Floats:
        """Probability of each regime to stay another day, (D, n, K)."""
        return np.asarray(np.diagonal(self.transition, axis1=2, axis2=3))

    def ahead(self, days: int) -> Floats:
        """Return the mean per day of each asset so many days ahead, (D, n): ``q P^days`` over the regimes."""
        powers = np.linalg.matrix_power(self.transition, days)
        mixed = np.einsum("dnj,dnjk,dnk->dn", self.probability, powers, self.means)
        return np.asarray(np.where(self.collapsed, self.mean, mixed))


@dataclass(frozen=True)
class AssetRegimes:
    """Options of the regimes of single assets.

    Parameters
    ----------
    window : int
        Days of each fit.
    K : int
        Regimes.
    refit : int
        Days from one decision, and refit, to the next.
    threshold : float
        Least probability at which a regime is believed.
    half_life : float
        Days, of `RegimeHistory.volatility`.
    stale : {"keep", "mix", "unconditional"}
        What is used once the belief is older than `stale_after` decisions: still the regime last believed, the mean
        over the regimes by today's probabilities, or that of the whole window.
    stale_after : int
        Decisions.
    seed, restarts, tolerance, cold_every
        Of the fits, see `fit_regimes` and `RollingRegimes`.

    Raises
    ------
    BadData
        If an option is out of range.
    """

    window: int = 1700
    K: int = 2
    refit: int = 5
    threshold: float = 0.975
    half_life: float = 20.0
    stale: Stale = "keep"
    stale_after: int = 13
    seed: int = 0
    restarts: int = 5
    tolerance: float = 1e-4
    cold_every: int = 8

    def __post_init__(self) -> None:
        """Check the options."""
        whole = {
            name: getattr(self, name) for name in ("K", "refit", "stale_after", "restarts", "cold_every")
        }
        for name, value in whole.items():
            if value < 1:
                raise BadData(f"{name} is {value}; give 1 or more.")
        if self.window <= self.refit:
            raise BadData(f"window={self.window} is not longer than refit={self.refit}; give a longer one.")
        if self.stale not in get_args(Stale):
            raise BadData(f"stale is {self.stale!r}; choose one of {', '.join(map(repr, get_args(Stale)))}.")
        if not (self.tolerance > 0 and self.half_life > 0):
            raise BadData(f"tolerance={self.tolerance} and half_life={self.half_life} must be positive.")
        Hysteresis(self.threshold)

    def history(
        self, returns: pd.DataFrame | ArrayLike, decisions: Sequence[int] | Integers | None = None
    ) -> RegimeHistory:
        """Return what each decision knows.

        Parameters
        ----------
        returns : (T, n) DataFrame or array
            Simple returns a day, oldest first.
        decisions : (D,) increasing integers, optional
            How many rows each decision knows, `window` at least. By default every `refit` rows from `window` on.

        Raises
        ------
        BadData
            If there are too few days, a return is missing, or the decisions are not such numbers.
        """
        values = _returns(returns)
        if len(values) < self.window:
            raise _too_few(self.window, len(values))
        rows = (
            np.arange(self.window, len(values) + 1, self.refit) if decisions is None else np.array(decisions)
        )
        if rows.ndim != 1 or not len(rows) or (np.diff(rows) < 1).any() or rows[-1] > len(values):
            raise BadData(f"decisions must be increasing row numbers up to {len(values)}; correct them.")
        if rows[0] < self.window:
            raise _too_few(self.window, int(rows[0]))
        return _joined([self._of(column, rows) for column in values.T], rows)

    def now(self, returns: pd.DataFrame | ArrayLike) -> RegimeHistory:
        """Return what the end of a table knows, one decision.

        The belief of the weeks before is that of today's model, walked through the window every `refit` days.

        Raises
        ------
        BadData
            As `history`.
        """
        values = _returns(returns)
        if len(values) < self.window:
            raise _too_few(self.window, len(values))
        rows = np.array([len(values)])
        return _joined([self._of(column, rows, walk=True) for column in values.T], rows)

    # --------------------------------------------------------------------- inside
    def _of(self, series: Floats, rows: Integers, *, walk: bool = False) -> RegimeHistory:
        """Return the history of one asset, arrays without the axis of assets."""
        walked = RegimeWalk(self, walk=walk)
        return _after_one_another([walked.step(series[:end]) for end in rows])

    def _used(
        self,
        means: Floats,
        sds: Floats,
        days: Floats,
        q: Floats,
        regime: Integers,
        stale: Integers,
        collapsed: Mask,
        unconditional: Floats,
    ) -> tuple[Floats, Floats, Floats]:
        """Return mean, sd and error of the mean that each decision goes by, (D,) each."""
        at = np.arange(len(regime)), regime
        with np.errstate(divide="ignore", invalid="ignore"):
            errors = np.where(days > 0, sds / np.sqrt(days), 0.0)
        mean, sd, error = means[at], sds[at], errors[at]
        old = (stale > self.stale_after) & ~collapsed
        if self.stale == "mix":
            mixed = (q * means).sum(axis=1)
            mean = np.where(old, mixed, mean)
            sd = np.where(old, np.sqrt((q * (sds**2 + (means - mixed[:, None]) ** 2)).sum(axis=1)), sd)
            error = np.where(old, np.sqrt(((q * errors) ** 2).sum(axis=1)), error)
        whole = collapsed | old if self.stale == "unconditional" else collapsed
        mean = np.where(whole, unconditional[:, 0], mean)
        sd = np.where(whole, unconditional[:, 1], sd)
        error = np.where(whole, unconditional[:, 1] / np.sqrt(self.window), error)
        return mean, sd, error


def _too_few(window: int, rows: int) -> BadData:
    return BadData(
        f"{window:,} rows are needed before the first decision; there are {rows:,}: these regimes say how sure a view "
        'is that does not say so itself, so write a confidence behind each view, as in "(60 %)", or use a shorter '
        "window, such as window=200 under [regimes] in a file of views or AssetRegimes(window=200)."
    )


class RegimeWalk:
    """The regimes of one asset, decision after decision: each is given what is known then, and no more.

    Parameters
    ----------
    options : AssetRegimes
    walk : bool
        Whether the first decision knows how old its belief is: that of the weeks before, by its own model.
    """

    def __init__(self, options: AssetRegimes, *, walk: bool = False) -> None:
        self._options, self._walk = options, walk
        self._rolling: RollingFit | None = None
        self._hysteresis = Hysteresis(options.threshold)
        self._yesterday: int | None = None
        self._age, self._known = 0, 0

    def step(self, series: Floats) -> RegimeHistory:
        """Return what is known after a series (T,) of daily returns, the last one's and some more: one decision.

        The arrays have no axis of assets.

        Raises
        ------
        BadData
            If there are fewer days than the window.
        """
        o, T = self._options, len(series)
        if o.window > T:
            raise _too_few(o.window, T)
        first, moved = self._known == 0, T - self._known if self._known else 0
        self._known, window = T, series[-o.window :, None]
        unconditional = np.array([window.mean(), window.std()])
        self._rolling, order = self._fitted(window, moved)
        believed, regime = False, 0
        if self._rolling is None:
            means, sds = np.full(o.K, unconditional[0]), np.full(o.K, unconditional[1])
            days, q = np.full(o.K, o.window / o.K), np.full(o.K, 1.0 / o.K)
            transition, collapsed, stale = np.full((o.K, o.K), 1.0 / o.K), True, self._age
            self._yesterday, self._age = None, 0
        else:
            fit, smoothed = self._rolling.fit, self._rolling.smoothed
            means, sds = fit.means[:, 0], np.sqrt(fit.covariances[:, 0, 0])
            days, q, transition, collapsed = smoothed.sum(axis=0), smoothed[-1], fit.transition, fit.collapsed
            if first and self._walk:
                for probabilities in fit.filtered_probabilities(window)[::-1][o.refit :: o.refit][::-1]:
                    sure = probabilities.max() >= o.threshold
                    self._yesterday = self._hysteresis.believed(self._yesterday, probabilities)
                    self._age = 0 if sure else self._age + 1
            if self._yesterday is not None:
                self._yesterday = int(np.flatnonzero(order == self._yesterday)[0])
            believed = bool(q.max() >= o.threshold)
            regime = self._yesterday = self._hysteresis.believed(self._yesterday, q)
            stale = self._age = 0 if believed or (first and not self._walk) else self._age + 1
        one = (
            means[None], sds[None], days[None], q[None], np.array([regime]), np.array([stale]),
            np.array([bool(collapsed)]), unconditional[None],
        )  # fmt: skip
        mean, sd, error = o._used(*one)
        return RegimeHistory(
            np.array([T]), *one[:4], transition[None], one[4], np.array([believed]), one[5], one[6],
            mean, sd, error, _volatility(series, np.array([T]), o.half_life),
        )  # fmt: skip

    def now(self, series: Floats) -> RegimeHistory:
        """Return the same as a history of one asset and one decision, as `BlackLitterman.fit` takes it."""
        return _joined([self.step(series)], np.array([len(series)]))

    def _fitted(self, window: Floats, moved: int) -> tuple[RollingFit | None, Integers]:
        """Return the fit of the next window, None where there is nothing to fit, and whom its regimes were."""
        o, same = self._options, np.arange(self._options.K)
        if window.std() <= CONSTANT * np.abs(window).max():  # cash, or a price that does not move
            return None, same
        try:
            if self._rolling is None or moved >= o.window:
                return RollingFit(
                    window, o.K, "volatility", o.seed, o.restarts, o.tolerance, o.cold_every
                ), same
            return self._rolling, self._rolling.update(window, refit=True, days=moved)
        except BadData:  # no start could be fitted; days too few for K are refused before
            return None, same


def _returns(returns: pd.DataFrame | ArrayLike) -> Floats:
    values = np.asarray(returns, dtype=np.float64)
    if values.ndim != 2 or 0 in values.shape:
        raise BadData(f"returns has shape {values.shape}; give one row a day and one column an asset.")
    bad = np.argwhere(~np.isfinite(values))
    if len(bad):
        row, column = (int(i) for i in bad[0])
        name: object = returns.columns[column] if isinstance(returns, pd.DataFrame) else column
        raise BadData(f"the return in row {row + 1}, column {name} is missing or infinite; fill or drop it.")
    return values


def _volatility(series: Floats, rows: Integers, half_life: float) -> Floats:
    """Return the exponentially weighted root mean square of the returns each decision knows."""
    longest = int(min(rows[-1], np.ceil(50 * half_life)))  # older returns weigh less than 1e-15
    weights = fading(longest, half_life)
    found = np.empty(len(rows))
    for d, end in enumerate(rows):
        known = series[max(0, end - longest) : end]
        share = weights[-len(known) :]
        found[d] = np.sqrt((share @ known**2) / share.sum())
    return found


def _after_one_another(steps: Sequence[RegimeHistory]) -> RegimeHistory:
    """Put decisions below each other."""
    names = RegimeHistory.__dataclass_fields__
    return RegimeHistory(**{name: np.concatenate([getattr(step, name) for step in steps]) for name in names})


def _joined(assets: Sequence[RegimeHistory], rows: Integers) -> RegimeHistory:
    """Put single assets side by side."""
    names = [name for name in RegimeHistory.__dataclass_fields__ if name != "rows"]
    stacked = {name: np.stack([getattr(asset, name) for asset in assets], axis=1) for name in names}
    return replace(assets[0], rows=rows, **stacked)
