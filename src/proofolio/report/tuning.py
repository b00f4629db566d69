"""The report of a tuning: the grid on the training span, the choice on the test span."""

from __future__ import annotations

import numpy as np
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from proofolio.backtesting.charts import drawdown_chart, wealth_chart
from proofolio.backtesting.metrics import Metrics
from proofolio.backtesting.tuning import FIGURES as CHOSEN_BY
from proofolio.backtesting.tuning import TuningRecord, parameters
from proofolio.charts.figures import COLOURS, chart_style, inline_svg, new_figure, panels_across
from proofolio.report.page import chart, page, paragraph, section, tiles
from proofolio.report.table import Table

__all__ = ["LESS_NEEDED", "best_table", "compared_table", "grid_chart", "tuning_page", "walk_table"]


FIGURES = ("Sharpe", "return", "volatility", "max drawdown", "turnover")
# On a narrow terminal the first of these that are too many are left out.
LESS_NEEDED = ("volatility", "cost", "unproved", "max drawdown")


def best_table(result: TuningRecord, count: int) -> Table:
    """Return the best trials by the figure chosen by, the largest first, and the choice marked."""
    order = sorted(result.trials, key=lambda t: -np.nan_to_num(result.rule.figure(t.metrics), nan=-np.inf))
    shown = order[:count]
    if result.chosen not in shown:  # a ceiling ruled out all of these
        shown[-1:] = [result.chosen]
    rows = []
    for trial in shown:
        given = parameters(trial.strategy)
        risk = f"{given['gamma_risk']:g}" if "gamma_risk" in given else ""
        gammas = (str(given["horizon"]), risk, f"{given['gamma_trade']:g}")
        mark = (
            "chosen" if trial is result.chosen else "" if result.rule.allows(trial.metrics) else "ruled out"
        )
        rows.append((*gammas, *_figures(trial.metrics), str(trial.trades), str(trial.unproved), mark))
    return Table(("H", "γ risk", "γ trade", *FIGURES, "trades", "unproved", ""), rows, range(1, 10))


def compared_table(result: TuningRecord) -> Table:
    """Return the choice and fix-mix on both spans, and what a walk-forward run earned beside fix-mix."""
    chosen = f"{result.test_run.name}, chosen"
    compared = [
        ("train", chosen, result.chosen.metrics),
        ("train", "fix-mix", result.reference_train.metrics),
        ("test", chosen, result.test_run.metrics),
        ("test", "fix-mix", result.reference_test.metrics),
    ]
    if result.walked is not None:
        compared += [
            ("walk-forward", f"{result.test_run.name}, chosen anew", result.walked.run.metrics),
            ("walk-forward", "fix-mix", result.walked.reference.metrics),
        ]
    rows = [(span, name, *_figures(m), f"{1e4 * m.costs:.1f} bp") for span, name, m in compared]
    return Table(("on", "strategy", *FIGURES, "cost"), rows, range(2, 8))


def walk_table(result: TuningRecord) -> Table | None:
    """Return the choices of the walk-forward run, below one another; None where there is none."""
    if result.walked is None:
        return None
    found = result.walked.document(result.market)
    rows = [
        (
            f"{c['traded'][0]} to {c['traded'][1]}",
            str(c.get("horizon", "")),
            f"{c['gamma_risk']:g}" if "gamma_risk" in c else "",
            f"{c['gamma_trade']:g}" if "gamma_trade" in c else "",
            f"{c['figure']:.3f}" + ("" if c["kept_ceilings"] else " (above the ceiling)"),
        )
        for c in found["choices"]
    ]
    return Table(
        ("traded", "H", "γ risk", "γ trade", f"{CHOSEN_BY[result.rule.by]} before"), rows, range(1, 5)
    )


def _figures(m: Metrics) -> tuple[str, ...]:
    shares = (m.annual_return, m.volatility, m.max_drawdown)
    return f"{m.sharpe:.3f}", *(f"{share:.1%}" for share in shares), f"{m.turnover:.2f}"


@chart_style
def grid_chart(result: TuningRecord) -> Figure:
    """Draw the figure chosen by over the grid, one panel a horizon."""
    tried = [(parameters(t.strategy), t) for t in result.trials]
    horizons = sorted({p["horizon"] for p, _ in tried})
    risks = sorted({p.get("gamma_risk", 0.0) for p, _ in tried})
    trades = sorted({p["gamma_trade"] for p, _ in tried})
    values = {
        (p["horizon"], p.get("gamma_risk", 0.0), p["gamma_trade"]): result.rule.figure(t.metrics)
        for p, t in tried
    }
    low, high = np.nanmin(list(values.values())), np.nanmax(list(values.values()))
    best = parameters(result.chosen.strategy)

    across = min(len(horizons), panels_across(3 if len(trades) <= 8 else 2))
    rows = -(-len(horizons) // across)
    figure = new_figure(
        "grid", f"{CHOSEN_BY[result.rule.by]} over the grid", height=rows * (1.2 + 0.26 * len(risks))
    )
    panels = figure.subplots(rows, across, squeeze=False, sharey=True)
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
                    alpha=0.5 * strength,  # text must be read on it, on a light and on a dark page
                    linewidth=0,
                )
                chosen = best["horizon"] == horizon and best.get("gamma_risk", 0.0) == risk
                chosen = chosen and best["gamma_trade"] == trade
                axes.text(
                    j, i, f"{value:.2f}", ha="center", va="center", fontweight="bold" if chosen else "normal"
                )
                if chosen:
                    axes.add_patch(
                        Rectangle(
                            (j - 0.48, i - 0.46),
                            0.96,
                            0.92,
                            fill=False,
                            edgecolor=COLOURS["ink"],
                            linewidth=1.6,
                        )
                    )
        axes.set_xticks(range(len(trades)), [f"{t:g}" for t in trades], rotation=90 if len(trades) > 6 else 0)
        axes.set_yticks(range(len(risks)), [f"{r:g}" for r in risks] if len(risks) > 1 else [""])
        axes.tick_params(length=0)
        axes.set_xlabel("γ trade")
    if len(risks) > 1:
        panels[0][0].set_ylabel("γ risk")
    return figure


def tuning_page(result: TuningRecord) -> str:
    """Return the page."""
    chosen = ", ".join(
        f"{name.replace('_', ' ')} {value:g}" for name, value in parameters(result.chosen.strategy).items()
    )
    runs = [result.test_run, result.reference_test]
    return page(
        "Tuning",
        f"{result.source}: {result.market.calendar}; of {len(result.trials)} combinations of {result.test_run.name} "
        f"the one with {result.rule} while training ran in the test. {result.dated()}",
        [
            tiles(
                [
                    (chosen, "chosen", ""),
                    (f"{result.chosen.metrics.sharpe:.2f}", "its Sharpe ratio while training", ""),
                    (f"{result.test_run.metrics.sharpe:.2f}", "its Sharpe ratio afterwards", ""),
                    (f"{result.reference_test.metrics.sharpe:.2f}", "fix-mix's afterwards", ""),
                ]
            ),
            section(
                "What the choice is worth",
                *(paragraph(sentence) for sentence in result.verdict()),
                *(paragraph(sentence, "bad") for sentence in result.warnings),
            ),
            section(
                "The grid, on the training span",
                chart(inline_svg(grid_chart(result)), f"{CHOSEN_BY[result.rule.by]}; the choice is framed."),
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
            _walk_section(result),
        ],
        footer=f"{result.seconds:.0f} s in all.",
    )


def _walk_section(result: TuningRecord) -> str:
    walked, table = result.walked, walk_table(result)
    if walked is None or table is None:
        return ""
    first = walked.folds[0]
    step, back = first.traded[1] - first.traded[0], first.looked_back[1] - first.looked_back[0]
    ran = [("walk-forward", walked.run.metrics), ("fix-mix", walked.reference.metrics)]
    return section(
        "Walk-forward",
        paragraph(
            f"From {walked.run.dates[0]} to {walked.run.dates[-1]}, every {step} periods, the run went on with the "
            f"combination that had {result.rule} in the {back} before."
        ),
        Table(("strategy", *FIGURES), [(name, *_figures(m)) for name, m in ran], range(1, 6)).html(),
        table.html("dense"),
    )
