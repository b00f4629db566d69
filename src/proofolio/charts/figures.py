"""Matplotlib figures as inline SVG: the page's own colours, no outside resources, the same bytes every time.

A chart is a function that returns a `Figure`: it is decorated with `chart_style`, begins with `new_figure`, and
a page puts `inline_svg` of it where it belongs. It is drawn twice, for a wide page and for a narrow one (a phone), and
the page shows the one that fits: text that shrinks with its drawing cannot be read at 400 pixels. A chart that has
panels side by side asks `panels_across` how many fit.
"""

from __future__ import annotations

import base64
import functools
import io
import re
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from html import escape
from typing import Any, ParamSpec, TypeVar

import matplotlib as mpl
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.axis import Axis
from matplotlib.backends.backend_svg import FigureCanvasSVG
from matplotlib.dates import AutoDateLocator
from matplotlib.figure import Figure

from proofolio.charts.colours import LIGHT_COLOURS

__all__ = [
    "COLOURS",
    "ON_COLOUR",
    "add_tips",
    "chart_style",
    "image",
    "inline_svg",
    "is_narrow",
    "legend_beside",
    "narrow_page",
    "new_figure",
    "panels_across",
    "percent_axis",
    "picture",
    "plain_logarithms",
    "shortened",
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
# Widths of the two drawings in units of 72 points. The page shows the wide one from 900 pixels on, where it is enlarged
# by 1.17 at least, and the narrow one below, at its own size or larger: no text is smaller than 11 pixels on either.
WIDE, NARROW = 10.0, 5.0
WIDE_TEXT, NARROW_TEXT = 9.5, 11.0
NARROW_CHARACTERS = 56  # of text across a narrow drawing
WIDE_LINE, NARROW_LINE = 0.2, 0.24  # of a legend, in units of 72 points
_narrow: ContextVar[bool] = ContextVar("narrow", default=False)
SETTINGS: dict[Any, Any] = {
    "axes.axisbelow": True,
    "axes.edgecolor": COLOURS["grid"],
    "axes.facecolor": "none",
    "axes.grid": True,
    "axes.labelcolor": COLOURS["muted"],
    "axes.labelsize": "medium",
    "axes.spines.right": False,
    "axes.spines.top": False,
    "axes.titlecolor": COLOURS["ink"],
    "axes.titlelocation": "left",
    "axes.titlesize": "medium",
    "axes.titleweight": "bold",
    "figure.facecolor": "none",
    "figure.dpi": 72,
    "font.size": WIDE_TEXT,
    "grid.color": COLOURS["grid"],
    "grid.linewidth": 0.8,
    "legend.frameon": False,
    "legend.fontsize": "medium",
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


class _Picture(Figure):
    """A figure that can be drawn once more, for a narrow page."""

    redraw: Callable[[], Figure | None] | None = None

    def _repr_svg_(self) -> str:
        """Show itself in a notebook, whether pyplot was imported or not."""
        return picture(self)


def chart_style(chart: Callable[P, Drawn]) -> Callable[P, Drawn]:
    """Decorate a function that draws a figure: it runs in the style of the pages, whatever the user's own is."""

    @functools.wraps(chart)
    def drawn(*args: P.args, **named: P.kwargs) -> Drawn:
        with _style():
            figure = chart(*args, **named)
        if isinstance(figure, _Picture):
            figure.redraw = lambda: again(*args, **named)
        return figure

    again: Callable[P, Drawn] = drawn
    return drawn


@contextmanager
def _style(**more: Any) -> Iterator[None]:
    size = {"font.size": NARROW_TEXT} if is_narrow() else {}
    with mpl.rc_context(dict(mpl.rcParamsDefault) | SETTINGS | size | more):
        yield


@contextmanager
def narrow_page() -> Iterator[None]:
    """Draw what is drawn in this context for a narrow page."""
    token = _narrow.set(True)
    try:
        yield
    finally:
        _narrow.reset(token)


def is_narrow() -> bool:
    """Return whether a figure is being drawn for a narrow page."""
    return _narrow.get()


def panels_across(wanted: int) -> int:
    """Return how many panels stand side by side: as many as wanted, on a narrow page one."""
    return 1 if is_narrow() else wanted


def new_figure(
    name: str, description: str, height: float = 3.6, *, narrow_height: float | None = None
) -> Figure:
    """Return an empty figure, as wide as the page that is drawn for.

    Parameters
    ----------
    name : str
        Of letters and dashes, unlike that of any other figure on the page: identifiers begin with it.
    description : str
        What it shows, for those who cannot see it.
    height, narrow_height : float
        In units of 72 points; the page scales the whole. On a narrow page the same when left out.
    """
    if is_narrow():
        name, height = f"{name}-narrow", height if narrow_height is None else narrow_height
    figure = _Picture(figsize=(NARROW if is_narrow() else WIDE, height), layout="constrained")
    figure.set_gid(name)
    figure.set_label(description)
    return figure


def inline_svg(figure: Figure) -> str:
    """Return a figure made by `new_figure` as ``<svg>`` elements: one for a wide page, and one for a narrow one."""
    redraw = figure.redraw if isinstance(figure, _Picture) else None
    if redraw is None:
        return _svg(figure)
    with narrow_page():
        narrow = redraw()
        small = "" if narrow is None else _svg(narrow, "narrow")
    return _svg(figure, "wide") + small


def _svg(figure: Figure, shown: str = "") -> str:
    name, description = str(figure.get_gid()), str(figure.get_label())
    svg = _drawn(figure)
    svg = re.sub(r' xmlns:xlink="[^"]*"', "", svg, count=1)  # a page needs no prefix before href
    # Within tags only: what stands between them is read by people, and 0.85 must stay 0.85.
    svg = re.sub(r"<[^>]*>", lambda m: _tag(m.group(), name), svg)
    svg = re.sub(r"\s*\n\s*", " ", svg).replace(LINE_BREAK, "\n")
    class_ = f' class="{shown}"' if shown else ""
    return re.sub(
        r"<svg ", f'<svg role="img"{class_} aria-label="{escape(description)}" ', svg, count=1
    ).strip()


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


def image(figure: Figure) -> str:
    """Return a figure made by `new_figure` as an HTML image that brings its picture along, for a notebook."""
    data = base64.b64encode(picture(figure).encode()).decode()
    described = escape(str(figure.get_label()))
    source = f"data:image/svg+xml;base64,{data}"
    return f'<div><img alt="{described}" style="max-width:100%" src="{source}"/></div>'


def _drawn(figure: Figure) -> str:
    """Return what matplotlib writes, from ``<svg`` on and without its date."""
    with _style(**{"svg.hashsalt": str(figure.get_gid())}):
        for axes in figure.axes if is_narrow() else ():
            locator = axes.xaxis.get_major_locator()
            if isinstance(locator, AutoDateLocator):
                few: Any = AutoDateLocator  # without annotations
                axes.xaxis.set_major_locator(few(minticks=2, maxticks=4))
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
    """Put the legend of these axes to the right of the figure, at the top, areas and bars as squares.

    On a narrow page it stands below, in as many columns as fit, and the figure is made as much higher.
    """
    handles, names = axes.get_legend_handles_labels()
    shape: dict[str, Any] = {"handlelength": 0.9, "handleheight": 0.9} if squares else {}
    if not is_narrow():
        figure.set_figheight(max(figure.get_figheight(), WIDE_LINE * (1 + len(names))))
        figure.legend(handles, names, loc="outside right upper", **shape)
        return
    longest = max((len(name) for name in names), default=1)
    across = max(1, min(4, len(names), int(NARROW_CHARACTERS // (longest + 6))))
    lines = -(-len(names) // across)
    figure.set_figheight(figure.get_figheight() + NARROW_LINE * lines)
    figure.legend(handles, names, loc="outside lower left", ncols=across, columnspacing=1.0, **shape)


def shortened(names: Iterable[str], longest: int) -> list[str]:
    """Return names cut in the middle to a length that fits, or to the next one at which no two become the same.

    Examples
    --------
    >>> shortened(["balance[north,2031,winter]", "balance[north,2031,summer]", "cap"], 15)
    ['balance…winter]', 'balance…summer]', 'cap']
    >>> shortened(["U.0001.bigm", "U.0002.bigm"], 7)
    ['U.0001.bigm', 'U.0002.bigm']
    """
    given = list(names)
    most = max(map(len, given), default=0)
    for room in range(longest, most):
        cut = [_cut(name, room) for name in given]
        if len(set(cut)) == len(set(given)):
            return cut
    return given


def _cut(name: str, longest: int) -> str:
    half = longest // 2
    return name if len(name) <= longest else f"{name[:half]}…{name[len(name) - (longest - half - 1) :]}"


def percent_axis(axes: Axes) -> None:
    """Write the upright axis of shares in percent."""
    axes.yaxis.set_major_formatter(lambda share, _: f"{100 * share:.0f} %")


def plain_logarithms(axis: Axis) -> None:
    """Write the decades of a logarithmic axis as plain numbers, 0.1 and not a power of ten."""
    axis.set_major_formatter(lambda value, _: f"{value:g}")
    axis.set_minor_formatter(lambda value, _: "")


def without_frame(axes: Axes) -> None:
    """Take away spines and the marks at labels."""
    axes.tick_params(length=0, which="both")
    for spine in axes.spines.values():
        spine.set_visible(False)
