"""Views on named assets, stated one after the other or read from text."""

from __future__ import annotations

import re
import warnings
from collections.abc import Iterable, Iterator, Mapping, Sequence
from html import escape
from typing import Self, cast

import numpy as np
import pandas as pd

from proofolio.arrays import Floats
from proofolio.brief import first_few
from proofolio.errors import BadData, DoubtfulViews, did_you_mean
from proofolio.forecasts.views.view import (
    DAYS_A_YEAR,
    Per,
    View,
    amount_text,
    checked_confidence,
    checked_per,
    checked_periods,
)

__all__ = ["Views"]

# Weights of a side are typed by hand: 0.333 three times is meant to be a third each.
SIDE = 2e-3
LARGEST = 1.0  # a year: a view of more, stated for a shorter time, is likely a yearly one


class Views:
    """What an investor expects of named assets; every statement returns a new, longer list.

    Parameters
    ----------
    assets : sequence of str
        All assets of the plan, in its order.
    views : sequence of View
        Stated already.
    periods : float, optional
        Periods of the plan in a year, 52 for weekly decisions. By default those of the returns that a model is
        fitted to.

    Raises
    ------
    BadData
        If an asset is named twice, or a view has another number of weights.

    Examples
    --------
    >>> views = Views(["AAPL", "GE", "XOM"]).relative("AAPL", "GE", 0.04, per="year")
    >>> views.absolute("XOM", 0.08, per="year", confidence=0.3).table()
                  view  value   per  confidence
    1  AAPL - GE = +4 %   0.04  year         NaN
    2        XOM = +8 %   0.08  year         0.3
    """

    def __init__(
        self, assets: Iterable[str], views: Sequence[View] = (), *, periods: float | None = None
    ) -> None:
        """Check the names."""
        if isinstance(assets, str):
            raise BadData(f"assets is the text {assets!r}; give a list of names.")
        self.assets = tuple(str(asset) for asset in assets)
        self._place = {asset: i for i, asset in enumerate(self.assets)}
        if not self.assets or len(self._place) < len(self.assets):
            raise BadData("the assets must have different names, one at least; correct the list.")
        self.periods = None if periods is None else checked_periods(periods)
        for number, view in enumerate(views, 1):
            if len(view.P) != len(self.assets):
                raise BadData(
                    f"view {number} has {len(view.P)} weights, but there are {len(self.assets)} assets: "
                    f"{self._listed()}."
                )
        self.views = tuple(views)

    # ------------------------------------------------------------------ statements
    def relative(
        self,
        better: str,
        worse: str,
        by: float,
        *,
        per: Per = "year",
        confidence: float | None = None,
        direction: int | None = None,
    ) -> Self:
        """Return the views and one more: `better` returns `by` more than `worse`."""
        return self.group(
            {better: 1.0}, over=worse, by=by, per=per, confidence=confidence, direction=direction
        )

    def absolute(
        self,
        asset: str,
        value: float,
        *,
        per: Per = "year",
        confidence: float | None = None,
        direction: int | None = None,
    ) -> Self:
        """Return the views and one more: `asset` returns `value`."""
        return self.group({asset: 1.0}, by=value, per=per, confidence=confidence, direction=direction)

    def group(
        self,
        weights: Mapping[str, float],
        over: str | Mapping[str, float] | None = None,
        *,
        by: float,
        per: Per = "year",
        confidence: float | None = None,
        direction: int | None = None,
    ) -> Self:
        """Return the views and one more: this mean of assets returns `by` (more than that of `over`).

        Parameters
        ----------
        weights, over : mapping of asset to weight
            Each side adds up to 1, so that `by` is a difference of returns. (Elsewhere, in skfolio for one,
            a statement about a group is one about the *sum* of its members.) `over` may be a single asset.
        by : float
            A decimal, 0.02 for 2 %.
        per : {"year", "quarter", "month", "week", "day", "period"}
        confidence, direction
            As in `View`.

        Raises
        ------
        BadData
            If an asset is unknown, the weights of a side do not add up to 1, or `View` refuses a number.
        """
        checked_per(per)
        number = len(self.views) + 1
        for side in (weights, over):
            if side is not None and not isinstance(side, Mapping | str):
                raise BadData(
                    f"view {number}: a group is {side!r}; give a mapping of assets to weights, {{'KO': 1}}."
                )
        sides = [weights] if over is None else [weights, {over: 1.0} if isinstance(over, str) else over]
        row = np.zeros(len(self.assets))
        for sign, side in zip((1.0, -1.0), sides, strict=False):
            for asset, weight in side.items():
                row[self._at(asset, number)] += sign * float(weight)
        for side in sides:
            total = float(sum(side.values()))
            if abs(total - 1.0) > SIDE:
                if not any(side.values()):
                    raise BadData(f"view {number} has no asset: all its weights are zero; name one.")
                raise BadData(
                    f"view {number}: the weights of {' and '.join(side)} add up to {total:g}; those of each side "
                    "must add up to 1, 0.5 each for the mean of two (a View(P, v) may have any weights)."
                )
        left, *right = [_side(side) for side in sides]
        name = " - ".join([left, *(f"({r})" if " " in r else r for r in right)])
        if not row.any():
            raise BadData(f"view {number} has no asset: all its weights are zero; name two different assets.")
        return self._with(
            View(row, by, name, checked_confidence(confidence, f"view {number}"), per, direction)
        )

    def view(self, view: View) -> Self:
        """Return the views and one more, of any weights."""
        return self._with(view)

    @classmethod
    def parse(cls, text: str | Iterable[str], assets: Iterable[str], *, periods: float | None = None) -> Self:
        """Return the views that sentences state, one a line.

        ``AAPL - GE = 4 % a year``, ``AAPL = 10 % a year``, ``0.5 XLE + 0.5 XLF - VTI = 2 % a year``, and with a
        confidence of its own ``AAPL - GE = 4 % a year (60 %)``. Amounts are in %, bp or decimals; what they are per
        is said as ``a year``, ``per week`` or ``/day``. The weights of each side add up to 1: ``AAPL + GE = 4 %``
        is refused, since it may mean the sum or the mean.

        Raises
        ------
        BadData
            If a line is no such sentence; quotes it and says what is wrong.
        """
        found: Views = cls(assets, periods=periods)
        lines = [text] if isinstance(text, str) else list(text)
        for line in (part.strip() for each in lines for part in re.split(r"[\n;]", each)):
            if line:
                found = _parsed(found, line)
        return cast(Self, found)

    # ----------------------------------------------------------------------- as numbers
    def __len__(self) -> int:
        return len(self.views)

    def __iter__(self) -> Iterator[View]:
        return iter(self.views)

    @property
    def P(self) -> Floats:  # noqa: N802  named as in the mathematics
        """The weights, (m, n)."""
        return np.array([view.P for view in self.views]).reshape(len(self.views), len(self.assets))

    def values(self, periods: float | None = None, days: float = DAYS_A_YEAR) -> Floats:
        """Return v, (m,), per period of a plan of `periods` a year (by default the list's own)."""
        a_year = periods if periods is not None else self.periods
        if a_year is None and any(view.per != "period" for view in self.views):
            raise BadData(
                "the views are per year, say, and the plan's periods are not known: give periods=52."
            )
        return np.array([view.value(a_year or 1.0, days) for view in self.views])

    @property
    def names(self) -> list[str]:
        """What messages and tables call the views, ``AAPL - GE = +4 %``; what they are per is said if not a year."""
        per = ["" if view.per in ("year", "period") else f" a {view.per}" for view in self.views]
        return [
            f"{view.name or f'view {i}'} = {amount_text(view.v)}{said}"
            for i, (view, said) in enumerate(zip(self.views, per, strict=True), 1)
        ]

    def table(self) -> pd.DataFrame:
        """Return the views, a row each."""
        return pd.DataFrame(
            {
                "view": self.names,
                "value": [view.v for view in self.views],
                "per": [view.per for view in self.views],
                "confidence": [np.nan if v.confidence is None else v.confidence for v in self.views],
            },
            index=range(1, len(self.views) + 1),
        )

    def __repr__(self) -> str:
        return f"Views({len(self.assets)} assets: {'; '.join(self.names) or 'none'})"

    def _repr_html_(self) -> str:
        return f"<p>{escape(f'{len(self)} views on {len(self.assets)} assets')}</p>" + self.table().to_html()

    # --------------------------------------------------------------------- inside
    def _with(self, view: View) -> Self:
        a_year = 0.0 if view.per in ("period", "year") else view.value(1.0)
        if abs(a_year) > LARGEST:
            warnings.warn(
                f"view {len(self.views) + 1}: {amount_text(view.v)} a {view.per} is {amount_text(a_year)} a year; if "
                'a year was meant, say per="year" or "a year"',
                DoubtfulViews,
                stacklevel=4,
            )
        return type(self)(self.assets, (*self.views, view), periods=self.periods)

    def _listed(self) -> str:
        return first_few(self.assets, 8)

    def _at(self, asset: str, number: int) -> int:
        if asset not in self._place:
            raise BadData(
                f"view {number} names {asset}, which is not among the {len(self.assets)} assets"
                f"{did_you_mean(asset, self.assets)}: {self._listed()}"
            )
        return self._place[asset]


def _side(side: Mapping[str, float]) -> str:
    return " + ".join(asset if weight == 1 else f"{weight:g} {asset}" for asset, weight in side.items())


_NUMBER = r"[-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?"
_AMOUNT = re.compile(
    rf"\s*(?P<amount>{_NUMBER})\s*(?P<unit>%|bp|percent)?"
    r"\s*(?:(?:(?:a|per|each)\s+|/\s*)(?P<per>day|week|month|quarter|year|period)|(?P<adverb>yearly|annually))?"
    rf"\s*(?:\(\s*(?:confidence\s+)?(?P<confidence>{_NUMBER})\s*(?P<share>%)?\s*(?:sure|confidence)?\s*\))?\s*"
)
_UNITS = {"%": 100.0, "percent": 100.0, "bp": 1e4, None: 1.0}


def _parsed(views: Views, line: str) -> Views:
    number = len(views.views) + 1
    quoted = f"view {number}, {line!r}"
    if re.search(r"[<>≤≥]", line):
        raise BadData(f"{quoted}, is an inequality: give it to entropy_pooling, or write an equation.")
    left, equals, right = line.partition("=")
    if not equals:
        raise BadData(f"{quoted}, has no =; write it as 'AAPL - GE = 4 % a year'.")
    amount = _AMOUNT.fullmatch(right)
    if amount is None:
        raise BadData(f"{quoted}: the amount {right.strip()!r} is not understood; write it as '4 % a year'.")
    per = "year" if amount["adverb"] else amount["per"]
    if per is None:
        percent = "" if amount["unit"] or abs(float(amount["amount"])) < 1 else " %"
        raise BadData(
            f"{quoted}, does not say what its amount is per; write '{right.strip()}{percent} a year', say."
        )
    confidence = amount["confidence"]
    sure = None if confidence is None else float(confidence) / (100.0 if amount["share"] else 1.0)
    sides: tuple[dict[str, float], dict[str, float]] = ({}, {})
    for sign, weight, asset in _terms(views, left, number, quoted):
        side = sides[0 if sign > 0 else 1]
        side[asset] = side.get(asset, 0.0) + weight
    if not sides[0]:
        raise BadData(
            f"{quoted}, has no asset with a plus; turn it around: '{_side(sides[1])} = -4 % a year'."
        )
    value = float(amount["amount"]) / _UNITS[amount["unit"]]
    return views.group(sides[0], over=sides[1] or None, by=value, per=checked_per(per), confidence=sure)


def _terms(views: Views, left: str, number: int, quoted: str) -> Iterator[tuple[int, float, str]]:
    """Yield sign, weight and asset of each term; a name may hold signs and blanks, the longest that fits is meant."""
    names = "|".join(re.escape(asset) for asset in sorted(views.assets, key=len, reverse=True))
    term = re.compile(
        rf"\s*(?P<sign>[-+−]?)\s*(?:(?P<weight>(?:\d+\.?\d*|\.\d+))\s*(?P<share>%)?\s*\*?\s*)?"
        rf"(?P<asset>(?:{names})(?=$|[\s+\-−)])|[^\s+\-−*]+)"
    )
    at = 0
    while left[at:].strip():
        match = term.match(left, at)
        if match is None or (at > 0 and not match["sign"]):
            raise BadData(
                f"{quoted}, is not understood from {left[at:].strip()!r} on; write 'A - B = 4 % a year'."
            )
        views._at(match["asset"], number)
        weight = 1.0 if match["weight"] is None else float(match["weight"])
        yield (
            -1 if match["sign"] in {"-", "−"} else 1,
            weight / (100.0 if match["share"] else 1.0),
            match["asset"],
        )
        at = match.end()
