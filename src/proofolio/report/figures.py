"""Matplotlib drawings as inline SVG: the page's own colours, no outside resources, the same bytes every time."""

from __future__ import annotations

import io
import re
from collections.abc import Callable
from html import escape
from typing import TYPE_CHECKING, Any

from proofolio.report.page import LIGHT_COLOURS

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["COLOURS", "picture"]


# By name ("ink", "grid", "s0", "r1", ...), as hexadecimal: in the SVG each becomes the page's variable of that
# name, so that one drawing serves a light and a dark page.
COLOURS = LIGHT_COLOURS
FONT = "system-ui,-apple-system,'Segoe UI','Helvetica Neue',Arial,sans-serif"


def picture(
    name: str, description: str, draw: Callable[[Figure], None], width: float = 10.0, height: float = 3.6
) -> str:
    """Return a drawing as an ``<svg>`` element.

    Parameters
    ----------
    name : str
        Of letters and dashes, unlike that of any other drawing on the page: identifiers begin with it.
    description : str
        What it shows, for those who cannot see it.
    draw : function of a matplotlib Figure
    width, height : float
        In units of 72 to the figure's own scale; the page scales it.
    """
    import matplotlib as mpl  # slow to import, and only reports draw
    from matplotlib.backends.backend_svg import FigureCanvasSVG
    from matplotlib.figure import Figure

    settings: dict[Any, Any] = {
        "axes.axisbelow": True,
        "axes.edgecolor": COLOURS["grid"],
        "axes.facecolor": "none",
        "axes.grid": True,
        "axes.labelcolor": COLOURS["muted"],
        "axes.labelsize": 9,
        "axes.spines.right": False,
        "axes.spines.top": False,
        "axes.titlecolor": COLOURS["ink"],
        "axes.titlelocation": "left",
        "axes.titlesize": 9.5,
        "axes.titleweight": "bold",
        "figure.facecolor": "none",
        "figure.dpi": 72,
        "font.size": 9,
        "grid.color": COLOURS["grid"],
        "grid.linewidth": 0.8,
        "legend.frameon": False,
        "legend.fontsize": 9,
        "legend.labelcolor": COLOURS["ink"],
        "lines.linewidth": 1.3,
        "lines.solid_joinstyle": "round",
        "svg.fonttype": "none",
        "svg.hashsalt": name,
        "text.color": COLOURS["ink"],
        "xtick.color": COLOURS["grid"],
        "xtick.labelcolor": COLOURS["muted"],
        "ytick.color": COLOURS["grid"],
        "ytick.labelcolor": COLOURS["muted"],
    }
    # A user's own matplotlibrc must not change the report.
    with mpl.rc_context(dict(mpl.rcParamsDefault) | settings):
        figure = Figure(figsize=(width, height), layout="constrained")
        draw(figure)
        out = io.StringIO()
        canvas: Any = FigureCanvasSVG(figure)  # its methods have no annotations
        canvas.print_svg(out, metadata={"Date": None, "Creator": None})
    return _inline(out.getvalue(), name, description)


def _inline(svg: str, name: str, description: str) -> str:
    svg = svg[svg.index("<svg") :]
    svg = re.sub(r"<metadata>.*?</metadata>", "", svg, flags=re.DOTALL)
    # Within tags only: what stands between them is read by people, and 0.85 must stay 0.85.
    svg = re.sub(r"<[^>]*>", lambda m: _tag(m.group(), name), svg)
    svg = re.sub(r"\s*\n\s*", " ", svg)
    return re.sub(r"<svg ", f'<svg role="img" aria-label="{escape(description)}" ', svg, count=1).strip()


def _tag(tag: str, name: str) -> str:
    tag = re.sub(r'\bid="', f'id="{name}-', tag)
    tag = re.sub(r'href="#', f'href="#{name}-', tag)
    tag = re.sub(r"url\(#", f"url(#{name}-", tag)
    tag = re.sub(r"(font: [^;\"']*?px )[^;\"]*", rf"\1{FONT}", tag)
    for variable, colour in COLOURS.items():
        tag = tag.replace(colour, f"var(--{variable})")
    # Six decimals of a pixel are three times the page; an opacity is no pixel.
    return re.sub(r"(?<!opacity: )-?\d+\.\d{2,}", lambda m: f"{float(m.group()):.1f}".removesuffix(".0"), tag)
