"""The sections of an MPS file with quadratic parts, indicators and special ordered sets."""

from __future__ import annotations

from proofolio.interfaces.files.contents import FileNumbers, Terms
from proofolio.interfaces.files.mps_sections import Sections
from proofolio.program.decimals import exact_sum

__all__ = ["LogicSections"]


class LogicSections(Sections):
    """Reads quadratic parts, indicators and special ordered sets."""

    def __init__(self, file: str, fixed: bool) -> None:
        super().__init__(file, fixed)
        self.pairs: dict[tuple[int, int], float] = {}
        self.whole: dict[tuple[int, int], list[float]] = {}
        self.curved_row = -1

    def _end_section(self) -> None:
        if self.section in ("QMATRIX", "QCMATRIX"):
            line = self.begun[self.section]
            whole = {place: exact_sum(values) for place, values in self.whole.items()}
            for (i, j), value in whole.items():
                if whole.get((j, i)) != value:
                    a, b = self.found.columns[i], self.found.columns[j]
                    raise self.found.error(
                        line,
                        f"section {self.section} is not symmetric: it must hold {a!r}, {b!r} and {b!r}, {a!r} "
                        "with the same number",
                    )
            terms: Terms = [(i, j, value) for (i, j), value in whole.items()]
            if self.section == "QMATRIX":
                self.found.curved = terms
            else:
                self.found.quadratic[self.curved_row] = terms
        self.section = ""

    def _triple(self, words: list[str], line: int) -> tuple[int, int, float]:
        if len(words) != 3:
            raise self._unfit(words, line, "two columns and a number")
        first, second = self._column_of(words[0], line), self._column_of(words[1], line)
        return first, second, self._number(words[2], line)

    def _pair(self, words: list[str], line: int) -> None:
        i, j, value = self._triple(words, line)
        key = (min(i, j), max(i, j))
        if key in self.pairs:
            raise self.found.error(
                line,
                f"section {self.section} holds the pair {words[0]!r}, {words[1]!r} twice: it must hold one "
                "triangle, each pair once (QMATRIX holds both)",
            )
        self.pairs[key] = value

    def _entry(self, words: list[str], line: int) -> None:
        i, j, value = self._triple(words, line)
        self.whole.setdefault((i, j), []).append(value)

    def _indicator(self, words: list[str], line: int) -> None:
        if len(words) != 4 or words[0].upper() != "IF" or words[3] not in ("0", "1"):
            raise self._unfit(words, line, "IF, a row, a binary column and 0 or 1")
        row = self._row_of(words[1], line)
        if row in self.found.indicators:
            raise self.found.error(line, f"row {words[1]!r} has two indicators")
        self.found.indicators[row] = (self._column_of(words[2], line), int(words[3]))

    def _set(self, words: list[str], line: int) -> None:
        kind = words[0].upper()
        begins = kind in ("S1", "S2") and len(words) >= 2
        if begins and len(words) in (2, 3) and words[-2] in self.column_place and _is_number(words[-1]):
            begins = False  # a member whose name, or whose first word, is S1
        sets = self.found.sos
        if begins:
            names = [w for w in words[1:] if not _is_number(w)] or words[1:]
            if len(words) > 4 or (self.section != "SOS" and self.section[-1] != kind[1]):
                raise self._unfit(
                    words, line, f"{'S' + self.section[3:] or 'S1 or S2'} and the name of a set"
                )
            if any(names[-1] == known for known, *_ in sets):
                raise self.found.error(line, f"two special ordered sets are called {names[-1]!r}")
            sets.append((names[-1], int(kind[1]), [], []))
            return
        last = words[-1].rsplit(":", 1) if ":" in words[-1] else words[-2:]
        if not sets or len(words) > 3 or len(last) != 2:
            raise self._unfit(words, line, "S1 or S2 and the name of a set, or a column and its weight")
        name, kind_, members, weights = sets[-1]
        column, weight = self._column_of(last[0], line), self._number(last[1], line)
        if column in members or (kind_ == 2 and weight in weights):
            what = f"column {last[0]!r}" if column in members else f"the weight {last[1]}"
            raise self.found.error(line, f"the special ordered set {name!r} holds {what} twice")
        members.append(column)
        weights.append(weight)


def _is_number(word: str) -> bool:
    try:
        FileNumbers()(word)
    except ValueError:
        return False
    return True
