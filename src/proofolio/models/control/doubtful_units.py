"""Numbers of a control problem that look as if they were of another unit: daily, in percent, in basis points.

Refused where no market is like that, and doubted where few are. `units="year"` keeps all but costs above the price.
"""

from __future__ import annotations

import warnings

import numpy as np
from numpy.typing import ArrayLike

from proofolio.arrays import Floats
from proofolio.errors import BadData, DoubtfulUnits
from proofolio.models.arguments import each_asset

__all__ = ["check_fixed", "check_units", "fractions"]


# Yearly volatilities. Half of the assets below the first: taken for daily; below the second: monthly, or short bonds.
DAILY, MONTHLY = 0.025, 0.06
# Above the first in half of the assets: leverage or percents; above the second: percents.
LARGE, PERCENT = 2.0, 5.0
# Largest drift of any asset in any regime in its volatilities a year: .05 to 3 in markets. A daily drift beside a
# yearly covariance is below .01, one in percents above 20; a monthly one, .02 to .06, looks like a weak yearly one.
FAINT, STRONG = 0.02, 10.0
LONG = 50.0  # years that every regime lasts: a generator a month of regimes of four years
DEAR = 0.1  # of what is traded


def check_units(alpha: Floats, variances: Floats, mean_length: Floats) -> None:
    """Refuse or doubt drifts (m, d), variances (m, d) and lengths of regimes (m,) that can hardly be those of a year.

    Raises
    ------
    BadData
        Where half of the assets move less in a year than any but short bonds, or more than anything does.

    Warns
    -----
    DoubtfulUnits
        Where few markets are like that.
    """
    volatility = np.sqrt(np.maximum(variances, 0.0))
    usual = np.median(volatility, axis=1)
    for i in np.flatnonzero(usual < DAILY):
        raise BadData(
            f"Sigma[{i}] looks daily (volatility {_percent(usual[i])}): give yearly; where it is, as of "
            "short bonds, say units='year'"
        )
    for i in np.flatnonzero(usual > PERCENT):
        raise BadData(
            f"Sigma[{i}] looks like that of percents (volatility {_percent(usual[i])}): give fractions, 0.04 for a "
            "volatility of 20 % a year; where it is so large, say units='year'"
        )
    doubts = []
    middle = float(np.median(volatility))
    if middle < MONTHLY:
        doubts.append(
            f"Sigma has a volatility of {_percent(middle)}, that of bonds in a year or of shares in a month"
        )
    if middle > LARGE:
        doubts.append(
            f"Sigma has a volatility of {_percent(middle)}, which few assets have unless in percents"
        )
    moving = volatility > 0
    ratios = np.divide(np.abs(alpha), volatility, out=np.zeros_like(volatility), where=moving)
    largest = float(ratios.max())
    if 0 < largest < FAINT:
        doubts.append(f"no drift is above {_percent(largest)} of its volatility, as if alpha were of a day")
    if largest > STRONG:
        row, column = (int(v) for v in np.argwhere(ratios == ratios.max())[0])
        doubts.append(
            f"alpha[{row},{column}] is {largest:.3g} times its volatility, as if it were in percents, or Sigma of a day"
        )
    left = mean_length[np.isfinite(mean_length)]
    if len(left) and left.min() > LONG:
        doubts.append(
            f"no regime lasts less than {left.min():.3g} years, as if the generator were of a day or month"
        )
    if doubts:
        warnings.warn(
            DoubtfulUnits(
                f"{'; '.join(doubts)}: give all of them a year, or say units='year' where they are"
            ),
            stacklevel=4,
        )


def fractions(name: str, value: ArrayLike, d: int) -> Floats:
    """Return linear costs of each asset, fractions of what is traded, (d,).

    Raises
    ------
    BadData
        Where a cost is negative, or no less than what is traded.

    Warns
    -----
    DoubtfulUnits
        Where one is above a tenth of it.
    """
    given = each_asset(name, value, d)
    largest = float(given.max())
    if largest >= 1.0:
        raise BadData(
            f"{name} holds {largest:g}: no trade costs all that is traded; give fractions, 0.0005 for 5 basis points"
        )
    if largest > DEAR:
        warnings.warn(
            DoubtfulUnits(
                f"{name} holds {largest:g}, {_percent(largest)} of what is traded: 5 basis points are 0.0005"
            ),
            stacklevel=4,
        )
    return given


def check_fixed(fixed: Floats, widest: Floats) -> None:
    """Doubt fixed costs (d,) above a tenth of the largest trade within the limits, `widest` (d,)."""
    k = int(np.argmax(fixed / widest))
    if fixed[k] > DEAR * widest[k]:
        warnings.warn(
            DoubtfulUnits(
                f"fixed is {fixed[k]:g} for asset {k}, whose largest trade within the limits is {widest[k]:g}: give "
                "it in units of the positions, 0.0005 for 5 basis points of a capital of 1"
            ),
            stacklevel=4,
        )


def _percent(share: float) -> str:
    return f"{100 * share:.2g} %" if share < 10 else f"{100 * share:.0f} %"
