r"""Where descents of the risk-parity objective begin when the best of many ends is wanted.

The objective is not convex. Its optima differ by which assets are traded at all and by which are given up, so the
starts are the plans between the ERC and the holdings, plans with one asset or one group as full or as empty as
allowed, and weights drawn evenly from the simplex and near its edges. Where their ends differ, the best of them are
changed in one asset at a time, given up, back at the holdings or at its weight in the ERC, and the descent goes on from
there. All of them are the same in every run.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from proofolio.arrays import Floats, Mask
from proofolio.models.portfolio.plan_set import PlanSet

__all__ = ["POOL", "STARTS", "neighbours", "wanted_starts"]


STARTS = ("all", "erc")
BETWEEN = (0.25, 0.5, 0.75)  # of the way from the ERC to the holdings
CORNER = 0.9  # of the portfolio in one asset
DRAWN = 24  # random starts; SLSQP has 20 starts in the experiment `risk_parity_starts`
EDGES = (1.0, 0.3)  # concentrations of the Dirichlet distributions: even, and near the edges
SEED = 0
POOL = 6  # of the best ends whose neighbours are tried
CHANGED = 1e-3  # a weight that differs by less is not a change worth a descent


def wanted_starts(erc: Floats, w0: Floats, plans: PlanSet) -> Iterator[tuple[str, Floats]]:
    """Return names and weights (h, n) that add up to 1; bounds, groups and limits may yet exclude them.

    Parameters
    ----------
    erc : ndarray, shape (h, n)
    w0 : ndarray, shape (n,)
        Holdings before the first period.
    plans : PlanSet
    """
    h, n = erc.shape
    total = float(w0.sum())
    stay: Floats = np.broadcast_to(w0 / total if total > 0.0 and w0.min() >= 0.0 else 1.0 / n, (h, n))
    yield "holdings", stay
    for part in BETWEEN:
        yield "between", (1.0 - part) * erc + part * stay
    yield "equal", np.full((h, n), 1.0 / n)
    for members, low, high in zip(plans.group_members, plans.group_lower, plans.group_upper, strict=True):
        inside = members > 0.0
        for limit in (low, high):
            share = float(np.clip(limit, 0.0, 1.0))
            yield "group", _filled(_filled(erc, inside, share), ~inside, 1.0 - share)
    if n > 1:
        for i in range(n):
            alone = np.arange(n) == i
            yield "corner", _filled(_filled(erc, alone, CORNER), ~alone, 1.0 - CORNER)
            yield "corner", _filled(_filled(stay, alone, 0.0), ~alone, 1.0)
    rng = np.random.default_rng(SEED)
    for k in range(DRAWN):
        yield "drawn", np.broadcast_to(rng.dirichlet(np.full(n, EDGES[k % len(EDGES)])), (h, n))


def neighbours(W: Floats, erc: Floats, w0: Floats) -> Iterator[Floats]:
    """Return weights (h, n) that differ from W in one asset, and in the others by a common factor."""
    n = W.shape[1]
    for i in range(n):
        alone = np.arange(n) == i
        tried = [W[0, i]]
        for share in (0.0, float(w0[i]), float(erc[:, i].mean())):
            if 0.0 <= share < 1.0 and min(abs(share - each) for each in tried) > CHANGED:
                tried.append(share)
                yield _filled(_filled(W, alone, share), ~alone, 1.0 - share)


def _filled(W: Floats, some: Mask, share: float) -> Floats:
    """Return weights whose part `some` adds up to `share`, in the proportions it has, or evenly where it has none."""
    found = W.copy()
    held = W[:, some].sum(axis=1, keepdims=True)
    count = int(some.sum())
    if count:
        found[:, some] = share * np.where(
            held > 0.0, W[:, some] / np.where(held > 0.0, held, 1.0), 1.0 / count
        )
    return found
