"""Certificates of an audit in a file: written, and read again to be checked without a solver.

The file holds the linear rows and bounds of the model as decimals, its candidates with whether each is declared
and certified, and for every certified one what proves its verdict: multipliers or a tree for a bound or that
nothing is left, and points. A change of any field of a certificate is noticed by
`proofolio.verification.audit.checker`; a digest of the rest notices changes there, and `check_certificates` compares
rows and candidates with a model when it is given one.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import Any, Self

from proofolio.errors import BadData
from proofolio.interfaces.opening import open_model
from proofolio.program.program import Program
from proofolio.verification.audit.auditing import Audit, declared_rows
from proofolio.verification.audit.candidates import Candidate, candidates
from proofolio.verification.audit.checker import CheckedCertificate, checked, written_tree
from proofolio.verification.audit.verdicts import Finding
from proofolio.verification.exact.certificate import NUMBERS, UNREADABLE, digest, side_text, written
from proofolio.verification.exact.lp_bounds import ExactRows, Question
from proofolio.verification.exact.trees import ExactProgram, Node, proved_bound
from proofolio.whole_files import write_whole

__all__ = ["CheckedCertificate", "CheckedCertificates", "check_certificates", "save_certificates"]


FILE = "certificates.json"
KEYS = {"numbers", "model", "system", "candidates", "digest", "certificates"}


# ------------------------------------------------------------------------- saving
def save_certificates(found: Audit, directory: str | Path) -> Path:
    """Write the certificates of an audit into a directory, made when it is missing, and return the file.

    Rows that are not certified have none, and neither have points of models with curved rows, indicators or
    special ordered sets, which linear rows do not hold.
    """
    folder = Path(directory)
    program = found.opened.program
    rows = _system_document(program, found.search.exact)
    curved = len(program.quadratic) + len(program.cones) + len(program.indicators) + len(program.sos)
    entries, sides = [], []
    for verdict, (candidate, finding) in zip(found.rows, found.judged, strict=True):
        if candidate.kind != "row":
            continue
        certified = verdict.certified and not (curved and finding.point is not None)
        sides.append(_side(candidate) | {"certified": certified})
        if certified:
            entry = _entry(found, verdict.verdict, candidate, finding)
            entries.append({**entry, "digest": digest(entry)})
    document = {
        "numbers": NUMBERS,
        "model": found.model,
        "system": rows,
        "candidates": sides,
        "digest": _seal(found.model, rows, sides),
        "certificates": entries,
    }
    try:
        folder.mkdir(parents=True, exist_ok=True)
        file = folder / FILE
        write_whole(file, json.dumps(document, indent=1, allow_nan=False))
    except OSError as error:
        raise BadData(f"{folder} cannot be written to: {error.strerror}") from None
    return file


def _seal(model: str, rows: Any, sides: Any) -> str:
    """Return the digest of what the file is about: the model's name, its rows and its candidates."""
    return digest({"model": model, "system": rows, "candidates": sides})


def _side(candidate: Candidate) -> dict[str, Any]:
    place = candidate.place
    return {
        "row": place.name,
        "binary": place.binary_name,
        "side": place.side,
        "declared": candidate.declared,
    }


def _system_document(program: Program, exact: ExactRows) -> dict[str, Any]:
    system = exact.system
    return {
        "columns": list(program.column_names),
        "integer": [j for j, whole in enumerate(program.integer.tolist()) if whole],
        "lower": [side_text(v) for v in system.lower],
        "upper": [side_text(v) for v in system.upper],
        "rows": [
            {
                "name": name,
                "low": side_text(low),
                "high": side_text(high),
                "terms": [[j, str(a)] for j, a in row.items()],
            }
            for name, row, low, high in zip(
                program.row_names, system.rows, system.low, system.high, strict=True
            )
        ],
    }


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
        entry["point"] = written(dict(sorted((finding.point or {}).items())))
        entry["reached"] = str(finding.reached)
        entry["declared"] = candidate.declared
        return entry

    exact, question = found.search.exact, found.search.question

    def prove(
        suffix: str,
        multipliers: Mapping[int, Fraction] | None,
        tree: tuple[Node, ...],
        asked: Question,
        body: Mapping[int, Fraction],
    ) -> None:
        if tree:
            system = replace(
                exact.system,
                freed=asked.freed,
                fixed={j: low for j, (low, _) in asked.boxes.items() if low is not None},
            )
            whole = frozenset(found.search.integers.tolist())
            least = proved_bound(ExactProgram(system, whole, {j: -a for j, a in body.items()}), (), tree)
            entry["bound" + suffix] = str(-least) if isinstance(least, Fraction) and body else "-1"
            entry["tree" + suffix] = written_tree(tree)
            return
        reached, _ = exact.evaluate(body, multipliers or {}, asked)
        entry["bound" + suffix] = str(reached)
        entry["multipliers" + suffix] = written(dict(sorted((multipliers or {}).items())))

    if verdict == "dead":
        assert finding.dead is not None
        prove("", None, finding.dead.tree, Question.of((), candidate.held(candidate.on)), {})
        entry["point"] = written(dict(sorted(finding.dead.point.items())))
        return entry
    body = {} if verdict == "forcing" else candidate.body
    prove("", finding.multipliers, finding.tree, question(candidate, candidate.off), body)
    if verdict == "redundant":
        entry["empty_on"] = finding.top_on == -math.inf
        body_on = {} if entry["empty_on"] else candidate.body
        prove("_on", finding.multipliers_on, finding.tree_on, question(candidate, candidate.on), body_on)
    elif verdict != "forcing" and finding.point is not None:
        entry["point"] = written(dict(sorted(finding.point.items())))
        entry["reached"] = str(finding.reached)
    return entry


# ----------------------------------------------------------------------- checking
class CheckedCertificates(tuple[CheckedCertificate, ...]):
    """All certificates of a file, checked; those that should be there and are not count as wrong.

    Attributes
    ----------
    uncertified : int
        Candidates that the audit had no certificate for, as those it left undecided.
    """

    uncertified: int

    def __new__(cls, found: Iterable[CheckedCertificate], uncertified: int) -> Self:
        """Return the certificates as a tuple."""
        made = super().__new__(cls, found)
        made.uncertified = uncertified
        return made


def check_certificates(
    directory: str | Path, model: Any = None, *, big_m: str | Sequence[str] | None = None
) -> CheckedCertificates:
    """Check every certificate in a directory again, in exact arithmetic and without a solver.

    Parameters
    ----------
    directory : str or Path
        Where `save_certificates` wrote.
    model : Program, Model, pyomo model, cvxpy.Problem, str or Path, optional
        The model the certificates speak of: its rows and candidates must be those in the file. Without it the
        certificates are checked against the rows in the file alone, which says nothing about a model of yours.
    big_m : str or sequence of str, optional
        Patterns of the rows declared to be Big-M rows, as for `audit`: the file must have declared these and no
        others. Without it those that the file says are declared are taken for declared.

    Returns
    -------
    CheckedCertificates
        A tuple of `CheckedCertificate`, one for each certificate: all hold when ``all(one.ok for one in found)``. Its
        ``uncertified`` counts the candidates of which nothing is proved.

    Raises
    ------
    BadData
        For a file that is missing, is no such file, or whose rows or candidates are not what was saved or not
        the model's.
    """
    file = Path(directory) / FILE
    try:
        document = json.loads(file.read_text(encoding="utf-8"))
    except OSError as error:
        raise BadData(f"{file} cannot be read: {error.strerror}") from None
    except (ValueError, RecursionError):
        raise BadData(f"{file} is no file of certificates: it is not JSON") from None
    try:
        rows = document["system"]
        if document["numbers"] != NUMBERS:
            raise BadData(f"{file} reads numbers as {document['numbers']!r}: this version knows {NUMBERS!r}")
        sides = document["candidates"]
        if _seal(document["model"], rows, sides) != document["digest"]:
            raise BadData(
                f"{file} has been changed: its model, its rows or its candidates are not those that were saved"
            )
        if set(document) != KEYS:
            raise BadData(f"{file} has been changed: it holds {', '.join(sorted(set(document) ^ KEYS))}")
        if model is not None:
            _compare(document, model, big_m, file)
        return CheckedCertificates(checked(document), sum(not side["certified"] for side in sides))
    except UNREADABLE as error:
        if isinstance(error, BadData):
            raise
        raise BadData(f"{file} is no file of certificates: {type(error).__name__} {error}") from None


def _compare(document: Mapping[str, Any], model: Any, big_m: str | Sequence[str] | None, file: Path) -> None:
    opened = open_model(model)
    program, name, sides = opened.program, document["model"], document["candidates"]
    if json.loads(json.dumps(_system_document(program, ExactRows(program)))) != document["system"]:
        raise BadData(
            f"{file} holds certificates of another model, {name!r}: its rows are not those of the model given"
        )
    said = frozenset(side["row"] for side in sides if side["declared"])
    declared = opened.declared() | said if big_m is None else declared_rows(opened, big_m)
    of_model = [_side(c) for c in candidates(program, declared).asked if c.kind == "row"]
    of_file = [{key: value for key, value in side.items() if key != "certified"} for side in sides]
    if of_model != of_file:
        there = [side for side in of_model if side not in of_file]
        what = f"the one of row {there[0]['row']!r} is not there as it is" if there else "it holds others"
        raise BadData(
            f"{file} does not hold the candidates of the model given, with the rows that are declared: {what}"
        )
