"""A strategy of one's own, written as a function of what is known at a close."""

from __future__ import annotations

import inspect
import math
import traceback
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from numbers import Integral
from typing import Any

import numpy as np
import pandas as pd

from proofolio.arrays import Floats
from proofolio.backtesting.arguments import require_flag
from proofolio.backtesting.market import Market
from proofolio.backtesting.policy import Decision, Needs, Policy
from proofolio.brief import brief
from proofolio.errors import BadData, SolverFailure, did_you_mean, shown_value
from proofolio.forecasts.forecast import Forecast

__all__ = ["DecisionContext", "OwnStrategy", "Weigh", "strategy"]


BUDGET_TOLERANCE = 1e-6  # weights that add up to 1 within this are meant to: floats of a division do


@dataclass(frozen=True, eq=False)
class DecisionContext:
    """What a function is given at a close: all that is known then, as copies of its own.

    Attributes
    ----------
    date : Timestamp
        Of the close.
    returns : (t, n) DataFrame
        Simple returns per period up to and with this close, by date, oldest first: the last `window` of them, of the
        assets that have a price now and the window behind them, from where all of these have begun.
    holdings : (n,) Series
        Weights of these assets at this close, drifted, before any trade; the rest is cash, or in assets not here.
    forecast : Forecast or None
        Of the periods that follow, made after this close, where the strategy asked for forecasts.
    """

    date: pd.Timestamp
    returns: pd.DataFrame
    holdings: pd.Series
    forecast: Forecast | None = None

    __repr__ = brief

    @property
    def assets(self) -> list[str]:
        """Names of the n assets that can be held now."""
        return [str(name) for name in self.returns.columns]


Weigh = Callable[[DecisionContext], Any]


@dataclass(frozen=True, eq=False)
class OwnStrategy:
    """A strategy made by `proofolio.strategy`."""

    weigh: Weigh
    name: str
    window: int | None = None
    needs: Needs = "nothing"
    horizon: int = 1
    cash: bool = False

    def begin(self, market: Market, row: int) -> Policy:
        """Begin on a market; see `ReadsMarket`."""
        return _OwnPolicy(self, market)

    def start(self, history: Floats) -> Policy:
        """Refuse: the function is given names and dates, which an array does not have."""
        raise BadData(f"strategy {self.name!r} runs on prices with names and dates; give it to `simulate`.")


def strategy(
    function: Weigh,
    name: str | None = None,
    *,
    window: int | None = None,
    forecasts: Needs = "nothing",
    horizon: int = 1,
    cash: bool = False,
) -> OwnStrategy:
    """Return a strategy that holds what a function decides at each close.

    The function is called once at every close at which trades are made, with a `DecisionContext`: the returns up to
    that close, the weights held, the date. Nothing later is in it, and what it changes there changes nothing else.
    It returns the weights to hold from then on, which add to 1.

    Parameters
    ----------
    function : function of a DecisionContext
        Returns weights: a Series or mapping by asset, in which an asset left out gets 0, or an (n,) array in the
        order of ``context.assets``. Raise `SolverFailure` for no answer: the holdings are then kept, and the close
        is counted.
    name : str, optional
        The function's own by default.
    window : int, optional
        Periods of returns that the function is given at most; in `backtest` the window of the forecasts by
        default, elsewhere all.
    forecasts : {"nothing", "regimes", "history"}
        Whether ``context.forecast`` is one of the hidden Markov model, or one without it.
    horizon : int
        Periods ahead of that forecast.
    cash : bool
        Whether what the weights are short of 1 is kept in cash, which earns the risk-free rate and costs nothing to
        trade; beyond 1 it is owed. Otherwise the weights add to 1.

    Returns
    -------
    OwnStrategy
        For `backtest`, `simulate` and `trades_today`. A function cannot be compared with another one, so its runs
        are never found again in a folder of results.

    Raises
    ------
    BadData
        When it is no function of one argument, or has no name. While it runs, with the strategy's name and the
        date: for an exception in the function, weights of a wrong shape, NaN, weights of unknown assets, or weights
        that do not add to 1.

    Examples
    --------
    >>> import proofolio as pf
    >>> def inverse_volatility(context):
    ...     return (1 / context.returns.std()) / (1 / context.returns.std()).sum()
    >>> prices = pf.load_prices().loc["2019":"2020", ["KO", "XOM", "JPM", "MSFT"]]
    >>> result = pf.backtest(prices, ["fix-mix", pf.strategy(inverse_volatility)], window=250)
    >>> result["inverse_volatility"].weights.iloc[0].round(3).to_dict()
    {'KO': 0.27, 'XOM': 0.252, 'JPM': 0.246, 'MSFT': 0.232}
    """
    if not callable(function):
        raise BadData(
            f"a strategy is a function of what is known at a close, and this is a {type(function).__name__}; shipped "
            'ones go into the list by their names, like "mpo".'
        )
    try:
        inspect.signature(function).bind(None)
    except TypeError as error:
        raise BadData(
            f"the function of a strategy takes one argument, what is known at a close ({error}); write "
            "`def name(context): ...`."
        ) from None
    except ValueError:
        pass  # built in, without a signature: the first call will tell
    named = function.func if isinstance(function, partial) else function
    if name is not None and not isinstance(name, str):
        raise BadData(f'name is {shown_value(name)}; give a text, such as name="mine".')
    found = getattr(named, "__name__", type(named).__name__) if name is None else name
    if found == "<lambda>" or not found.strip():
        raise BadData('a strategy of a lambda has no name of its own; give one: pf.strategy(f, name="mine").')
    needed: Any = forecasts  # whatever a user gave
    if not isinstance(needed, str) or needed not in ("nothing", "regimes", "history"):
        close = did_you_mean(needed, ("regimes", "history")) if isinstance(needed, str) else ""
        raise BadData(
            f"forecasts is {shown_value(forecasts)}{close}; strategies are given regimes, history or nothing."
        )
    lengths: tuple[tuple[str, Any], ...] = (("window", window), ("horizon", horizon))
    for what, given in lengths:
        if given is None and what == "window":
            continue
        if isinstance(given, bool) or not isinstance(given, Integral) or given < 1:
            raise BadData(f"{what} is {shown_value(given)}; give a whole number of periods, 1 or more.")
    require_flag("cash", cash)
    return OwnStrategy(function, found, window, forecasts, horizon, cash)


class _OwnPolicy:
    """The function; at each close it is given copies of the rows up to it."""

    def __init__(self, own: OwnStrategy, market: Market) -> None:
        self._own, self._market = own, market

    def decide(self, day: int, row: Floats, forecast: Forecast | None, holdings: Floats) -> Decision:
        market, window = self._market, self._own.window
        returns = market.history(day + 1)
        returns = returns if window is None else returns[-window:]
        date, names = pd.Timestamp(market.dates[day]), list(market.names)
        dates = pd.DatetimeIndex(market.dates[day + 1 - len(returns) : day + 1].copy())
        context = DecisionContext(
            date=date,
            returns=pd.DataFrame(returns, index=dates, columns=names),
            holdings=pd.Series(holdings.copy(), index=names, name=date),
            forecast=forecast,
        )
        where = f"strategy {self._own.name!r} on {date:%Y-%m-%d}"
        try:
            answer = self._own.weigh(context)
        except SolverFailure:
            raise
        except Exception as error:
            raise BadData(
                f"{where}: the function raised {type(error).__name__}: {error} ({_place(error)})."
            ) from error
        return Decision(_weights(answer, market.names, where, self._own.cash))


def _place(error: Exception) -> str:
    """Return where an exception was raised, as far as that is in the user's own code: the first frame below ours."""
    frames = traceback.extract_tb(error.__traceback__)
    at = frames[min(1, len(frames) - 1)]
    return f"line {at.lineno} of {at.filename.replace(chr(92), '/').rpartition('/')[2]}"


def _weights(answer: Any, assets: tuple[str, ...], where: str, cash: bool) -> Floats:
    """Return what a function answered as (n,) weights that add to 1, or a sentence that says what is wrong."""
    n = len(assets)
    if answer is None:
        raise BadData(f"{where}: the function returned nothing; return the weights to hold.")
    if isinstance(answer, pd.Series | Mapping):
        found = np.zeros(n)
        pairs = list(answer.items())
        seen: set[str] = set()
        for name, weight in pairs:
            if str(name) not in assets:
                raise BadData(
                    f"{where}: there is a weight of {name!r}, which is no asset{did_you_mean(name, assets)}; the "
                    f"assets are {', '.join(assets)}."
                )
            if str(name) in seen:
                raise BadData(f"{where}: {name!r} has two weights; give it one.")
            seen.add(str(name))
            found[assets.index(str(name))] = _number(weight, str(name), where)
    else:
        try:
            given = np.asarray(answer)
        except ValueError:  # rows of different lengths
            given = np.empty((0,))
        if given.shape != (n,):
            raise BadData(
                f"{where}: the weights have shape {given.shape}, and there are {n} assets; return a Series by asset, "
                f"or an array of shape ({n},)."
            )
        found = np.array([_number(weight, name, where) for weight, name in zip(given, assets, strict=True)])
    total = float(found.sum())
    if not cash and not abs(total - 1.0) <= BUDGET_TOLERANCE:
        raise BadData(
            f"{where}: the weights add to {total:g}; return weights that add to 1, or make the strategy with cash=True."
        )
    return found


def _number(given: Any, name: str, where: str) -> float:
    try:
        weight = math.nan if np.iscomplexobj(given) else float(given)
    except (TypeError, ValueError):
        weight = math.nan
    if not math.isfinite(weight):
        raise BadData(f"{where}: the weight of {name!r} is {given!r}; return finite numbers.")
    return weight
