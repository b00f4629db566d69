"""Is the published bound on M sufficient? Random instances, each answer checked.

``python -m benchmarks published_bound``

n = 3 assets, R = 3 regimes, one period, A and c / 0.5 standard normal, Q = scale * AA'/n. The rule is
M_r = max(2 ||Q_r||_2 + ||c_r||_2, |a| + 1, |b| + 1). What is needed is the largest f_r - f_s over
feasible weights. M counts as too small when a feasible point with f_r - f_s > M_r is found, and the optimum as
changed when that of the program built with the rule is worse than the true one by more than 1e-6.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from rich.console import Console
from rich.progress import track
from rich.table import Table

import proofolio as pf

CURVATURE = (1.0, 0.3, 0.1)


def main(arguments: Sequence[str] = ()) -> int:
    """Print the counts; return how many true optima could not be verified."""
    table = Table("Q is", "M too small in", "optimum changed in", "by up to", "not verified")
    failed = 0
    for scale in CURVATURE:
        counts = _law(scale)
        failed += counts.failed
        table.add_row(
            f"{scale:g} AA'/n",
            f"{counts.insufficient} of 100",
            f"{len(counts.changes)} of 100",
            f"{max(counts.changes, default=0.0):.0%}",
            str(counts.failed),
        )
    Console().print(table)
    corner = pf.RegimeSwitching(np.zeros((2, 3, 3)), [[1, 1, 1], [-1, -1, -1]], periods=1)
    wrong = corner.solve(lowering="big-m", big_m="published")
    if wrong.cut_off is None or wrong.objective is None:
        return failed + 1
    print(
        f"Q = 0, c = +-(1,1,1): M = {wrong.cut_off.big_m:.6g} where {wrong.cut_off.needed:.6g} is needed; "
        f"the optimum {wrong.cut_off.objective:.6g} becomes {wrong.objective:.6g}"
    )
    return failed


class _Counts(NamedTuple):
    insufficient: int
    changes: list[float]
    failed: int


def _law(scale: float) -> _Counts:
    insufficient, changes, failed = 0, [], 0
    for seed in track(range(100), f"Q = {scale:g} AA'/n", console=Console(stderr=True), transient=True):
        drawn = pf.random_instance(3, 1, 3, seed, maxima=())
        program = pf.RegimeSwitching(scale * drawn.costs.Q, drawn.costs.c, periods=1)
        true = program.solve()
        published = program.solve(lowering="big-m", big_m="published")
        cut = published.cut_off
        if not true.ok or cut is None or true.objective is None or published.objective is None:
            failed += 1
            continue
        insufficient += cut.big_m < cut.needed - 1e-9
        change = (published.objective - true.objective) / abs(true.objective)
        if change > 1e-6:
            changes.append(change)
    return _Counts(insufficient, changes, failed)
