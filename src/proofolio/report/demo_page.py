"""The demo's page: the data, the plan, the four solves, the refuted M, and what it all ran on."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from proofolio.arrays import Floats, Integers
from proofolio.charts.figures import (
    COLOURS,
    ON_COLOUR,
    add_tips,
    chart_style,
    inline_svg,
    is_narrow,
    new_figure,
    percent_axis,
    without_frame,
)
from proofolio.report.demo import DemoResult, Refutation, Run, runs_table, small
from proofolio.report.demo_case import History, MarketCase
from proofolio.report.page import chart, page, paragraph, section, tiles
from proofolio.report.table import Cell, Table
from proofolio.report.words import words_table

__all__ = ["market_chart", "plan_chart", "refutation_chart", "regime_page", "times_chart"]


MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
LEAST_WEIGHT = 0.0005  # smaller ones are not drawn
LEAST_NUMBERED = 0.055  # smaller ones have no room for their number
BAR = 0.9  # of a month's width
BOTH_PANELS = 3.27  # heights of the lower panel of the market's chart that reach the top of the upper one


def regime_page(result: DemoResult) -> str:
    """Return the page of a demo; the same result gives the same bytes."""
    case = result.case
    parts = [
        _headline(result),
        _market(result),
        _plan(result),
        _solves(result),
        _refuted(result),
        _made_on(result),
    ]
    first, last = case.months[0], case.months[-1]
    return page(
        "A portfolio under market regimes, solved and checked",
        f"{len(case.settings.assets)} US stocks, {case.program.R} market regimes, the {case.program.T} "
        f"months from {first} to {last}: one mixed-integer program, written in two ways, given to two "
        "solvers, and every answer checked against the raw data before it is believed.",
        parts,
        "Made by “proofolio demo”. Prices: 20 US stocks and the S&P 500, 1990 to 2022 (see NOTICE). The "
        "companies are all survivors and the regimes are fitted on the whole sample: an illustration of "
        "the method and not a "
        "backtest.",
    )


def _headline(result: DemoResult) -> str:
    best = result.best
    verified = sum(run.ok for run in result.runs)
    quickest = min((run.seconds for run in result.runs if run.ok), default=None)
    gaps = [run.gap for run in result.runs if run.ok and run.gap is not None]
    entries = [
        (
            _number(best.objective if best is not None else None, ".6f") or "none",
            "minimal cost of the plan",
            "",
        ),
        (
            f"{verified} of {len(result.runs)}",
            "solves whose checks against the raw data hold",
            _mark(verified == len(result.runs)),
        ),
        (small(max(gaps)) if gaps else "none", "largest gap claimed, relative", ""),
        (f"{quickest:.2f} s" if quickest is not None else "none", "quickest solve", ""),
        (
            "refuted" if result.refutation.ok else "not refuted",
            "the published bound on M",
            _mark(result.refutation.ok),
        ),
    ]
    said = paragraph(_capital(result.agreement.sentence) + ".", _mark(result.agreement.ok))
    return tiles(entries) + f"<div style='margin-top:18px'>{said}</div>"


def _market(result: DemoResult) -> str:
    history = result.history
    return section(
        "The market and its regimes",
        paragraph(
            f"A hidden Markov model of the index's daily returns finds {len(history.names)} regimes, "
            "numbered from the calmest to the wildest. The probabilities are filtered, with the "
            "parameters of the whole sample."
        ),
        chart(
            inline_svg(market_chart(history, result.case.months)),
            "Probabilities are filtered day by day. Point at a month to read its numbers.",
        ),
    )


def _plan(result: DemoResult) -> str:
    best, case = result.best, result.case
    s = case.settings
    lead = paragraph(
        "For every month the program picks a regime and the weights together. A month costs γ/2 w′Σw − "
        f"μ′w (γ = {s.risk_aversion:g}) with the moments of its regime, plus {s.evidence_price:g} · "
        f"ln(1/p) for assuming a regime the data give probability p, plus {1e4 * s.turnover_cost:g} bp of "
        f"what is traded and {1e4 * s.switch_cost:g} bp for a change of regime. Weights lie between 0 and "
        f"{s.most:.0%}; the first trade starts from equal weights."
    )
    if best is None or best.objective is None:
        return section("The plan", lead, paragraph("No run gave a plan whose checks hold.", "bad"))
    chosen = best.path
    against = [
        f"{case.months[t]} ({result.history.names[int(chosen[t])]} although {result.history.names[int(r)]} "
        "is likelier)"
        for t, r in enumerate(case.likeliest)
        if chosen[t] != r
    ]
    saved = result.baseline - best.objective
    compared = (
        f"Following each month's likeliest regime would cost {result.baseline:.6f}; the plan costs "
        f"{best.objective:.6f}, less by {saved:.6f}. A negative cost is a gain: expected return beyond "
        "risk, doubt and trading. "
    )
    compared += (
        f"It goes against the data in {', '.join(against)}: the likelier regime would cost more in trades, "
        "switches or expected return than the doubt does."
        if against
        else "It follows the data in every month."
    )
    return section(
        "The plan",
        lead,
        chart(inline_svg(plan_chart(case, result.history, best.W, chosen))),
        paragraph(compared),
    )


def _solves(result: DemoResult) -> str:
    sizes = "; ".join(f"{lowering}: {size}" for lowering, size in result.sizes.items())
    said = [
        paragraph(
            "The regime's cost is written in two ways. The hull lowering splits the weights between the "
            "regimes and has no M; Big-M relaxes each regime's cost by a constant M, here bounded row by "
            f"row from the data. Sizes: {sizes}."
        ),
        runs_table(result.runs).html("dense"),
        words_table(run.status for run in result.runs).html("compact"),
        chart(
            inline_svg(times_chart(result.runs)),
            "Wall time of one solve, one thread, log axis. Shorter is better.",
        ),
        *(
            paragraph(f"{run.name}: {run.message}", "bad")
            for run in result.runs
            if run.message and not run.ok
        ),
        "<h3>What was checked</h3>",
        paragraph(
            "Each answer is recomputed from the data that declared the program. A check shows the largest "
            "violation found; `leak` rounds the regimes, solves the rest again and asks whether the cost "
            "went up."
        ),
        _checks(result.runs),
    ]
    return section("Two lowerings, two solvers, one optimum", *said)


def _checks(runs: Sequence[Run]) -> str:
    names = list(dict.fromkeys(check.name for run in runs for check in run.checks))
    rows: list[Sequence[Cell]] = []
    for name in names:
        row: list[Cell] = [name]
        for run in runs:
            found = [check for check in run.checks if check.name == name]
            if not found:
                row.append("")
                continue
            ok, value = all(c.ok for c in found), max(c.value for c in found)
            row.append((f"{'✓' if ok else '✗'} {small(value)}", _mark(ok)))
        rows.append(row)
    return Table(("check", *(run.name for run in runs)), rows, range(1, len(runs) + 1)).html()


def _refuted(result: DemoResult) -> str:
    found = result.refutation
    heading = "A published bound on M, refuted"
    if not found.ok:
        return section(
            heading, paragraph(f"The wrong M was not caught: its status is {found.status}.", "bad")
        )
    return section(
        heading,
        paragraph(
            "The literature offers M ≥ max(2‖Q‖ + ‖c‖, ...) as sufficient. Take two regimes without risk, "
            "one where every asset costs 1 and one where every asset earns 1: choosing the second gives "
            f"−1. Built with the published M = {found.big_m:.3f}, the program calls {found.claimed:.3f} "
            f"optimal, and no solver can notice. M must be at least {found.needed_m:.3f}."
        ),
        chart(inline_svg(refutation_chart(found))),
        paragraph(f"Status: `{found.status}`. {_capital(found.detail)}."),
    )


def _made_on(result: DemoResult) -> str:
    rows = [*result.machine.items(), *((k, v or "not installed") for k, v in result.versions.items())]
    return section("Made on", Table(("what", "which"), rows).html("compact"))


def _number(value: float | None, form: str) -> str:
    return "" if value is None else format(value, form).replace("-", "−", 1)


def _mark(ok: bool) -> str:
    return "good" if ok else "bad"


def _capital(sentence: str) -> str:
    return sentence[:1].upper() + sentence[1:]


# ------------------------------------------------------------------------- charts
@chart_style
def market_chart(history: History, planned: Sequence[str]) -> Figure:
    """Draw the index on a log scale over the probability of each regime, month by month.

    Parameters
    ----------
    history : History
    planned : sequence of str
        The months the plan is for; they are shaded.
    """
    figure = new_figure(
        "market", "The S&P 500 since 1990 and the probability of each market regime.", height=4.1
    )
    price, share = figure.subplots(2, 1, sharex=True, height_ratios=(2, 1))
    months = range(len(history.months))
    price.plot(months, history.price, color=COLOURS["ink"], linewidth=1.1)
    price.set_yscale("log")
    low, high = 0.9 * float(history.price.min()), 1.1 * float(history.price.max())
    levels = [m * 10**k for k in range(1, 5) for m in (1, 2, 5) if low <= m * 10**k <= high]
    price.set_yticks(levels, [f"{level:,}" for level in levels], minor=False)
    price.set_yticks([], minor=True)
    price.set_ylim(low, high)
    price.set_title("S&P 500, log scale")
    regimes = range(len(history.names))
    names = [
        f"{name}: {_percent(history.mean[k])} a year, volatility {_percent(history.volatility[k])}"
        for k, name in enumerate(history.names)
    ]
    areas = share.stackplot(
        months, history.probability, colors=[COLOURS[f"r{k % 4}"] for k in regimes], linewidth=0
    )
    price.legend(areas, names, loc="upper left", handlelength=0.9, handleheight=0.9)
    share.set_title("Probability of each regime, monthly mean")
    share.set_ylim(0, 1)
    share.set_yticks([0, 0.5, 1])
    percent_axis(share)
    share.set_xlim(-0.5, len(history.months) - 0.5)
    years = [t for t in months if history.months[t].endswith("-01") and int(history.months[t][:4]) % 5 == 0]
    share.set_xticks(years, [history.months[t][:4] for t in years])
    share.tick_params(axis="x", pad=9)  # the first year stands below 0 %, not on it
    shaded = [history.months.index(month) for month in planned]
    first = min(shaded) - 0.5
    window = {"ymin": 0, "ymax": BOTH_PANELS, "clip_on": False, "linewidth": 0}
    share.axvspan(first, max(shaded) + 0.5, color=COLOURS["accent"], alpha=0.12, **window).set_in_layout(
        False
    )
    note = {"color": COLOURS["muted"], "ha": "right", "va": "bottom"}
    price.text(first - 3, low * 1.05, "the months planned below", **note)
    tips = []
    for t, month in enumerate(history.months):
        chances = zip(history.names, history.probability[:, t], strict=True)
        tips.append(
            f"{_month(month)}: {history.price[t]:,.0f}; {', '.join(f'{name} {p:.0%}' for name, p in chances)}"
        )
    bands = [share.axvspan(t - 0.5, t + 0.5, color="none", **window) for t in months]
    for band in bands:
        band.set_in_layout(False)
    add_tips(bands, tips, bands=True)
    for axes in (price, share):
        without_frame(axes)
    return figure


@chart_style
def plan_chart(case: MarketCase, history: History, W: Floats, path: Integers) -> Figure:
    """Draw the evidence, the chosen regime, the weights (n, T) and the turnover of every month."""
    figure = new_figure("plan", "Regime, weights and turnover of every month of the plan.", height=5.6)
    evidence, chosen, weights, traded = figure.subplots(4, 1, sharex=True, height_ratios=(1.1, 0.4, 5, 0.9))
    months = [_month(month) for month in case.months]
    evidence.set_title("What the data say: probability of each regime")
    chosen.set_title("What the program chose")
    weights.set_title("Weights")
    traded.set_title("Turnover: bought plus sold, as a share of wealth")
    _stack(
        evidence,
        case.evidence,
        history.names,
        [f"r{k % 4}" for k in range(len(history.names))],
        months,
        ".0%",
    )
    bars = chosen.bar(range(len(months)), 1.0, BAR, color=[COLOURS[f"r{int(r) % 4}"] for r in path])
    add_tips(
        bars, [f"{month}: {history.names[int(r)]} chosen" for month, r in zip(months, path, strict=True)]
    )
    held = [i for i in range(len(W)) if float(W[i].max()) > LEAST_WEIGHT]
    assets = [case.settings.assets[i] for i in held]
    _stack(weights, W[held], assets, [f"s{i % 10}" for i in held], months, ".1%", numbers=not is_narrow())
    turnover = _turnover(case, W)
    bars = traded.bar(range(len(months)), turnover, BAR, color=COLOURS["s9"])
    add_tips(bars, [f"{month}: {amount:.1%}" for month, amount in zip(months, turnover, strict=True)])
    top = math.ceil(2 * max(float(turnover.max()), 0.1)) / 2
    for axes, high in ((evidence, 1.0), (chosen, 1.0), (weights, 1.0), (traded, top)):
        axes.set_ylim(0, high)
        axes.set_yticks(
            [] if axes is chosen else [0, 0.2, 0.4, 0.6, 0.8, 1] if axes is weights else [0, high]
        )
        percent_axis(axes)
        axes.grid(visible=False, axis="x")
        without_frame(axes)
    traded.set_xlim(-0.55, len(months) - 0.45)
    named = {
        t: f"{month[:3]}\n{month[4:]}" if t == 0 or month.startswith("Jan") else month[:3]
        for t, month in enumerate(months)
        if not is_narrow() or t % 3 == 0 or month.startswith("Jan")
    }
    traded.set_xticks(list(named), list(named.values()))
    for axes in (evidence, weights):
        handles, names = axes.get_legend_handles_labels()
        if axes is weights:  # in the order they are stacked
            handles, names = handles[::-1], names[::-1]
        axes.legend(
            handles, names, loc="upper left", bbox_to_anchor=(1.005, 1.1 if axes is evidence else 1.0),
            handlelength=0.9, handleheight=0.9, borderpad=0.1,
        )  # fmt: skip
    return figure


def _stack(
    axes: Axes, shares: Floats, names: Sequence[str], colours: Sequence[str], months: Sequence[str], form: str,
    numbers: bool = False,
) -> None:  # fmt: skip
    """Stack bars of shares (series, months), each with its tip, and with its number where there is room."""
    below = np.zeros(len(months))
    for own, name, colour in zip(np.maximum(shares, 0.0), names, colours, strict=True):
        bars = axes.bar(
            range(len(months)), own, BAR, below, color=COLOURS[colour], label=name,
            edgecolor=COLOURS["panel"], linewidth=0.5,
        )  # fmt: skip
        for bar, weight, month in zip(bars, own, months, strict=True):
            if weight > LEAST_WEIGHT:
                add_tips([bar], [f"{month}: {name} {weight:{form}}"])
            else:
                bar.remove()
        if numbers:
            at: dict[str, Any] = {"ha": "center", "va": "center", "color": ON_COLOUR}
            for t in np.flatnonzero(own > LEAST_NUMBERED).tolist():
                axes.text(t, below[t] + own[t] / 2, f"{100 * own[t]:.0f}", **at)
        below = below + own


def _turnover(case: MarketCase, W: Floats) -> Floats:
    before = np.full(W.shape[0], 1.0 / W.shape[0]) if case.program.initial is None else case.program.initial
    turnover: Floats = np.abs(np.diff(np.column_stack([before, W]), axis=1)).sum(axis=0)
    return turnover


@chart_style
def times_chart(runs: Sequence[Run]) -> Figure:
    """Draw the solve time of each lowering and solver as bars on a log axis."""
    figure = new_figure(
        "times", "Solve time of each lowering and solver.", height=0.4 + 0.35 * max(2, len(runs))
    )
    axes = figure.add_subplot()
    seconds = [run.seconds for run in runs] or [1.0]
    low = 10.0 ** math.floor(math.log10(min(seconds) * 0.7))
    high = 10.0 ** math.ceil(math.log10(max(seconds) * 1.3))
    for k, run in enumerate(runs):
        took = f"{run.seconds:.2f} s" if run.ok else f"{run.seconds:.2f} s, {run.status}"
        colour = COLOURS["s9" if not run.ok else "s0" if run.lowering == "hull" else "s1"]
        add_tips(axes.barh([k], [run.seconds - low], 0.6, low, color=colour), [f"{run.name}: {took}"])
        axes.annotate(took, (run.seconds, k), (5, 0), textcoords="offset points", va="center")
    axes.set_xscale("log")
    axes.set_xlim(low, high)
    decades = [10.0**k for k in range(round(math.log10(low)), round(math.log10(high)) + 1)]
    axes.set_xticks(decades, [f"{value:g} s" for value in decades], minor=False)
    axes.set_xticks([], minor=True)
    axes.set_ylim(max(2, len(runs)) - 0.5, -0.5)
    axes.set_yticks(range(len(runs)), [run.name for run in runs], fontweight="bold", color=COLOURS["ink"])
    axes.grid(visible=False, axis="y")
    without_frame(axes)
    return figure


@chart_style
def refutation_chart(found: Refutation) -> Figure:
    """Draw two number lines: the M published and needed, and the optimum claimed and true."""
    figure = new_figure(
        "refutation", "The published M against the M needed, and the optimum it costs.", height=1.35
    )
    numbers = (found.big_m, found.needed_m, found.claimed, found.optimum)
    published, needed, claimed, true = (math.nan if v is None else v for v in numbers)
    left, right = figure.subplots(1, 2)
    _number_line(left, "The constant M", ("published", published), ("needed", needed), "too small by")
    _number_line(right, "The optimum", ("claimed", claimed), ("true", true), "cut off")
    return figure


def _number_line(
    axes: Axes, title: str, wrong: tuple[str, float], right: tuple[str, float], between: str
) -> None:
    span = abs(wrong[1] - right[1])
    low, high = min(wrong[1], right[1]), max(wrong[1], right[1])
    axes.set_title(title)
    axes.hlines(0, low - 0.45 * span, high + 0.45 * span, color=COLOURS["muted"], linewidth=0.8)
    axes.hlines(0, low, high, color=COLOURS["bad"], alpha=0.16, linewidth=12)
    note = {"ha": "center", "color": COLOURS["muted"]}
    axes.text((low + high) / 2, 0.45, f"{between} {span:.3f}", **note)
    for (what, value), mark in ((wrong, "bad"), (right, "good")):
        axes.scatter([value], [0], s=64, color=COLOURS[mark], zorder=3)
        axes.text(value, -0.95, f"{value:.3f}", ha="center", weight="bold", color=COLOURS[mark])
        axes.text(value, -1.6, what, **note)
    axes.set_xlim(low - 0.45 * span, high + 0.45 * span)
    axes.set_ylim(-1.7, 0.9)
    axes.set_axis_off()


def _percent(value: float) -> str:
    return f"{value:.0%}".replace("-", "−")


def _month(month: str) -> str:
    return f"{MONTHS[int(month[5:7]) - 1]} {month[:4]}"
