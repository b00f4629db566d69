"""Matplotlib figures as inline SVG: the page's own colours, no outside resources, the same bytes every time.

A chart is a function that returns a `Figure`: it is decorated with `chart_style`, begins with `new_figure`, and
a page puts `inline_svg` of it where it belongs.
"""

from __future__ import annotations

import functools
import io
import re
from collections.abc import Callable, Iterable
from html import escape
from typing import Any, ParamSpec, TypeVar

import matplotlib as mpl
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.backends.backend_svg import FigureCanvasSVG
from matplotlib.figure import Figure

from proofolio.report.page import LIGHT_COLOURS

__all__ = [
    "COLOURS",
    "ON_COLOUR",
    "add_tips",
    "chart_style",
    "inline_svg",
    "legend_beside",
    "new_figure",
    "percent_axis",
    "picture",
    "without_frame",
]


# By name ("ink", "grid", "s0", "r1", ...), as hexadecimal: in the SVG each becomes the page's variable of that
# name, so that one figure serves a light and a dark page.
COLOURS = LIGHT_COLOURS
# Text on a coloured bar: dark on either page, so it must not be a colour that has a name.
ON_COLOUR = "#1c1f25"
FONT = "system-ui,-apple-system,'Segoe UI','Helvetica Neue',Arial,sans-serif"
TIP, BAND = "tip-", "band-"  # a group's identifier begins so, and goes on with its text in hexadecimal
LINE_BREAK = "\x1f"  # a line break within a tip, while line breaks between tags are taken out
SETTINGS: dict[Any, Any] = {
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
    "text.color": COLOURS["ink"],
    "xtick.color": COLOURS["grid"],
    "xtick.labelcolor": COLOURS["muted"],
    "ytick.color": COLOURS["grid"],
    "ytick.labelcolor": COLOURS["muted"],
}

P = ParamSpec("P")
Drawn = TypeVar("Drawn", Figure, Figure | None)


def chart_style(chart: Callable[P, Drawn]) -> Callable[P, Drawn]:
    """Decorate a function that draws a figure: it runs in the style of the pages, whatever the user's own is."""

    @functools.wraps(chart)
    def drawn(*args: P.args, **named: P.kwargs) -> Drawn:
        with mpl.rc_context(dict(mpl.rcParamsDefault) | SETTINGS):
            return chart(*args, **named)

    return drawn


def new_figure(name: str, description: str, height: float = 3.6, width: float = 10.0) -> Figure:
    """Return an empty figure.

    Parameters
    ----------
    name : str
        Of letters and dashes, unlike that of any other figure on the page: identifiers begin with it.
    description : str
        What it shows, for those who cannot see it.
    height, width : float
        In units of 72 points; the page scales the whole.
    """
    figure = Figure(figsize=(width, height), layout="constrained")
    figure.set_gid(name)
    figure.set_label(description)
    return figure


def inline_svg(figure: Figure) -> str:
    """Return a figure made by `new_figure` as an ``<svg>`` element."""
    name, description = str(figure.get_gid()), str(figure.get_label())
    svg = _drawn(figure)
    svg = re.sub(r' xmlns:xlink="[^"]*"', "", svg, count=1)  # a page needs no prefix before href
    # Within tags only: what stands between them is read by people, and 0.85 must stay 0.85.
    svg = re.sub(r"<[^>]*>", lambda m: _tag(m.group(), name), svg)
    svg = re.sub(r"\s*\n\s*", " ", svg).replace(LINE_BREAK, "\n")
    return re.sub(r"<svg ", f'<svg role="img" aria-label="{escape(description)}" ', svg, count=1).strip()


def picture(figure: Figure) -> str:
    """Return a figure made by `new_figure` as the text of an SVG file of its own, on white."""
    ground = figure.get_facecolor()
    figure.set_facecolor("#ffffff")
    svg = _drawn(figure)
    figure.set_facecolor(ground)
    svg = re.sub(r"(font: [^;\"']*?px )[^;\"]*", rf"\1{FONT}", svg)
    # Within drawn paths only: six decimals of a pixel are three times the file.
    svg = re.sub(
        r' d="[^"]*"', lambda m: re.sub(r"-?\d+\.\d{3,}", lambda x: f"{float(x.group()):.2f}", m.group()), svg
    )
    described = f'<svg role="img" aria-label="{escape(str(figure.get_label()))}" '
    return re.sub(r"[ \t]+$", "", svg.replace("<svg ", described, 1), flags=re.MULTILINE).strip()


def _drawn(figure: Figure) -> str:
    """Return what matplotlib writes, from ``<svg`` on and without its date."""
    with mpl.rc_context(dict(mpl.rcParamsDefault) | SETTINGS | {"svg.hashsalt": str(figure.get_gid())}):
        out = io.StringIO()
        canvas: Any = FigureCanvasSVG(figure)  # its methods have no annotations
        canvas.print_svg(out, metadata={"Date": None, "Creator": None})
    svg = out.getvalue()
    return re.sub(r"<metadata>.*?</metadata>", "", svg[svg.index("<svg") :], flags=re.DOTALL)


def _tag(tag: str, name: str) -> str:
    said = re.match(rf'<g id="({TIP}|{BAND})([0-9a-f]*)"', tag)
    if said:
        class_ = "tip" if said.group(1) == TIP else "tip hover"
        text = escape(bytes.fromhex(said.group(2)).decode(), quote=False).replace("\n", LINE_BREAK)
        return f'<g class="{class_}"><title>{text}</title>'
    tag = re.sub(r'<g id="[^"]*"', "<g", tag)
    tag = re.sub(r'\bid="', f'id="{name}-', tag)
    tag = re.sub(r'(xlink:)?href="#', f'href="#{name}-', tag)
    tag = re.sub(r"url\(#", f"url(#{name}-", tag)
    tag = re.sub(r"(font: [^;\"']*?px )[^;\"]*", rf"\1{FONT}", tag)
    for variable, colour in COLOURS.items():
        tag = tag.replace(colour, f"var(--{variable})")
    # Six decimals of a pixel are three times the page; an opacity is no pixel.
    return re.sub(r"(?<!opacity: )-?\d+\.\d{2,}", lambda m: f"{float(m.group()):.1f}".removesuffix(".0"), tag)


def add_tips(artists: Iterable[Artist], tips: Iterable[str], *, bands: bool = False) -> None:
    """Give each artist a text that is shown where a reader points; bands are seen only there."""
    kind = BAND if bands else TIP
    for artist, tip in zip(artists, tips, strict=True):
        artist.set_gid(kind + tip.encode().hex())


def legend_beside(figure: Figure, axes: Axes, *, squares: bool = False) -> None:
    """Put the legend of these axes to the right of the figure, at the top, areas and bars as squares."""
    handles, names = axes.get_legend_handles_labels()
    shape: dict[str, Any] = {"handlelength": 0.9, "handleheight": 0.9} if squares else {}
    figure.legend(handles, names, loc="outside right upper", **shape)


def percent_axis(axes: Axes) -> None:
    """Write the upright axis of shares in percent."""
    axes.yaxis.set_major_formatter(lambda share, _: f"{100 * share:.0f} %")


def without_frame(axes: Axes) -> None:
    """Take away spines and the marks at labels."""
    axes.tick_params(length=0, which="both")
    for spine in axes.spines.values():
        spine.set_visible(False)
