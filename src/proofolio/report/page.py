"""A self-contained HTML page, light and dark, without scripts or outside resources."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from html import escape

from proofolio.report.style import STYLE

__all__ = ["GENERATOR", "Cell", "chart", "page", "paragraph", "section", "table", "tiles"]

Cell = str | tuple[str, str]

# By this a command knows a page of its own, which it may write again, from a file of the user's.
GENERATOR = '<meta name="generator" content="proofolio"/>'


def page(title: str, lead: str, parts: Iterable[str], footer: str = "") -> str:
    """Return a whole document.

    Parameters
    ----------
    title, lead, footer : str
        Plain text; escaped.
    parts : iterable of str
        HTML, from the other functions here.
    """
    return "\n".join(
        [
            "<!DOCTYPE html>",
            '<html lang="en">',
            "<head>",
            '<meta charset="utf-8"/>',
            '<meta name="viewport" content="width=device-width, initial-scale=1"/>',
            '<meta name="color-scheme" content="light dark"/>',
            GENERATOR,
            f"<title>{escape(title)}</title>",
            f"<style>{STYLE}</style>",
            "</head>",
            "<body><main>",
            f"<header><h1>{escape(title)}</h1><p class='lead'>{escape(lead)}</p></header>",
            *parts,
            f"<footer>{escape(footer)}</footer>" if footer else "",
            "</main></body>",
            "</html>",
            "",
        ]
    )


def section(heading: str, *parts: str) -> str:
    """Return a section; the heading is escaped, the parts are HTML."""
    return f"<section><h2>{escape(heading)}</h2>{''.join(parts)}</section>"


def paragraph(words: str, class_: str = "") -> str:
    """Return a paragraph of plain text, in which `code` between backticks is set as code."""
    pieces = escape(words, quote=False).split("`")
    text = "".join(f"<code>{p}</code>" if k % 2 else p for k, p in enumerate(pieces))
    opening = f"<p class='{class_}'>" if class_ else "<p>"
    return f"{opening}{text}</p>"


def chart(drawing: str, caption: str = "") -> str:
    """Return a figure around an SVG drawing."""
    below = f"<figcaption>{escape(caption, quote=False)}</figcaption>" if caption else ""
    return f"<figure><div class='drawing'>{drawing}</div>{below}</figure>"


def tiles(entries: Iterable[tuple[str, str, str]]) -> str:
    """Return a row of key figures: (figure, what it is, class)."""
    return (
        "<dl class='tiles'>"
        + "".join(
            f"<div><dd class='{class_}'>{escape(figure)}</dd><dt>{escape(what)}</dt></div>"
            for figure, what, class_ in entries
        )
        + "</dl>"
    )


def table(
    head: Sequence[str], rows: Iterable[Sequence[Cell]], numbers: Iterable[int] = (), class_: str = ""
) -> str:
    """Return a table of plain text; a cell may be (text, class), and columns in `numbers` align right."""
    right = set(numbers)
    top = "".join(f"<th{_aligned(j, right)}>{escape(words)}</th>" for j, words in enumerate(head))
    body = "".join(f"<tr>{''.join(_cell(j, c, right) for j, c in enumerate(row))}</tr>" for row in rows)
    mark = f" class='{class_}'" if class_ else ""
    return (
        f"<div class='scroll'><table{mark}><thead><tr>{top}</tr></thead><tbody>{body}</tbody></table></div>"
    )


def _aligned(column: int, right: set[int]) -> str:
    return " class='number'" if column in right else ""


def _cell(column: int, cell: Cell, right: set[int]) -> str:
    words, mark = cell if isinstance(cell, tuple) else (cell, "")
    classes = " ".join(c for c in ("number" if column in right else "", mark) if c)
    opening = f"<td class='{classes}'>" if classes else "<td>"
    return f"{opening}{escape(words)}</td>"
