"""What a strategy is to the simulator: a declaration, and the policy it starts, which decides day by day."""

from __future__ import annotations

from typing import Literal, NamedTuple, Protocol, runtime_checkable

from proofolio.arrays import Floats
from proofolio.backtesting.market import Market
from proofolio.forecasts.forecast import Forecast

__all__ = ["Decision", "Needs", "Policy", "ReadsMarket", "Strategy", "begun"]


Needs = Literal["nothing", "regimes", "history"]


class Decision(NamedTuple):
    """What a strategy wants to hold.

    Attributes
    ----------
    weights : (n,) array
        They add to 1.
    proved : bool
        Whether the weights passed every check of the model that made them; False for weights that keep all the
        rules but were not proved to be the best. They are traded all the same, and the days counted.
    missed : tuple of str
        The rules that the weights break, where no trade from these holdings keeps them all: a step on the
        `proofolio.models.portfolio.way_back.way_back`. Empty for every other decision.
    """

    weights: Floats
    proved: bool = True
    missed: tuple[str, ...] = ()


class Policy(Protocol):
    """A strategy under way. It may remember what it has seen; it is given nothing else."""

    def decide(self, day: int, row: Floats, forecast: Forecast | None, holdings: Floats) -> Decision:
        """Return what to hold from this day's close on.

        Parameters
        ----------
        day : int
            Row number of the day whose close it is.
        row : (n,) array
            Its returns.
        forecast : Forecast or None
            Made after this close, of the days that follow; None for a strategy that needs none.
        holdings : (n,) array
            Weights at this close, drifted, before any trade.

        Returns
        -------
        Decision

        Raises
        ------
        SolverFailure
            When there is no answer; the simulator then keeps the holdings and counts the day.
        """


class Strategy(Protocol):
    """A declaration that can be sent to another process and is distinguished from others by its fields.

    Attributes
    ----------
    name : str
    needs : {"nothing", "regimes", "history"}
        Which forecasts `decide` is given: none, those of the hidden Markov model, or those without it.
    horizon : int
        Periods ahead it looks; 1 when it needs nothing.
    """

    @property
    def name(self) -> str:
        """What tables call it."""

    @property
    def needs(self) -> Needs:
        """Which forecasts it is given."""

    @property
    def horizon(self) -> int:
        """Periods ahead it looks."""

    def start(self, history: Floats) -> Policy:
        """Begin.

        Parameters
        ----------
        history : (t, n) array
            Returns before the first day that `decide` is asked about, oldest first.
        """


@runtime_checkable
class ReadsMarket(Protocol):
    """A strategy of ours whose policy reads names, dates and the rows up to each close from the market itself."""

    def begin(self, market: Market, row: int) -> Policy:
        """Begin, to be first asked at the close of `row`; no row after that of the close asked about is read."""


def begun(strategy: Strategy, market: Market, row: int) -> Policy:
    """Start a strategy that is first asked at the close of `row`, on the returns before it."""
    if isinstance(strategy, ReadsMarket):
        return strategy.begin(market, row)
    return strategy.start(market.history(row))
