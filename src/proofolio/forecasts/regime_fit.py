"""A fitted hidden Markov model and what it says about each day."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from proofolio.arrays import Floats
from proofolio.errors import BadData
from proofolio.forecasts.forward_backward import filtered, log_densities, smoothed
from proofolio.forecasts.tables import require_full_rows

OrderBy = Literal["mean", "volatility"]


@dataclass(frozen=True, eq=False)
class RegimeFit:
    """A fitted Gaussian hidden Markov model of K regimes on d driving series.

    Attributes
    ----------
    initial : (K,) array
        Probability of each regime on the first day of the fitted window.
    transition : (K, K) array
        ``transition[j, k]`` is the probability of regime k tomorrow, given j today.
    means : (K, d) array
        Per period, in the units of the returns given (decimals).
    covariances : (K, d, d) array
        Per period.
    log_likelihood : float
        Of the fitted window, in nats, for returns in decimals.
    converged : bool
        Whether the last step gained less than the tolerance.
    iterations : int
        Steps of expectation maximisation taken by the start that was kept.
    order_by : {"mean", "volatility"}
        The rule that numbers the regimes.
    names : tuple of str
        The driving series.
    shares : (K,) array
        Expected share of the window's days spent in each regime.
    collapsed : bool
        Whether a regime has less than 1 % of the days or a singular covariance, and no
        restart found better: treat such a fit as fewer than K regimes.
    cold : bool
        Whether the parameters come from a cold start (also after a failed warm one).
    """

    initial: Floats
    transition: Floats
    means: Floats
    covariances: Floats
    log_likelihood: float
    converged: bool
    iterations: int
    order_by: OrderBy
    names: tuple[str, ...]
    shares: Floats
    collapsed: bool
    cold: bool

    def __repr__(self) -> str:
        """Series, share of the periods of each regime, and how the fit ended."""
        shares = ", ".join(f"{share:.0%}" for share in self.shares)
        end = "converged" if self.converged else "stopped"
        return (
            f"RegimeFit({', '.join(self.names)}: {len(self.shares)} regimes of {shares} of the periods, log-likelihood "
            f"{self.log_likelihood:.1f}, {end} after {self.iterations} iterations)"
        )

    def filtered_probabilities(self, returns: pd.DataFrame | ArrayLike) -> Floats:
        """Return ``P(regime on day t | returns up to day t)``, (T, K).

        Nothing of day t is learnt from later days, so row t may be traded on at the end
        of day t. The recursion starts from `initial` on the first row.

        Raises
        ------
        BadData
            If a return is missing or infinite, or the series are not those fitted.
        """
        return filtered(self.initial, self.transition, self._log_densities(returns))[0]

    def smoothed_probabilities(self, returns: pd.DataFrame | ArrayLike) -> Floats:
        """Return ``P(regime on day t | all returns given)``, (T, K).

        For describing the window, not for trading inside it: row t knows the days after
        t. Only the last row equals the filtered one.

        Raises
        ------
        BadData
            If a return is missing or infinite, or the series are not those fitted.
        """
        return smoothed(self.initial, self.transition, self._log_densities(returns))

    def labels(self, returns: pd.DataFrame | ArrayLike) -> NDArray[np.int64]:
        """Return the regime of the largest smoothed probability, (T,) integers from 0.

        Raises
        ------
        BadData
            If a return is missing or infinite, or the series are not those fitted.
        """
        labels: NDArray[np.int64] = np.argmax(self.smoothed_probabilities(returns), axis=1)
        return labels

    def score(self, returns: pd.DataFrame | ArrayLike) -> float:
        """Return the log-likelihood of `returns` in nats.

        Raises
        ------
        BadData
            If a return is missing or infinite, or the series are not those fitted.
        """
        return filtered(self.initial, self.transition, self._log_densities(returns))[1]

    def _log_densities(self, returns: pd.DataFrame | ArrayLike) -> Floats:
        values, names = driving_series(returns)
        if values.shape[1] != len(self.names) or (isinstance(returns, pd.DataFrame) and names != self.names):
            raise BadData(
                f"the regimes were fitted on {', '.join(self.names)} but the returns "
                f"are {', '.join(names)}; give the same series in the same order."
            )
        return log_densities(values, self.means, self.covariances)


def driving_series(
    returns: pd.DataFrame | pd.Series | ArrayLike,
) -> tuple[Floats, tuple[str, ...]]:
    """Return (T, d) values and d names, or raise BadData naming the missing cell."""
    try:
        values = np.asarray(returns, dtype=np.float64)
    except (TypeError, ValueError):
        raise BadData(
            "returns holds something that is no number: give one row a period and one column a series"
        ) from None
    values = values[:, None] if values.ndim == 1 else values
    if values.ndim != 2 or 0 in values.shape:
        raise BadData(
            f"returns has shape {values.shape}; give one row a period and one column a driving series."
        )
    names = tuple(f"series {i + 1}" for i in range(values.shape[1]))
    if isinstance(returns, pd.DataFrame):
        names = tuple(str(name) for name in returns.columns)
    elif isinstance(returns, pd.Series) and returns.name is not None:
        names = (str(returns.name),)
    require_full_rows(returns, "the returns")
    bad = np.argwhere(~np.isfinite(values))
    if len(bad):
        row, column = (int(i) for i in bad[0])
        when = f"row {row + 1}"
        if isinstance(returns, pd.DataFrame | pd.Series):
            when += f" ({returns.index[row]})"
        raise BadData(
            f"{len(bad)} returns are missing or infinite, the first in "
            f"{names[column]}, {when}; drop or fill them first."
        )
    return values, names
