r"""Plans over a chain or tree of steps: convex quadratic programs, many at once, with bounds from their multipliers.

Node k has positions :math:`y_k`, and its parent those it is traded from (the root those held now). The program is

.. math:: \min \tfrac12 y'Hy + g'y + \sum_k l_k'|y_k - y_{p(k)}| \quad\text{with every } y_k \text{ in the limits,}

where H couples a node with its parent only, so that one elimination from the leaves solves it. ADMM, and from its
multipliers, however far it got, the value of the Lagrangian: a lower bound of the minimum, up to rounding.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from proofolio.arrays import Floats
from proofolio.models.control.limits import Limits

__all__ = ["PathProgram", "Planned", "chain", "loss_terms"]


RELAXED = 1.6  # over-relaxation
SHARE = 0.15  # weight of a split, of the diagonal of H: between .05 and .5 the speed hardly changes
USUAL_ITERATIONS = 60
WHOLE = 240  # unknowns up to which one inverse is quicker than an elimination node by node
LOOKS = 10  # iterations between two looks at whether plans still change,
SETTLED = 1e-9  # by more than this; then they end early


def chain(steps: int) -> list[int]:
    """Return the parents of steps one after the other."""
    return list(range(-1, steps - 1))


def loss_terms(
    parents: list[int], weights: Floats, M: Floats, inverse: Floats, q: Floats, K: Floats
) -> tuple[Floats, Floats, Floats]:
    r"""Return diagonal, coupling and linear terms of a weighted loss without linear costs.

    It is :math:`\sum_k \tfrac{w_k}{2}|y_k - M_k^{-1}(q_k + K y_{p(k)})|^2_{M_k}`.

    Parameters
    ----------
    parents : list of int
    weights : (N, S) array
    M, inverse : (N, S, d, d) arrays
    q : (N, S, d) array
    K : (d, d) array
    """
    w = weights[..., None]
    diagonal, linear = w[..., None] * M, -w * q
    coupling = np.broadcast_to(-w[..., None] * K, M.shape).copy()
    gain = K @ inverse
    for k, p in enumerate(parents):
        if p >= 0:
            diagonal[p] += w[k][..., None] * (gain[k] @ K)
            linear[p] += w[k] * np.einsum("sij,sj->si", gain[k], q[k])
    return diagonal, coupling, linear


State = tuple[dict[str, Floats], dict[str, Floats]]  # of each split: its variables, its scaled multipliers


@dataclass(frozen=True, eq=False)
class Planned:
    """Plans of B programs.

    Attributes
    ----------
    y : (N, B, d) array
        Minimiser of the augmented Lagrangian; it keeps the limits only as far as ADMM got.
    u : (N, B, d) array
        Trades, exactly zero where there is none; zero also without linear costs.
    bound : (B,) array
        Value of the Lagrangian.
    state
        To go on from.
    """

    y: Floats
    u: Floats | None
    bound: Floats | None
    state: State


class PathProgram:
    """Programs of one shape: the same tree, limits and linear costs.

    Parameters
    ----------
    parents : list of int
        Of each node, before it; -1 of the first.
    diagonal : (N, S, d, d) array
        Blocks of H; S is B, or 1 where all programs share them.
    coupling : (N, S, d, d) array
        ``y_k' coupling_k y_p(k)``; of the root with the positions held now. Symmetric blocks.
    l1 : (N, S, d) array
        Linear costs, weighted.
    limits : Limits
    """

    def __init__(
        self, parents: list[int], diagonal: Floats, coupling: Floats, l1: Floats, limits: Limits
    ) -> None:
        self._parents, self._coupling, self._l1, self._limits = parents, coupling, l1, limits
        self._whole = _factored(parents, diagonal, coupling)
        self._straight, self._costly = parents == chain(len(parents)), bool(l1.any())
        size = np.maximum(np.einsum("nsii->nsi", diagonal), 1e-300)
        mean = size.mean(-1, keepdims=True)
        self._weights: dict[str, Floats] = {}
        if self._costly:
            self._weights["trades"] = SHARE * size
        if limits.boxed:
            self._weights["box"] = SHARE * size
        if limits.gross is not None:
            self._weights["gross"] = np.broadcast_to(SHARE * mean, size.shape).copy()
        if len(limits.rows):
            norms = np.maximum((limits.rows**2).sum(1), 1e-300)
            self._weights["rows"] = SHARE * mean / norms
        self._augmented = self._whole
        if self._weights:
            more, joined = diagonal.copy(), coupling.copy()
            eye = np.eye(diagonal.shape[-1])
            for name, weight in self._weights.items():
                if name == "rows":
                    more += np.einsum("nsr,ri,rj->nsij", weight, limits.rows, limits.rows)
                    continue
                more += weight[..., None] * eye
                if name == "trades":
                    for k, p in enumerate(parents):
                        joined[k] -= weight[k][..., None] * eye
                        if p >= 0:
                            more[p] += weight[k][..., None] * eye
            self._augmented = _factored(parents, more, joined)

    def solve(
        self,
        g: Floats,
        held: Floats,
        iterations: int = USUAL_ITERATIONS,
        *,
        bound: bool = False,
        state: State | None = None,
    ) -> Planned:
        """Return plans.

        Parameters
        ----------
        g : (N, B, d) array
            Linear terms, without those of the coupling with what is held.
        held : (B, d) array
        iterations : int
        bound : bool
            Whether to find the value of the Lagrangian too.
        state : optional
            Of an earlier call with the same g and held.
        """
        g = g.copy()
        g[0] += _each(held, self._coupling[0])
        if not self._weights:
            y = self._whole.solve(-g)
            return Planned(y, None, 0.5 * (g * y).sum((0, 2)) if bound else None, ({}, {}))
        held_terms = np.zeros_like(g)
        held_terms[0] = held
        y = np.zeros_like(g)
        split = {name: np.zeros_like(self._of(name, g)) for name in self._weights}
        scaled = {name: np.zeros_like(x) for name, x in split.items()}
        if state is not None:
            split, scaled = ({name: x.copy() for name, x in part.items()} for part in state)
        before = y
        for i in range(iterations):
            right = -g
            for name, weight in self._weights.items():
                wanted = split[name] - scaled[name]
                if name == "trades":
                    wanted = wanted + held_terms
                right += self._adjoint(name, weight * wanted)
            y = self._augmented.solve(right)
            for name, weight in self._weights.items():
                there = self._of(name, y) - (held_terms if name == "trades" else 0.0)
                there = RELAXED * there + (1.0 - RELAXED) * split[name]
                new = self._nearest(name, there + scaled[name], weight)
                scaled[name] += there - new
                split[name] = new
            if i % LOOKS == LOOKS - 1:
                if np.abs(y - before).max() <= SETTLED * (1.0 + np.abs(y).max()):
                    break
                before = y
        trades = split.get("trades")
        if not bound:
            return Planned(y, trades, None, (split, scaled))
        total, constant = g.copy(), np.zeros(held.shape[0])
        for name, weight in self._weights.items():
            multiplier = weight * scaled[name]
            if name == "trades":
                multiplier = np.clip(multiplier, -self._l1, self._l1)
                constant -= (multiplier[0] * held).sum(1)
            else:
                multiplier, support = self._limits.support(name, multiplier)
                constant -= support.sum(0)
            total += self._adjoint(name, multiplier)
        least = self._whole.solve(-total)
        return Planned(y, trades, 0.5 * (total * least).sum((0, 2)) + constant, (split, scaled))

    def _of(self, name: str, y: Floats) -> Floats:
        if name == "rows":
            return np.asarray(y @ self._limits.rows.T)
        if name != "trades":
            return y
        trades = y.copy()
        trades[1:] -= y[self._parents[1:]]
        return trades

    def _adjoint(self, name: str, x: Floats) -> Floats:
        if name == "rows":
            return np.asarray(x @ self._limits.rows)
        if name != "trades":
            return x
        out = x.copy()
        if self._straight:
            out[:-1] -= x[1:]
        else:
            np.subtract.at(out, self._parents[1:], x[1:])
        return out

    def _nearest(self, name: str, x: Floats, weight: Floats) -> Floats:
        if name == "trades":
            return np.sign(x) * np.maximum(np.abs(x) - self._l1 / weight, 0.0)
        return self._limits.nearest(name, x)


def _factored(parents: list[int], diagonal: Floats, coupling: Floats) -> _Elimination | _Inverse:
    """Return what solves H y = right: one inverse where all programs share a small H, else an elimination."""
    N, shared, d, _ = diagonal.shape
    small = shared == 1 and N * d <= WHOLE
    return (_Inverse if small else _Elimination)(parents, diagonal, coupling)


class _Inverse:
    """The inverse of one H: two products an iteration instead of three a node."""

    def __init__(self, parents: list[int], diagonal: Floats, coupling: Floats) -> None:
        N, _, d, _ = diagonal.shape
        H = np.zeros((N, d, N, d))
        for k, p in enumerate(parents):
            H[k, :, k] = diagonal[k, 0]
            if p >= 0:
                H[k, :, p], H[p, :, k] = coupling[k, 0], coupling[k, 0].T
        inverse = np.linalg.inv(H.reshape(N * d, N * d))
        self._inverse = 0.5 * (inverse + inverse.T)

    def solve(self, right: Floats) -> Floats:
        """Return y (N, B, d)."""
        N, B, d = right.shape
        rows = right.transpose(1, 0, 2).reshape(B, N * d)
        return np.asarray((rows @ self._inverse).reshape(B, N, d).transpose(1, 0, 2))


class _Elimination:
    """Block elimination of a tree from its leaves: H y = right, for one H or one a program."""

    def __init__(self, parents: list[int], diagonal: Floats, coupling: Floats) -> None:
        self._parents = parents
        left = diagonal.copy()
        self._inverse = np.empty_like(left)
        self._gain = np.empty_like(left)
        for k in range(len(parents) - 1, -1, -1):
            inverse = np.linalg.inv(left[k])
            self._inverse[k] = 0.5 * (inverse + inverse.transpose(0, 2, 1))
            p = parents[k]
            if p >= 0:
                self._gain[k] = self._inverse[k] @ coupling[k]
                left[p] -= coupling[k].transpose(0, 2, 1) @ self._gain[k]

    def solve(self, right: Floats) -> Floats:
        """Return y (N, B, d)."""
        right = right.copy()
        for k in range(len(right) - 1, 0, -1):
            right[self._parents[k]] -= _each(right[k], self._gain[k])
        y = np.empty_like(right)
        for k, p in enumerate(self._parents):
            y[k] = _each(right[k], self._inverse[k])
            if p >= 0:
                y[k] -= _each(y[p], self._gain[k].transpose(0, 2, 1))
        return y


def _each(rows: Floats, blocks: Floats) -> Floats:
    """Return ``rows_b' blocks_b``, (B, d), for blocks (B, d, d) or (1, d, d)."""
    if len(blocks) == 1:
        return np.asarray(rows @ blocks[0])
    return np.asarray((rows[:, None, :] @ blocks)[:, 0])
