"""A view: a combination of assets, and the return an investor expects of it."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from numbers import Real
from typing import Literal, Self, cast, get_args

import numpy as np
from numpy.typing import ArrayLike

from proofolio.arrays import Floats
from proofolio.errors import BadData, did_you_mean

__all__ = ["DAYS_A_YEAR", "Per", "View", "amount_text", "checked_confidence", "checked_per"]

Per = Literal["period", "day", "week", "month", "quarter", "year"]
# Trading days of a year; a calendar that counts every day has 365 of its own.
DAYS_A_YEAR = 252.0
_A_YEAR = {"week": 52.0, "month": 12.0, "quarter": 4.0, "year": 1.0}


@dataclass(frozen=True, eq=False)
class View:
    """``P'r = v``: this combination of assets is expected to return this much.

    Parameters
    ----------
    P : (n,) array
        Weights of the assets: 1 and -1 for a relative view, a single 1 for an absolute one.
    v : float
        Expected simple return of the combination, a decimal, by default per period of the plan.
    name : str
        What messages call it.
    confidence : float, optional
        0 (ignored) to 1 (certain): the share of the way from the prior to `v` that a single view moves its
        combination. None leaves it to the model.
    per : {"period", "day", "week", "month", "quarter", "year"}
        What `v` is per. A year has 252 days, 52 weeks, 12 months or 4 quarters, and a return of 4 % a year is
        one of 4/52 % a week: views are linear in time.
    direction : {1, -1}, optional
        Which way the view points, for confidences read from data. By default the sign of `v`; a view of 0 has
        none, and needs it.

    Raises
    ------
    BadData
        If the weights are all zero or not finite, `v` is not finite, or the confidence is no share.
    """

    P: Floats
    v: float
    name: str = ""
    confidence: float | None = None
    per: Per = "period"
    direction: int | None = field(default=None)

    def __post_init__(self) -> None:
        """Check the numbers."""
        weights = np.array(self.P, dtype=np.float64)
        called = self.name or "the view"
        if weights.ndim != 1 or not np.isfinite(weights).all():
            raise BadData(f"{called}: P has shape {weights.shape}; give one finite weight an asset.")
        if not weights.any():
            raise BadData(f"{called} has no asset: all its weights are zero; name one, or drop the view.")
        if not _is_number(self.v) or not math.isfinite(self.v):
            raise BadData(f"{called}: v is {self.v!r}; give a finite return, 0.04 for 4 %.")
        checked_per(self.per)
        if self.direction not in (None, 1, -1):
            raise BadData(f"{called}: direction is {self.direction!r}; give 1 for more than v, -1 for less.")
        weights.setflags(write=False)
        object.__setattr__(self, "P", weights)
        object.__setattr__(self, "v", float(self.v))
        object.__setattr__(self, "confidence", checked_confidence(self.confidence, called))

    @classmethod
    def annual(
        cls, P: ArrayLike, v: float, name: str = "", *, periods: float = 52.0, confidence: float | None = None
    ) -> Self:
        """Return a view of `v` a year, stated per period of a plan with `periods` of them a year.

        Raises
        ------
        BadData
            As the constructor, or if `periods` is not positive.

        Examples
        --------
        >>> View.annual([1.0, -1.0], 0.052, periods=52).v
        0.001
        """
        return cls(
            np.asarray(P, dtype=np.float64),
            v / checked_periods(periods),
            name,
            checked_confidence(confidence),
        )

    def value(self, periods: float, days: float = DAYS_A_YEAR) -> float:
        """Return v per period of a plan of `periods` a year, where a year has `days` days."""
        if self.per == "period":
            return self.v
        return self.v * (days if self.per == "day" else _A_YEAR[self.per]) / periods

    @property
    def sign(self) -> int | None:
        """Which way the view points, 1 or -1; None where its value is 0 and no direction is given."""
        if self.direction is not None:
            return self.direction
        return None if self.v == 0 else (1 if self.v > 0 else -1)

    def __repr__(self) -> str:
        confidence = "" if self.confidence is None else f", confidence {self.confidence:g}"
        return f"View({self.name or self.P.tolist()}: {amount_text(self.v)} a {self.per}{confidence})"


def amount_text(v: float) -> str:
    """Return a return as people write it, with its sign: ``+4 %``.

    Examples
    --------
    >>> amount_text(0.04), amount_text(-0.0005)
    ('+4 %', '-0.05 %')
    """
    return f"{100 * v:+.4g} %"


def checked_confidence(confidence: float | None, called: str = "the view") -> float | None:
    """Return a confidence as a float, or raise BadData where it is no share."""
    if confidence is None:
        return None
    if not _is_number(confidence) or not 0 <= confidence <= 1:
        raise BadData(f"{called}: its confidence is {confidence!r}; give a share from 0 to 1, 0.5 for 50 %.")
    return float(confidence)


def checked_per(per: str) -> Per:
    """Return `per`, or raise BadData where it is no period."""
    known = get_args(Per)
    if per not in known:
        raise BadData(
            f"per is {per!r}{did_you_mean(per, known)}; choose one of {', '.join(map(repr, known))}."
        )
    return cast(Per, per)


def checked_periods(periods: float) -> float:
    """Return periods a year, or raise BadData where it is no positive number."""
    if not _is_number(periods) or not 0 < periods < math.inf:
        raise BadData(f"periods is {periods!r}; give how many a year has: 252 for days, 52 for weeks.")
    return float(periods)


def _is_number(value: object) -> bool:
    return isinstance(value, Real) and not isinstance(value, bool)
