"""Certificates of optima in files: written, and read again to be checked without a solver.

A file holds the program in fractions, what is said of it, and what proves that: the exact point and the tree, or the
direction without limit. `check_certificate` checks it by `proofolio.verification.exact.trees`, and that the program is
the model's when it is given one. A name that ends in ``.vipr`` gives a VIPR file instead, for other people's checkers.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, fields
from fractions import Fraction
from pathlib import Path
from typing import Any, get_args

from proofolio.errors import BadData
from proofolio.interfaces.opening import open_model
from proofolio.program.program import Program
from proofolio.program.structure import recognise_cones
from proofolio.solvers.solution import Solution
from proofolio.verification.certified.optimum import SMALLEST, Certificate, exact_program, lacking
from proofolio.verification.certified.vipr import vipr_text
from proofolio.verification.exact import trees
from proofolio.verification.exact.certificate import (
    NUMBERS,
    Row,
    System,
    digest,
    read_numbers,
    read_side,
    side_text,
    written,
)
from proofolio.verification.exact.trees import ExactProgram, QuadraticRow, Symmetric
from proofolio.whole_files import write_whole

__all__ = ["CheckedOptimum", "check_certificate", "save_certificate"]

VIPR = ".vipr"
GAP_PART = 1e-6  # of a gap, what rounding makes of it
# What a tree is made of, by the names that documents use.
PARTS = {part.__name__.lower(): part for part in (*get_args(trees.Node), trees.Tangent, trees.Cut)}


@dataclass(frozen=True)
class CheckedOptimum:
    """What a saved certificate says, and whether it proves it.

    Attributes
    ----------
    says : str
        ``"optimal"``, ``"infeasible"`` or ``"unbounded"``.
    ok : bool
        Whether the check in fractions succeeded, and the bound of an optimum is within the gap asked for.
    holds : bool
        Whether the check in fractions succeeded, however far the bound is from the objective.
    objective, bound : Fraction or None
        Of the point, and the limit that is proved, in the user's own sense.
    values : mapping from column names to Fraction
        The exact point; empty where there is none.
    nodes : int
        Of the tree.
    """

    says: str
    ok: bool
    holds: bool
    objective: Fraction | None
    bound: Fraction | None
    values: Mapping[str, Fraction]
    nodes: int


def save_certificate(answer: Solution, file: str | Path) -> Path:
    """Write the certificate of an answer of `proofolio.solve` into a file, whole or not at all, and return the file.

    Parameters
    ----------
    answer : Solution
        With a certificate.
    file : str or Path
        JSON; or VIPR 1.0, for linear programs over integers, where its name ends in ``.vipr``.

    Raises
    ------
    BadData
        For an answer without a certificate, and a file that cannot be written.
    UnsupportedProgram
        For a VIPR file of a program with quadratic parts, or of one without limit.
    """
    target = Path(file)
    certificate = answer.certificate
    if certificate is None:
        raise BadData(
            f"there is no certificate to write: the answer is {answer.status}, which no exact proof stands behind"
        )
    exact = exact_program(answer.program)
    if target.name.endswith(VIPR):
        text = vipr_text(exact, certificate, answer.program.column_names)
    else:
        text = json.dumps(_document(answer.program, exact, certificate), indent=1, allow_nan=False)
    try:
        write_whole(target, text)
    except OSError as error:
        raise BadData(f"{target} cannot be written: {error.strerror}") from None
    return target


def check_certificate(file: str | Path, model: Any = None, gap: float = 1e-6) -> CheckedOptimum:
    """Check a saved certificate in exact arithmetic, without a solver.

    Parameters
    ----------
    file : str or Path
        JSON that `save_certificate` wrote.
    model : Program, Model, pyomo model, cvxpy.Problem, str or Path, optional
        The model it speaks of: its program must be the one in the file. Without it the certificate is checked against
        the program in the file alone, which says nothing about a model of yours.
    gap : float
        Relative to the objective: how far the bound of an optimum may be from it for the check to succeed.

    Raises
    ------
    BadData
        For a file that is missing, is no such file, has been changed, or speaks of another model.
    """
    place = Path(file)
    if place.name.endswith(VIPR):
        raise BadData(
            f"{place} is for checkers of the VIPR format: check the JSON file of the same answer here"
        )
    try:
        document = json.loads(place.read_text(encoding="utf-8"))
    except OSError as error:
        raise BadData(f"{place} cannot be read: {error.strerror}") from None
    except ValueError:
        raise BadData(f"{place} is no certificate: it is not JSON") from None
    try:
        if document["numbers"] != NUMBERS:
            raise BadData(f"{place} reads numbers as {document['numbers']!r}: this version knows {NUMBERS!r}")
        if digest(document) != document["digest"]:
            raise BadData(f"{place} has been changed since it was saved")
        exact, certificate = _read_program(document["program"]), _read(Certificate, document["certificate"])
        names, maximise = document["columns"], bool(document["maximise"])
    except (KeyError, TypeError, ValueError, AttributeError, IndexError, ZeroDivisionError) as error:
        if isinstance(error, BadData):
            raise
        raise BadData(f"{place} is no certificate: {type(error).__name__} {error}") from None
    if model is not None:
        _compare(exact, names, maximise, model, place)
    try:
        holds = certificate.holds(exact)
    except (ValueError, TypeError, KeyError, IndexError, AttributeError, ZeroDivisionError) as error:
        raise BadData(f"{place} is no certificate: {type(error).__name__} {error}") from None
    sign = -1 if maximise else 1
    return CheckedOptimum(
        certificate.says,
        holds and _distance(certificate) <= gap * (1 + GAP_PART),
        holds,
        None if certificate.value is None else sign * certificate.value,
        None if certificate.bound is None else sign * certificate.bound,
        {names[j]: v for j, v in (certificate.point or {}).items()} if holds else {},
        len(certificate.nodes),
    )


def _distance(certificate: Certificate) -> Fraction:
    """Return how far the bound of an optimum is from its value, relative to that; nothing for what is no optimum."""
    if certificate.says != "optimal" or certificate.value is None or certificate.bound is None:
        return Fraction(0)
    return (certificate.value - certificate.bound) / max(abs(certificate.value), SMALLEST)


def _compare(exact: ExactProgram, names: list[str], maximise: bool, model: Any, file: Path) -> None:
    program = recognise_cones(model if isinstance(model, Program) else open_model(model).program)
    missing = lacking(program)
    if missing is not None:
        raise BadData(f"{file} cannot speak of this model: certificates do not know {missing}")
    differs = None
    if list(program.column_names) != names:
        differs = "columns"
    elif bool(program.maximise) != maximise or exact_program(program) != exact:
        differs = "numbers"
    if differs is not None:
        raise BadData(f"{file} speaks of another model than this one: their {differs} differ")


# -------------------------------------------------------------------- documents
def _document(program: Program, exact: ExactProgram, certificate: Certificate) -> dict[str, Any]:
    document = {
        "numbers": NUMBERS,
        "model": program.name,
        "says": certificate.says,
        "maximise": bool(program.maximise),
        "columns": list(program.column_names),
        "program": _program_document(exact),
        "certificate": _written(certificate),
    }
    return {**document, "digest": digest(document)}


def _program_document(exact: ExactProgram) -> dict[str, Any]:
    system = exact.system
    return {
        "rows": _rows(system.rows, system.low, system.high),
        "lower": [side_text(v) for v in system.lower],
        "upper": [side_text(v) for v in system.upper],
        "integer": sorted(exact.integer),
        "linear": written(exact.linear),
        "matrix": _symmetric(exact.matrix),
        "constant": str(exact.constant),
        "quadratic": [
            {"matrix": _symmetric(row.matrix), "terms": written(row.linear), **_sides(row.low, row.high)}
            for row in exact.quadratic
        ],
    }


def _rows(rows: Any, low: Any, high: Any) -> list[dict[str, Any]]:
    return [{"terms": written(row), **_sides(a, b)} for row, a, b in zip(rows, low, high, strict=True)]


def _sides(low: Fraction | None, high: Fraction | None) -> dict[str, Any]:
    return {"low": side_text(low), "high": side_text(high)}


def _symmetric(matrix: Symmetric) -> list[list[Any]]:
    return [[i, j, str(a)] for (i, j), a in sorted(matrix.items())]


def _read_program(document: Mapping[str, Any]) -> ExactProgram:
    rows = document["rows"]
    system = System(
        tuple(read_numbers(row["terms"]) for row in rows),
        tuple(read_side(row["low"]) for row in rows),
        tuple(read_side(row["high"]) for row in rows),
        tuple(read_side(v) for v in document["lower"]),
        tuple(read_side(v) for v in document["upper"]),
    )
    quadratic = tuple(
        QuadraticRow(
            _read_symmetric(row["matrix"]),
            read_numbers(row["terms"]),
            read_side(row["low"]),
            read_side(row["high"]),
        )
        for row in document["quadratic"]
    )
    return ExactProgram(
        system,
        frozenset(int(j) for j in document["integer"]),
        read_numbers(document["linear"]),
        _read_symmetric(document["matrix"]),
        Fraction(document["constant"]),
        quadratic,
    )


def _read_symmetric(document: list[list[Any]]) -> dict[tuple[int, int], Fraction]:
    return {(int(i), int(j)): Fraction(a) for i, j, a in document}


def _written(part: Any) -> Any:
    """Return a certificate, or a part of its tree, as JSON can hold it; a part with the name of its kind."""
    if isinstance(part, Fraction):
        return str(part)
    if isinstance(part, Mapping):
        return {str(j): str(v) for j, v in part.items()}
    if isinstance(part, tuple):
        return [_written(one) for one in part]
    if part is None or isinstance(part, (bool, int)):
        return part
    document = {field.name: _written(getattr(part, field.name)) for field in fields(part)}
    return document if isinstance(part, Certificate) else {"kind": type(part).__name__.lower(), **document}


def _read(kind: type[Any], document: Mapping[str, Any]) -> Any:
    return kind(**{field.name: _value(str(field.type), document[field.name]) for field in fields(kind)})


def _value(annotation: str, text: Any) -> Any:
    if text is None:
        return None
    if annotation.startswith("tuple"):
        return tuple(_read(PARTS[one["kind"]], one) for one in text)
    if annotation.startswith("Mapping[int, int]"):
        return {int(j): int(v) for j, v in text.items()}
    if annotation.startswith(("Mapping", "Row")):
        found: Row = {int(j): Fraction(v) for j, v in text.items()}
        return found
    if annotation.startswith("Fraction"):
        return Fraction(text)
    if not isinstance(text, (bool, int)):
        raise TypeError(f"{text!r} is no number")
    return text
