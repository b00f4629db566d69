"""The curves of a benchmark: who solves what share of the programs, within what time."""

from __future__ import annotations

import math
from collections.abc import Mapping

from proofolio.benchmarking.profiles import Curve
from proofolio.report.svg import Scale, element, figure, grid_lines, label, log_ticks

__all__ = ["curve_chart"]

WIDTH, HEIGHT = 980.0, 330.0
LEFT, RIGHT, TOP, BOTTOM = 60.0, 690.0, 20.0, 280.0
SERIES = 10
DASHES = (None, "7 4", "2 3", "9 3 2 3")
LEAST_SPAN = 2.0
LONGEST = 38


def curve_chart(curves: Mapping[str, Curve], words: str) -> str:
    """Draw steps on a logarithmic axis, shares of 0 to 1 upright; `words` names the horizontal axis."""
    found = [at for curve in curves.values() for at, _ in curve]
    start = min(found, default=1.0)
    stop = max(max(found, default=1.0), start * LEAST_SPAN)
    x = Scale(start, stop * 1.05, LEFT, RIGHT, log=True)
    y = Scale(0.0, 1.0, BOTTOM, TOP)
    parts = [
        grid_lines([(y(k / 5), f"{20 * k} %") for k in range(6)], LEFT, RIGHT),
        grid_lines([(x(v), f"{v:g}") for v in _marks(start, stop)], TOP, BOTTOM, vertical=True),
        label((LEFT + RIGHT) / 2, BOTTOM + 38, words, anchor="middle", class_="axis"),
    ]
    for k, (name, curve) in enumerate(curves.items()):
        drawing = f"fill:none;stroke:var(--s{k % SERIES});stroke-width:2"
        dash = DASHES[k // SERIES % len(DASHES)]
        parts.append(element("polyline", points=_steps(curve, x, y), style=drawing, stroke_dasharray=dash))
        height = TOP + 10 + 22 * k
        parts.append(
            element(
                "line",
                x1=RIGHT + 18,
                x2=RIGHT + 44,
                y1=height,
                y2=height,
                style=drawing,
                stroke_dasharray=dash,
            )
        )
        share = curve[-1][1] if curve else 0.0
        short = name if len(name) <= LONGEST else f"{name[: LONGEST - 1]}…"
        parts.append(label(RIGHT + 52, height + 4, f"{short} ({share:.0%})", class_="key"))
    height = max(HEIGHT, TOP + 20 + 22 * len(curves))
    return figure(WIDTH, height, f"Share of programs, {words}: {', '.join(curves)}", *parts)


def _marks(start: float, stop: float) -> list[float]:
    decades = log_ticks(start, stop * 1.05)
    if len(decades) < 3:
        decades = log_ticks(start, stop * 1.05, (1.0, 2.0, 5.0))
    if not decades:  # all within a little more than one time
        return [float(f"{start:.3g}")]
    return decades[:: max(1, math.ceil(len(decades) / 12))]


def _steps(curve: Curve, x: Scale, y: Scale) -> str:
    """Return the corners of the steps, one at most for every half pixel."""
    corners: dict[float, float] = {}
    for at, share in curve:
        corners[round(2 * x(at)) / 2] = share
    points, height = [], y(0.0)
    if not corners or next(iter(corners)) > LEFT:
        points.append(f"{LEFT:g},{height:.1f}")
    for place, share in corners.items():
        points.append(f"{place:g},{height:.1f}")
        height = y(share)
        points.append(f"{place:g},{height:.1f}")
    points.append(f"{RIGHT:g},{height:.1f}")
    return " ".join(points)
