"""A refuted claim in plain words: the point, what the rows do there, and what was meant."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from fractions import Fraction
from itertools import islice, product
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from proofolio.verification.claim import Claim
    from proofolio.verification.prove import Proof
    from proofolio.verification.statement import Facet, Line, Statement

__all__ = ["decimal", "direction", "explained", "plain_number"]

MOST_NAMED = 8
MOST_CASES = 4096
DIRECTIONS = {"sound": "allows a point that is not meant", "complete": "cuts off a point that is meant"}
ORDER = {"output": 0, "auxiliary": 1, "input": 2}

Point = dict[int, Fraction]


def direction(proof: Proof) -> str:
    """Say in which direction a refuted claim fails."""
    assert proof.witness is not None
    return DIRECTIONS[proof.witness.direction]


def explained(claim: Claim, proof: Proof) -> list[tuple[str, str]]:
    """Return lines of (what, words) about a refuted claim's point, narrowed to the part that fails."""
    from proofolio.verification.parts import parts
    from proofolio.verification.statement import Statement

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
    from proofolio.verification.statement import facets

    pieces = part.entries[entry]
    spoken = {j for piece in pieces for line in piece for j in line.terms}
    kinds = {
        kind: [j for j in sorted(point) if part.kinds[j] == kind] for kind in ("input", "output", "auxiliary")
    }
    inputs = [j for j in kinds["input"] if j in spoken or j in _beside(part, spoken)]
    outputs = [j for j in kinds["output"] if j in spoken]
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


def _beside(part: Statement, spoken: set[int]) -> set[int]:
    """Return the columns that share a row with those spoken of."""
    return {j for line in part.rows if spoken & set(line.terms) for j in line.terms}


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
    held, k, miss = _nearest(part, point, chosen)
    said = _values(part, held, chosen)
    near = f"the nearest choice is {said}, where " if said else ""
    name = f"row {rows[k]!r}, " if k < len(rows) and rows[k] else "row " if k < len(rows) else "the bound "
    row = _line(part, _held_to(part)[k], held)
    lines.append(("rows", f"they forbid it: {near}{name}{row}, is broken by {decimal(miss)}"))
    return lines


def _held_to(part: Statement) -> list[Line]:
    """Return the rows, and below them the bounds that the function gave its outputs."""
    from proofolio.verification.statement import Line

    outputs = [j for j, kind in enumerate(part.kinds) if kind == "output"]
    return [*part.rows, *(Line({j: Fraction(1)}, part.lower[j], part.upper[j]) for j in outputs)]


def _nearest(part: Statement, point: Point, chosen: list[int]) -> tuple[Point, int, Fraction]:
    """Return the choice of integers that violates the rows least, the row that is worst there, and by how much."""
    best: tuple[Point, int, Fraction] | None = None
    lines = _held_to(part)
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
    from proofolio.verification.claim import build

    given = build(claim).program.row_names
    names = [given[i] if i < len(given) else "" for i in range(len(whole.rows))]
    known: dict[Any, str] = {}
    for name, line in zip(names, whole.rows, strict=True):
        known.setdefault(_key(whole, line), name)
    return [known.get(_key(part, line), "") for line in part.rows]


def _key(statement: Statement, line: Line) -> Any:
    return (frozenset((statement.names[j], a) for j, a in line.terms.items()), line.low, line.high)


# -------------------------------------------------------------------------- words
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
    words = ""
    ordered = sorted(terms.items(), key=lambda term: ORDER.get(part.kinds[term[0]], len(ORDER)))
    for j, a in ordered[:MOST_NAMED]:
        sign = ("- " if a < 0 else "+ ") if words else ("-" if a < 0 else "")
        size = "" if abs(a) == 1 else f"{decimal(abs(a))} "
        words += f"{' ' if words else ''}{sign}{size}{part.names[j]}"
    return (words or "0") + (" + ..." if len(terms) > MOST_NAMED else "")


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
