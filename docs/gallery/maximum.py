"""One maximum, linearised five ways.

v = max(u1, u2, u3) of 12 assets' terms in a model with a budget. Every lowering has the same optimum; what differs is rows, columns, and
how close the relaxation comes: the hull is the sharpest, and the largest.
"""

import matplotlib.pyplot as plt
import numpy as np

import proofolio as pf

LOWERINGS = ("big-m", "six-row", "hull", "indicator", "sos1")


def model(lowering):
    """Minimise a cost less the largest of three exposures, which is what makes the maximum hard."""
    rng = np.random.default_rng(3)
    m = pf.Model(lowering)
    w = m.variable("w", 12, lower=0, upper=0.4)
    m.add("budget", w.sum() == 1)
    exposures = [rng.normal(size=(6, 12)).round(2) @ w for _ in range(3)]
    v = pf.maximum(m, "v", exposures, lowering=lowering)
    m.minimise(rng.uniform(0, 1, 12).round(2) @ w - v.sum())
    return m


sizes, optima = {}, {}
for lowering in LOWERINGS:
    program = model(lowering).freeze()
    answer = pf.solve(model(lowering), solver="scip", confirm="none")
    sizes[lowering], optima[lowering] = (program.m, program.n), answer.objective
    print(f"{lowering:<10} {program.m:>4} rows {program.n:>4} columns  optimum {answer.objective:.6f}")

figure, axes = plt.subplots(figsize=(7, 3.4), layout="constrained")
at = np.arange(len(LOWERINGS))
axes.bar(at - 0.2, [sizes[name][0] for name in LOWERINGS], 0.38, label="linear rows", color="#5f8cbd")
axes.bar(at + 0.2, [sizes[name][1] for name in LOWERINGS], 0.38, label="columns", color="#e3923b")
axes.set_xticks(at, LOWERINGS)
axes.set_xlabel(f"optima: {min(optima.values()):.6f} to {max(optima.values()):.6f}")
axes.legend(frameon=False)
figure.savefig("maximum.svg")
