"""A formulation through Pyomo and CVXPY: what arrives there is compared with the matrix form.

Twice each: written by its function into a user's own model, where the objective is the user's, and as a whole
program with a quadratic objective.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
from scipy import sparse

from proofolio.program.program import Program
from proofolio.testing.differences import difference
from proofolio.verification.proofs.claim import Claim

__all__ = ["through_cvxpy", "through_pyomo"]


def through_pyomo(claim: Claim, program: Program) -> str:
    """Write a claim's rows into a Pyomo model, read it back, and say what differs from the program."""
    import pyomo.environ as pyo  # heavy: imported only when used

    from proofolio.interfaces.pyomo.attaching import attach_pyomo
    from proofolio.interfaces.pyomo.reading import from_pyomo

    native: Any = pyo
    block = native.ConcreteModel()
    for name, box in claim.inputs.items():
        shape = (box.shape,) if isinstance(box.shape, int) else tuple(box.shape)
        low, high = (np.broadcast_to(np.asarray(side, float), shape) for side in (box.lower, box.upper))
        domain = native.Integers if box.integer else native.Reals
        axes = [range(n) for n in shape]

        def ends(_: Any, *at: int, low: Any = low, high: Any = high) -> tuple[float, float]:
            entry = at if low.ndim else ()  # a scalar is asked for at None
            return float(low[entry]), float(high[entry])

        block.add_component(name, native.Var(*axes, bounds=ends, domain=domain))
    with attach_pyomo(block) as model:
        claim.function(model, **{name: model.lift(getattr(block, name)) for name in claim.inputs})
    block.nothing = native.Objective(expr=0.0)
    found = difference(program, from_pyomo(block))
    if found != "agrees":
        return found
    whole = _with_objective(program)
    return difference(whole, from_pyomo(whole.to_pyomo()), objective=True)


def through_cvxpy(claim: Claim, program: Program) -> str:
    """Write a claim's rows into a CVXPY problem, read it back, and say what differs from the program."""
    import cvxpy

    from proofolio.interfaces.cvxpy.attaching import attach_cvxpy
    from proofolio.interfaces.cvxpy.reading import from_cvxpy

    native: Any = cvxpy
    variables = {}
    for name, box in claim.inputs.items():
        shape = (box.shape,) if isinstance(box.shape, int) else tuple(box.shape)
        ends = [np.broadcast_to(np.asarray(side, float), shape) for side in (box.lower, box.upper)]
        variables[name] = native.Variable(shape, name=name, integer=box.integer, bounds=ends)
    problem = native.Problem(native.Minimize(0), [])
    with attach_cvxpy(problem) as model:
        claim.function(model, **{name: model.lift(variable) for name, variable in variables.items()})
    found = difference(program, from_cvxpy(model.problem))
    if found != "agrees":
        return found
    whole = _with_objective(program)
    return difference(whole, from_cvxpy(whole.to_cvxpy()), objective=True)


def _with_objective(program: Program) -> Program:
    """Return the program with a strictly convex objective in every column, to be carried over."""
    n = program.n
    diagonal, beside = 2.0 + np.arange(n) / 8, np.full(max(n - 1, 0), 0.5)
    P = sparse.csc_array(np.diag(diagonal) + np.diag(beside, -1) + np.diag(beside, 1))
    return replace(program, P=P, q=1.0 - np.arange(n) / 4, c=3.0)
