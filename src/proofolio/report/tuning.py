"""The report of a tuning: the grid on the training span, the choice on the test span."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from matplotlib.figure import Figure

from proofolio.backtesting.metrics import Metrics
from proofolio.backtesting.strategies import MeanVarianceControl
from proofolio.backtesting.tuning import Choice, Trial, Tuning
from proofolio.report.backtest_charts import drawdown_chart, wealth_chart
from proofolio.report.figures import COLOURS, chart_style, inline_svg, new_figure
from proofolio.report.page import chart, page, paragraph, section, tiles
from proofolio.report.table import Table

__all__ = ["TuningResult", "best_table", "compared_table", "grid_chart", "tuning_page"]


FIGURES = ("Sharpe", "return", "volatility", "max drawdown", "turnover")


@dataclass(frozen=True, eq=False)
class TuningResult:
    """One call of the command: the file, what was found, by which figure, the spans' first and last dates."""

    source: str
    tuning: Tuning
    choose: Choice
    train: tuple[str, str]
    test: tuple[str, str]
    seconds: float

    @property
    def attribute(self) -> str:
        """The attribute of `Metrics` that was chosen by."""
        return {"return": "annual_return"}.get(self.choose, self.choose)

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


def best_table(result: TuningResult, count: int) -> Table:
    """Return the best trials, the chosen one first."""
    order = sorted(
        result.tuning.trials, key=lambda t: -np.nan_to_num(getattr(t.metrics, result.attribute), nan=-np.inf)
    )
    rows = []
    for trial in order[:count]:
        given = _parameters(trial)
        risk = f"{given['gamma_risk']:g}" if "gamma_risk" in given else ""
        gammas = (str(given["horizon"]), risk, f"{given['gamma_trade']:g}")
        rows.append((*gammas, *_figures(trial.metrics), str(trial.unproved)))
    return Table(("H", "γ risk", "γ trade", *FIGURES, "unproved days"), rows, range(1, 9))


def compared_table(result: TuningResult) -> Table:
    """Return the choice and fix-mix on both spans."""
    tuning = result.tuning
    chosen = f"{tuning.test.name}, chosen"
    rows = [
        (span, name, *_figures(m), f"{1e4 * m.costs:.1f} bp")
        for span, name, m in (
            ("train", chosen, tuning.chosen.metrics),
            ("train", "fix-mix", tuning.reference_train.metrics),
            ("test", chosen, tuning.test.metrics),
            ("test", "fix-mix", tuning.reference_test.metrics),
        )
    ]
    return Table(("on", "strategy", *FIGURES, "cost"), rows, range(2, 8))


def _figures(m: Metrics) -> tuple[str, ...]:
    shares = (m.annual_return, m.volatility, m.max_drawdown)
    return f"{m.sharpe:.3f}", *(f"{share:.1%}" for share in shares), f"{m.turnover:.2f}"


@chart_style
def grid_chart(result: TuningResult) -> Figure:
    """Draw the figure chosen by over the grid, one panel a horizon."""
    tried = [(_parameters(t), t) for t in result.tuning.trials]
    horizons = sorted({p["horizon"] for p, _ in tried})
    risks = sorted({p.get("gamma_risk", 0.0) for p, _ in tried})
    trades = sorted({p["gamma_trade"] for p, _ in tried})
    values = {
        (p["horizon"], p.get("gamma_risk", 0.0), p["gamma_trade"]): getattr(t.metrics, result.attribute)
        for p, t in tried
    }
    low, high = np.nanmin(list(values.values())), np.nanmax(list(values.values()))
    best = _parameters(result.tuning.chosen)

    rows = -(-len(horizons) // 3)
    figure = new_figure("grid", f"{result.choose} over the grid", height=rows * (1.1 + 0.26 * len(risks)))
    panels = figure.subplots(rows, min(3, len(horizons)), squeeze=False, sharey=True)
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
                text = f"[{value:.2f}]" if chosen else f"{value:.2f}"
                axes.text(j, i, text, ha="center", va="center", fontsize=7.5, fontweight=weight)
        axes.set_xticks(range(len(trades)), [f"{t:g}" for t in trades], fontsize=8)
        axes.set_yticks(range(len(risks)), [f"{r:g}" for r in risks] if len(risks) > 1 else [""])
        axes.tick_params(length=0)
        axes.set_xlabel("γ trade")
    if len(risks) > 1:
        panels[0][0].set_ylabel("γ risk")
    return figure


def tuning_page(result: TuningResult) -> str:
    """Return the page."""
    tuning = result.tuning
    chosen = ", ".join(
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
                    (chosen, "chosen", ""),
                    (f"{tuning.chosen.metrics.sharpe:.2f}", "its Sharpe ratio while training", ""),
                    (f"{tuning.test.metrics.sharpe:.2f}", "its Sharpe ratio afterwards", ""),
                    (f"{tuning.reference_test.metrics.sharpe:.2f}", "fix-mix's afterwards", ""),
                ]
            ),
            section(
                "The grid, on the training span",
                chart(inline_svg(grid_chart(result)), f"{result.choose}; the choice in brackets."),
                best_table(result, 15).html("dense"),
            ),
            section(
                "The choice, on both spans",
                paragraph(
                    "The best of many trials looks better than it is: what the choice earned while training was "
                    "selected, what it earned afterwards was not."
                ),
                compared_table(result).html(),
                chart(
                    inline_svg(wealth_chart(runs)),
                    "One unit invested when the test span begins, after costs.",
                ),
                chart(inline_svg(drawdown_chart(runs)), "Loss from the highest close so far."),
            ),
        ],
        footer=f"{result.seconds:.0f} s in all.",
    )
