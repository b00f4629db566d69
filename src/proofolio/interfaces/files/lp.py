"""CPLEX LP: the text of a program, and the parts HiGHS does not read."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import numpy as np
from scipy import sparse

from proofolio.errors import BadData
from proofolio.interfaces.files.names import NameMap, Spelling, changed, lp_name
from proofolio.interfaces.files.rows import FREE_ROW, Beyond, FileRows, number
from proofolio.program.program import Program

__all__ = ["lift_lp", "lp_text"]


_TERMS_A_LINE = 6  # some readers stop at 255 or 560 characters
_SECTIONS = re.compile(
    r"(?im)^[ \t]*(subject\s+to|such\s+that|s\.t\.|st|bounds?|binar(?:y|ies)|bin|generals?|gen|integers?|int|"
    r"semi-continuous|semis?|sos[12]?|end|max(?:imi[sz]e|imum)?|min(?:imi[sz]e|imum)?)[ \t]*:?[ \t]*(?=$|\n)"
)
_NUMBER = r"[+-]?\s*(?:(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?|inf(?:inity)?\b)"
_RELATION = r"(?:<=|>=|=<|=>|<|>|=)"
_ROW = re.compile(
    rf"\s*(?:(?P<name>[^\s:<>=]+)\s*:)?\s*(?:(?P<binary>[^\s:<>=]+)\s*=\s*(?P<on>[01])\s*->)?"
    rf"\s*(?:(?P<low>{_NUMBER})\s*(?P<first>{_RELATION}))?\s*(?P<body>[^<>=]*?)\s*(?P<relation>{_RELATION})\s*(?P<rhs>{_NUMBER})"
    rf"(?=\s|$)"
)
_BRACKET = re.compile(r"(?P<sign>[+-])?\s*\[(?P<inside>[^\]]*)\](?P<half>\s*/\s*2(?:\.0*)?(?![\d.]))?")
_TERM = re.compile(
    r"\s*(?P<sign>[+-])?\s*(?P<value>(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?)?\s*\*?\s*"
    r"(?P<first>[^\s\d.+\-*^:][^\s*^:]*)\s*(?:\^\s*2(?!\d)|\*\s*(?P<second>[^\s\d.+\-*^:][^\s*^:]*))"
)
_MEMBER = rf"([^\s:]+)\s*:\s*({_NUMBER})(?=\s|$)"
_SET = re.compile(rf"\s*(?:(?P<name>[^\s:]+)\s*:)?\s*(?P<kind>[sS][12])\s*::(?P<members>(?:\s*{_MEMBER})*)")


def lp_text(program: Program) -> tuple[str, NameMap]:
    """Return the program as LP text, and the map of names LP files cannot spell.

    A row with two sides becomes two rows, which the map makes one again.

    Raises
    ------
    UnsupportedProgram
        For finite bounds of 1e20 and more, and cones whose t or z has no lower bound of zero.
    """
    rows = FileRows.of(program, "an .lp file")
    columns = Spelling(lp_name)(program.column_names)
    sign = -1.0 if program.maximise else 1.0
    lines = [rf"\ Problem name: {lp_name(program.name)}", "Maximize" if program.maximise else "Minimize"]
    # every column stands in the objective: the order of first mention is the order readers give back
    cost = zip((sign * program.q).tolist(), columns, strict=True)
    terms = [_term(value, name) for value, name in cost]
    square = sparse.tril(sparse.csc_array(program.P), format="csc").tocoo()
    if square.nnz:
        terms += [*_bracket(square, columns, sign), "] / 2"]
    if program.c:
        terms.append(_term(sign * program.c, ""))
    lines += ["obj:", *_wrapped(terms), "Subject To"]
    spell, spelled = Spelling(lp_name), _row_spellings(rows)
    file_names = spell(name for name, *_ in spelled)
    for file_name, (_, k, relation, rhs) in zip(file_names, spelled, strict=True):
        lines += _row(rows, k, columns, f"{file_name}:", f"{relation} {rhs}")
    lines += ["Bounds", *_bounds(program, columns)]
    binary = program.integer & (program.lower == 0) & (program.upper == 1)
    for section, which in (("Binaries", binary), ("Generals", program.integer & ~binary)):
        if which.any():
            lines += [section, *(f" {columns[j]}" for j in np.flatnonzero(which))]
    sets = Spelling(lp_name)(s.name for s in program.sos)
    if sets:
        lines.append("SOS")
    for group, name in zip(program.sos, sets, strict=True):
        members = [f"{columns[j]}:{number(w)}" for j, w in zip(group.columns, group.weights, strict=True)]
        lines += [f" {name}: S{group.kind}::", *_wrapped(members)]
    lines.append("End")
    names = NameMap(
        changed(columns, program.column_names),
        changed(file_names, (rows.names[k] for _, k, *_ in spelled)),
        changed(sets, (s.name for s in program.sos)),
    )
    return "\n".join(lines) + "\n", names


def _term(value: float, name: str) -> str:
    return f"{'-' if value < 0 else '+'} {number(abs(value))} {name}".rstrip()


def _wrapped(terms: list[str]) -> Iterator[str]:
    return (" " + " ".join(terms[k : k + _TERMS_A_LINE]) for k in range(0, len(terms), _TERMS_A_LINE))


def _bracket(triangle: Any, columns: list[str], sign: float) -> list[str]:
    terms = ["+ ["]
    rows, cols = triangle.coords
    for i, j, value in zip(rows.tolist(), cols.tolist(), (sign * triangle.data).tolist(), strict=True):
        terms.append(
            f"{_term(value, columns[i])} ^2" if i == j else f"{_term(2.0 * value, columns[j])} * {columns[i]}"
        )
    return terms


def _row_spellings(rows: FileRows) -> list[tuple[str, int, str, str]]:
    found = []
    sides = zip(rows.names, rows.lower.tolist(), rows.upper.tolist(), strict=True)
    for k, (name, low, high) in enumerate(sides):
        if low == high:
            found.append((name, k, "=", number(low)))
        elif np.isneginf(low) and np.isposinf(high):
            found.append((name, k, ">=", FREE_ROW))
        else:
            both = np.isfinite(low) and np.isfinite(high)
            if np.isfinite(low):
                found.append((f"{name}_low" if both else name, k, ">=", number(low)))
            if np.isfinite(high):
                found.append((f"{name}_high" if both else name, k, "<=", number(high)))
    return found


def _row(rows: FileRows, k: int, columns: list[str], name: str, side: str) -> Iterator[str]:
    matrix, switch, form = rows.matrix, rows.implied[k], rows.quadratic[k]
    entries = range(matrix.indptr[k], matrix.indptr[k + 1])
    terms = [_term(float(matrix.data[e]), columns[matrix.indices[e]]) for e in entries]
    if form is not None and not form.nnz:
        terms.append(f"+ [ 0 {columns[0]} ^2 ]")
    elif form is not None:
        terms += [*_bracket(sparse.tril(form, format="coo"), columns, 1.0), "]"]
    if not terms and columns:
        terms = [_term(0.0, columns[0])]
    implied = [] if switch is None else [f"{columns[switch[0]]} = {switch[1]} ->"]
    return _wrapped([name, *implied, *terms, side])


def _bounds(program: Program, columns: list[str]) -> Iterator[str]:
    for name, low, high in zip(columns, program.lower.tolist(), program.upper.tolist(), strict=True):
        if low == high:
            yield f" {name} = {number(low)}"
        elif np.isneginf(low) and np.isposinf(high):
            yield f" {name} free"
        elif np.isposinf(high):
            if low:
                yield f" {name} >= {number(low)}"
        else:
            yield f" {'-inf' if np.isneginf(low) else number(low)} <= {name} <= {number(high)}"


def lift_lp(text: str, file: str) -> tuple[str, Beyond]:
    """Return the text without quadratic rows, implications and SOS, and what those say.

    Files without any of these are returned untouched.

    Raises
    ------
    BadData
        For text without an objective, and for rows of such a file that cannot be made out.
    """
    plain = re.sub(r"\\[^\n]*", "", text)
    heads = list(_SECTIONS.finditer(plain))
    if not any(h[1][:3].lower() in ("max", "min") for h in heads):
        raise _unreadable(file, "it has no line Minimize or Maximize")
    beyond = Beyond()
    named = re.search(r"(?m)^\\\s*Problem name\s*:\s*(\S.*?)\s*$", text)
    beyond.name = named[1] if named else ""
    pieces = [plain[: heads[0].start()]]
    for head, following in zip(heads, [*heads[1:], None], strict=True):
        body = plain[head.end() : following.start() if following else len(plain)]
        word = head[1].lower()
        if word.startswith("sos"):
            _lift_sets(body, beyond, file)
            continue
        if word.startswith(("su", "s.", "st")) and re.search(rf"\[|->|{_RELATION}[^<>=:]*{_RELATION}", body):
            body = _lift_rows(body, beyond, file) or body
        pieces += [head[0], body]
    if any("->" in piece for piece in pieces):
        raise _unreadable(file, "an implication -> stands outside Subject To")
    untouched = not (beyond.quadratic or beyond.indicators or beyond.sos or beyond.ranged)
    return (text if untouched else "".join(pieces)), beyond


def _unreadable(file: str, why: str) -> BadData:
    return BadData(f"{file} is not a model HiGHS can read: {why}")


def _lift_rows(body: str, beyond: Beyond, file: str) -> str:
    """Return the rows without what HiGHS does not read, or nothing when they are better left alone."""
    rows: list[str] = []
    at, end = 0, len(body.rstrip())
    while at < end:
        row = _ROW.match(body, at)
        if row is None and not re.search(r"\[|->", body):
            return ""  # nothing in it that HiGHS does not know: let it judge
        if row is None:
            text = " ".join(body[at : at + 60].split())
            raise _unreadable(file, f"no row can be made out at {text!r}")
        at = row.end()
        name = row["name"] or f"c{len(rows) + 1}"
        linear = row["body"]
        for bracket in _BRACKET.finditer(linear):
            beyond.quadratic.setdefault(name, []).extend(_terms(bracket, file))
        linear = _BRACKET.sub("", linear).strip()
        if row["binary"]:
            beyond.indicators[name] = (row["binary"], int(row["on"]))
        if not linear:
            linear = f"0 {beyond.quadratic[name][0][0]}" if beyond.quadratic.get(name) else linear
        rows.append(f" {name}: {linear} {row['relation']} {row['rhs']}")
        if row["first"]:
            beyond.ranged[f"{name}__other"] = name
            turned = row["first"].translate(str.maketrans("<>", "><"))
            rows.append(f" {name}__other: {linear} {turned} {row['low']}")
    return "\n" + "\n".join(rows) + "\n"


def _terms(bracket: re.Match[str], file: str) -> Iterator[tuple[str, str, float]]:
    inside, at = bracket["inside"].rstrip(), 0
    scale = (-1.0 if bracket["sign"] == "-" else 1.0) * (0.5 if bracket["half"] else 1.0)
    while at < len(inside):
        term = _TERM.match(inside, at)
        if term is None:
            raise _unreadable(file, f"{inside[at:].strip()!r} is not a quadratic term")
        at = term.end()
        value = float(term["value"] or 1.0) * (-scale if term["sign"] == "-" else scale)
        first, second = term["first"], term["second"]
        if second is None:
            yield first, first, value
        else:
            yield first, second, value / 2.0
            yield second, first, value / 2.0


def _lift_sets(body: str, beyond: Beyond, file: str) -> None:
    at, end = 0, len(body.rstrip())
    while at < end:
        found = _SET.match(body, at)
        if found is None or found.end() == at:
            text = " ".join(body[at : at + 60].split())
            raise _unreadable(file, f"no special ordered set can be made out at {text!r}")
        at = found.end()
        members = re.findall(_MEMBER, found["members"])
        name = found["name"] or f"sos{len(beyond.sos) + 1}"
        columns, weights = [m[0] for m in members], [float(m[1].replace(" ", "")) for m in members]
        beyond.sos.append((name, int(found["kind"][1]), columns, weights))
