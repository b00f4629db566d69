"""What a backtest found, as data: tables of pandas by strategy, and sentences about what is to be doubted."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from html import escape
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from proofolio.arrays import Mask
from proofolio.backtesting.backtests import Context
from proofolio.backtesting.experiments import CrisisFigures, regime_summary
from proofolio.backtesting.forecasts import ForecastBook
from proofolio.backtesting.market import Market
from proofolio.backtesting.metrics import Metrics
from proofolio.backtesting.policy import Needs
from proofolio.backtesting.simulator import NO_TRADE, Simulation, trading_days
from proofolio.backtesting.solver_comparison import SolverRow
from proofolio.brief import facts
from proofolio.errors import BadData, did_you_mean

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = [
    "BacktestRecord",
    "StrategyRun",
    "closes_asked",
    "doubts",
    "figures_of",
    "short_span",
    "trades_made",
]


@dataclass(frozen=True, eq=False, repr=False)
class StrategyRun:
    """One strategy's run, in pandas: dates by assets, with their names.

    A row belongs to the period that ends on its date: `weights` were held during it, `trades` and `costs` are of the
    close before it, and so are `forecasts`.

    Attributes
    ----------
    simulation : Simulation
        The same as arrays.
    context : Context
    book : ForecastBook or None
        The forecasts it decided on.
    """

    simulation: Simulation
    context: Context
    book: ForecastBook | None = None

    def __repr__(self) -> str:
        """Name, span and two figures."""
        m, dates = self.metrics, self.simulation.dates
        return (
            f"StrategyRun({self.name!r}, {dates[0]} to {dates[-1]}, return {m.annual_return:.1%} a year, Sharpe "
            f"{m.sharpe:.2f})"
        )

    def _repr_html_(self) -> str:
        """Return figures and the picture of wealth, for a notebook."""
        from proofolio.charts.figures import image  # matplotlib is slow to import

        m = self.metrics
        said = {
            "return a year": f"{m.annual_return:.1%}",
            "volatility": f"{m.volatility:.1%}",
            "Sharpe": f"{m.sharpe:.2f}",
            "max drawdown": f"{m.max_drawdown:.1%}",
            "turnover": f"{m.turnover:.2f}",
        }
        return f"<p>{escape(repr(self))}</p>{facts(said)}{image(self.plot())}"

    def plot(self) -> Figure:
        """Draw what one unit became, on a logarithmic scale."""
        from proofolio.backtesting.charts import wealth_chart  # matplotlib is slow to import

        return wealth_chart([self.simulation])

    def plot_weights(self) -> Figure:
        """Draw the weights over time."""
        from proofolio.backtesting.charts import weights_chart  # matplotlib is slow to import

        figure = weights_chart([self.simulation], self.context.market.names, still=True)
        assert figure is not None  # asked for whether they move or not
        return figure

    def to_frame(self) -> pd.DataFrame:
        """Return a row a period: return and wealth after costs, turnover, costs and cash."""
        columns = {
            "return": self.returns,
            "wealth": self.wealth.iloc[1:],
            "turnover": self.turnover,
            "cost": self.costs,
            "cash": self.cash,
        }
        return pd.DataFrame(columns)

    @property
    def name(self) -> str:
        """What tables call it."""
        return self.simulation.name

    @property
    def metrics(self) -> Metrics:
        """Figures of the whole span."""
        return self.simulation.metrics

    @property
    def figures(self) -> pd.Series:
        """The same as a Series, and how many closes were not answered, not proved, or decided on collapsed regimes."""
        return pd.Series(figures_of(self.simulation), name=self.name, dtype=object)

    @property
    def weights(self) -> pd.DataFrame:
        """(D, n) weights held during each period, after the trade at the close before it."""
        return self._by_asset(self.simulation.weights)

    @property
    def trades(self) -> pd.DataFrame:
        """(D, n) bought (+) and sold (-) at the close before each period, as fractions of the portfolio."""
        return self._by_asset(self.simulation.trades)

    @property
    def wealth(self) -> pd.Series:
        """(D + 1,) closing values; 1 on the close of the first trade."""
        dates = self.context.market.dates[self.simulation.start - 1 : self.simulation.start]
        index = pd.DatetimeIndex(np.concatenate([dates, self.simulation.dates]), name="date")
        return pd.Series(self.simulation.wealth, index=index, name=self.name)

    @property
    def returns(self) -> pd.Series:
        """(D,) returns after costs."""
        return self._by_date(self.simulation.returns)

    @property
    def turnover(self) -> pd.Series:
        """(D,) sums of ``|u|``: what was traded before each period, bought and sold."""
        return self._by_date(np.abs(self.simulation.trades).sum(axis=1))

    @property
    def costs(self) -> pd.Series:
        """(D,) costs of those trades, as fractions of the portfolio."""
        return self._by_date(self.simulation.costs)

    @property
    def cash(self) -> pd.Series:
        """(D,) the rest of the portfolio: what a strategy with cash keeps or owes, and what ended assets paid out."""
        return self._by_date(self.simulation.cash)

    @property
    def charges(self) -> pd.Series:
        """(D,) what shorts and money owed cost in each period, as fractions of the portfolio."""
        return self._by_date(self.simulation.charges)

    @property
    def unanswered(self) -> pd.Series:
        """(D,) whether the strategy had no answer at the close before, and kept its holdings."""
        return self._by_date(self.simulation.unanswered)

    @property
    def unproved(self) -> pd.Series:
        """(D,) whether what was traded was not proved to be the best."""
        return self._by_date(self.simulation.unproved)

    @property
    def rules_missed(self) -> pd.Series:
        """(D,) whether no trade kept every rule, and a step on the way back into them was made."""
        return self._by_date(self.simulation.rules_missed)

    @property
    def collapsed(self) -> pd.Series:
        """(D,) whether the forecast decided on had a collapsed regime."""
        return self._by_date(self.simulation.collapsed)

    @property
    def forecasts(self) -> pd.DataFrame | None:
        """The forecasts made for each period at the close before it; None where the strategy needs none.

        The first level of the columns is ``"mean"`` and ``"volatility"`` of each asset's return, per period, and with
        regimes ``"probability"``: filtered, at the close before, from the first regime (the calmest) to the last.
        """
        if self.book is None:
            return None
        first = self.simulation.start - 1 - self.book.first
        rows = slice(first, first + len(self.simulation.dates))
        deviations = np.sqrt(np.diagonal(self.book.covariance[rows, 0], axis1=1, axis2=2))
        parts = {
            "mean": self._by_asset(self.book.mean[rows, 0]),
            "volatility": self._by_asset(deviations),
        }
        if self.book.probabilities is not None:
            today = self.book.probabilities[rows, 0]
            names = [f"regime {k + 1}" for k in range(today.shape[1])]
            parts["probability"] = pd.DataFrame(today.copy(), index=self._index, columns=names)
        return pd.concat(parts, axis=1)

    @property
    def _index(self) -> pd.DatetimeIndex:
        return pd.DatetimeIndex(self.simulation.dates.copy(), name="date")

    def _by_asset(self, array: Any) -> pd.DataFrame:
        return pd.DataFrame(array.copy(), index=self._index, columns=list(self.context.market.names))

    def _by_date(self, array: Any) -> pd.Series:
        return pd.Series(array.copy(), index=self._index, name=self.name)


def figures_of(run: Simulation) -> dict[str, Any]:
    """Return the figures of a run by name, with the closes to be doubted."""
    return {
        **run.metrics.document(),
        "cash": float(run.cash.mean()),
        "charges": float(run.charges.sum()),
        "unanswered": int(run.unanswered.sum()),
        "unproved": int(run.unproved.sum()),
        "rules_missed": int(run.rules_missed.sum()),
        "collapsed": int(run.collapsed.sum()),
    }


@dataclass(frozen=True, eq=False, repr=False)
class BacktestRecord:
    """What one backtest found.

    Attributes
    ----------
    source : str
        The file, or what stands for it.
    context : Context
    runs : tuple of Simulation
    options : mapping
        As given, as text.
    seconds : float
    needs : mapping
        Which forecasts each strategy was given, by its name.
    costs_tried : mapping of sequences of Simulation
        By basis points; empty when not asked for.
    crises : sequence of CrisisFigures
    solvers : sequence of SolverRow
        SCA against SLSQP; empty when not asked for.
    """

    source: str
    context: Context
    runs: tuple[Simulation, ...]
    options: Mapping[str, str]
    seconds: float
    needs: Mapping[str, Needs] = field(default_factory=dict)
    costs_tried: Mapping[float, Sequence[Simulation]] = field(default_factory=dict)
    crises: Sequence[CrisisFigures] = ()
    solvers: Sequence[SolverRow] = ()

    def __len__(self) -> int:
        return len(self.runs)

    def __iter__(self) -> Iterator[str]:
        return iter(self.names)

    def __contains__(self, name: object) -> bool:
        return name in self.names

    def __getitem__(self, name: str) -> StrategyRun:
        """Return the run of the strategy of this name.

        Raises
        ------
        BadData
            When there is none; the message lists those there are.
        """
        for run in self.runs:
            if run.name == name:
                return StrategyRun(run, self.context, self.context.book(self.needs.get(name, "nothing")))
        raise BadData(
            f"there is no strategy {name!r} in this backtest{did_you_mean(name, self.names)}; it ran "
            f"{', '.join(self.names)}."
        )

    @property
    def names(self) -> list[str]:
        """Of the strategies, in their order."""
        return [run.name for run in self.runs]

    @property
    def figures(self) -> pd.DataFrame:
        """A row a strategy: `Metrics` by name, and the closes to be doubted."""
        return pd.DataFrame(
            [figures_of(run) for run in self.runs], index=pd.Index(self.names, name="strategy")
        )

    @property
    def reference(self) -> Simulation | None:
        """The fix-mix, if it ran: turnovers are compared with its."""
        return next((run for run in self.runs if run.name == "fix-mix"), None)

    @property
    def warnings(self) -> list[str]:
        """Sentences about what is to be doubted: of the data, then of each strategy."""
        context = self.context
        return [
            *context.market.warnings,
            *short_span(self.runs[0], context.market, "traded"),
            *universe_notes(context),
            *never_traded(self.runs, context),
            *doubts(self.runs, context),
        ]

    def tables(self) -> dict[str, pd.DataFrame]:
        """Return the tables that are written as CSV, by name: figures, wealth, each strategy's weights and trades.

        Beside the trades stand their cost and the charges of the period that follows, and beside the weights the cash,
        so that wealth can be computed again: the rows of the weights add up to 1.
        """
        runs = [self[name] for name in self.names]
        found = {"figures": self.figures, "wealth": pd.concat([run.wealth for run in runs], axis=1)}
        for run in runs:
            found[f"weights-{run.name}"] = _beside(run.weights, cash=run.cash)
            found[f"trades-{run.name}"] = _beside(run.trades, cost=run.costs, charge=run.charges)
        regimes = regime_summary(self.context)
        return found if regimes is None else found | {"regimes": regimes}

    def document(self) -> dict[str, Any]:
        """Return what ``--json`` prints, without the files."""
        context = self.context
        found: dict[str, Any] = {
            "source": self.source,
            "span": {
                "first": str(context.market.dates[context.start]),
                "last": str(context.market.dates[context.stop - 1]),
                "days": context.stop - context.start,
                "known_before": context.start,
            },
            "calendar": context.market.calendar.document(),
            "assets": list(context.market.names),
            "options": dict(self.options),
            "warnings": self.warnings,
            "strategies": {run.name: figures_of(run) | {"seconds": run.seconds} for run in self.runs},
            "seconds": self.seconds,
        }
        summary = regime_summary(context)
        if summary is not None:
            found["regimes"] = {
                regime: summary.loc[regime].to_dict(orient="index")
                for regime in summary.index.get_level_values("regime").unique()
            }
        if self.costs_tried:
            found["cost_sensitivity"] = {
                f"{bp:g}": {run.name: run.metrics.document() for run in runs}
                for bp, runs in self.costs_tried.items()
            }
        if self.crises:
            found["crises"] = [c.document() for c in self.crises]
        if self.solvers:
            found["sca_against_slsqp"] = [row.document() for row in self.solvers]
        return found


def _beside(table: pd.DataFrame, **columns: pd.Series) -> pd.DataFrame:
    """Return a table by asset with columns beside it; where an asset has the name of one, it is put in brackets."""
    return table.assign(**{f"[{n}]" if n in table.columns else n: values for n, values in columns.items()})


_DOUBTS = (
    ("unanswered", "had no answer, and kept its holdings,"),
    (
        "unproved",
        "traded what keeps every rule, but is not proved to be the best within the solver's tolerance,",
    ),
    (
        "rules_missed",
        "held what no single trade brings back into the rules, and made the nearest step towards them,",
    ),
    (
        "collapsed",
        "decided on a forecast to be doubted (a regime had collapsed to next to no periods or no variance)",
    ),
)


STILL = ("fix-mix", "buy-and-hold", "cash")  # what these do without trades is meant


def trades_made(run: Simulation) -> int:
    """Return the number of closes at which a run traded."""
    return int((np.abs(run.trades).sum(axis=1) > NO_TRADE).sum())


def never_traded(runs: Sequence[Simulation], context: Context) -> list[str]:
    """Return a sentence for each strategy that never traded, though it had answers."""
    return [
        f"{run.name} never traded at the {closes_asked(run, context):,} closes at which it was asked: its figures are "
        "those of the first holdings left alone; a plan with a smaller gamma_trade trades more."
        for run in runs
        if not (trades_made(run) or run.unanswered.any() or run.name.startswith(STILL))
    ]


def doubts(runs: Sequence[Simulation], context: Context) -> list[str]:
    """Return a sentence for each strategy that at some closes had no answer, no proof, or collapsed regimes."""
    found = []
    for run in runs:
        asked = closes_asked(run, context)
        for flag, what in _DOUBTS:
            at: Mask = getattr(run, flag)
            if at.any():
                first = context.market.dates[run.start - 1 + int(np.argmax(at))]
                found.append(
                    f"{run.name} {what} at {at.sum():,} of the {asked:,} closes at which it was asked (the first on "
                    f"{first})."
                )
    return found


def universe_notes(context: Context) -> list[str]:
    """Return a sentence for each asset that could not be held in the whole span: it begins or ends within it."""
    market, found = context.market, []
    known = np.isfinite(market.returns[: context.stop])
    for i in np.flatnonzero(~known[max(0, context.start - context.window) :].all(axis=0)):
        rows, name = np.flatnonzero(known[:, i]), market.names[i]
        if not rows.size:
            found.append(f"{name} has no return before {market.dates[context.stop - 1]}, and is never held.")
            continue
        first, last = int(rows[0]), int(rows[-1])
        joins = first + context.window - 1  # the close at which the window is full
        if joins >= context.stop - 1:
            found.append(
                f"{name} begins on {market.dates[first]}, too late for the window of {context.window}."
            )
        elif joins > context.start - 1:
            found.append(
                f"{name} begins on {market.dates[first]} and can be held from {market.dates[joins]} on, when the "
                f"window of {context.window} is full."
            )
        if last < context.start - 1:
            found.append(f"{name} ends on {market.dates[last]}, before the first trade.")
        elif last < context.stop - 1:
            found.append(
                f"{name} ends on {market.dates[last]}, and is paid out at its last price where it is held."
            )
    return found


def short_span(run: Simulation, market: Market, what: str) -> list[str]:
    """Return a sentence when a run is shorter than a year, so that its return is not one of a year."""
    if run.metrics.annualised:
        return []
    sentence = (
        f"{len(run.dates)} periods are {what}, less than a year of the table, {market.calendar}: return and Calmar are "
        "those of the span, not of a year."
    )
    return [sentence]


def closes_asked(run: Simulation, context: Context) -> int:
    """Return at how many closes a strategy was asked: the first one and those of the rebalancing."""
    last = run.start + len(run.dates) - 1
    return 1 + int(trading_days(context.market.dates, context.rebalance)[run.start : last].sum())
