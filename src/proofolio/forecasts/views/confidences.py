"""Confidence in a view, read from what the regime of today says of its assets.

All rules compare the return ``r_hat = P'm`` that the regime says, m being the mean of each asset in the regime
believed, with the return v that the view claims, and are functions of ``s (r_hat - v)``, s = sign v: monotone, 0.5
where the two agree, and the same for ``(P, v)`` and ``(-P, -v)``. They are one-sided: a regime that says far more than
the view supports it. So the confidences of two opposite views do not add up to 1.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import expit, ndtr

from proofolio.arrays import Floats
from proofolio.errors import BadData

__all__ = ["CalibratedConfidence", "CdfConfidence", "Confidence", "Scale", "SigmoidConfidence"]

Scale = Literal["view", "published", "error"]


class Confidence(ABC):
    """A rule for the confidence in views: an increasing function of ``s (r_hat - v)``, times a scale."""

    @staticmethod
    @abstractmethod
    def _share(argument: Floats) -> Floats:
        """Return an increasing function from 0 to 1, .5 at 0."""

    @abstractmethod
    def _scale(self, v: Floats, spread: Floats, error: Floats, period: str) -> Floats:
        """Return (m,) factors, in one over the unit of v, or refuse numbers of a period the rule is not defined for."""

    def __call__(
        self,
        r_hat: ArrayLike,
        v: ArrayLike,
        spread: ArrayLike,
        error: ArrayLike,
        *,
        period: str = "day",
        direction: ArrayLike | None = None,
    ) -> Floats:
        """Return the (m,) confidences.

        Parameters
        ----------
        r_hat, v : (m,) arrays
            What the regime says and what the views claim, per period.
        spread : (m,) array
            Standard deviation of the views' combinations in one period, ``sqrt(P Sigma P')``.
        error : (m,) array
            Standard error of `r_hat`.
        period : str
            What the numbers are per.
        direction : (m,) array of 1 and -1, optional
            The sign of v by default.

        Raises
        ------
        BadData
            If a v is 0 and no direction is given, or the rule is not defined for such a period.
        """
        above = _above(r_hat, v, direction)
        values, spreads, errors = (np.atleast_1d(np.asarray(x, dtype=np.float64)) for x in (v, spread, error))
        scale = self._scale(values, spreads, errors, period)
        # 0 where nothing is above: also where the scale is infinite.
        told_apart = above != 0
        argument = np.where(told_apart, np.where(told_apart, scale, 1.0) * above, 0.0)
        return self._share(argument)


class _Normal(Confidence):
    @staticmethod
    def _share(argument: Floats) -> Floats:
        return np.asarray(ndtr(argument))


@dataclass(frozen=True)
class SigmoidConfidence(Confidence):
    """``expit(eta scale s (r_hat - v))``.

    Parameters
    ----------
    eta : float
        Above 0; how fast belief turns.
    scale : {"view", "published", "error"}
        1/abs(v): the same for the same claim in days, weeks or years. 1/standard error: the same in any unit. Or
        ``10^-floor(log10 abs(v))`` of Oprisor and Kwon's library, with r_hat and v per *day*: it jumps tenfold where v
        passes a power of ten, so that a view of 2.5 % a year gets .00005 and one of 2.53 % .268 where r_hat is 0. It
        is there to reproduce, and refuses numbers that are not daily.

    Raises
    ------
    BadData
        If eta or the scale is none.
    """

    eta: float = 1.0
    scale: Scale = "view"

    def __post_init__(self) -> None:
        """Check the options."""
        if not 0 < self.eta < np.inf:
            raise BadData(f"eta is {self.eta}; give a positive number.")
        if self.scale not in get_args(Scale):
            raise BadData(f"scale is {self.scale!r}; choose one of {', '.join(map(repr, get_args(Scale)))}.")

    def scales(self, v: ArrayLike, error: ArrayLike) -> Floats:
        """Return the (m,) scales, in one over the unit of v."""
        values = np.atleast_1d(np.asarray(v, dtype=np.float64))
        if self.scale == "error":
            return _inverse(np.atleast_1d(np.asarray(error, dtype=np.float64)))
        zero = np.flatnonzero(values == 0)
        if zero.size:
            raise BadData(
                f"view {zero[0] + 1} has the value 0, for which the scale {self.scale!r} is not defined: use "
                "confidence='calibrated' or scale='error'."
            )
        if self.scale == "published":
            return np.asarray(10.0 ** -np.floor(np.log10(np.abs(values))))
        return np.asarray(1.0 / np.abs(values))

    @staticmethod
    def _share(argument: Floats) -> Floats:
        return np.asarray(expit(argument))

    def _scale(self, v: Floats, spread: Floats, error: Floats, period: str) -> Floats:
        if self.scale == "published" and period != "day":
            raise BadData(
                f"scale 'published' needs daily numbers; this plan's period is a {period}: use scale='view'."
            )
        return self.eta * self.scales(v, error)


@dataclass(frozen=True)
class CdfConfidence(_Normal):
    """``Phi(s (r_hat - v) / sqrt(P Sigma P'))``: the probability that one period's return supports the view.

    Its argument grows with the root of the period, so it is computed in days.
    """

    def _scale(self, v: Floats, spread: Floats, error: Floats, period: str) -> Floats:
        return _inverse(spread)


@dataclass(frozen=True)
class CalibratedConfidence(_Normal):
    """``Phi(s (r_hat - v) / se)``: how sure the data of the regime make one of the sign of ``r_hat - v``.

    ``se^2 = sum_i P_i^2 sd_ik^2 / days_ik`` is the squared standard error of r_hat, k being the regime believed in
    asset i and days_ik the smoothed days it has had in the window.
    """

    def _scale(self, v: Floats, spread: Floats, error: Floats, period: str) -> Floats:
        return _inverse(error)


def _above(r_hat: ArrayLike, v: ArrayLike, direction: ArrayLike | None) -> Floats:
    """Return how far the regime says more than the view, in the view's direction."""
    values = np.atleast_1d(np.asarray(v, dtype=np.float64))
    signs = np.sign(values) if direction is None else np.asarray(direction, dtype=np.float64)
    signless = np.flatnonzero(signs == 0)
    if signless.size:
        raise BadData(
            f"view {signless[0] + 1} has the value 0, which has no direction: give the view direction=1 where the "
            "data should say more, direction=-1 where less, or a confidence of its own."
        )
    return np.asarray(signs * (np.atleast_1d(np.asarray(r_hat, dtype=np.float64)) - values))


def _inverse(spread: Floats) -> Floats:
    with np.errstate(divide="ignore"):
        return np.asarray(1.0 / spread)
