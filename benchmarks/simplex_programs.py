"""Many small quadratic programs on the simplex at once, as the methods of regime switching ask for them.

``python -m benchmarks simplex_programs [--assets N] [--periods T] [--quick]``

Three regimes, T periods: minimise ``w'Qw + c'w`` over weights from 0 that add up to 1, with one Q a regime and another
c in every program. Timed in CPU milliseconds for all programs, the median of some rounds with numbers of their own: the
family `SimplexQPs` as machine code and in numpy, from no active sets and from those of c before it moved by a
hundredth, and PIQP, set up once a regime and given each c in turn. Every answer must be feasible and, by the family's
own lower bounds, no worse than the best by more than a millionth of the objective's size.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from benchmarks.record import Sheet, add_options, keep
from proofolio.compiled import active
from proofolio.solvers.quadratic.batch import SimplexQPs
from proofolio.solvers.quadratic.problem import QP
from proofolio.solvers.quadratic.table import direct_qp

Floats = NDArray[np.float64]
Ask = Callable[[Floats], Floats]
COLUMNS = ("way", "CPU ms", "worst gap", "violation", "answer")
REGIMES, ROUNDS = 3, 9
GAP, FEASIBLE = 1e-6, 1e-7
MOVED = 0.01


def matrices(n: int, rng: np.random.Generator) -> Floats:
    """Return one Q a regime, (3, 1, n, n)."""
    A = rng.standard_normal((REGIMES, n, n))
    Q: Floats = (A @ A.swapaxes(1, 2) / n)[:, None]
    return 0.5 * (Q + Q.swapaxes(2, 3))


def family(Q: Floats, T: int, compiled: bool) -> SimplexQPs:
    """Return programs that nothing is known of yet."""
    n = Q.shape[-1]
    made = SimplexQPs(Q, np.zeros((T, n)), np.ones((T, n)))
    made._compiled = compiled
    return made


def by_piqp(Q: Floats) -> Ask:
    """Return PIQP, which keeps one program a regime."""
    n = Q.shape[-1]
    ones, one = sparse.csc_matrix(np.ones((1, n))), np.ones(1)
    kept = [
        direct_qp("piqp", QP(sparse.csc_matrix(2.0 * each), np.zeros(n), ones, one, one, lower=np.zeros(n)))
        for each in Q[:, 0]
    ]

    def ask(c: Floats) -> Floats:
        W = np.full(c.shape, np.nan)
        for solver, slopes, weights in zip(kept, c, W, strict=True):
            for t, slope in enumerate(slopes):
                solver.update(q=slope)
                answer = solver.solve()
                if answer.status == "solved":
                    weights[t] = answer.x
        return W

    return ask


def judged(Q: Floats, c: Floats, W: Floats, least: Floats) -> tuple[float, float]:
    """Return the worst gap to the lower bounds, relative to the size of Q and c, and the worst violation."""
    value = np.einsum("dti,dij,dtj->dt", W, Q[:, 0], W) + (c * W).sum(axis=2)
    size = np.abs(Q).max() + np.abs(c).max(axis=2)
    violation = np.maximum(-W.min(axis=2), np.abs(W.sum(axis=2) - 1.0))
    return float(((value - least) / size).max()), float(violation.max())


def main(arguments: Sequence[str] | None = None) -> int:
    """Print the table; return how many answers are wrong."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks simplex_programs")
    parser.add_argument("--assets", type=int, default=10)
    parser.add_argument("--periods", type=int, default=250)
    add_options(parser, "30 periods, three rounds")
    options = parser.parse_args(arguments)
    n, T = options.assets, 30 if options.quick else options.periods
    rng = np.random.default_rng(0)
    Q = matrices(n, rng)
    piqp = by_piqp(Q)
    kinds = (("machine code", True), ("numpy", False)) if active() else (("numpy", False),)
    ways = [f"{kind}, {start}" for kind, _ in kinds for start in ("anew", "moved")] + ["PIQP"]
    times: dict[str, list[float]] = {way: [] for way in ways}
    worst = dict.fromkeys(ways, (0.0, 0.0))

    def timed(way: str, ask: Ask, c: Floats, least: Floats) -> None:
        began = time.process_time()
        W = ask(c)
        times[way].append(time.process_time() - began)
        found = judged(Q, c, W, least)
        # NaN is worse than anything
        worst[way] = tuple(b if not b <= a else a for a, b in zip(worst[way], found, strict=True))  # type: ignore[assignment]

    for _, compiled in kinds:  # compilation, and loading, are not timed
        family(Q, T, compiled).minimise(rng.standard_normal((REGIMES, T, n)))
    piqp(rng.standard_normal((REGIMES, T, n)))
    for _ in range(3 if options.quick else ROUNDS):
        c = rng.standard_normal((REGIMES, T, n))
        moved = c + MOVED * rng.standard_normal(c.shape)
        least, least_moved = (family(Q, T, False).minimise(each)[2] for each in (c, moved))
        for kind, compiled in kinds:
            programs = family(Q, T, compiled)
            timed(f"{kind}, anew", lambda c, programs=programs: programs.minimise(c)[0], c, least)
            timed(f"{kind}, moved", lambda c, programs=programs: programs.minimise(c)[0], moved, least_moved)
        timed("PIQP", piqp, c, least)
    rows, wrong = [], 0
    for way in ways:
        gap, violation = worst[way]
        right = abs(gap) <= GAP and violation <= FEASIBLE
        wrong += not right
        rows.append(
            (
                way,
                f"{1e3 * np.median(times[way]):.2f}",
                f"{gap:.1e}",
                f"{violation:.1e}",
                "right" if right else "WRONG",
            )
        )
    keep("simplex programs", [Sheet(f"{REGIMES * T} programs of {n} weights", COLUMNS, rows)], options)
    return wrong
