"""A hidden Markov model that is fitted cold once, and then kept up to date from day to day."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from proofolio.errors import BadData
from proofolio.forecasts.expectation_maximisation import ascend
from proofolio.forecasts.forward_backward import Floats
from proofolio.forecasts.hidden_markov import (
    check_days,
    collapsed,
    in_order,
    rank,
    regime_order,
    scale_of,
    without_zeros,
)
from proofolio.forecasts.maximum_likelihood import Estimate, Parameters, cold_starts
from proofolio.forecasts.regime_fit import OrderBy, RegimeFit

# A cold fit goes on for as long as it gains; a warm one is as good after a few steps.
COLD_ITERATIONS = 500
WARM_ITERATIONS = 200
# Nats by which a cold fit must be better before a warm one is given up: regimes that change their
# parameters every few weeks for nothing are worth less.
SHORT = 0.1


class RollingFit:
    """Maximum-likelihood regimes of a window of driving series that moves by a day at a time.

    A refit starts from yesterday's parameters, with yesterday's smoothed probability of the day that is
    now the first as its initial distribution. It is given up for a cold fit where it breaks down, where a
    regime has collapsed and cold starts have found none that has not, and where, every `cold_every`
    refits, a cold fit is more than 0.1 nats likelier.

    Parameters
    ----------
    driving : (T, d) array
        The first window, fitted cold.
    K, order_by, seed, restarts, tolerance
        As in `fit_regimes`.
    cold_every : int
        Refits from one comparison with a cold fit to the next.

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
        self._K, self._order_by, self._seed, self._restarts = K, order_by, seed, restarts
        self._tolerance, self._cold_every = tolerance, cold_every
        self._refits = 0
        self._unrepaired = False
        self.cold_restarts = 0
        self._take(*self._cold(driving / self._scale), cold=True)

    def update(self, driving: Floats, *, refit: bool) -> NDArray[np.intp]:
        """Move to the window `driving`, one day after the last one.

        Returns
        -------
        order : (K,) array
            Regime k of today was regime ``order[k]`` yesterday; after a cold restart, regimes are the same
            if their numbers are.
        """
        scaled = driving / self._scale
        last = self._last.parameters
        if not refit:
            same = ascend(scaled, last, 0, self._tolerance)
            if same is not None:
                return self._take(*same, cold=False)
        self._refits += 1
        initial = without_zeros(self.smoothed[1], 1e-3)
        transition = without_zeros(last.transition, 1e-4)
        start = Parameters(initial, transition, last.means, last.covariances)
        warm = ascend(scaled, start, WARM_ITERATIONS, self._tolerance)
        broken = warm is None or collapsed(warm[0])
        # A collapse that cold starts could not repair yesterday is not tried again every day.
        if warm is None or (broken and not self._unrepaired) or self._refits % self._cold_every == 0:
            cold = self._cold(scaled)
            self._unrepaired = broken and collapsed(cold[0])
            if warm is None or _better(cold[0], warm[0]):
                self.cold_restarts += 1
                self._take(*cold, cold=True)
                return np.arange(self._K)
        elif not broken:
            self._unrepaired = False
        return self._take(*warm, cold=False)

    def _cold(self, scaled: Floats) -> tuple[Estimate, Floats]:
        found = [
            ascend(scaled, start, COLD_ITERATIONS, self._tolerance)
            for start in cold_starts(scaled, self._K, self._restarts, self._seed)
        ]
        sound = [one for one in found if one is not None]
        if not sound:
            raise BadData(
                f"every start of {self._K} regimes ended with an empty or constant regime; use fewer "
                "regimes, a longer window, or drop repeated prices."
            )
        return max(sound, key=lambda one: rank(one[0]))

    def _take(self, estimate: Estimate, smoothed: Floats, *, cold: bool) -> NDArray[np.intp]:
        """Number the regimes by the rule, and keep them."""
        order = regime_order(estimate.parameters, self._order_by)
        found = estimate.parameters
        ordered = Parameters(
            found.initial[order],
            found.transition[np.ix_(order, order)],
            found.means[order],
            found.covariances[order],
        )
        self._last = Estimate(
            ordered,
            estimate.log_likelihood,
            estimate.shares[order],
            estimate.iterations,
            estimate.converged,
        )
        self.smoothed = smoothed[:, order]
        self._days, self._was_cold = len(smoothed), cold
        return order

    @property
    def fit(self) -> RegimeFit:
        """The model as of the last window, in the units of the driving series."""
        return in_order(self._last, self._order_by, self._scale, self._names, self._days, self._was_cold)


def _better(cold: Estimate, warm: Estimate) -> bool:
    """Return whether to give up `warm` for `cold`."""
    if collapsed(cold) != collapsed(warm):
        return collapsed(warm)
    return cold.log_likelihood > warm.log_likelihood + SHORT
