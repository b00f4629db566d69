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

from proofolio.brief import brief
from proofolio.errors import BadData
from proofolio.interfaces.opening import open_model
from proofolio.program.program import Program
from proofolio.solvers.solution import Solution
from proofolio.verification.certified.optimum import Certificate, exact_program, lacking
from proofolio.verification.certified.vipr import vipr_text
from proofolio.verification.exact import trees
from proofolio.verification.exact.certificate import (
    NUMBERS,
    System,
    digest,
    read_number,
    read_numbers,
    read_side,
    side_text,
    written,
)
from proofolio.verification.exact.trees import ExactProgram, QuadraticRow, Symmetric
from proofolio.whole_files import write_whole

__all__ = ["CheckedOptimum", "check_certificate", "save_certificate"]

VIPR = ".vipr"
# What a tuple in a certificate may hold, by the name of its type: parts by the names that documents use.
PARTS = {
    name: {part.__name__.lower(): part for part in parts}
    for name, parts in (
        ("Node", get_args(trees.Node)),
        ("Tangent", (trees.Tangent,)),
        ("Cut", (trees.Cut,)),
    )
}


@dataclass(frozen=True)
class CheckedOptimum:
    """What a saved certificate says, and whether it proves it.

    Attributes
    ----------
    says : str
        ``"optimal"``, ``"infeasible"`` or ``"unbounded"``.
    ok : bool
        Whether the check in fractions succeeded.
    objective, bound : Fraction or None
        Of the point, and the limit that is proved, in the user's own sense.
    gap : Fraction or None
        Between the two, as a part of the objective's size: "optimal" is said within this gap. It holds only where it
        is no more than the gap that the certificate was made for.
    values : mapping from column names to Fraction
        The exact point; empty where there is none.
    nodes : int
        Of the tree.
    """

    says: str
    ok: bool
    objective: Fraction | None
    bound: Fraction | None
    gap: Fraction | None
    values: Mapping[str, Fraction]
    nodes: int

    __repr__ = brief


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


def check_certificate(file: str | Path, model: Any = None) -> CheckedOptimum:
    """Check a saved certificate in exact arithmetic, without a solver.

    Parameters
    ----------
    file : str or Path
        JSON that `save_certificate` wrote.
    model : Program, Model, pyomo model, cvxpy.Problem, str or Path, optional
        The model it speaks of: its program must be the one in the file. Without it the certificate is checked against
        the program in the file alone, which says nothing about a model of yours.

    Raises
    ------
    BadData
        For a file that is missing, is no such file, has been changed, or speaks of another model: one with cones,
        native indicators or special ordered sets always is, because certificates cannot speak of them.
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
    except (ValueError, RecursionError):
        raise BadData(f"{place} is no certificate: it is not JSON") from None
    try:
        if document["numbers"] != NUMBERS:
            raise BadData(f"{place} reads numbers as {document['numbers']!r}: this version knows {NUMBERS!r}")
        if digest(document) != document["digest"]:
            raise BadData(f"{place} has been changed since it was saved")
        exact, certificate = _read_program(document["program"]), _read(Certificate, document["certificate"])
        names, maximise = document["columns"], _value("bool", document["maximise"])
        if document["says"] != certificate.says:
            raise ValueError(f"it says {document['says']!r} and holds what proves {certificate.says!r}")
        _refuse_other_columns(exact, certificate, names)
    except BadData:
        raise
    except KeyError as error:
        raise BadData(f"{place} is no certificate: it has no {error}") from None
    except ValueError as error:
        raise BadData(f"{place} is no certificate: {error}") from None
    except (TypeError, AttributeError, IndexError, RecursionError):
        raise BadData(f"{place} is no certificate: its parts are not what they should be") from None
    if model is not None:
        _compare(exact, names, maximise, model, place)
    sign = -1 if maximise else 1
    return CheckedOptimum(
        certificate.says,
        certificate.holds(exact),
        None if certificate.value is None else sign * certificate.value,
        None if certificate.bound is None else sign * certificate.bound,
        certificate.proved_gap,
        {names[j]: v for j, v in (certificate.point or {}).items()},
        len(certificate.nodes),
    )


def _compare(exact: ExactProgram, names: list[str], maximise: bool, model: Any, file: Path) -> None:
    program = model if isinstance(model, Program) else open_model(model).program
    missing = lacking(program)
    if missing is not None:
        raise BadData(
            f"{file} speaks of another model than this one: this one has {missing}, of which no certificate can speak"
        )
    differs = None
    if list(program.column_names) != names:
        differs = "columns"
    elif bool(program.maximise) != maximise or exact_program(program) != exact:
        differs = "numbers"
    if differs is not None:
        raise BadData(f"{file} speaks of another model than this one: their {differs} differ")


def _refuse_other_columns(exact: ExactProgram, certificate: Certificate, names: Any) -> None:
    """Raise `ValueError` where a document speaks of a column that is not there; rows are the checker's business."""
    system = exact.system
    n = len(system.lower)
    if not (isinstance(names, list) and all(isinstance(name, str) for name in names)):
        raise ValueError("its columns have no names")
    if len(names) != n or len(system.upper) != n:
        raise ValueError(f"it has {len(names)} columns, {n} lower and {len(system.upper)} upper bounds")
    curves: tuple[ExactProgram | QuadraticRow, ...] = (exact, *exact.quadratic)
    trees_of = (certificate.nodes, *(cut.nodes for cut in certificate.cuts))
    for part in (
        *system.rows, *(curve.linear for curve in curves), *(cut.row for cut in certificate.cuts),
        *(tangent.point for tangent in certificate.tangents), certificate.point or {}, certificate.ray or {},
        exact.integer, *((j for key in curve.matrix for j in key) for curve in curves),
        *(node.row for nodes in trees_of for node in nodes if isinstance(node, trees.Split)),
        *((node.column,) for nodes in trees_of for node in nodes if isinstance(node, trees.Branch)),
    ):  # fmt: skip
        for j in part:
            if not 0 <= j < n:
                raise ValueError(f"it speaks of column {j}, and its columns are 0 to {n - 1}")
    if any(not (cut.row and all(cut.row.values())) for cut in certificate.cuts):
        raise ValueError("a cut has no numbers, or one that is zero")


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
        frozenset(_value("int", j) for j in document["integer"]),
        read_numbers(document["linear"]),
        _read_symmetric(document["matrix"]),
        read_number(document["constant"]),
        quadratic,
    )


def _read_symmetric(document: list[list[Any]]) -> dict[tuple[int, int], Fraction]:
    return {(_value("int", i), _value("int", j)): read_number(a) for i, j, a in document}


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
    """Return what stands in a document for a field of a certificate, by the annotation of the field."""
    if text is None and annotation.endswith("| None"):
        return None
    if annotation.startswith("tuple"):
        kinds = PARTS[annotation.removeprefix("tuple[").partition(",")[0]]
        return tuple(_read(kinds[one["kind"]], one) for one in text)
    if annotation.startswith("Mapping[int, int]"):
        numbers = read_numbers(text)
        if any(v.denominator != 1 for v in numbers.values()):
            raise ValueError("a split has a number that is not whole")
        return {j: int(v) for j, v in numbers.items()}
    if annotation.startswith(("Mapping", "Row")):
        return read_numbers(text)
    if annotation.startswith("Fraction"):
        return read_number(text)
    kind = bool if annotation == "bool" else int
    if type(text) is not kind:
        raise ValueError(f"{text!r} is no {'truth value' if kind is bool else 'whole number'}")
    return text
