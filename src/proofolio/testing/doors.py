"""A formulation through the Pyomo and CVXPY doors, and what arrives there held against the matrix form."""

from __future__ import annotations

from collections import Counter
from math import isclose
from typing import Any

import numpy as np
from scipy import sparse

from proofolio.program.program import Program
from proofolio.verification.claim import Claim

__all__ = ["through_cvxpy", "through_pyomo"]

Box = tuple[float, float, bool]
Terms = tuple[tuple[str, float], ...]


def through_pyomo(claim: Claim, program: Program) -> str:
    """Write a claim's rows into a Pyomo model, read it back, and say what differs from the program."""
    import pyomo.environ as pyo  # the doors are heavy: opened only when used

    from proofolio.program.pyomo_door import attach_pyomo
    from proofolio.program.pyomo_read import from_pyomo

    native: Any = pyo
    block = native.ConcreteModel()
    for name, box in claim.inputs.items():
        shape = (box.shape,) if isinstance(box.shape, int) else tuple(box.shape)
        low, high = (np.broadcast_to(np.asarray(side, float), shape) for side in (box.lower, box.upper))
        domain = native.Integers if box.integer else native.Reals
        axes = [range(n) for n in shape]

        def ends(_: Any, *at: int, low: Any = low, high: Any = high) -> tuple[float, float]:
            return float(low[at]), float(high[at])

        block.add_component(name, native.Var(*axes, bounds=ends, domain=domain))
    with attach_pyomo(block) as model:
        claim.function(model, **{name: model.lift(getattr(block, name)) for name in claim.inputs})
    block.nothing = native.Objective(expr=0.0)
    return _difference(program, from_pyomo(block))


def through_cvxpy(claim: Claim, program: Program) -> str:
    """Write a claim's rows into a CVXPY problem, read it back, and say what differs from the program."""
    import cvxpy

    from proofolio.program.cvxpy_door import attach_cvxpy
    from proofolio.program.cvxpy_read import from_cvxpy

    native: Any = cvxpy
    variables = {}
    for name, box in claim.inputs.items():
        shape = (box.shape,) if isinstance(box.shape, int) else tuple(box.shape)
        ends = [np.broadcast_to(np.asarray(side, float), shape) for side in (box.lower, box.upper)]
        variables[name] = native.Variable(shape, name=name, integer=box.integer, bounds=ends)
    problem = native.Problem(native.Minimize(0), [])
    with attach_cvxpy(problem) as model:
        claim.function(model, **{name: model.lift(variable) for name, variable in variables.items()})
    return _difference(program, from_cvxpy(model.problem))


def _difference(program: Program, other: Program) -> str:
    """Say what differs, with rows on one column read as its bounds (as the doors read a user's own)."""
    (ours, own_rows), (theirs, other_rows) = _parts(program), _parts(other)
    used = {name for (terms, _) in own_rows for name, _ in terms}
    for name, box in ours.items():
        if name not in theirs and name not in used:
            continue  # a column in no row and no objective does not arrive
        if name not in theirs or not _same_box(box, theirs[name]):
            return f"the column {name} is {theirs.get(name)} and {box} in the matrix form"
    missing, extra = own_rows - other_rows, other_rows - own_rows
    if missing or extra:
        (terms, limit), _ = (missing or extra).most_common(1)[0]
        word = "missing" if missing else "extra"
        return f"a row is {word}: {' + '.join(f'{a!r} {name}' for name, a in terms)} <= {limit!r}"
    sets, found = (sorted(_sets(p)) for p in (program, other))
    return "agrees" if sets == found else "the special ordered sets differ"


def _same_box(a: Box, b: Box) -> bool:
    return a[2] == b[2] and all(isclose(p, q, rel_tol=1e-15, abs_tol=0.0) for p, q in zip(a, b, strict=True))


def _parts(program: Program) -> tuple[dict[str, Box], Counter[tuple[Terms, float]]]:
    """Return the boxes of the columns by name, and every finite side of the other rows as terms <= limit."""
    matrix = sparse.csr_array(program.A, copy=True)
    matrix.sum_duplicates()
    matrix.eliminate_zeros()
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


def _sets(program: Program) -> list[tuple[int, tuple[str, ...]]]:
    names = program.column_names
    return [
        (s.kind, tuple(names[s.columns[k]] for k in np.argsort(s.weights, kind="stable")))
        for s in program.sos
    ]
