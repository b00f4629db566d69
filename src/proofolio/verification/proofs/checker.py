"""The checker of proofs: no solver, no floating point; lists of cases are re-derived, not believed.

A proof's document holds a statement and trees. Every branch of a tree must have one child for every value of
an integer column, or for every facet of a piece, or for both sides of a hyperplane; every leaf is
multipliers for `proofolio.verification.exact.certificate.bound`. A refutation holds a rational point, and for a
point without a completion a tree over all values of the integers.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from fractions import Fraction
from typing import Any, NamedTuple

from proofolio.verification.exact.certificate import (
    NUMBERS,
    UNREADABLE,
    Row,
    System,
    Undecidable,
    bound,
    digest,
    evaluate,
    proves_empty,
    read_numbers,
    violation,
)
from proofolio.verification.exact.in_time import TimeIsUp
from proofolio.verification.proofs.lines import Line
from proofolio.verification.proofs.questions import (
    Question,
    cell_generators,
    combinations,
    disjoint_outputs,
    excess,
    lifted_facets,
    outside_bounds,
    recession,
    sound_question,
    total_question,
)
from proofolio.verification.proofs.statement import DELTA, Statement, facets, freed_rows, lent_in_cell, parts

__all__ = ["Recheck", "holds", "recheck"]


Point = dict[int, Fraction]


class Recheck(NamedTuple):
    """Whether a document proves its verdict, and where it fails when it does not."""

    ok: bool
    reason: str = ""


class _Wrong(Exception): ...


def recheck(document: Mapping[str, Any], statement: Statement | None = None) -> Recheck:
    """Check a proof's document in exact arithmetic, without a solver.

    Parameters
    ----------
    document : mapping
        As `Certificates` saves it.
    statement : Statement, optional
        What the document must be about; without it the statement in the document is taken at its word.
    """
    return _answer(lambda: _document(document, statement))


def holds(statement: Statement, content: Mapping[str, Any]) -> Recheck:
    """Check the verdict, trees and points of a document without its digest, as a proof of a given statement."""
    return _answer(lambda: _verdict(statement, content))


def _answer(check: Callable[[], None]) -> Recheck:
    try:
        check()
    except _Wrong as wrong:
        return Recheck(False, f"the certificate fails: {wrong}")
    except TimeIsUp:
        raise
    except (*UNREADABLE, Undecidable) as error:
        return Recheck(False, f"the certificate cannot be read: {type(error).__name__}: {error}")
    return Recheck(True)


def _document(document: Mapping[str, Any], statement: Statement | None) -> None:
    _require(document.get("digest") == digest(document), "its digest does not match")
    _require(document.get("numbers") == NUMBERS, f"its numbers are not {NUMBERS}")
    said = Statement.read(document["statement"])
    _require(statement is None or said == statement, "it is about another statement than this claim's")
    _verdict(said, document)


def _verdict(statement: Statement, content: Mapping[str, Any]) -> None:
    _atoms(statement)
    if content["verdict"] == "proved":
        _proved(statement, content)
    elif content["verdict"] == "refuted":
        _refuted(parts(statement), content["refutation"])
        _true_atoms(statement, content["refutation"])
    else:
        raise _Wrong(f"a verdict {content['verdict']!r} has no certificate")


def _require(condition: bool, sentence: str) -> None:
    if not condition:
        raise _Wrong(sentence)


def _atoms(statement: Statement) -> None:
    """Require that every atom may take each value that its form takes."""
    own = {atom.column for atom in statement.atoms}
    for atom in statement.atoms:
        used = {j for i, k, _ in atom.terms for j in (i, k)}
        _require(used | {atom.column} <= set(range(len(statement.names))), "an atom is of no column")
        _require(not used & own, "an atom stands for another atom")
        _require(all(statement.kinds[j] == "input" for j in used | own), "an atom is not one of inputs")
        _require(not statement.integer[atom.column], "an atom is an integer")
        ends = atom.interval(statement.lower, statement.upper)
        low, high = statement.lower[atom.column], statement.upper[atom.column]
        _require(
            ends is not None and low is not None and high is not None and low <= ends[0] and ends[1] <= high,
            "the bounds of an atom leave out values of its form",
        )


def _true_atoms(statement: Statement, refutation: Mapping[str, Any]) -> None:
    """Require that a refutation's point gives every atom the value of its form."""
    if not statement.atoms:
        return
    place = {name: j for j, name in enumerate(statement.names)}
    _require(len(place) == len(statement.names), "two columns share a name")
    whole = read_numbers(refutation["inputs"])
    for j, value in whole.items():
        low, high = statement.lower[j], statement.upper[j]
        inside = (low is None or low <= value) and (high is None or value <= high)
        _require(
            inside and (not statement.integer[j] or value.denominator == 1), "an input is outside its box"
        )
    for part, point in zip(parts(statement), refutation["points"], strict=True):
        for k, value in read_numbers(point).items():
            j = place[part.names[k]]
            _require(statement.kinds[j] != "input" or whole[j] == value, "the parts differ about an input")
    for atom in statement.atoms:
        _require(whole[atom.column] == atom.value(whole), "an atom is not what it stands for at the point")


def _proved(statement: Statement, document: Mapping[str, Any]) -> None:
    found = parts(statement)
    _require(len(found) == len(document["parts"]), "it has another number of parts")
    delta, total = Fraction(0), document["total"]
    _require(total is None or isinstance(total, bool), "total is neither true, false nor unknown")
    for part, proof in zip(found, document["parts"], strict=True):
        _require(len(proof["sound"]) == len(part.entries), "an entry has no soundness proof")
        for entry, tree in enumerate(proof["sound"]):
            delta = max(delta, _outside(part, sound_question(part, entry), tree))
        ways = combinations(part)
        _require(len(proof["complete"]) == len(ways), "a combination of pieces has no completeness proof")
        for way, tree in zip(ways, proof["complete"], strict=True):
            lines = tuple(line for entry, k in zip(part.entries, way, strict=True) for line in entry[k])
            delta = max(delta, _cell(part, lines, tree, {}))
        if total is True:
            _require(disjoint_outputs(part), "entries share outputs, so totality entry by entry says nothing")
            _require(len(proof["total"]) == len(part.entries), "an entry has no proof that it is total")
            for entry, tree in enumerate(proof["total"]):
                delta = max(delta, _outside(part, total_question(part, entry), tree))
    _require(delta <= DELTA, "it needs a delta beyond 1e-9")
    _require(Fraction(document["delta"]) == delta, "the delta it states is not the delta it reaches")
    if total is False:
        # the parts do not say what atoms stand for, so a point of theirs need not be true
        _require(not statement.atoms, "a point without outputs says nothing beside quadratic parts")
        _without_output(found, document["gap"])


def _outside(part: Statement, question: Question, tree: Mapping[str, Any]) -> Fraction:
    goal: Row = {question.t: Fraction(1)}
    system = question.system

    def node(tree: Mapping[str, Any], fixed: Point, chosen: dict[int, int]) -> Fraction:
        if "column" in tree:
            column = tree["column"]
            _require(column in question.columns and column not in fixed, "a branch on a wrong column")
            values = part.values(column)
            _require(len(tree["cases"]) == len(values), "a value of an integer column is missing")
            cases = zip(values, tree["cases"], strict=True)
            return max(
                (node(c, {**fixed, column: Fraction(v)}, chosen) for v, c in cases), default=Fraction(0)
            )
        if "piece" in tree:
            piece = tree["piece"]
            _require(0 <= piece < len(question.pieces) and piece not in chosen, "a branch on a wrong piece")
            _require(len(tree["facets"]) == len(question.pieces[piece]), "a facet of a piece is missing")
            facets_ = enumerate(tree["facets"])
            return max((node(c, fixed, {**chosen, piece: k}) for k, c in facets_), default=Fraction(0))
        here = replace(system, freed=question.freed(fixed, chosen), fixed=fixed)
        if "empty" in tree:
            _require(proves_empty(here, read_numbers(tree["empty"])), "multipliers do not prove a case empty")
            return Fraction(0)
        y = read_numbers(tree["multipliers"])
        proved = bound(here, goal, y)
        _require(
            proved is not None and (proved <= 0 or proved <= question.lent(here, y)),
            "multipliers do not prove a case inside the pieces",
        )
        assert proved is not None
        _require(Fraction(tree["bound"]) == proved, "a bound is not what its multipliers prove")
        return max(proved, Fraction(0))

    return node(tree, {}, {})


def _cell(part: Statement, lines: tuple[Line, ...], tree: Mapping[str, Any], fixed: Point) -> Fraction:
    system = replace(part.cell(lines), fixed=fixed)
    if "empty" in tree:
        _require(proves_empty(system, read_numbers(tree["empty"])), "multipliers do not prove a cell empty")
        return Fraction(0)
    if "column" in tree:
        column = tree["column"]
        _require(column in part.given and column not in fixed, "a branch on a wrong column")
        values = part.values(column)
        _require(len(tree["cases"]) == len(values), "a value of an integer input is missing")
        cases = zip(values, tree["cases"], strict=True)
        return max(
            (_cell(part, lines, c, {**fixed, column: Fraction(v)}) for v, c in cases), default=Fraction(0)
        )
    if "cut" in tree:
        terms, limit = read_numbers(tree["cut"]), Fraction(tree["limit"])
        _require(set(terms) <= set(part.points), "a cut speaks of more than inputs and outputs")
        inside = _cell(part, (*lines, Line(terms, None, limit)), tree["inside"], fixed)
        return max(inside, _cell(part, (*lines, Line(terms, limit, None)), tree["beyond"], fixed))
    values_ = {int(j): Fraction(v) for j, v in tree["values"].items()}
    _require(set(values_) == set(part.chosen), "a case does not choose every integer")
    _require(
        all(v in part.values(j) for j, v in values_.items()), "a case chooses a value outside its bounds"
    )
    _require(set(part.given) <= set(fixed), "a case is settled before its integer inputs are")
    whole = {**fixed, **values_}
    return (
        _by_lift(part, lines, system, whole, tree)
        if "lift" in tree
        else _by_vertices(part, lines, whole, tree)
    )


def _by_lift(
    part: Statement, lines: Sequence[Line], system: System, fixed: Point, tree: Mapping[str, Any]
) -> Fraction:
    lift = {
        int(j): (read_numbers(value["terms"]), Fraction(value["constant"]))
        for j, value in tree["lift"].items()
    }
    free = {j for j, kind in enumerate(part.kinds) if kind == "auxiliary" and not part.integer[j]}
    _require(set(lift) == free, "a lift does not give every auxiliary column")
    _require(
        all(set(terms) <= set(part.points) for terms, _ in lift.values()), "a lift uses more than the points"
    )
    delta, wanted = Fraction(0), lifted_facets(part, fixed, lift)
    _require({int(k) for k in tree["multipliers"]} <= set(range(len(wanted))), "multipliers for no row")
    rooms = part.cell_rooms(lines)
    for k, facet in enumerate(wanted):
        y = read_numbers(tree["multipliers"].get(str(k), {}))
        proved = bound(system, facet.terms, y)
        _require(proved is not None, "multipliers prove nothing about a row")
        assert proved is not None
        _require(
            proved - facet.limit <= facet.room + lent_in_cell(rooms, system, facet.terms, y),
            "a row fails on a cell that is said to be served",
        )
        delta = max(delta, (proved - facet.limit) / facet.scale)
    return delta


def _by_vertices(part: Statement, lines: Sequence[Line], fixed: Point, tree: Mapping[str, Any]) -> Fraction:
    given = {j: fixed[j] for j in part.given}
    points, rays = cell_generators(part, lines, given)
    _require(
        len(points) == len(tree["points"]) and len(rays) == len(tree["rays"]), "a vertex or ray is missing"
    )
    delta = Fraction(0)
    for point, own in zip(points, tree["points"], strict=True):
        _require(
            all(point[j] == fixed[j] for j in fixed if j in point), "a vertex has another integer output"
        )
        delta = max(delta, excess(part, fixed, {**read_numbers(own), **point, **fixed}))
    endless = replace(recession(part), freed=freed_rows(part.rows, fixed))
    still = {j: Fraction(0) for j in fixed}
    for ray, own in zip(rays, tree["rays"], strict=True):
        _require(not any(ray.get(j) for j in fixed), "a ray moves an integer")
        _require(violation(endless, {**read_numbers(own), **ray, **still}) == 0, "a ray is not completed")
    return delta


def _without_output(found: Sequence[Statement], gap: Mapping[str, Any]) -> None:
    part = found[_index(gap["part"], found)]
    question = total_question(part, _index(gap["entry"], part.entries))
    point = read_numbers(gap["point"])
    _require(violation(part.cell(()), point) == 0, "the input without outputs is not in its box")
    _require(all(point[j].denominator == 1 for j in part.given), "the input without outputs is not integer")
    _outside_all(question.pieces, point, "the input said to have no outputs has some")


def _outside_all(pieces: Sequence[Sequence[Any]], point: Point, sentence: str) -> None:
    for piece in pieces:
        _require(any(evaluate(f.terms, point) > f.limit + f.room for f in piece), sentence)


def _refuted(found: Sequence[Statement], refutation: Mapping[str, Any]) -> None:
    points = [read_numbers(point) for point in refutation["points"]]
    _require(len(points) == len(found), "the point does not cover every part")
    failing = _index(refutation["part"], found)
    if refutation["direction"] == "sound":
        for part, point in zip(found, points, strict=True):
            _satisfies(part, point)
        entries = found[failing].entries
        chosen = entries[_index(refutation["entry"], entries)]
        pieces = [facets(found[failing], piece) for piece in chosen]
        _outside_all(pieces, points[failing], "the point lies in a piece")
        return
    _require(refutation["direction"] == "complete", "the direction that fails is neither sound nor complete")
    for part, point in zip(found, points, strict=True):
        _means(part, point)
    _no_completion(found[failing], points[failing], refutation["tree"], {})


def _satisfies(part: Statement, point: Point) -> None:
    whole = [j for j in range(len(part.names)) if part.integer[j]]
    _require(all(point[j].denominator == 1 for j in whole), "an integer column of the point is not integer")
    _require(set(point) == set(range(len(part.names))), "the point does not give every column")
    system = replace(part.program, freed=freed_rows(part.rows, {j: point[j] for j in whole}))
    _require(violation(system, point) == 0, "the point does not satisfy the rows")


def _means(part: Statement, point: Point) -> None:
    _require(set(point) == set(part.points), "the point does not give every input and output")
    _require(
        all(point[j].denominator == 1 for j in part.given), "an integer input of the point is not integer"
    )
    _require(violation(part.cell(()), point) == 0, "the point is outside the box of the inputs")
    for entry in part.entries:
        inside = any(all(evaluate(f.terms, point) <= f.limit for f in facets(part, piece)) for piece in entry)
        _require(inside, "the point means nothing: it lies in no piece")


def _no_completion(part: Statement, point: Point, tree: Mapping[str, Any], values: Point) -> None:
    if "column" in tree:
        column = tree["column"]
        _require(column in part.chosen and column not in values, "a branch on a wrong column")
        cases = part.values(column)
        _require(len(tree["cases"]) == len(cases), "a value of an integer column is missing")
        for v, case in zip(cases, tree["cases"], strict=True):
            _no_completion(part, point, case, {**values, column: Fraction(v)})
        return
    if "clash" in tree:
        j = tree["clash"]
        _require(j in values and j in point and abs(values[j] - point[j]) > DELTA, "an output does not clash")
        return
    if "beyond" in tree:
        j = tree["beyond"]
        _require(j in point and outside_bounds(part, j, point[j]), "a value lies within its bounds")
        return
    held = {**point, **values}
    system = replace(part.excused, freed=freed_rows(part.rows, held), fixed=held)
    _require(proves_empty(system, read_numbers(tree["empty"])), "multipliers do not exclude a case")


def _index(value: Any, items: Sequence[Any]) -> int:
    _require(type(value) is int and 0 <= value < len(items), "an index is out of range")
    index: int = value
    return index
