"""Certificates of an audit in a file: saved, and checked again without a solver by `certificate` alone.

The file holds the linear rows and bounds of the model as decimals, and for every certified row what proves
its verdict: multipliers for a bound, multipliers for infeasibility, or a point that is cut off. Everything a
certificate says is computed anew from the rows, so a change of any of its fields is noticed; a digest of the
rows notices changes there, and `check_certificates` compares them with a model when it is given one.
"""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Any

from proofolio.errors import BadData
from proofolio.verification.exact.certificate import System, bound, violation

if TYPE_CHECKING:
    from proofolio.program.program import Program
    from proofolio.verification.audit.auditing import Audit
    from proofolio.verification.audit.candidates import Candidate
    from proofolio.verification.audit.verdicts import Finding
    from proofolio.verification.exact.lp_bounds import ExactRows

__all__ = ["CheckedCertificate", "check_certificates", "save_certificates"]


FILE = "certificates.json"
KEYS = frozenset({"row", "binary", "side", "off_value", "big_m", "verdict"})
PROVED = frozenset({"bound", "multipliers"})
CUT = frozenset({"point", "reached", "declared"})
SPECIAL = {"binding": CUT, "invalid": CUT, "redundant": PROVED | {"bound_on", "multipliers_on", "empty_on"}}
NUMBERS = "decimals as written: Fraction(repr(x))"


@dataclass(frozen=True)
class CheckedCertificate:
    """One certificate and whether it holds; `reason` says what is wrong with one that does not."""

    row: str
    side: str
    binary: str
    verdict: str
    ok: bool
    reason: str = ""


# ------------------------------------------------------------------------- saving
def save_certificates(found: Audit, directory: str | Path) -> Path:
    """Write the certificates of an audit into a directory, made when it is missing, and return the file.

    Rows that are not certified have none, and neither have points of models with curved rows, indicators or
    special ordered sets, which linear rows do not hold.
    """
    folder = Path(directory)
    program = found.opened.program
    rows = _system_document(program, found.bounding.exact)
    curved = len(program.quadratic) + len(program.cones) + len(program.indicators) + len(program.sos)
    entries = []
    for verdict, (candidate, finding) in zip(found.rows, found.judged, strict=True):
        if verdict.certified and candidate.kind == "row" and not (curved and finding.point is not None):
            entry = _entry(found, verdict.verdict, candidate, finding)
            entries.append({**entry, "digest": _digest(entry)})
    document = {
        "numbers": NUMBERS,
        "model": found.model,
        "system": rows,
        "digest": _seal(found.model, rows, len(entries)),
        "certificates": entries,
    }
    try:
        folder.mkdir(parents=True, exist_ok=True)
        file = folder / FILE
        file.write_text(json.dumps(document, indent=1, allow_nan=False), encoding="utf-8")
    except OSError as error:
        raise BadData(f"{folder} cannot be written to: {error.strerror}") from None
    return file


def _seal(model: str, rows: Any, count: int) -> str:
    """Return the digest of what the file is about: the model's name and rows, and how many certificates."""
    return _digest({"model": model, "system": rows, "certificates": count})


def _system_document(program: Program, exact: ExactRows) -> dict[str, Any]:
    system = exact.system
    return {
        "columns": list(program.column_names),
        "integer": [j for j, whole in enumerate(program.integer.tolist()) if whole],
        "lower": [_text(v) for v in system.lower],
        "upper": [_text(v) for v in system.upper],
        "rows": [
            {
                "name": name,
                "low": _text(low),
                "high": _text(high),
                "terms": [[j, str(a)] for j, a in row.items()],
            }
            for name, row, low, high in zip(
                program.row_names, system.rows, system.low, system.high, strict=True
            )
        ],
    }


def _text(value: Fraction | None) -> str | None:
    return None if value is None else str(value)


def _digest(rows: Any) -> str:
    return hashlib.sha256(json.dumps(rows, sort_keys=True, separators=(",", ":")).encode()).hexdigest()


def _entry(found: Audit, verdict: str, candidate: Candidate, finding: Finding) -> dict[str, Any]:
    place = candidate.place
    entry: dict[str, Any] = {
        "row": place.name,
        "binary": place.binary_name,
        "side": place.side,
        "off_value": candidate.off,
        "big_m": str(candidate.big_m),
        "verdict": verdict,
    }
    if verdict in ("binding", "invalid"):
        entry["point"] = {str(j): str(v) for j, v in sorted((finding.point or {}).items())}
        entry["reached"] = str(finding.reached)
        entry["declared"] = candidate.declared
        return entry

    def proof(
        multipliers: Mapping[int, Fraction] | None, value: int, empty: bool
    ) -> tuple[str, dict[str, str]]:
        y, body = multipliers or {}, {} if empty else candidate.body
        reached, _ = found.bounding.exact.evaluate(body, y, found.bounding.question(candidate, value))
        return str(reached), {str(i): str(v) for i, v in sorted(y.items())}

    nothing = finding.top == -math.inf
    entry["bound"], entry["multipliers"] = proof(finding.multipliers, candidate.off, nothing)
    if verdict == "redundant":
        entry["empty_on"] = finding.top_on == -math.inf
        entry["bound_on"], entry["multipliers_on"] = proof(
            finding.multipliers_on, candidate.on, entry["empty_on"]
        )
    return entry


# ----------------------------------------------------------------------- checking
def check_certificates(directory: str | Path, model: Any = None) -> tuple[CheckedCertificate, ...]:
    """Check every certificate in a directory again, in exact arithmetic and without a solver.

    Parameters
    ----------
    directory : str or Path
        Where `save_certificates` wrote.
    model : Program, Model, pyomo model, cvxpy.Problem, str or Path, optional
        The model the certificates speak of: its rows must be those in the file.

    Raises
    ------
    BadData
        For a file that is missing, is no such file, or whose rows are not what was saved or not the model's.
    """
    file = Path(directory) / FILE
    try:
        document = json.loads(file.read_text(encoding="utf-8"))
    except OSError as error:
        raise BadData(f"{file} cannot be read: {error.strerror}") from None
    except ValueError:
        raise BadData(f"{file} is no file of certificates: it is not JSON") from None
    try:
        rows, digest = document["system"], document["digest"]
        if document["numbers"] != NUMBERS:
            raise BadData(f"{file} reads numbers as {document['numbers']!r}: this version knows {NUMBERS!r}")
        if _seal(document["model"], rows, len(document["certificates"])) != digest:
            raise BadData(
                f"{file} has been changed: its model, its rows or the number of its certificates are not "
                "those that were saved"
            )
        if model is not None:
            _compare(rows, document["model"], model, file)
        book = _Book(rows)
        return tuple(_checked(book, entry) for entry in document["certificates"])
    except (KeyError, TypeError, ValueError, AttributeError, IndexError, ZeroDivisionError) as error:
        if isinstance(error, BadData):
            raise
        raise BadData(f"{file} is no file of certificates: {type(error).__name__} {error}") from None


def _compare(rows: Any, name: str, model: Any, file: Path) -> None:
    from proofolio.interfaces.opening import open_model  # the model's door, not a solver
    from proofolio.verification.exact.lp_bounds import ExactRows

    opened = open_model(model)
    if json.loads(json.dumps(_system_document(opened.program, ExactRows(opened.program)))) != rows:
        raise BadData(
            f"{file} holds certificates of another model, {name!r}: its rows are not those of the model given"
        )


class _Book:
    """The rows of a file of certificates."""

    def __init__(self, rows: Any) -> None:
        self.columns = {name: j for j, name in enumerate(rows["columns"])}
        self.integer = frozenset(rows["integer"])
        self.names = {row["name"]: i for i, row in enumerate(rows["rows"])}
        self.system = System(
            tuple({j: Fraction(a) for j, a in row["terms"]} for row in rows["rows"]),
            tuple(_number(row["low"]) for row in rows["rows"]),
            tuple(_number(row["high"]) for row in rows["rows"]),
            tuple(_number(v) for v in rows["lower"]),
            tuple(_number(v) for v in rows["upper"]),
        )


def _number(text: str | None) -> Fraction | None:
    return None if text is None else Fraction(text)


def _checked(book: _Book, entry: Mapping[str, Any]) -> CheckedCertificate:
    try:
        # a point may be changed and still be cut off: true, and yet not what was saved
        said = {key: value for key, value in entry.items() if key != "digest"}
        wrong = _wrong(book, said) or ("" if entry["digest"] == _digest(said) else "it has been changed")
    except (KeyError, TypeError, ValueError, ZeroDivisionError, IndexError) as error:
        wrong = f"it cannot be read: {type(error).__name__} {error}"
    row, side, binary, verdict = (str(entry.get(key, "")) for key in ("row", "side", "binary", "verdict"))
    return CheckedCertificate(row, side, binary, verdict, not wrong, wrong)


def _wrong(book: _Book, entry: Mapping[str, Any]) -> str:
    """Say what a certificate claims wrongly; empty when all of it holds."""
    extra = set(entry) - KEYS - SPECIAL.get(entry["verdict"], PROVED)
    if extra:
        return f"it says {min(extra)!r}, which its verdict has no use for"
    i, y, side, verdict = (
        book.names[entry["row"]],
        book.columns[entry["binary"]],
        entry["side"],
        entry["verdict"],
    )
    limit = {"upper": book.system.high, "lower": book.system.low}[side][i]
    lower, upper = book.system.box(y)
    if limit is None or y not in book.integer or lower is None or lower < 0 or upper is None or upper > 1:
        return "its side is not there, or its binary is none"
    sign = 1 if side == "upper" else -1
    body = {j: sign * a for j, a in book.system.rows[i].items()}
    d, rhs = body.pop(y), sign * limit
    off, M, tight = int(d < 0), abs(d), rhs - max(Fraction(0), d)
    if (off, M) != (entry["off_value"], Fraction(entry["big_m"])):
        return "its off-value or M is not that of the row"
    eps = max(Fraction(1), M) / 10**9
    freed = replace(book.system, freed=frozenset({(i, side)}))

    def proved(key: str, value: int, what: Mapping[int, Fraction]) -> Fraction | None:
        multipliers = {int(k): Fraction(v) for k, v in entry[key].items()}
        return bound(replace(freed, fixed={y: Fraction(value)}), what, multipliers)

    if verdict in ("binding", "invalid"):
        if entry["declared"] is not (verdict == "invalid"):
            return "its verdict does not fit its declaration"
        point = {int(j): Fraction(v) for j, v in entry["point"].items()}
        outside = violation(replace(freed, fixed={y: Fraction(off)}), point)
        if (
            outside
            or any(point.get(j, Fraction(0)).denominator != 1 for j in book.integer)
            or any(not 0 <= j < len(book.columns) for j in point)
        ):
            return "its point does not satisfy the rest of the model"
        reached = sum((a * point.get(j, Fraction(0)) for j, a in body.items()), Fraction(0))
        return (
            ""
            if reached == Fraction(entry["reached"]) and reached - tight > M + eps
            else "its point is not cut off"
        )
    if verdict == "forcing":
        empty = proved("multipliers", off, {})
        fine = empty is not None and empty == Fraction(entry["bound"]) and empty < 0
        return "" if fine else "it does not prove that nothing is left"
    top = proved("multipliers", off, body)
    if top is None or top != Fraction(entry["bound"]) or top - tight > M + eps:
        return "its multipliers do not prove its bound, or the bound does not prove M"
    redundant = False
    if verdict == "redundant":
        empty_on = entry["empty_on"]
        on = proved("multipliers_on", 1 - off, {} if empty_on else body)
        if on is None or on != Fraction(entry["bound_on"]) or not isinstance(empty_on, bool):
            return "its multipliers do not prove its bound with the binary on"
        redundant = on < 0 if empty_on else on <= tight
    verdict_now = "redundant" if redundant else "tight" if 100 * M <= 101 * (top - tight) else "loose"
    return "" if verdict == verdict_now else f"its numbers say {verdict_now}"
