"""The checker of an audit's certificates: no solver, no numpy, fractions only (but for units in the last place).

A document holds the linear rows and bounds of a model, its candidates, and for every certified one what proves
its verdict: multipliers or a tree for a bound or that nothing is left, and points. Everything a certificate says
is computed anew from the rows by `proofolio.verification.exact.certificate` and
`proofolio.verification.exact.trees`, and the verdict from that. What must be right for a certificate to be
believed: see `proofolio.verification.exact`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from math import ulp
from typing import Any

from proofolio.verification.exact.certificate import (
    UNREADABLE,
    System,
    bound,
    digest,
    evaluate,
    read_numbers,
    read_side,
    violation,
    written,
)
from proofolio.verification.exact.trees import Branch, ExactProgram, Leaf, Node, Split, proved_bound

__all__ = ["CheckedCertificate", "checked", "read_tree", "written_tree"]


KEYS = frozenset({"row", "binary", "side", "off_value", "big_m", "verdict"})
PROOF = frozenset({"multipliers", "tree"})  # one of the two
PROVED = PROOF | {"bound", "point", "reached"}
CUT = frozenset({"point", "reached", "declared"})
SPECIAL = {
    "binding": CUT,
    "invalid": CUT,
    "forcing": PROOF | {"bound"},
    "dead": PROOF | {"bound", "point"},
    "redundant": PROOF | {"bound", "bound_on", "multipliers_on", "tree_on", "empty_on"},
}
ROUNDED, CLOSE = 4, Fraction(101, 100)  # units in the last place that M may be short, and what tight means
LENT = 1024  # times the unit of M and the side, the most that one of a term counts


@dataclass(frozen=True)
class CheckedCertificate:
    """One certificate and whether it holds.

    Attributes
    ----------
    row, side, binary : str
        Which side of which row, and the binary that switches it.
    verdict : str
        What the certificate is to prove.
    ok : bool
        Whether it does, in exact arithmetic.
    reason : str
        What is wrong with one that does not.
    """

    row: str
    side: str
    binary: str
    verdict: str
    ok: bool
    reason: str = ""


def checked(document: Mapping[str, Any]) -> tuple[CheckedCertificate, ...]:
    """Check every certificate of a document against the rows and candidates that the document holds.

    A candidate that is said to be certified and has no certificate comes last, as one that does not hold.
    """
    book = _Book(document["system"])
    declared = {_key(side): side["declared"] for side in document["candidates"] if side["certified"]}
    found = []
    for entry in document["certificates"]:
        one, key = _checked(book, entry), _key(entry)
        if one.ok and key not in declared:
            one = replace(
                one, ok=False, reason="it is of no candidate said to be certified, or the second one of it"
            )
        elif one.ok and entry.get("declared", declared[key]) is not declared[key]:
            one = replace(one, ok=False, reason="its row is declared otherwise among the candidates")
        declared.pop(key, None)
        found.append(one)
    lost = (CheckedCertificate(row, side, y, "", False, "it is missing") for row, y, side in declared)
    return (*found, *lost)


def _key(entry: Mapping[str, Any]) -> tuple[str, str, str]:
    return str(entry.get("row", "")), str(entry.get("binary", "")), str(entry.get("side", ""))


class _Book:
    """The rows of a file of certificates."""

    def __init__(self, rows: Any) -> None:
        self.columns = {name: j for j, name in enumerate(rows["columns"])}
        self.integer = frozenset(rows["integer"])
        self.names = {row["name"]: i for i, row in enumerate(rows["rows"])}
        self.system = System(
            tuple({j: Fraction(a) for j, a in row["terms"]} for row in rows["rows"]),
            tuple(read_side(row["low"]) for row in rows["rows"]),
            tuple(read_side(row["high"]) for row in rows["rows"]),
            tuple(read_side(v) for v in rows["lower"]),
            tuple(read_side(v) for v in rows["upper"]),
        )


def _checked(book: _Book, entry: Mapping[str, Any]) -> CheckedCertificate:
    try:
        # a point may be changed and still be cut off: true, and yet not what was saved
        said = {key: value for key, value in entry.items() if key != "digest"}
        wrong = _wrong(book, said) or (
            "" if entry["digest"] == digest(said) else "its fields are not those that were saved"
        )
    except UNREADABLE as error:
        wrong = f"it cannot be read: {type(error).__name__} {error}"
    row, side, binary, verdict = (str(entry.get(key, "")) for key in ("row", "side", "binary", "verdict"))
    return CheckedCertificate(row, side, binary, verdict, not wrong, wrong)


def _wrong(book: _Book, entry: Mapping[str, Any]) -> str:
    """Say what a certificate claims wrongly; empty when all of it holds."""
    extra = set(entry) - KEYS - SPECIAL.get(entry["verdict"], PROVED)
    if extra:
        return f"its field {min(extra)!r} does not belong to its verdict"
    i, y, side, verdict = (
        book.names[entry["row"]],
        book.columns[entry["binary"]],
        entry["side"],
        entry["verdict"],
    )
    limit = {"upper": book.system.high, "lower": book.system.low}[side][i]
    lower, upper = book.system.box(y)
    if limit is None or y not in book.integer or lower is None or lower < 0 or upper is None or upper > 1:
        return "its row has no such side, or its binary is not a binary variable of the model"
    sign = 1 if side == "upper" else -1
    body = {j: sign * a for j, a in book.system.rows[i].items()}
    d, rhs = body.pop(y), sign * limit
    off, M, tight = int(d < 0), abs(d), rhs - max(Fraction(0), d)
    if (off, M) != (entry["off_value"], Fraction(entry["big_m"])):
        return "its off-value or M is not that of the row"
    freed = replace(book.system, freed=frozenset({(i, side)}))

    def at(held: int, system: System = freed) -> System:
        return replace(system, fixed={y: Fraction(held)})

    def proved(suffix: str, system: System, what: Mapping[int, Fraction]) -> bool:
        """Whether the proof gives the bound that is claimed; of an empty body, that nothing is left."""
        claimed = Fraction(entry["bound" + suffix])
        if "tree" + suffix in entry:
            least = proved_bound(
                ExactProgram(system, book.integer, {j: -a for j, a in what.items()}),
                (),
                read_tree(entry["tree" + suffix]),
            )
            return least == "empty" and claimed == -1 if not what else least == -claimed
        found = bound(system, what, read_numbers(entry["multipliers" + suffix]))
        return found is not None and found == claimed and (bool(what) or found < 0)

    def inside(system: System, point: Mapping[int, Fraction]) -> bool:
        whole = all(point.get(j, Fraction(0)).denominator == 1 for j in book.integer)
        return whole and all(0 <= j < len(book.columns) for j in point) and not violation(system, point)

    if verdict == "forcing":
        fine = proved("", at(off), {})
        return "" if fine else "its proof does not show that no point satisfies the rest of the model"
    if verdict == "dead":
        if not proved("", at(1 - off, book.system), {}):
            return "its proof does not show that no point satisfies the model with the binary on"
        fine = inside(at(1 - off), read_numbers(entry["point"]))
        return "" if fine else "its point does not satisfy the rest of the model with the binary on exactly"
    point, low = None, None
    if "point" in entry:
        point = read_numbers(entry["point"])
        if not inside(at(off), point):
            return "its point does not satisfy the rest of the model exactly"
        if evaluate(body, point) != Fraction(entry["reached"]):
            return "its point does not reach what it says"
        low = evaluate(body, point) - tight
    short = ROUNDED * _rounding(M, rhs, body, point or {})
    if verdict in ("binding", "invalid"):
        if entry["declared"] is not (verdict == "invalid"):
            return "its verdict does not fit its declaration"
        return "" if low is not None and low > M + short else "its point is not cut off"
    if not proved("", at(off), body):
        return "its proof does not give its bound"
    top = Fraction(entry["bound"]) - tight
    if verdict == "redundant":
        empty_on = entry["empty_on"]
        if not isinstance(empty_on, bool) or not proved("_on", at(1 - off), {} if empty_on else body):
            return "its proof does not give its bound with the binary on"
        fine = top <= M and (empty_on or Fraction(entry["bound_on"]) <= tight)
        return "" if fine else "its bounds do not show that the side never binds"
    if top > M + short:
        return "its bound does not prove M"
    near = low is not None and low > 0 and M <= CLOSE * low
    verdict_now = "loose" if M > CLOSE * top else "tight" if near else "valid"
    return "" if verdict == verdict_now else f"its numbers say {verdict_now}"


def _rounding(
    M: Fraction, rhs: Fraction, body: Mapping[int, Fraction], point: Mapping[int, Fraction]
) -> Fraction:
    """Return the largest unit in the last place of M, of the side, and of the terms that are not of integers.

    Whoever writes a certificate chooses its point, so terms lend at most `LENT` times what M and the side have.
    """
    terms = [a * point[j] for j, a in body.items() if j in point and (a % 1 or point[j] % 1)]
    own = max(Fraction(ulp(float(v))) for v in (M, rhs))
    return min(max([own, *(Fraction(ulp(float(v))) for v in terms)]), LENT * own)


def written_tree(nodes: Sequence[Node]) -> list[Any]:
    """Return a tree as JSON can hold it: a branch as four numbers, the first a column or a sum of columns."""

    def one(node: Node) -> Any:
        if isinstance(node, Leaf):
            return {"empty": node.empty, "multipliers": written(node.multipliers)}
        what = node.column if isinstance(node, Branch) else {str(j): int(a) for j, a in node.row.items()}
        return [what, node.at, node.below, node.above]

    return [one(node) for node in nodes]


def read_tree(document: Sequence[Any]) -> tuple[Node, ...]:
    """Return the tree that `written_tree` wrote."""

    def one(node: Any) -> Node:
        if isinstance(node, dict):
            return Leaf(read_numbers(node["multipliers"]), bool(node["empty"]))
        what, at, below, above = node
        if isinstance(what, dict):
            return Split({int(j): int(a) for j, a in what.items()}, int(at), int(below), int(above))
        return Branch(int(what), int(at), int(below), int(above))

    return tuple(one(node) for node in document)
