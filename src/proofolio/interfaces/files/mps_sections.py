"""What all sections of an MPS file share: rows and columns by their names, numbers, and how a line is refused."""

from __future__ import annotations

from proofolio.errors import BadData
from proofolio.interfaces.files.contents import Contents, FileNumbers

__all__ = ["Sections"]


class Sections:
    """An MPS file as far as it is read; `mps_reader` holds the grammar."""

    def __init__(self, file: str, fixed: bool) -> None:
        self.found = Contents(file)
        self.fixed = fixed
        self.number = FileNumbers()
        self.section = ""
        self.begun: dict[str, int] = {}  # sections and their lines
        self.kinds: list[str] = []  # of each row: L, G or E
        self.row_place: dict[str, int] = {}  # -1, -2, ... for N rows
        self.column_place: dict[str, int] = {}
        self.sets: dict[str, str] = {}  # section -> name of its one set

    def _unfit(self, words: list[str], line: int, form: str) -> BadData:
        shown = " ".join(w for w in words if w)[:80]
        return self.found.error(
            line, f"{shown!r} does not fit its section: a line of {self.section} is {form}"
        )

    def _number(self, word: str, line: int) -> float:
        try:
            return self.number(word)
        except ValueError as error:
            raise self.found.error(line, f"{word!r} {error}") from None

    def _side(self, word: str, line: int) -> float:
        try:
            return self.number.bound(word)
        except ValueError as error:
            raise self.found.error(line, f"{word!r} {error}") from None

    def _row_of(self, name: str, line: int) -> int:
        place = self.row_place.get(name)
        if place is None or place < 0:
            why = "is not a row of ROWS" if place is None else "is an objective (kind N)"
            raise self.found.error(line, f"{name!r} {why}")
        return place

    def _column_of(self, name: str, line: int) -> int:
        place = self.column_place.get(name)
        if place is None:
            raise self.found.error(line, f"{name!r} is not a column of COLUMNS")
        return place

    def _one_set(self, name: str, line: int) -> None:
        if not name:
            return
        first = self.sets.setdefault(self.section, name)
        if name != first:
            raise self.found.error(
                line,
                f"section {self.section} holds two sets, {first!r} and {name!r}: keep the one that counts",
            )
