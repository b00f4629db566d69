r"""What two programs say differently: columns, linear and quadratic rows, cones, indicators, sets, objectives.

A language may write one thing in its own way: a row on one column is a bound to some, a cone
:math:`\sum Y^2 \le t z` a quadratic row with rows on its heads to Pyomo, and
:math:`\|(t - z, 2 Y)\| \le t + z` to CVXPY. So curved rows and cones are compared as polynomials
:math:`p(x) \le 0`, scaled to a largest coefficient of one, and everything by the names of the columns.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import replace
from itertools import product
from math import isclose
from typing import Any

import numpy as np
from scipy import sparse

from proofolio.program.interval import affine_bounds
from proofolio.program.program import Program

__all__ = ["difference"]


Box = tuple[float, float, bool]
Terms = tuple[tuple[str, float], ...]
Polynomial = Mapping[tuple[str, ...], float]
ROUNDING = 1e-9  # a square root, squared again, is not the number it was


def difference(program: Program, other: Program, *, objective: bool = False) -> str:
    """Return ``"agrees"``, or in words the first thing that another program says differently.

    Parameters
    ----------
    program : Program
        The matrix form.
    other : Program
        What arrived, with the same names of columns. Columns without rows need not arrive, unless the
        objectives are compared.
    objective : bool
        Whether to compare the objectives.
    """
    if len(program.cones) and not len(other.cones):
        program = _with_heads(program)
    (ours, own_rows), (theirs, other_rows) = _parts(program), _parts(other)
    own_curves, other_curves = _curves(program), _curves(other)
    own_implied, other_implied = _implications(program), _implications(other)
    used = {name for (terms, _) in own_rows for name, _ in terms}
    used |= {name for curve in own_curves for monomial in curve for name in monomial}
    used |= {name for implied in own_implied for name in (implied[0], *(n for n, _ in implied[2]))}
    for name, box in ours.items():
        if name not in theirs and name not in used and not objective:
            continue  # a column in no row does not arrive
        if name not in theirs or not _same_box(box, theirs[name]):
            return f"the column {name} is {theirs.get(name)} and {box} in the matrix form"
    missing, extra = own_rows - other_rows, other_rows - own_rows
    if missing or extra:
        (terms, limit), _ = (missing or extra).most_common(1)[0]
        word = "missing" if missing else "extra"
        return f"a row is {word}: {' + '.join(f'{a!r} {name}' for name, a in terms)} <= {limit!r}"
    lost, new = _unmatched(own_curves, other_curves)
    if lost or new:
        word = "missing" if lost else "extra"
        return f"a quadratic row or cone is {word}: {_text((lost or new)[0])} <= 0"
    if own_implied != other_implied:
        lost_implied = own_implied - other_implied
        word, found = ("missing", lost_implied) if lost_implied else ("extra", other_implied - own_implied)
        binary, on, terms, low, high = next(iter(found))
        body = " + ".join(f"{a!r} {name}" for name, a in terms)
        return f"an indicator is {word}: {binary} = {on} => {low!r} <= {body} <= {high!r}"
    if sorted(_sets(program)) != sorted(_sets(other)):
        return "the special ordered sets differ"
    return _objectives(program, other) if objective else "agrees"


def _same_box(a: Box, b: Box) -> bool:
    return a[2] == b[2] and all(isclose(p, q, rel_tol=1e-15, abs_tol=0.0) for p, q in zip(a, b, strict=True))


def _merged(matrix: Any) -> Any:
    found = sparse.csr_array(matrix, copy=True)
    found.sum_duplicates()
    found.eliminate_zeros()
    return found


def _with_heads(program: Program) -> Program:
    """Return the program with rows t >= 0 and z >= 0 for its cones, where bounds do not say so already."""
    cones = program.cones
    heads = (cones.pointer[:-1, None] + np.arange(2)).ravel()
    matrix, constant = _merged(cones.matrix[heads]), cones.constant[heads]
    open_ = affine_bounds(matrix, constant, program.lower, program.upper)[0] < 0
    return replace(
        program,
        A=sparse.vstack([program.A, matrix[np.flatnonzero(open_)]], format="csr"),
        row_lower=np.concatenate([program.row_lower, -constant[open_]]),
        row_upper=np.concatenate([program.row_upper, np.full(int(open_.sum()), np.inf)]),
    )


def _parts(program: Program) -> tuple[dict[str, Box], Counter[tuple[Terms, float]]]:
    """Return the boxes of the columns by name, and every finite side of the other rows as terms <= limit."""
    matrix = _merged(program.A)
    names = program.column_names
    lower, upper = program.lower.copy(), program.upper.copy()
    found: Counter[tuple[Terms, float]] = Counter()
    for k in range(matrix.shape[0]):
        start, stop = matrix.indptr[k], matrix.indptr[k + 1]
        columns, factors = matrix.indices[start:stop], matrix.data[start:stop]
        low, high = float(program.row_lower[k]), float(program.row_upper[k])
        if columns.size == 1:
            ends = sorted((low / factors[0], high / factors[0]))
            lower[columns[0]] = max(lower[columns[0]], ends[0])
            upper[columns[0]] = min(upper[columns[0]], ends[1])
            continue
        terms = sorted((names[j], float(a)) for j, a in zip(columns, factors, strict=True))
        if np.isfinite(high):
            found[tuple(terms), high + 0.0] += 1
        if np.isfinite(low):
            found[tuple((name, -a) for name, a in terms), 0.0 - low] += 1
    boxes = {
        name: (float(low), float(high), bool(whole))
        for name, low, high, whole in zip(names, lower, upper, program.integer, strict=True)
    }
    return boxes, found


# --------------------------------------------------------- quadratic rows, cones
def _curves(program: Program) -> list[Polynomial]:
    """Return every side of the quadratic rows, and every cone, as a polynomial that is at most zero."""
    names = program.column_names
    found: list[Polynomial] = []
    rows = program.quadratic
    linear = _merged(rows.matrix)
    for k, forms in enumerate(rows.forms):
        body = _affine(linear, k, 0.0, names)
        for form in forms:
            for (i, a), (j, b) in product(enumerate(form.columns), repeat=2):
                _put(body, (names[a], names[b]), float(form.matrix[i, j]))
        for limit, sign in ((rows.upper[k], 1.0), (rows.lower[k], -1.0)):
            if np.isfinite(limit):
                side = dict(body)
                _put(side, (), -float(limit))
                found.append(_scaled({key: sign * a for key, a in side.items()}))
    members = _merged(program.cones.matrix)
    for start, stop in zip(program.cones.pointer[:-1], program.cones.pointer[1:], strict=True):
        t, z, *Y = (_affine(members, k, float(program.cones.constant[k]), names) for k in range(start, stop))
        cone: dict[tuple[str, ...], float] = {}
        for left, right, sign in [*((y, y, 1.0) for y in Y), (t, z, -1.0)]:
            for (p, a), (q, b) in product(left.items(), right.items()):
                _put(cone, (*p, *q), sign * a * b)
        found.append(_scaled(cone))
    return found


def _affine(matrix: Any, k: int, constant: float, names: tuple[str, ...]) -> dict[tuple[str, ...], float]:
    start, stop = matrix.indptr[k], matrix.indptr[k + 1]
    found: dict[tuple[str, ...], float] = {(): constant} if constant else {}
    for j, a in zip(matrix.indices[start:stop], matrix.data[start:stop], strict=True):
        found[names[j],] = float(a)
    return found


def _put(body: dict[tuple[str, ...], float], key: tuple[str, ...], value: float) -> None:
    ordered = tuple(sorted(key))
    body[ordered] = body.get(ordered, 0.0) + value


def _scaled(body: Polynomial) -> Polynomial:
    size = max((abs(a) for a in body.values()), default=0.0)
    return {key: a / size for key, a in body.items() if abs(a) > ROUNDING * size}


def _unmatched(ours: list[Polynomial], theirs: list[Polynomial]) -> tuple[list[Polynomial], list[Polynomial]]:
    """Return what is left of either list when equal ones are paired."""
    rest, lost = list(theirs), []
    for curve in ours:
        at = next((k for k, found in enumerate(rest) if _same_curve(curve, found)), None)
        if at is None:
            lost.append(curve)
        else:
            del rest[at]
    return lost, rest


def _same_curve(a: Polynomial, b: Polynomial) -> bool:
    return all(abs(a.get(key, 0.0) - b.get(key, 0.0)) <= 2 * ROUNDING for key in a.keys() | b.keys())


def _text(curve: Polynomial) -> str:
    return " + ".join(" ".join([f"{a:.9g}", *key]) for key, a in sorted(curve.items()))


# ------------------------------------------------------------ indicators, sets
def _implications(program: Program) -> Counter[tuple[str, int, Terms, float, float]]:
    names, implied = program.column_names, program.indicators
    matrix = _merged(implied.matrix)
    found: Counter[tuple[str, int, Terms, float, float]] = Counter()
    for k in range(len(implied)):
        start, stop = matrix.indptr[k], matrix.indptr[k + 1]
        pairs = zip(matrix.indices[start:stop], matrix.data[start:stop], strict=True)
        terms = tuple(sorted((names[j], float(a)) for j, a in pairs))
        sides = float(implied.lower[k]) + 0.0, float(implied.upper[k]) + 0.0
        found[names[implied.binary[k]], int(implied.on[k]), terms, *sides] += 1
    return found


def _sets(program: Program) -> list[tuple[int, tuple[str, ...]]]:
    names = program.column_names
    return [
        (s.kind, tuple(names[s.columns[k]] for k in np.argsort(s.weights, kind="stable")))
        for s in program.sos
    ]


# ------------------------------------------------------------------ objectives
def _objectives(program: Program, other: Program) -> str:
    if program.maximise != other.maximise:
        return "the objective's sense differs"
    place = {name: j for j, name in enumerate(other.column_names)}
    order = np.array([place[name] for name in program.column_names], dtype=np.intp)
    curved = sparse.csr_array(other.P)[order][:, order]
    parts: list[tuple[str, Any, Any, Callable[[int], str]]] = []
    names = program.column_names
    n = program.n
    parts.append(("P", program.P.toarray().ravel(), curved.toarray().ravel(),
                  lambda k: f"{names[k // n]} {names[k % n]}"))  # fmt: skip
    parts.append(("q", program.q, other.q[order], lambda k: names[k]))
    parts.append(("c", np.array([program.c]), np.array([other.c]), lambda _: "the constant"))
    for word, mine, found, place_name in parts:
        far = np.abs(mine - found)
        size = max(1.0, float(np.abs(mine).max(initial=0.0)))
        if np.any(far > ROUNDING * size):
            k = int(np.argmax(far))
            return f"the objective's {word} differs: {found[k]!r} for {place_name(k)}, {mine[k]!r} in the matrix form"
    rest = np.setdiff1d(np.arange(other.n), order)
    if np.any(other.q[rest]) or sparse.csr_array(other.P)[rest].nnz:
        return "the objective has a term in another column"
    return "agrees"
