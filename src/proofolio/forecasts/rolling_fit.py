"""A hidden Markov model that is fitted cold once, and then kept up to date from day to day.

The last so many rows of a stream of returns, always in one piece.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import ArrayLike

from proofolio.arrays import Floats, Integers
from proofolio.errors import BadData
from proofolio.forecasts.expectation_maximisation import (
    Estimate,
    Fitted,
    Parameters,
    ascend,
    cold_start,
    cold_starts,
)
from proofolio.forecasts.hidden_markov import (
    check_days,
    check_moving,
    in_order,
    regime_order,
    scale_of,
    without_zeros,
)
from proofolio.forecasts.regime_fit import OrderBy, RegimeFit
from proofolio.forecasts.tables import require_full_rows


class RollingWindow:
    """The last `window` rows seen, oldest first.

    Rows are written into a buffer of twice the length, and moved to its front once in `window` days, so
    that a day costs one row and the window is a plain contiguous array.

    Parameters
    ----------
    returns : (T, n) array
        Oldest first, ``T >= window``.
    window : int
        Rows kept.

    Raises
    ------
    BadData
        If there are fewer than `window` rows, or a number is missing or infinite.
    """

    def __init__(self, returns: ArrayLike, window: int) -> None:
        """Begin with the last rows of `returns`."""
        values = np.asarray(returns, dtype=np.float64)
        if values.ndim != 2 or values.shape[1] == 0:
            raise BadData(f"returns has shape {values.shape}; give one row a period and one column an asset.")
        if len(values) < window:
            raise BadData(
                f"{len(values)} rows of returns are fewer than the window of {window}; give a longer history "
                "or a shorter window."
            )
        require_full_rows(returns, "the returns")
        bad = np.argwhere(~np.isfinite(values))
        if len(bad):
            row, column = (int(i) for i in bad[0])
            raise BadData(
                f"the return in row {row + 1}, column {column} is {values[row, column]}; drop or fill "
                "missing and infinite returns first."
            )
        self._window = window
        self._buffer = np.empty((2 * window, values.shape[1]))
        self._buffer[:window] = values[-window:]
        self._end = window
        self.seen = len(values)

    @property
    def rows(self) -> Floats:
        """The (window, n) rows, valid until the next `append`: a view, not to be kept or written to."""
        return self._buffer[self._end - self._window : self._end]

    def append(self, row: ArrayLike) -> None:
        """Take in one (n,) row and forget the oldest.

        Raises
        ------
        BadData
            If the row has another length, or a number in it is missing or infinite.
        """
        values = np.asarray(row, dtype=np.float64)
        if values.shape != self._buffer.shape[1:]:
            raise BadData(
                f"the new row has shape {values.shape}, but {self._buffer.shape[1]} assets were fitted; give "
                "one return an asset, in the same order."
            )
        if not np.isfinite(values).all():
            column = int(np.argmin(np.isfinite(values)))
            raise BadData(
                f"the return of row {self.seen + 1}, column {column} is {values[column]}; drop the row or "
                "fill the gap."
            )
        if self._end == len(self._buffer):
            self._buffer[: self._window] = self._buffer[self._end - self._window :]
            self._end = self._window
        self._buffer[self._end] = values
        self._end += 1
        self.seen += 1


# A cold fit goes on for as long as it gains; a warm one is as good after a few steps.
COLD_ITERATIONS = 500
WARM_ITERATIONS = 200
# Nats by which another fit must be better before the one held is given up: regimes that change their
# parameters every few weeks for nothing are worth less.
SHORT = 0.1
# Nats within which two fits are the same maximum, reached from two sides.
SAME = 0.01
# Other maxima followed beside the best, and nats below the best at which one is let go.
RIVALS = 2
HOPELESS = 20.0


class RollingFit:
    """Maximum-likelihood regimes of a window of driving series that moves by a day at a time.

    A refit starts from yesterday's parameters, with yesterday's smoothed probability of the day that is
    now the first as its initial distribution. That follows a local maximum of the likelihood, while
    another may become the higher one as days come and go. So every `cold_every` refits a cold start is
    tried, another each time, and the maxima it finds are followed warm beside the best for as long as they
    are within reach; the best is given up for one that is more than 0.1 nats higher. Where the fit breaks
    down or a regime collapses, all cold starts are tried at once.

    Parameters
    ----------
    driving : (T, d) array
        The first window, fitted cold.
    K, order_by, seed, restarts, tolerance
        As in `fit_regimes`.
    cold_every : int
        Refits from one cold start to the next.

    Raises
    ------
    BadData
        If a series is constant, two move as one, there are too few days, or no start can be fitted.
    """

    def __init__(
        self,
        driving: Floats,
        K: int,
        order_by: OrderBy,
        seed: int,
        restarts: int,
        tolerance: float,
        cold_every: int,
    ) -> None:
        """Fit the first window cold."""
        self._names = tuple(f"series {i + 1}" for i in range(driving.shape[1]))
        check_days(len(driving), K, driving.shape[1])
        self._scale = scale_of(driving, self._names)
        self._K, self._order_by, self._seed, self._starts = K, order_by, seed, restarts
        self._tolerance, self._cold_every = tolerance, cold_every
        self._refits = 0
        self._unrepaired = False
        self._rivals: list[Fitted] = []
        self.restarts = 0
        self._take(self._cold(driving / self._scale), cold=True)

    def update(self, driving: Floats, *, refit: bool, days: int = 1) -> Integers:
        """Move to the window `driving`, `days` days after the last one.

        Parameters
        ----------
        driving : (T, d) array
        refit : bool
            Whether parameters move too; else only the probabilities do.
        days : int
            Rows by which the window has moved: a refit starts from the probability that the last fit gives the day
            which is now the first.

        Returns
        -------
        order : (K,) array
            Regime k of today was regime ``order[k]`` yesterday; where the fit has been given up for
            another, regimes are the same if their numbers are.

        Raises
        ------
        BadData
            If a series has become constant, or neither yesterday's parameters nor any cold start can be fitted, or the
            window has moved by no day or by more than its length.
        """
        if not 1 <= days < len(driving):
            raise BadData(f"the window moved by {days} days; it must be 1 to {len(driving) - 1}.")
        check_moving(driving, self._names)
        scaled = driving / self._scale
        if not refit:
            same = ascend(scaled, self._held[0].parameters, 0, self._tolerance)
            if same is not None:
                return self._take(same, cold=False)
        self._refits += 1
        warm = self._resume(scaled, self._held, days)
        rivals = [self._resume(scaled, rival, days) for rival in self._rivals]
        broken = warm is None or warm[0].collapsed
        # A collapse that cold starts could not repair is not tried again every day.
        if warm is None or (broken and not self._unrepaired):
            rivals.append(self._cold(scaled))
        elif self._refits % self._cold_every == 0:
            rivals.append(self._another(scaled, self._refits // self._cold_every))
        others = _different([rival for rival in rivals if rival is not None], warm)
        if warm is None or (others and _better(others[0][0], warm[0])):
            best = others[0]
            others = [*others[1:], *([] if warm is None else [warm])]
        else:
            best = warm
        reach = best[0].log_likelihood - HOPELESS
        self._rivals = [
            other for other in others if other[0].log_likelihood > reach and not other[0].collapsed
        ][:RIVALS]
        self._unrepaired = best[0].collapsed
        if best is warm:
            return self._take(warm, cold=False)
        self.restarts += 1
        self._take(best, cold=True)
        return np.arange(self._K)

    def _resume(self, scaled: Floats, last: Fitted, days: int) -> Fitted | None:
        """Fit the window from the estimate of `days` days ago."""
        found, smoothed = last
        start = Parameters(
            without_zeros(smoothed[days], 1e-3),
            without_zeros(found.parameters.transition, 1e-4),
            found.parameters.means,
            found.parameters.covariances,
        )
        return ascend(scaled, start, WARM_ITERATIONS, self._tolerance)

    def _another(self, scaled: Floats, number: int) -> Fitted | None:
        """Fit the window from one cold start, the `number`-th tried."""
        start = cold_start(scaled, self._K, number % self._starts, self._seed + number)
        return ascend(scaled, start, COLD_ITERATIONS, self._tolerance)

    def _cold(self, scaled: Floats) -> Fitted:
        """Fit the window from all cold starts and return the best."""
        found = [
            ascend(scaled, start, COLD_ITERATIONS, self._tolerance)
            for start in cold_starts(scaled, self._K, self._starts, self._seed)
        ]
        sound = [one for one in found if one is not None]
        if not sound:
            raise BadData(
                f"every start of {self._K} regimes ended with an empty or constant regime; use fewer "
                "regimes, a longer window, or drop repeated prices."
            )
        return max(sound, key=lambda one: one[0].rank)

    def _take(self, fitted: Fitted, *, cold: bool) -> Integers:
        """Number the regimes by the rule, and keep them."""
        estimate, smoothed = fitted
        found = estimate.parameters
        order = regime_order(found, self._order_by)
        self._held, self._was_cold = fitted, cold
        if (order == np.arange(self._K)).all():
            return order
        ordered = Parameters(
            found.initial[order],
            found.transition[np.ix_(order, order)],
            found.means[order],
            found.covariances[order],
        )
        self._held = (
            replace(estimate, parameters=ordered, shares=estimate.shares[order]),
            smoothed[:, order],
        )
        return order

    @property
    def smoothed(self) -> Floats:
        """Probability of each regime on each day of the window, (T, K); the last row is the filtered one."""
        return self._held[1]

    @property
    def transition(self) -> Floats:
        """The transition matrix of `fit`, which takes longer to make."""
        return self._held[0].parameters.transition

    @property
    def collapsed(self) -> bool:
        """Whether a regime has collapsed, and could not be repaired, in the last window."""
        return self._held[0].collapsed

    @property
    def fit(self) -> RegimeFit:
        """The model as of the last window, in the units of the driving series."""
        estimate, smoothed = self._held
        return in_order(estimate, self._order_by, self._scale, self._names, len(smoothed), self._was_cold)


def _different(found: list[Fitted], warm: Fitted | None) -> list[Fitted]:
    """Return the maxima among `found`, each once and without that of `warm`, best first."""
    taken = [] if warm is None else [warm]
    others: list[Fitted] = []
    for one in sorted(found, key=lambda fitted: fitted[0].rank, reverse=True):
        if all(abs(one[0].log_likelihood - other[0].log_likelihood) > SAME for other in taken + others):
            others.append(one)
    return others


def _better(other: Estimate, held: Estimate) -> bool:
    """Return whether to give up `held` for `other`."""
    if other.collapsed != held.collapsed:
        return held.collapsed
    return other.log_likelihood > held.log_likelihood + SHORT
