"""What in a sound table is still to be doubted: slips of the keyboard, splits, stale prices, gaps."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import pandas as pd

from proofolio.arrays import Floats
from proofolio.forecasts.calendars import Calendar, calendar_steps, weekdays

__all__ = ["FEWEST", "UNMOVED", "data_warnings", "fat_finger"]


# A price so many times those before and after it, which agree within AGREE, was typed wrongly; and at the ends of the
# table, where there is one neighbour only, a larger factor.
SLIP, AGREE, SLIP_AT_END = 5.0, 1.5, 8.0
LONG_GAP = 4.0  # usual steps
UNMOVED = 20  # periods
ROBUST = 10.0  # robust standard deviations
FEWEST = 20  # moves from which a robust standard deviation is taken
SPLITS = (3 / 2, 2, 3, 4, 5, 6, 7, 8, 10, 15, 20, 25, 30, 50, 100)
SPLIT_WITHIN = 0.05  # of the logarithm: what a share moves beside its split
SHOWN = 3  # cases named in one sentence


def fat_finger(prices: Floats) -> tuple[int, int, float] | None:
    """Return row, column and factor of the first price that is many times its neighbours, or None.

    Examples
    --------
    >>> fat_finger(np.array([[1.0], [1.0], [100.0], [1.0], [1.01]]))
    (2, 0, 100.0)
    """
    if len(prices) < 3:
        return None
    jumps = np.diff(np.log(prices), axis=0)
    here, after = jumps[:-1], jumps[1:]
    slips = (
        (np.minimum(np.abs(here), np.abs(after)) > math.log(SLIP))
        & (here * after < 0)
        & (np.abs(here + after) < math.log(AGREE))
    )
    found = [(int(row) + 1, int(column)) for row, column in np.argwhere(slips)]
    # A second price at the end that agrees with the jump would be a split; one alone is a slip.
    found += [(len(prices) - 1, int(i)) for i in np.flatnonzero(np.abs(jumps[-1]) > math.log(SLIP_AT_END))]
    found += [(0, int(i)) for i in np.flatnonzero(np.abs(jumps[0]) > math.log(SLIP_AT_END))]
    if not found:
        return None
    row, column = min(found)
    beside = prices[1, column] if row == 0 else prices[row - 1, column]
    return row, column, round(float(prices[row, column] / beside), 6)


def data_warnings(
    returns: pd.DataFrame, dates: pd.DatetimeIndex, calendar: Calendar, where: str
) -> tuple[str, ...]:
    """Return a sentence for each kind of doubt: gaps, prices that do not move, splits, other jumps.

    Parameters
    ----------
    returns : (T, n) DataFrame
        Simple, by date; NaN before an asset begins and after it ends.
    dates : (T,) or (T + 1,) DatetimeIndex
        Of the prices where there are such, else of the returns.
    calendar : Calendar
    where : str
        What the sentences call the table.
    """
    found = [calendar.doubt] if calendar.doubt else []
    found += [*_gaps(dates, calendar), *_weekends(returns, calendar), *_unmoved(returns), *_jumps(returns)]
    return tuple(f"{where}: {sentence}" for sentence in found)


def _gaps(dates: pd.DatetimeIndex, calendar: Calendar) -> list[str]:
    steps = calendar_steps(calendar, dates)
    gaps = np.flatnonzero(steps > LONG_GAP)
    if not len(gaps):
        return []
    widest = int(gaps[np.argmax(steps[gaps])])
    sentence = (
        f"{_counted(len(gaps), 'gap')} of more than {LONG_GAP:g} usual steps, the widest from {dates[widest]:%Y-%m-%d} "
        f"to {dates[widest + 1]:%Y-%m-%d} ({steps[widest]:.0f} steps); the return over a gap counts as that of one "
        f"{calendar.period}, and no time is counted for it."
    )
    return [sentence]


def _weekends(returns: pd.DataFrame, calendar: Calendar) -> list[str]:
    index = returns.index
    if calendar.name != "every day" or not isinstance(index, pd.DatetimeIndex):
        return []
    still = (returns.to_numpy() == 0.0).all(axis=1)
    weekend = weekdays(index) >= 5
    if weekend.sum() < 4 or still[weekend].mean() < 0.95 or still[~weekend].mean() > 0.5:
        return []
    sentence = (
        f"nothing moves on {int(still[weekend].sum())} of {int(weekend.sum())} Saturdays and Sundays, so prices seem "
        "to be carried over weekends; drop those rows."
    )
    return [sentence]


def _unmoved(returns: pd.DataFrame) -> list[str]:
    spans = []
    for name in returns.columns:
        still = np.concatenate([[False], returns[name].to_numpy() == 0.0, [False]])
        edges = np.flatnonzero(still[1:] != still[:-1])
        for first, stop in zip(edges[::2], edges[1::2], strict=True):
            if stop - first >= UNMOVED:
                spans.append((int(stop - first), name, returns.index[first], returns.index[stop - 1]))
    if not spans:
        return []
    spans.sort(key=lambda span: -span[0])
    shown = ", ".join(
        f"{name} for {count} periods from {first:%Y-%m-%d} to {last:%Y-%m-%d}"
        for count, name, first, last in spans[:SHOWN]
    )
    sentence = (
        f"{_counted(len(spans), 'span')} of {UNMOVED} periods or more in which a price does not move ({shown}"
        f"{_more(spans)}); it may be stale, and its risk is then understated."
    )
    return [sentence]


def _jumps(returns: pd.DataFrame) -> list[str]:
    jumps, splits = [], []
    for name in returns.columns:
        values = returns[name].to_numpy(dtype=np.float64)
        moved = values[np.isfinite(values) & (values != 0.0)]
        if len(moved) < FEWEST:
            continue
        middle = float(np.median(moved))
        # 1.4826 makes the median absolute deviation of a normal sample its standard deviation.
        spread = 1.4826 * float(np.median(np.abs(moved - middle)))
        for row in np.flatnonzero(np.abs(values - middle) > ROBUST * spread):
            at = returns.index[int(row)]
            size = abs(values[row] - middle) / spread if spread > 0 else math.inf
            split = _split(values[row])
            jumps.append((size, name, values[row], at))
            if split:
                splits.append(
                    f"{name} moves by {100 * values[row]:+.1f} % on {at:%Y-%m-%d}, as an unadjusted {split} would"
                )
    found = []
    if splits:
        found.append(
            f"{'; '.join(splits[:SHOWN])}{_more(splits)}; where it is one, give prices adjusted for it."
        )
    if jumps:
        jumps.sort(key=lambda jump: -jump[0])
        shown = ", ".join(
            f"{name} {100 * value:+.1f} % on {at:%Y-%m-%d}" for _, name, value, at in jumps[:SHOWN]
        )
        found.append(
            f"{_counted(len(jumps), 'return')} beyond {ROBUST:g} robust standard deviations of its asset ({shown}"
            f"{_more(jumps)}); check that {'it is' if len(jumps) == 1 else 'they are'} no slip."
        )
    return found


def _split(value: float) -> str | None:
    """Return the split that a return looks like, ``4:1 split``, or None."""
    ratio = math.log1p(value)
    for factor in SPLITS:
        # Nobody merges three shares into two.
        if abs(abs(ratio) - math.log(factor)) <= SPLIT_WITHIN and (factor > 1.5 or ratio < 0):
            spelt = "3:2" if factor == 1.5 else f"{factor:g}:1"
            return f"{spelt} split" if ratio < 0 else f"{':'.join(reversed(spelt.split(':')))} reverse split"
    return None


def _counted(count: int, what: str) -> str:
    return f"1 {what}" if count == 1 else f"{count} {what}s"


def _more(found: Sequence[object]) -> str:
    return f" and {len(found) - SHOWN} more" if len(found) > SHOWN else ""
