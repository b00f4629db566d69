"""A self-contained HTML page, light and dark, without scripts or outside resources, and its style sheet."""

from __future__ import annotations

from collections.abc import Iterable
from html import escape

from proofolio.charts.colours import DARK, LIGHT

__all__ = [
    "GENERATOR",
    "STYLE",
    "chart",
    "page",
    "paragraph",
    "section",
    "tiles",
]


_RULES = """
*{box-sizing:border-box}
body{margin:0;background:var(--ground);color:var(--ink);line-height:1.55;
  font:16px/1.55 system-ui,-apple-system,"Segoe UI","Helvetica Neue",Arial,sans-serif}
main{max-width:1020px;margin:0 auto;padding:48px 28px 40px}
h1{font-size:2rem;line-height:1.2;letter-spacing:-.015em;margin:0 0 12px;font-weight:650}
h2{font-size:1.25rem;letter-spacing:-.005em;margin:0 0 8px;font-weight:620}
.lead{font-size:1.08rem;color:var(--muted);max-width:46em;margin:0}
section{margin-top:48px;padding-top:28px;border-top:1px solid var(--rule)}
p{max-width:46em;margin:0 0 14px}
code{font:.88em ui-monospace,"SF Mono",Menlo,Consolas,monospace;background:var(--grid);padding:1px 5px;
  border-radius:4px}
figure{margin:18px 0 8px}
figcaption{color:var(--muted);font-size:.88rem;max-width:52em;margin-top:6px}
.drawing svg{display:block;width:100%;height:auto}
.drawing svg.narrow{display:none;max-width:600px}
.scroll{overflow-x:auto}
.tiles{display:grid;grid-template-columns:repeat(auto-fit,minmax(170px,1fr));gap:12px;margin:30px 0 0}
.tiles div{display:flex;flex-direction:column-reverse;justify-content:flex-end;background:var(--panel);
  border:1px solid var(--rule);border-radius:10px;padding:14px 16px}
.tiles dd{margin:0;font-size:1.45rem;font-weight:640;letter-spacing:-.01em;font-variant-numeric:tabular-nums}
.tiles dt{color:var(--muted);font-size:.86rem;order:-1;line-height:1.35}
table{border-collapse:collapse;width:100%;font-size:.92rem;margin:14px 0 6px;
  font-variant-numeric:tabular-nums}
th{font-weight:600;text-align:left;color:var(--muted);font-size:.84rem}
th,td{padding:7px 12px 7px 0;border-bottom:1px solid var(--rule);vertical-align:top;white-space:nowrap}
table.compact{width:auto;min-width:26em} table.compact td{padding-top:4px;padding-bottom:4px}
table.dense{font-size:.84rem} table.dense th{white-space:normal;vertical-align:bottom}
table.dense th,table.dense td{padding:5px 9px 5px 0} table.dense .number{padding-right:9px}
table.names td:nth-child(-n+2){white-space:normal;overflow-wrap:anywhere;min-width:7em}
h3{font-size:1rem;margin:26px 0 6px}
th.number,td.number{text-align:right;padding-right:18px}
.good{color:var(--good)} .bad{color:var(--bad)}
td.good,td.bad{font-weight:600}
footer{margin-top:56px;color:var(--muted);font-size:.84rem;overflow-wrap:anywhere}
@media screen and (max-width:899px){
main{padding:28px 16px}
h1{font-size:1.6rem}
.drawing svg.wide{display:none}
.drawing svg.narrow{display:block}
thead{position:absolute;width:1px;height:1px;overflow:hidden;clip-path:inset(50%)}
table,table.compact,tbody,tr{display:block;width:100%;min-width:0}
tr{padding:8px 0;border-bottom:1px solid var(--rule)}
td,table.dense td,table.compact td,table.bench td{display:flex;justify-content:space-between;gap:16px;border:0;
  padding:1px 0;white-space:normal;overflow-wrap:anywhere;text-align:right}
td.number,table.dense td.number{padding-right:0}
td:first-child{font-weight:600}
td:empty{display:none}
td::before{content:attr(data-head);color:var(--muted);font-weight:400;text-align:left;flex:none;max-width:60%}
}
@media print{
:root{color-scheme:light}
main{max-width:none;padding:0}
section{break-inside:auto;margin-top:28px;padding-top:16px}
figure,tr,.tiles{break-inside:avoid}
h2,h3{break-after:avoid}
.scroll{overflow:visible}
table,table.dense{font-size:.7rem}
th,td{white-space:normal;padding-right:6px}
}
svg g.tip path,svg g.tip use{pointer-events:all}
svg g.hover:hover path{fill:var(--ink)!important;opacity:.08}
"""
# Paper is light, whatever the screen is.
STYLE = f":root{{{LIGHT}}}@media screen and (prefers-color-scheme:dark){{:root{{{DARK}}}}}{_RULES}".replace(
    "\n", ""
)

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


def paragraph(text: str, class_: str = "") -> str:
    """Return a paragraph of plain text, in which `code` between backticks is set as code."""
    pieces = escape(text, quote=False).split("`")
    inside = "".join(f"<code>{p}</code>" if k % 2 else p for k, p in enumerate(pieces))
    opening = f"<p class='{class_}'>" if class_ else "<p>"
    return f"{opening}{inside}</p>"


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
