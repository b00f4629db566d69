"""The demo's charts: the market and its regimes, the plan, the solve times, and the M that is too small."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from proofolio.arrays import Floats, Integers
from proofolio.report.demo_case import History, MarketCase, Refutation, Run
from proofolio.report.svg import (
    Scale,
    bar,
    element,
    figure,
    grid_lines,
    label,
    legend,
    line,
    log_ticks,
    stack_areas,
    ticks,
)

__all__ = ["market_chart", "plan_chart", "refutation_chart", "times_chart"]


WIDTH = 960.0
LEFT = 58.0
MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
LEAST_WEIGHT = 0.0005


def market_chart(history: History, planned: Sequence[str]) -> str:
    """Return the market's price on a log scale over the probability of each regime, month by month.

    Parameters
    ----------
    history : History
    planned : sequence of str
        The months the plan is for; they are shaded.
    """
    count = len(history.months)
    x = Scale(0, count - 1, LEFT, WIDTH - 16)
    low, high = float(history.price.min()) * 0.9, float(history.price.max()) * 1.1
    price = Scale(low, high, 232, 26, log=True)
    share = Scale(0, 1, 372, 272)
    at = [x(t) for t in range(count)]
    shaded = [history.months.index(month) for month in planned]
    left, right = x(min(shaded) - 0.5), min(x(max(shaded) + 0.5), WIDTH - 10)
    years = [(x(t), m[:4]) for t, m in enumerate(history.months) if m.endswith("-01") and int(m[:4]) % 5 == 0]
    levels = [(price(v), f"{v:,.0f}") for v in log_ticks(low, high, (1.0, 2.0, 5.0))]
    key = [
        (f"r{k}", f"{name}: {_percent(history.mean[k])} a year, volatility {_percent(history.volatility[k])}")
        for k, name in enumerate(history.names)
    ]
    parts = [
        label(LEFT, 14, "S&P 500, log scale", class_="title"),
        grid_lines(levels, LEFT, WIDTH - 16),
        grid_lines(years, 26, 372, vertical=True),
        label(LEFT, 262, "Probability of each regime, as filtered day by day, monthly mean", class_="title"),
        stack_areas(at, history.probability.tolist(), share, [f"r{k}" for k in range(len(history.names))]),
        grid_lines([(share(v), f"{v:.0%}") for v in (0.0, 0.5, 1.0)], LEFT - 4, LEFT),
        element("rect", x=left, y=26.0, width=right - left, height=346.0, class_="window"),
        label(left - 6, 40, "the months planned below", anchor="end", class_="note"),
        line([(p, price(v)) for p, v in zip(at, history.price.tolist(), strict=True)], "price"),
        legend(key, LEFT + 14, 38),
    ]
    width = (WIDTH - 16 - LEFT) / count
    for t, month in enumerate(history.months):
        chances = ", ".join(
            f"{name} {p:.0%}" for name, p in zip(history.names, history.probability[:, t], strict=True)
        )
        tip = f"{_month(month)}: {history.price[t]:,.0f}; {chances}"
        parts.append(bar(at[t] - width / 2, 26, width, 346, "hover", tip))
    return figure(WIDTH, 396, "The S&P 500 since 1990 and the probability of each market regime.", *parts)


def plan_chart(case: MarketCase, history: History, W: Floats, path: Integers) -> str:
    """Return the evidence, the chosen regime, the weights (n, T) and the turnover of every month."""
    T = len(case.months)
    right = WIDTH - 150
    slot = (right - LEFT) / T
    gap = min(4.0, slot * 0.12)
    trades = _turnover(case, W)
    top = math.ceil(2 * max(float(trades.max()), 0.1)) / 2
    evidence, share, traded = Scale(0, 1, 84, 30), Scale(0, 1, 428, 160), Scale(0, top, 504, 462)
    parts = [
        label(LEFT, 20, "What the data say: probability of each regime", class_="title"),
        label(LEFT, 106, "What the program chose", class_="title"),
        label(LEFT, 152, "Weights", class_="title"),
        label(LEFT, 452, "Turnover: bought plus sold, as a share of wealth", class_="title"),
        grid_lines([(share(v), f"{v:.0%}") for v in ticks(0, 1)], LEFT, right),
        grid_lines([(traded(v), f"{v:.0%}") for v in (0.0, top)], LEFT, right),
    ]
    for t, month in enumerate(case.months):
        x, width, name = LEFT + t * slot + gap / 2, slot - gap, _month(month)
        below = 0.0
        for r, regime in enumerate(history.names):
            p = float(case.evidence[r, t])
            tip = f"{name}: {regime} {p:.0%}"
            parts.append(
                bar(x, evidence(below + p), width, evidence(below) - evidence(below + p), f"r{r}", tip)
            )
            below += p
        chosen = int(path[t])
        parts.append(bar(x, 112, width, 20, f"r{chosen}", f"{name}: {history.names[chosen]} chosen"))
        parts.append(_weights(case, W[:, t], share, x, width, name))
        amount = float(trades[t])
        parts.append(bar(x, traded(amount), width, traded(0) - traded(amount), "s9", f"{name}: {amount:.1%}"))
        parts.append(label(x + width / 2, 521, name[:3], anchor="middle", class_="axis"))
        if t == 0 or name.startswith("Jan"):
            parts.append(label(x + width / 2, 536, name[4:], anchor="middle", class_="axis"))
    parts.append(legend([(f"r{k}", name) for k, name in enumerate(history.names)], right + 18, 34))
    held = [i for i in range(len(W)) if float(W[i].max()) > LEAST_WEIGHT]
    parts.append(legend([(f"s{i % 10}", case.settings.assets[i]) for i in reversed(held)], right + 18, 164))
    return figure(WIDTH, 544, "Regime, weights and turnover of every month of the plan.", *parts)


def times_chart(runs: Sequence[Run]) -> str:
    """Return the solve time of each lowering and solver as bars on a log axis."""
    row, left = 34.0, 150.0
    top, bottom = 22.0, 22.0 + row * len(runs)
    longest = max((run.seconds for run in runs), default=1.0)
    shortest = min((run.seconds for run in runs), default=1.0)
    low, high = 10 ** math.floor(math.log10(shortest * 0.7)), 10 ** math.ceil(math.log10(longest * 1.3))
    x = Scale(low, high, left, WIDTH - 160, log=True)
    parts = [grid_lines([(x(v), f"{v:g} s") for v in log_ticks(low, high)], top - 8, bottom, vertical=True)]
    for k, run in enumerate(runs):
        y = top + k * row
        words = f"{run.seconds:.2f} s" if run.ok else f"{run.seconds:.2f} s, {run.status}"
        shade = run.lowering if run.ok else "failed"
        parts.append(label(left - 12, y + 16, run.name, anchor="end", class_="strong"))
        parts.append(bar(left, y + 2, x(run.seconds) - left, 20, shade, f"{run.name}: {words}"))
        parts.append(label(x(run.seconds) + 8, y + 16, words, class_="mono"))
    return figure(WIDTH, bottom + 26, "Solve time of each lowering and solver.", *parts)


def refutation_chart(found: Refutation) -> str:
    """Return two number lines: the M published and needed, and the optimum claimed and true."""
    numbers = (found.big_m, found.needed_m, found.claimed, found.optimum)
    published, needed, claimed, true = (float("nan") if v is None else v for v in numbers)
    big_m = _number_line(
        40,
        "The constant M",
        ("published", published),
        ("needed", needed),
        "too small by",
    )
    optimum = _number_line(
        WIDTH / 2 + 40,
        "The optimum",
        ("claimed", claimed),
        ("true", true),
        "cut off",
    )
    return figure(
        WIDTH, 132, "The published M against the M needed, and the optimum it costs.", big_m, optimum
    )


def _number_line(
    left: float, title: str, wrong: tuple[str, float], right: tuple[str, float], between: str
) -> str:
    span = abs(wrong[1] - right[1])
    low, high = min(wrong[1], right[1]) - 0.45 * span, max(wrong[1], right[1]) + 0.45 * span
    x = Scale(low, high, left, left + WIDTH / 2 - 80)
    a, b = sorted((x(wrong[1]), x(right[1])))
    parts = [
        label(left, 18, title, class_="title"),
        element("rect", x=a, y=54.0, width=b - a, height=16.0, class_="lost"),
        element("line", x1=x(low), x2=x(high), y1=62.0, y2=62.0, class_="rule"),
        label((a + b) / 2, 46, f"{between} {span:.3f}", anchor="middle", class_="note"),
    ]
    for (words, value), mark in ((wrong, "bad"), (right, "good")):
        parts.append(element("circle", cx=x(value), cy=62.0, r=6.0, class_=mark))
        parts.append(label(x(value), 92, f"{value:.3f}", anchor="middle", class_=f"strong {mark}"))
        parts.append(label(x(value), 110, words, anchor="middle", class_="axis"))
    return "".join(parts)


def _weights(case: MarketCase, w: Floats, share: Scale, x: float, width: float, name: str) -> str:
    parts, below = [], 0.0
    for i, asset in enumerate(case.settings.assets):
        weight = max(float(w[i]), 0.0)
        if weight <= LEAST_WEIGHT:
            continue
        height = share(below) - share(below + weight)
        parts.append(
            bar(x, share(below + weight), width, height, f"s{i % 10} cell", f"{name}: {asset} {weight:.1%}")
        )
        if height > 15 and width > 26:
            y = share(below + weight / 2) + 4
            parts.append(label(x + width / 2, y, f"{100 * weight:.0f}", anchor="middle", class_="inside"))
        below += weight
    return "".join(parts)


def _turnover(case: MarketCase, W: Floats) -> Floats:
    before = np.full(W.shape[0], 1.0 / W.shape[0]) if case.program.initial is None else case.program.initial
    path = np.column_stack([before, W])
    turnover: Floats = np.abs(np.diff(path, axis=1)).sum(axis=0)
    return turnover


def _percent(value: float) -> str:
    return f"{value:.0%}".replace("-", "−")


def _month(month: str) -> str:
    return f"{MONTHS[int(month[5:7]) - 1]} {month[:4]}"
