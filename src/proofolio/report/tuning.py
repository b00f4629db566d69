"""The report of a tuning: the grid on the training span, the choice on the test span."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from proofolio.backtesting.metrics import Metrics
from proofolio.backtesting.strategies import MeanVarianceControl
from proofolio.backtesting.tuning import Choice, Trial, Tuning
from proofolio.report.backtest_charts import drawdown_picture, wealth_picture
from proofolio.report.figures import COLOURS, picture
from proofolio.report.page import chart, page, paragraph, section, table, tiles

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["COMPARED", "TRIED", "TuningResult", "best_rows", "compared_rows", "tuning_page"]


TRIED = (
    "H",
    "γ risk",
    "γ trade",
    "Sharpe",
    "return",
    "volatility",
    "max drawdown",
    "turnover",
    "unproved days",
)
COMPARED = ("on", "strategy", "Sharpe", "return", "volatility", "max drawdown", "turnover", "cost")


@dataclass(frozen=True, eq=False)
class TuningResult:
    """One call of the command: the file, what was found, by which figure, the spans' first and last dates."""

    source: str
    tuning: Tuning
    choose: Choice
    train: tuple[str, str]
    test: tuple[str, str]
    seconds: float

    def document(self) -> dict[str, Any]:
        """Return what ``--json`` prints, without the files."""
        tuning = self.tuning
        return {
            "source": self.source,
            "train": {"first": self.train[0], "last": self.train[1]},
            "test": {"first": self.test[0], "last": self.test[1]},
            "choose": self.choose,
            "trials": [
                _parameters(t) | t.metrics.document() | {"unproved": t.unproved} for t in tuning.trials
            ],
            "chosen": _parameters(tuning.chosen),
            "out_of_sample": {
                tuning.test.name: tuning.test.metrics.document(),
                "fix-mix": tuning.reference_test.metrics.document(),
            },
            "in_sample": {
                tuning.test.name: tuning.chosen.metrics.document(),
                "fix-mix": tuning.reference_train.metrics.document(),
            },
            "seconds": self.seconds,
        }


def _parameters(trial: Trial) -> dict[str, Any]:
    strategy = trial.strategy
    risk = {"gamma_risk": strategy.gamma_risk} if isinstance(strategy, MeanVarianceControl) else {}
    return {"horizon": strategy.horizon, **risk, "gamma_trade": strategy.gamma_trade}


def best_rows(result: TuningResult, count: int) -> list[list[str]]:
    """Return the best trials, in words, the chosen one first."""
    attribute = {"return": "annual_return"}.get(result.choose, result.choose)
    order = sorted(
        result.tuning.trials, key=lambda t: -np.nan_to_num(getattr(t.metrics, attribute), nan=-np.inf)
    )
    rows = []
    for trial in order[:count]:
        told, m = _parameters(trial), trial.metrics
        rows.append(
            [
                str(told["horizon"]),
                f"{told['gamma_risk']:g}" if "gamma_risk" in told else "",
                f"{told['gamma_trade']:g}",
                f"{m.sharpe:.3f}",
                f"{m.annual_return:.1%}",
                f"{m.volatility:.1%}",
                f"{m.max_drawdown:.1%}",
                f"{m.turnover:.2f}",
                str(trial.unproved),
            ]
        )
    return rows


def compared_rows(result: TuningResult) -> list[list[str]]:
    """Return the choice and fix-mix on both spans, in words."""
    tuning = result.tuning
    return [
        _compared("train", f"{tuning.test.name}, chosen", tuning.chosen.metrics),
        _compared("train", "fix-mix", tuning.reference_train.metrics),
        _compared("test", f"{tuning.test.name}, chosen", tuning.test.metrics),
        _compared("test", "fix-mix", tuning.reference_test.metrics),
    ]


def _compared(span: str, name: str, m: Metrics) -> list[str]:
    return [
        span,
        name,
        f"{m.sharpe:.3f}",
        f"{m.annual_return:.1%}",
        f"{m.volatility:.1%}",
        f"{m.max_drawdown:.1%}",
        f"{m.turnover:.2f}",
        f"{1e4 * m.costs:.1f} bp",
    ]


def grid_picture(result: TuningResult) -> str:
    """Return the figure chosen by over the grid, one panel a horizon."""
    told = [(_parameters(t), t) for t in result.tuning.trials]
    horizons = sorted({p["horizon"] for p, _ in told})
    risks = sorted({p.get("gamma_risk", 0.0) for p, _ in told})
    trades = sorted({p["gamma_trade"] for p, _ in told})
    attribute = {"return": "annual_return"}.get(result.choose, result.choose)
    values = {
        (p["horizon"], p.get("gamma_risk", 0.0), p["gamma_trade"]): getattr(t.metrics, attribute)
        for p, t in told
    }
    low, high = np.nanmin(list(values.values())), np.nanmax(list(values.values()))
    best = _parameters(result.tuning.chosen)

    def draw(figure: Figure) -> None:
        panels = figure.subplots(-(-len(horizons) // 3), min(3, len(horizons)), squeeze=False, sharey=True)
        for axes in panels.flat[len(horizons) :]:
            axes.set_visible(False)
        for horizon, axes in zip(horizons, panels.flat, strict=False):
            axes.grid(False)
            axes.set_title(f"H = {horizon}")
            for i, risk in enumerate(risks):
                for j, trade in enumerate(trades):
                    value = values[horizon, risk, trade]
                    strength = 0.0 if not np.isfinite(value) or high <= low else (value - low) / (high - low)
                    axes.fill_between(
                        [j - 0.5, j + 0.5],
                        i - 0.5,
                        i + 0.5,
                        color=COLOURS["s0"],
                        alpha=0.9 * strength,
                        linewidth=0,
                    )
                    chosen = best["horizon"] == horizon and best.get("gamma_risk", 0.0) == risk
                    chosen = chosen and best["gamma_trade"] == trade
                    weight = "bold" if chosen else "normal"
                    words = f"[{value:.2f}]" if chosen else f"{value:.2f}"
                    axes.text(j, i, words, ha="center", va="center", fontsize=7.5, fontweight=weight)
            axes.set_xticks(range(len(trades)), [f"{t:g}" for t in trades], fontsize=8)
            axes.set_yticks(range(len(risks)), [f"{r:g}" for r in risks] if len(risks) > 1 else [""])
            axes.tick_params(length=0)
            axes.set_xlabel("γ trade")
        if len(risks) > 1:
            panels[0][0].set_ylabel("γ risk")

    rows = -(-len(horizons) // 3)
    return picture("grid", f"{result.choose} over the grid", draw, height=rows * (1.1 + 0.26 * len(risks)))


def tuning_page(result: TuningResult) -> str:
    """Return the page."""
    tuning = result.tuning
    words = ", ".join(
        f"{name.replace('_', ' ')} {value:g}" for name, value in _parameters(tuning.chosen).items()
    )
    runs = [tuning.test, tuning.reference_test]
    return page(
        "Tuning",
        f"{result.source}: {len(tuning.trials)} combinations of {tuning.test.name} tried from {result.train[0]} to "
        f"{result.train[1]}; the one with the highest {result.choose} then ran once from {result.test[0]} to "
        f"{result.test[1]}.",
        [
            tiles(
                [
                    (words, "chosen", ""),
                    (f"{tuning.chosen.metrics.sharpe:.2f}", "its Sharpe ratio while training", ""),
                    (f"{tuning.test.metrics.sharpe:.2f}", "its Sharpe ratio afterwards", ""),
                    (f"{tuning.reference_test.metrics.sharpe:.2f}", "fix-mix's afterwards", ""),
                ]
            ),
            section(
                "The grid, on the training span",
                chart(grid_picture(result), f"{result.choose}; the choice in brackets."),
                table(TRIED, best_rows(result, 15), range(1, len(TRIED)), "dense"),
            ),
            section(
                "The choice, on both spans",
                paragraph(
                    "The best of many trials looks better than it is: what the choice earned while training was "
                    "selected, what it earned afterwards was not."
                ),
                table(COMPARED, compared_rows(result), range(2, len(COMPARED))),
                chart(wealth_picture(runs), "One unit invested when the test span begins, after costs."),
                chart(drawdown_picture(runs), "Loss from the highest close so far."),
            ),
        ],
        footer=f"{result.seconds:.0f} s in all.",
    )
