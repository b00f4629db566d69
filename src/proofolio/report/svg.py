"""Small SVG charts: scales, axes, lines, areas, bars and legends, as text that only the data decides.

Colours are left to the page's style sheet (classes ``s0``, ``s1``... for series), so that one chart serves a
light and a dark page. Coordinates are written to a tenth of a pixel: the same data give the same bytes.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from html import escape

__all__ = [
    "Scale",
    "area",
    "bar",
    "element",
    "figure",
    "grid_lines",
    "label",
    "legend",
    "line",
    "log_ticks",
    "stack_areas",
    "ticks",
]


@dataclass(frozen=True)
class Scale:
    """A map from data to pixels: `start` lands on `left`, `stop` on `right` (or bottom and top).

    Examples
    --------
    >>> Scale(0, 10, 100, 200)(5)
    150.0
    >>> Scale(1, 100, 0, 2, log=True)(10)
    1.0
    """

    start: float
    stop: float
    left: float
    right: float
    log: bool = False

    def __call__(self, value: float) -> float:
        """Return the pixel of a value."""
        a, b, v = (math.log(u) if self.log else u for u in (self.start, self.stop, value))
        return self.left + (self.right - self.left) * ((v - a) / (b - a) if b != a else 0.5)


def pixel(value: float) -> str:
    """Return a coordinate to a tenth of a pixel, without a needless ``.0`` or ``-0``."""
    text = f"{value:.1f}".removesuffix(".0")
    return "0" if text == "-0" else text


def element(tag: str, *children: str, **attributes: str | float | None) -> str:
    """Return ``<tag ...>children</tag>``; ``class_`` is class, ``_`` in names is ``-``, None is left out.

    Attributes are escaped; children are taken as they are.

    Examples
    --------
    >>> element("rect", x=1.25, class_="bar")
    '<rect x="1.2" class="bar"/>'
    """
    words = [tag]
    for name, value in attributes.items():
        if value is None:
            continue
        text = value if isinstance(value, str) else pixel(value)
        words.append(f'{name.rstrip("_").replace("_", "-")}="{escape(text)}"')
    opening = " ".join(words)
    return f"<{opening}>{''.join(children)}</{tag}>" if children else f"<{opening}/>"


def label(x: float, y: float, words: str, *, anchor: str = "start", class_: str | None = None) -> str:
    """Return a line of text; `anchor` is start, middle or end."""
    return element(
        "text", escape(words), x=x, y=y, text_anchor=None if anchor == "start" else anchor, class_=class_
    )


def bar(x: float, y: float, width: float, height: float, class_: str, tip: str = "") -> str:
    """Return a rectangle, with a tooltip when there is something to say."""
    children = (element("title", escape(tip)),) if tip else ()
    return element("rect", *children, x=x, y=y, width=max(width, 0.0), height=max(height, 0.0), class_=class_)


def line(points: Iterable[tuple[float, float]], class_: str) -> str:
    """Return a polyline through pixels."""
    return element("polyline", points=_joined(points), class_=class_)


def area(upper: Sequence[tuple[float, float]], lower: Sequence[tuple[float, float]], class_: str) -> str:
    """Return the area between two lines of pixels."""
    return element("polygon", points=_joined([*upper, *reversed(lower)]), class_=class_)


def stack_areas(
    x: Sequence[float], shares: Sequence[Sequence[float]], y: Scale, classes: Sequence[str]
) -> str:
    """Return areas stacked on one another: ``shares[k][t]`` of series k at pixel ``x[t]``."""
    below = [0.0] * len(x)
    parts = []
    for series, class_ in zip(shares, classes, strict=True):
        above = [b + s for b, s in zip(below, series, strict=True)]
        parts.append(
            area(
                [(p, y(v)) for p, v in zip(x, above, strict=True)],
                [(p, y(v)) for p, v in zip(x, below, strict=True)],
                class_,
            )
        )
        below = above
    return "".join(parts)


def grid_lines(
    marks: Iterable[tuple[float, str]], start: float, stop: float, *, vertical: bool = False
) -> str:
    """Return thin lines across the plot with their labels outside it.

    `marks` are (pixel, words). Lines run from `start` to `stop`: left to right, or with `vertical` top to
    bottom with the words below.
    """
    parts = []
    for place, words in marks:
        if vertical:
            parts.append(element("line", x1=place, x2=place, y1=start, y2=stop, class_="grid"))
            parts.append(label(place, stop + 16, words, anchor="middle", class_="axis"))
        else:
            parts.append(element("line", x1=start, x2=stop, y1=place, y2=place, class_="grid"))
            parts.append(label(start - 8, place + 4, words, anchor="end", class_="axis"))
    return "".join(parts)


def legend(entries: Iterable[tuple[str, str]], x: float, y: float, *, step: float = 20) -> str:
    """Return a column of swatches with their names; `entries` are (class, words)."""
    parts = []
    for k, (class_, words) in enumerate(entries):
        parts.append(element("rect", x=x, y=y + k * step, width=11.0, height=11.0, rx=2.0, class_=class_))
        parts.append(label(x + 17, y + k * step + 10, words, class_="key"))
    return "".join(parts)


def figure(width: float, height: float, description: str, *parts: str) -> str:
    """Return a whole drawing that scales with the page and says in words what it shows."""
    return element(
        "svg",
        *parts,
        xmlns="http://www.w3.org/2000/svg",
        viewBox=f"0 0 {pixel(width)} {pixel(height)}",
        role="img",
        aria_label=description,
    )


def ticks(start: float, stop: float, about: int = 5) -> list[float]:
    """Return round numbers within [start, stop], about as many as asked.

    Examples
    --------
    >>> ticks(0, 1)
    [0.0, 0.2, 0.4, 0.6, 0.8, 1.0]
    """
    if not stop > start:
        return [start]
    rough = (stop - start) / about
    unit = 10.0 ** math.floor(math.log10(rough))
    step = next(m * unit for m in (1.0, 2.0, 5.0, 10.0) if m * unit >= rough * 0.999)
    first, last = math.ceil(start / step - 1e-9), math.floor(stop / step + 1e-9)
    digits = max(0, 1 - math.floor(math.log10(step)))
    return [round(k * step, digits) + 0.0 for k in range(first, last + 1)]


def log_ticks(start: float, stop: float, within: Sequence[float] = (1.0,)) -> list[float]:
    """Return the powers of ten within [start, stop], times each of `within`.

    Examples
    --------
    >>> log_ticks(0.5, 200)
    [1.0, 10.0, 100.0]
    """
    powers = range(math.floor(math.log10(start)) - 1, math.ceil(math.log10(stop)) + 1)
    found = [float(f"{m * 10.0**p:.6g}") for p in powers for m in within]
    return [v for v in found if start * (1 - 1e-9) <= v <= stop * (1 + 1e-9)]


def _joined(points: Iterable[tuple[float, float]]) -> str:
    return " ".join(f"{pixel(x)},{pixel(y)}" for x, y in points)
