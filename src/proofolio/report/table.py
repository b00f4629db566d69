"""One table of text, shown in four ways: on a terminal, in HTML, in Markdown and as JSON."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from html import escape
from typing import Any

__all__ = ["STYLES", "WIDE", "Cell", "Table"]


# Text, or text and its mark: one of STYLES.
Cell = str | tuple[str, str]

# By mark, how rich writes a cell on a terminal; in HTML the mark is the cell's class.
STYLES = {
    "": "",
    "good": "green",
    "bad": "bold red",
    "doubtful": "yellow",
    "notable": "cyan",
    "contradictory": "magenta",
    "faint": "dim",
}
WIDE = 100  # columns of a terminal from which two blanks, not one, stand between the columns of a table
UNBROKEN = 18  # characters that are never broken over two lines: every status and verdict is shorter


@dataclass(frozen=True)
class Table:
    r"""A table whose cells are text already.

    Parameters
    ----------
    head : sequence of str
    rows : sequence of sequences of Cell
        Each as long as the head.
    numbers : iterable of int
        Columns that are aligned to the right.
    title : str
        Shown above it on a terminal; elsewhere a heading of the page says what it is.

    Examples
    --------
    >>> print(Table(("solver", "s"), [("a|b", ("1", "good"))], [1]).markdown())
    | solver | s |
    | --- | ---: |
    | a\|b | 1 |
    """

    head: Sequence[str]
    rows: Sequence[Sequence[Cell]]
    numbers: Iterable[int] = ()
    title: str = ""

    def columns(self, shown: Sequence[int]) -> Table:
        """Return the table with these columns only, in this order."""
        right = set(self.numbers)
        return replace(
            self,
            head=[self.head[j] for j in shown],
            rows=[[row[j] for j in shown] for row in self.rows],
            numbers=[new for new, old in enumerate(shown) if old in right],
        )

    def within(self, width: int, order: Sequence[str]) -> tuple[Table, list[str]]:
        """Return the table without the columns that a terminal has no room for, and their names.

        Parameters
        ----------
        width : int
        order : sequence of str
            Names of columns that may be left out, in this order; the others stay.
        """
        longest = [
            max((len(line) for row in self.rows for line in _parts(row[j])[0].split("\n")), default=0)
            for j in range(len(self.head))
        ]
        right = set(self.numbers)
        # a long text is broken over lines, but not below this
        needed = [
            max(len(name), longest[j] if j in right else min(longest[j], UNBROKEN))
            + (2 if width >= WIDE else 1)
            for j, name in enumerate(self.head)
        ]
        left: list[str] = []
        kept = list(range(len(self.head)))
        for name in order:
            if sum(needed[j] for j in kept) <= width:
                break
            if name in self.head:
                left.append(name)
                kept.remove(list(self.head).index(name))
        return self.columns(kept), left

    def terminal(self, width: int = WIDE) -> Any:
        """Return a `rich.table.Table` for a terminal of this width."""
        from rich.table import Table as RichTable  # pages need no rich, and it is slow to import
        from rich.text import Text

        right = set(self.numbers)
        drawn = RichTable(
            title=self.title or None,
            title_justify="left",
            title_style="bold",
            box=None,
            pad_edge=False,
            padding=(0, 2 if width >= WIDE else 1, 0, 0),
            header_style="bold",
        )
        for j, name in enumerate(self.head):
            longest = max(
                (len(line) for row in self.rows for line in _parts(row[j])[0].split("\n")), default=0
            )
            whole = j in right or longest <= UNBROKEN
            drawn.add_column(name, justify="right" if j in right else "left", no_wrap=whole, overflow="fold")
        for row in self.rows:
            drawn.add_row(*(Text(text, STYLES[mark]) for text, mark in map(_parts, row)))
        return drawn

    def show(self, console: Any, less_needed: Sequence[str] = ()) -> None:
        """Print the table on a console of rich, and name the columns that it has no room for; order as in `within`."""
        shown, left = self.within(console.width, less_needed)
        console.print(shown.terminal(console.width))
        if left:
            sentence = f"Columns left out: {', '.join(left)}; --json and the report have them."
            console.print(sentence, markup=False, soft_wrap=True)

    def html(self, class_: str = "") -> str:
        """Return ``<table>``; `class_` is its class in the style sheet of `proofolio.report.page`."""
        right = set(self.numbers)
        top = "".join(_element("th", j in right, "", name, scope="col") for j, name in enumerate(self.head))
        body = "".join(
            "<tr>"
            + "".join(
                # On a narrow page a row is a list of head and cell.
                _element("td", j in right, *reversed(_parts(cell)), **{"data-head": name})
                for j, (name, cell) in enumerate(zip(self.head, row, strict=True))
            )
            + "</tr>"
            for row in self.rows
        )
        opening = f"<table class='{class_}'>" if class_ else "<table>"
        return (
            f"<div class='scroll'>{opening}<thead><tr>{top}</tr></thead><tbody>{body}</tbody></table></div>"
        )

    def markdown(self) -> str:
        """Return the table as GitHub's Markdown; marks are left out."""
        right = set(self.numbers)
        lines = [
            self.head,
            ["---:" if j in right else "---" for j in range(len(self.head))],
            *([_parts(cell)[0].replace("|", "\\|") for cell in row] for row in self.rows),
        ]
        return "\n".join(f"| {' | '.join(cells)} |" for cells in lines)

    def records(self) -> list[dict[str, str]]:
        """Return the rows for JSON, each a mapping from the head to text."""
        return [
            {name: _parts(cell)[0] for name, cell in zip(self.head, row, strict=True)} for row in self.rows
        ]


def _parts(cell: Cell) -> tuple[str, str]:
    return cell if isinstance(cell, tuple) else (cell, "")


def _element(tag: str, right: bool, mark: str, text: str, **attributes: str) -> str:
    given = {"class": " ".join(filter(None, ("number" if right else "", mark)))} | attributes
    written = "".join(f" {name}='{escape(value)}'" for name, value in given.items() if value)
    return f"<{tag}{written}>{escape(text)}</{tag}>"
