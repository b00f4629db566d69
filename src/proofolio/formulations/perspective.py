"""The hull (perspective) lowering of the selected regime's cost: see `selected_cost` for the mathematics."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import product as cartesian
from typing import NamedTuple

import numpy as np
from scipy import sparse

from proofolio.arrays import Floats
from proofolio.errors import UnsupportedProgram
from proofolio.formulations.costs import MaxTerm, RegimeCosts
from proofolio.program.builder import Builder
from proofolio.program.expression import Expression, apply_matrix, stack

__all__ = ["perspective_cost", "square_root"]


SEMIDEFINITE = 1e-10


class _Disjunct(NamedTuple):
    """One regime with every maximum that must be decided, decided: (term, whether its argument wins)."""

    regime: int
    decided: tuple[tuple[MaxTerm, bool], ...]
    convex: tuple[MaxTerm, ...]


def _disjuncts(R: int, maxima: Sequence[MaxTerm], exact: bool) -> list[_Disjunct]:
    found: list[_Disjunct] = []
    for r in range(R):
        own = [term for term in maxima if term.regime == r]
        split = [term for term in own if exact or term.sign < 0]
        convex = tuple(term for term in own if not exact and term.sign > 0)
        found += [
            _Disjunct(r, tuple(zip(split, wins, strict=True)), convex)
            for wins in cartesian((True, False), repeat=len(split))
        ]
    return found


def perspective_cost(
    model: Builder,
    name: str,
    Z: Expression,
    w: Expression,
    costs: RegimeCosts,
    *,
    exact: bool = False,
    budget: float | None = None,
) -> Expression:
    """Return the cost of the selected regime in hull form; arguments as for `selected_cost`."""
    R, T = Z.shape
    box = model.bounds(w)
    disjuncts = _disjuncts(R, costs.maxima, exact)
    regime = np.array([d.regime for d in disjuncts])
    D = len(disjuncts)
    z = Z
    if D > R:
        z = model.variable(f"{name}_piece", (D, T), binary=True)
        for r in range(R):
            model.add(f"{name}_pieces_{r}", z[np.flatnonzero(regime == r)].sum(0) == Z[r])
    case = z.reshape((D, T, 1))
    V = model.variable(
        f"{name}_copies", (D, T, w.shape[1]), np.minimum(box.lower, 0.0), np.maximum(box.upper, 0.0)
    )
    model.add(f"{name}_copies_sum", V.sum(0) == w)
    if np.any(box.lower != 0.0):
        model.add(f"{name}_copies_lower", V >= box.lower * case)
    model.add(f"{name}_copies_upper", V <= box.upper * case)
    if budget is not None:
        model.add(f"{name}_copies_budget", V.sum(-1) == budget * z)
    total = ((V * costs.c[regime]).sum(-1) + costs.k[regime] * z).sum(0)
    for index, disjunct in enumerate(disjuncts):
        label = f"{name}_case_{index}"
        total = total + _maxima(model, label, disjunct, V[index], z[index], exact)
        root = square_root(costs.Q[disjunct.regime])
        if root.shape[-1]:
            s = model.variable(f"{label}_square", T, lower=0.0)
            model.cone(f"{label}_perspective", _each(V[index], root), s, z[index])
            total = total + s
    cost = model.variable(name, T)
    model.add(f"{name}_at_least", cost >= total)
    return cost


def _maxima(
    model: Builder, label: str, disjunct: _Disjunct, v: Expression, z: Expression, exact: bool
) -> Expression:
    """Return the signed maxima of a disjunct, homogenised: alpha'v + beta z against floor z."""
    total: Expression = 0.0 * z
    for j, (term, wins) in enumerate(disjunct.decided):
        argument = v @ term.alpha + term.beta * z
        total = total + term.sign * (argument if wins else term.floor * z)
        if exact:
            above = argument - term.floor * z
            model.add(f"{label}_decides_{j}", above >= 0 if wins else above <= 0)
    for j, term in enumerate(disjunct.convex):
        reached = model.variable(f"{label}_max_{j}", z.shape)
        model.add(
            f"{label}_max_{j}_at_least", reached >= stack([v @ term.alpha + term.beta * z, term.floor * z])
        )
        total = total + term.sign * reached
    return total


def _each(v: Expression, root: Floats) -> Expression:
    """Return v[t] @ root[t] for every t; one root may serve all periods."""
    T = v.shape[0]
    if root.shape[0] == 1:
        shared: Expression = v @ root[0]
        return shared
    operator = sparse.block_diag([part.T for part in root], format="csr")
    return apply_matrix(operator, v.ravel()).reshape((T, root.shape[-1]))


def square_root(Q: Floats) -> Floats:
    """Return F of shape (T, n, k) with Q = F F', k the largest rank over the periods.

    Raises
    ------
    UnsupportedProgram
        When a matrix has an eigenvalue below -1e-10 of its largest.
    """
    values, vectors = np.linalg.eigh(Q)
    largest = np.abs(values).max(axis=-1, keepdims=True, initial=0.0)
    if np.any(values < -SEMIDEFINITE * largest):
        raise UnsupportedProgram(
            "the hull lowering needs convex functions and Q is indefinite: use lowering='big-m' with solver='scip'"
        )
    noise = values <= 1e-14 * largest
    kept = ~np.all(noise, axis=0)
    root: Floats = vectors[..., kept] * np.sqrt(np.where(noise, 0.0, values))[..., None, kept]
    return root
