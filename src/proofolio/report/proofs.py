"""Proofs as a table for people and as a document for programs, and a refuted claim in plain sentences."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import islice, product
from pathlib import Path
from typing import Any

from rich.console import Console

from proofolio.report.table import STYLES, Cell, Table
from proofolio.verification.proofs.claim import Claim, build
from proofolio.verification.proofs.lines import Line
from proofolio.verification.proofs.proof import Proof, Strength
from proofolio.verification.proofs.statement import Facet, Statement, facets, parts

__all__ = [
    "Asked",
    "Judged",
    "decimal",
    "explained",
    "leaves",
    "plain_number",
    "proofs_document",
    "show_proofs",
]


@dataclass(frozen=True, eq=False)
class Asked:
    """A claim and where it came from: `spec` names a user's, `construct` is that of one that ships."""

    claim: Claim
    spec: str = ""
    construct: str = ""

    @property
    def formulation(self) -> str:
        """The claim's name without its family of bounds."""
        return self.claim.title.partition(" [")[0]


@dataclass(frozen=True, eq=False)
class Judged:
    """A claim with its proof.

    Attributes
    ----------
    asked : Asked
    proof : Proof
        Of a proved claim without its certificates.
    strength : Strength or None
        Where it was asked for.
    file : Path or None
        Where the certificates are.
    leaves : int
        How many cases they settle.
    shipped : bool
        Whether the verdict is that of a proof that ships, checked again.
    why_anew : str
        Of a claim that ships: why there is no such proof.
    """

    asked: Asked
    proof: Proof
    strength: Strength | None = None
    file: Path | None = None
    leaves: int = 0
    shipped: bool = False
    why_anew: str = ""

    @property
    def seconds(self) -> float:
        """Of the proof and of the search for weaknesses."""
        return self.proof.seconds + (self.strength.seconds if self.strength is not None else 0.0)


MOST_NAMED = 8  # variables in a sentence
MOST_CASES = 4096  # choices of integers that are tried in search of the nearest
DIRECTIONS = {"sound": "allows a point that is not meant", "complete": "cuts off a point that is meant"}
ORDER = {"output": 0, "auxiliary": 1, "input": 2}

Point = dict[int, Fraction]


def explained(claim: Claim, proof: Proof) -> list[tuple[str, str]]:
    """Return lines of (what, sentence) about a refuted claim's point, narrowed to the part that fails."""
    assert proof.certificates is not None
    document = proof.certificates.document
    whole, refutation = Statement.read(document["statement"]), document["refutation"]
    part = parts(whole)[refutation["part"]]
    point = {int(j): Fraction(v) for j, v in refutation["points"][refutation["part"]].items()}
    rows = _named_rows(claim, whole, part)
    if refutation["direction"] == "sound":
        return _allowed(part, point, refutation["entry"])
    return _cut_off(part, point, rows)


def _allowed(part: Statement, point: Point, entry: int) -> list[tuple[str, str]]:
    pieces = part.entries[entry]
    mentioned = {j for piece in pieces for line in piece for j in line.terms}
    kinds = {
        kind: [j for j in sorted(point) if part.kinds[j] == kind] for kind in ("input", "output", "auxiliary")
    }
    inputs = [j for j in kinds["input"] if j in mentioned or j in _beside(part, mentioned)]
    outputs = [j for j in kinds["output"] if j in mentioned]
    others = _values(part, point, kinds["auxiliary"])
    lines = [("inputs", _values(part, point, inputs))]
    allowed = f"{_values(part, point, outputs)}" if outputs else "this point"
    lines.append(("rows", f"they allow {allowed}{f', with {others}' if others else ''}"))
    broken = [max(facets(part, piece), key=lambda f: _excess(f, point)) for piece in pieces if piece]
    if broken:
        near = min(broken, key=lambda f: _excess(f, point))
        which = "the piece" if len(pieces) == 1 else f"the nearest of {len(pieces)} pieces"
        lines.append(
            ("meaning", f"{which} wants {_row(part, near)}, missed by {decimal(_excess(near, point))}")
        )
    return lines


def _beside(part: Statement, mentioned: set[int]) -> set[int]:
    """Return the columns that share a row with those mentioned."""
    return {j for line in part.rows if mentioned & set(line.terms) for j in line.terms}


def _cut_off(part: Statement, point: Point, rows: list[str]) -> list[tuple[str, str]]:
    inputs = [j for j in point if part.kinds[j] == "input"]
    outputs = [j for j in point if part.kinds[j] == "output"]
    lines = [("inputs", _values(part, point, inputs))]
    if outputs:
        lines.append(("meaning", f"it allows {_values(part, point, outputs)}"))
    continuous = [
        j
        for j in range(len(part.names))
        if j not in point and not part.integer[j] and part.kinds[j] != "selector"
    ]
    chosen = [j for j in part.chosen if j not in point]
    cases = 1
    for j in chosen:
        cases *= len(part.values(j))
    if continuous or cases > MOST_CASES:
        choices = "" if not chosen else f" in any of the {cases} choices of the integers"
        lines.append(("rows", f"no values of the other variables satisfy them{choices}"))
        return lines
    nearest, k, miss = _nearest(part, point, chosen)
    said = _values(part, nearest, chosen)
    near = f"the nearest choice is {said}, where " if said else ""
    name = f"row {rows[k]!r}, " if k < len(rows) and rows[k] else "row " if k < len(rows) else "the bound "
    row = _line(part, _all_lines(part)[k], nearest)
    lines.append(("rows", f"they forbid it: {near}{name}{row}, is broken by {decimal(miss)}"))
    return lines


def _all_lines(part: Statement) -> list[Line]:
    """Return the rows, and below them the bounds that the function gave its outputs."""
    outputs = [j for j, kind in enumerate(part.kinds) if kind == "output"]
    return [*part.rows, *(Line({j: Fraction(1)}, part.lower[j], part.upper[j]) for j in outputs)]


def _nearest(part: Statement, point: Point, chosen: list[int]) -> tuple[Point, int, Fraction]:
    """Return the choice of integers that violates the rows least, the row that is worst there, and by how much."""
    best: tuple[Point, int, Fraction] | None = None
    lines = _all_lines(part)
    for values in product(*(part.values(j) for j in chosen)):
        held = {**point, **{j: Fraction(v) for j, v in zip(chosen, values, strict=True)}}
        worst = (held, 0, Fraction(0))
        for k, line in enumerate(lines):
            if line.when is not None and held.get(line.when[0]) not in line.when[1]:
                continue
            value = sum((a * held.get(j, Fraction(0)) for j, a in line.terms.items()), Fraction(0))
            miss = max(
                Fraction(0) if line.high is None else value - line.high,
                Fraction(0) if line.low is None else line.low - value,
            )
            if miss > worst[2]:
                worst = (held, k, miss)
        if best is None or worst[2] < best[2]:
            best = worst
    assert best is not None
    return best


def _named_rows(claim: Claim, whole: Statement, part: Statement) -> list[str]:
    """Return the names of a part's rows, in its order; empty strings where the model gave none."""
    given = build(claim).program.row_names
    names = [given[i] if i < len(given) else "" for i in range(len(whole.rows))]
    known: dict[Any, str] = {}
    for name, line in zip(names, whole.rows, strict=True):
        known.setdefault(_key(whole, line), name)
    return [known.get(_key(part, line), "") for line in part.rows]


def _key(statement: Statement, line: Line) -> Any:
    return (frozenset((statement.names[j], a) for j, a in line.terms.items()), line.low, line.high)


# ----------------------------------------------------------------------- as text
def _values(part: Statement, point: Mapping[int, Fraction], columns: Iterable[int]) -> str:
    asked = [j for j in columns if j in point and part.kinds[j] != "selector"]
    shown = ", ".join(f"{part.names[j]} = {decimal(point[j])}" for j in islice(asked, MOST_NAMED))
    return shown + (f" and {len(asked) - MOST_NAMED} more" if len(asked) > MOST_NAMED else "")


def _excess(facet: Facet, point: Point) -> Fraction:
    return sum((a * point.get(j, Fraction(0)) for j, a in facet.terms.items()), Fraction(0)) - facet.limit


def _row(part: Statement, facet: Facet) -> str:
    negative = all(a < 0 for a in facet.terms.values())
    terms = {j: -a for j, a in facet.terms.items()} if negative else facet.terms
    return f"{_terms(part, terms)} {'>=' if negative else '<='} {decimal(-facet.limit if negative else facet.limit)}"


def _line(part: Statement, line: Line, held: Point) -> str:
    body = _terms(part, line.terms)
    if line.low is not None and line.low == line.high:
        return f"{body} == {decimal(line.low)}"
    value = sum((a * held.get(j, Fraction(0)) for j, a in line.terms.items()), Fraction(0))
    above = line.high is not None and (line.low is None or value > line.high)
    limit = line.high if above else line.low
    return f"{body} {'<=' if above else '>='} {decimal(limit or Fraction(0))}"


def _terms(part: Statement, terms: Mapping[int, Fraction]) -> str:
    text = ""
    ordered = sorted(terms.items(), key=lambda term: ORDER.get(part.kinds[term[0]], len(ORDER)))
    for j, a in ordered[:MOST_NAMED]:
        sign = ("- " if a < 0 else "+ ") if text else ("-" if a < 0 else "")
        size = "" if abs(a) == 1 else f"{decimal(abs(a))} "
        text += f"{' ' if text else ''}{sign}{size}{part.names[j]}"
    return (text or "0") + (" + ..." if len(terms) > MOST_NAMED else "")


def decimal(value: Fraction) -> str:
    """Return a rational number to nine digits.

    Examples
    --------
    >>> decimal(Fraction(1, 3)), decimal(Fraction(5))
    ('0.333333333', '5')
    """
    return f"{float(value):.9g}"


def plain_number(value: Fraction) -> int | float | str:
    """Return a rational number for JSON: exact, as text where no double is."""
    if value.denominator == 1:
        return int(value)
    return float(value) if Fraction(repr(float(value))) == value else str(value)


VERDICTS = ("proved", "refuted", "undecided")
MARKS = {"proved": "good", "refuted": "bad", "undecided": "doubtful"}
SHOWN = 5  # refuted claims that a terminal explains


def proofs_document(found: Sequence[Judged], interrupted: bool) -> dict[str, Any]:
    """Return the JSON document of `proofolio prove`."""
    summary: dict[str, Any] = {v: sum(one.proof.verdict == v for one in found) for v in VERDICTS}
    summary["seconds"] = sum(one.seconds for one in found)
    whole: dict[str, Any] = {"claims": [_claim(one) for one in found], "summary": summary}
    return whole | {"interrupted": True} if interrupted else whole


def _claim(one: Judged) -> dict[str, Any]:
    proof, strong = one.proof, one.strength
    witness = None
    if proof.witness is not None:
        witness = {
            "direction": proof.witness.direction,
            "values": _numbers(proof.witness.values),
            "auxiliary": _numbers(proof.witness.auxiliary),
        }
    return {
        "name": proof.name,
        "lowering": proof.lowering,
        "verdict": proof.verdict,
        "delta": None if proof.delta is None else float(proof.delta),
        "witness": witness,
        "sharp": strong.sharp if strong is not None else None,
        "ideal": strong.ideal if strong is not None else None,
        "certificates": one.leaves,
        "seconds": one.seconds,
        "total": proof.total,
        "reason": proof.reason,
        "file": str(one.file) if one.file is not None else None,
        "shipped": one.shipped,
        "why_anew": one.why_anew,
        "not_sharp_along": _numbers(strong.direction) if strong is not None else {},
        "fractional_vertex": _numbers(strong.vertex) if strong is not None else {},
    }


def _numbers(values: Mapping[str, Fraction]) -> dict[str, Any]:
    return {name: plain_number(value) for name, value in values.items()}


def leaves(proof: Mapping[str, Any]) -> int:
    """Return how many cases a document settles, each by certificates of its own."""
    if proof.get("verdict") == "refuted":
        tree = proof["refutation"].get("tree")
        return 1 if tree is None else 1 + _cases(tree)
    trees = [tree for part in proof.get("parts", []) for kind in part.values() for tree in kind]
    return sum(_cases(tree) for tree in trees)


def _cases(tree: Mapping[str, Any]) -> int:
    below = [*tree.get("cases", []), *tree.get("facets", [])]
    below += [tree[side] for side in ("inside", "beyond") if side in tree]
    return sum(map(_cases, below)) if below or "cases" in tree or "facets" in tree else 1


# ------------------------------------------------------------------ on a terminal
def show_proofs(console: Console, found: Sequence[Judged]) -> None:
    """Print the table, what is refuted in sentences, and one line about all."""

    def say(text: str) -> None:
        console.print(text, markup=False, soft_wrap=True)

    head = ("claim", "lowering", "verdict", "delta", "sharp", "ideal", "certificates", "seconds")
    table = Table(head, [_line_of(together) for together in _grouped(found)], (3, 6, 7))
    if all(one.strength is None for one in found):
        table = table.columns((0, 1, 2, 3, 6, 7))
    console.print(table.terminal(console.width))
    refuted = [one for one in found if one.proof.verdict == "refuted"]
    for one in refuted[:SHOWN]:
        console.print()
        _show_refuted(console, one)
    if len(refuted) > SHOWN:
        say(f"\nand {len(refuted) - SHOWN} more (--json has every point)")
    for one in found:
        if one.proof.verdict == "undecided":
            say(f"\nundecided  {_title(one)}: {one.proof.reason}")
    say(f"\n{_all_in_all(found)}")


def _grouped(found: Sequence[Judged]) -> list[list[Judged]]:
    """Return proofs of one formulation over several families together, and everything else alone."""
    groups: dict[Any, list[Judged]] = {}
    for k, one in enumerate(found):
        together = not one.asked.spec and one.proof.verdict == "proved"
        key = (one.asked.formulation, one.proof.lowering) if together else k
        groups.setdefault(key, []).append(one)
    return list(groups.values())


def _line_of(together: Sequence[Judged]) -> list[Cell]:
    first = together[0]
    title = first.proof.name if len(together) == 1 else f"{first.asked.formulation}, {len(together)} bounds"
    deltas = [one.proof.delta for one in together if one.proof.delta is not None]
    strengths = [one.strength for one in together if one.strength is not None]
    return [
        title,
        first.proof.lowering,
        (first.proof.verdict, MARKS[first.proof.verdict]),
        "" if not deltas else "0" if max(deltas) == 0 else f"{float(max(deltas)):.0e}",
        _worst([strength.sharp for strength in strengths]),
        _worst([strength.ideal for strength in strengths]),
        str(sum(one.leaves for one in together)) if first.proof.verdict != "undecided" else "",
        f"{sum(one.seconds for one in together):.2f}",
    ]


def _worst(values: Sequence[bool | None]) -> str:
    if not values:
        return ""
    return "no" if False in values else "?" if None in values else "yes"


def _title(one: Judged) -> str:
    where = f" from {one.asked.spec}" if one.asked.spec else ""
    lowering = f" ({one.proof.lowering})" if one.proof.lowering else ""
    return f"{one.proof.name}{lowering}{where}"


def _show_refuted(console: Console, one: Judged) -> None:
    assert one.proof.witness is not None
    console.print("refuted", style=STYLES["bad"], end="  ")
    said = f"{_title(one)} {DIRECTIONS[one.proof.witness.direction]}:"
    console.print(said, markup=False, soft_wrap=True)
    width = min(console.width, 110) - 11
    for what, sentence in explained(one.asked.claim, one.proof):
        lines = textwrap.wrap(sentence, width, break_long_words=False, break_on_hyphens=False)
        for k, line in enumerate(lines):
            console.print(f"  {what if k == 0 else '':<9}{line}", markup=False, soft_wrap=True)


def _all_in_all(found: Sequence[Judged]) -> str:
    counts = [(sum(one.proof.verdict == v for one in found), v) for v in VERDICTS]
    said = ", ".join(f"{n} {v}" for n, v in counts if n) or "nothing was looked at"
    unknown = any(
        one.strength is not None and None in (one.strength.sharp, one.strength.ideal) for one in found
    )
    several = any(len(together) > 1 for together in _grouped(found))
    notes = ["of several bounds the worst is shown"] if several else []
    notes += ["?: no counterexample found, and no proof"] if unknown else []
    noted = f" ({'; '.join(notes)})" if notes else ""
    return f"{said}{noted}.{_shipped(found)}"


def _shipped(found: Sequence[Judged]) -> str:
    """Return what the verdicts rest on where proofs ship."""
    count = sum(one.shipped for one in found)
    how = "by proofs that ship, checked again without a solver"
    said = "" if not count else f" All {how}." if count == len(found) else f" {count} {how}."
    for reason in dict.fromkeys(one.why_anew for one in found if one.why_anew):
        said += f" {sum(one.why_anew == reason for one in found)} anew: {reason}."
    return said
