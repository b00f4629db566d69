"""What a backtest earned and what it took: figures from returns, trades and costs a period."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass

import numpy as np

from proofolio.arrays import Floats
from proofolio.backtesting.market import Dates
from proofolio.errors import BadData

__all__ = ["Metrics", "drawdowns", "max_drawdown", "measure", "monthly_returns", "sharpe_ratio"]

# A calendar year holds 250 to 253 trading days and 52 or 53 weeks; 0.98 lets each pass.
WHOLE_YEAR = 0.98


@dataclass(frozen=True)
class Metrics:
    """Figures of one strategy over one span of D periods, P of them a year; rates are a year, fractions not percents.

    Attributes
    ----------
    total_return : float
        ``V_D / V_0 - 1``.
    annual_return : float
        ``(V_D / V_0)^(P / D) - 1``, compounded, after costs; over less than a year, when `annualised` is false,
        `total_return` as it is.
    volatility : float
        Standard deviation of net returns a period (D - 1) times ``sqrt(P)``.
    sharpe : float
        ``sqrt(P) * mean(r - r_f) / std(r - r_f)`` of net returns a period; NaN when they never vary.
    max_drawdown : float
        ``max_t (1 - V_t / max_{s <= t} V_s)``, of closing values, the start counted; 0.2 is a fall by 20 %.
    calmar : float
        ``annual_return / max_drawdown``; NaN without a drawdown.
    turnover : float
        ``P / D * sum_t ||u_t||_1``: buying and selling both count, so 2 is the whole portfolio once.
    costs : float
        ``P / D * sum_t c_t``, what a year's trades cost as a fraction of the portfolio's value.
    worst_month : float
        The smallest compounded return within a calendar month; the first and last may be cut short.
    worst_month_name : str
        Which one, ``YYYY-MM``.
    days : int
        D, the periods.
    annualised : bool
        Whether D is a year or more.
    """

    total_return: float
    annual_return: float
    volatility: float
    sharpe: float
    max_drawdown: float
    calmar: float
    turnover: float
    costs: float
    worst_month: float
    worst_month_name: str
    days: int
    annualised: bool = True

    def document(self) -> dict[str, float | int | str]:
        """Return the figures by name, `annual_return` under ``return``."""
        found = asdict(self)
        return {"return": found.pop("annual_return"), **found}


def measure(
    returns: Floats,
    risk_free: Floats,
    trades: Floats,
    costs: Floats,
    dates: Dates,
    periods_per_year: float,
) -> Metrics:
    """Return the figures of D periods; see `Metrics`.

    Parameters
    ----------
    returns : (D,) array
        After costs.
    risk_free : (D,) array
    trades : (D, n) array
        Made at the close before each period, as fractions of the portfolio.
    costs : (D,) array
        Of those trades, likewise.
    dates : (D,) array of datetime64[D]
    periods_per_year : float
        P, of the market's calendar.

    Raises
    ------
    BadData
        With fewer than two periods.
    """
    days = len(returns)
    if days < 2:
        raise BadData(f"figures need two periods or more, and there are {days}.")
    growth = float(np.prod(1.0 + returns))
    # Compounding a week's luck to a year would say nothing.
    whole = days >= WHOLE_YEAR * periods_per_year
    annual = -1.0 if growth <= 0 else growth ** (periods_per_year / days) - 1.0 if whole else growth - 1.0
    fall = max_drawdown(returns)
    months, monthly = monthly_returns(returns, dates)
    worst = int(np.argmin(monthly))
    return Metrics(
        total_return=growth - 1.0,
        annual_return=annual,
        volatility=float(returns.std(ddof=1)) * math.sqrt(periods_per_year),
        sharpe=sharpe_ratio(returns, risk_free, periods_per_year),
        max_drawdown=fall,
        calmar=annual / fall if fall > 0 else math.nan,
        turnover=float(np.abs(trades).sum()) * periods_per_year / days,
        costs=float(costs.sum()) * periods_per_year / days,
        worst_month=float(monthly[worst]),
        worst_month_name=str(months[worst]),
        days=days,
        annualised=whole,
    )


def sharpe_ratio(returns: Floats, risk_free: Floats, periods_per_year: float) -> float:
    """Return ``sqrt(periods) * mean / std`` of the excess returns; NaN when they do not vary.

    Examples
    --------
    >>> round(sharpe_ratio(np.array([0.01, 0.03]), np.zeros(2), 1), 9)
    1.414213562
    """
    excess = returns - risk_free
    if len(excess) < 2:
        return math.nan
    deviation = float(excess.std(ddof=1))
    mean = float(excess.mean())
    # Rounding leaves about 1e-16 of the values themselves as the deviation of a constant series.
    if deviation <= 1e-14 * max(1.0, float(np.abs(excess).max())):
        return math.nan
    return mean / deviation * math.sqrt(periods_per_year)


def drawdowns(returns: Floats) -> Floats:
    """Return (D + 1,) shares lost since the highest close so far, the start included.

    Examples
    --------
    >>> drawdowns(np.array([0.25, -0.2, 0.5])).round(12).tolist()
    [0.0, 0.0, 0.2, 0.0]
    """
    wealth = np.concatenate([[1.0], np.cumprod(1.0 + returns)])
    lost: Floats = 1.0 - wealth / np.maximum.accumulate(wealth)
    return lost


def max_drawdown(returns: Floats) -> float:
    """Return the largest of `drawdowns`."""
    return float(drawdowns(returns).max())


def monthly_returns(returns: Floats, dates: Dates) -> tuple[Dates, Floats]:
    """Return the calendar months (datetime64[M]) and the compounded return within each."""
    months = dates.astype("datetime64[M]")
    starts = np.flatnonzero(np.concatenate([[True], months[1:] != months[:-1]]))
    compounded: Floats = np.multiply.reduceat(1.0 + returns, starts) - 1.0
    return months[starts], compounded
