"""What a forecaster hands to a strategy, and what every forecaster can do."""

from __future__ import annotations

from dataclasses import dataclass
from inspect import signature
from typing import Any, Protocol, Self

from numpy.typing import ArrayLike

from proofolio.arrays import Floats
from proofolio.brief import brief
from proofolio.errors import BadData


@dataclass(frozen=True, eq=False)
class Forecast:
    """Mean and covariance of the next H days' returns, made at the end of day t.

    Row ``j - 1`` of `mean` and `covariance` belongs to day ``t + j``, ``j = 1..H``.

    Attributes
    ----------
    mean : (H, n) array
        Simple returns per period, decimals.
    covariance : (H, n, n) array
        Per period, symmetric; with regimes, the uncertainty about the regime is part of it.
    probabilities : (H + 1, K) array or None
        Of the regimes: row 0 today, given the returns up to today; row j on day t + j. None where the
        forecaster knows no regimes, like the three attributes below.
    regime : int or None
        The regime believed in today, from 0; see the forecaster for the rule.
    means : (K, n) array or None
        Of all assets in each regime.
    covariances : (K, n, n) array or None
        Of all assets in each regime.
    collapsed : bool
        Whether a regime is read from next to no days, or from days without any variance, and no restart found
        better: its moments, and so the forecast, are to be doubted.
    transition : (K, K) array or None
        Probabilities of the next regime, a row a regime.

    Raises
    ------
    BadData
        If the shapes disagree.
    """

    mean: Floats
    covariance: Floats
    probabilities: Floats | None = None
    regime: int | None = None
    means: Floats | None = None
    covariances: Floats | None = None
    collapsed: bool = False
    transition: Floats | None = None

    __repr__ = brief

    def __post_init__(self) -> None:
        """Compare the shapes."""
        if self.mean.ndim != 2 or self.covariance.shape != (*self.mean.shape, self.mean.shape[1]):
            raise BadData(
                f"mean and covariance have shapes {self.mean.shape} and {self.covariance.shape}; give (H, n) "
                "and (H, n, n)."
            )
        if self.probabilities is not None and len(self.probabilities) != len(self.mean) + 1:
            raise BadData(
                f"probabilities has {len(self.probabilities)} rows for {len(self.mean)} periods ahead; give "
                "today's and one for each period."
            )

    @property
    def H(self) -> int:  # noqa: N802  named as in the mathematics
        """Periods ahead."""
        return len(self.mean)

    @property
    def n(self) -> int:
        """Assets."""
        return int(self.mean.shape[1])


class Forecaster(Protocol):
    """Learns from a window of returns, then day by day.

    An unfitted forecaster is a set of options and never changes: `fit` returns a fitted copy, and only
    that copy has a state, which is what it has seen. The same rows in the same order give the same
    forecasts, and a forecast once given does not change.
    """

    @property
    def window(self) -> int:
        """Rows needed before the first forecast."""

    @property
    def H(self) -> int:  # noqa: N802  named as in the mathematics
        """Periods ahead of each forecast."""

    def fit(self, returns: ArrayLike) -> Self:
        """Return a copy that has seen `returns`, (T, n) with T >= `window`, oldest first."""

    def predict(self) -> Forecast:
        """Return the forecast of the H days after the last row seen."""

    def predict_online(self, row: ArrayLike) -> Forecast:
        """Take in the (n,) returns of one new day and return the forecast of the H days after it."""


class Options:
    """The options of a forecaster by name, as scikit-learn's `clone` and searches ask for them.

    A subclass keeps each argument of its constructor as an attribute of the same name.
    """

    def get_params(self, deep: bool = True) -> dict[str, Any]:
        """Return the arguments that make an unfitted forecaster like this one; `deep` changes nothing."""
        return {name: getattr(self, name) for name in signature(type(self)).parameters}

    def set_params(self, **options: Any) -> Self:
        """Set options, check them as the constructor does, and return this forecaster, unfitted.

        Raises
        ------
        BadData
            For an option that does not exist or is out of range.
        """
        known = self.get_params()
        unknown = sorted(options.keys() - known.keys())
        if unknown:
            raise BadData(f"{type(self).__name__} has no option {unknown[0]!r}: it has {', '.join(known)}.")
        self.__init__(**{**known, **options})  # type: ignore[misc]  # a subclass's own, with its own arguments
        return self
