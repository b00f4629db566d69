"""Audit a Big-M, and put in the one that is needed.

Sixteen futures, at most five held, within limits on 16 factors: the positions have no bounds of their own, so somebody wrote M = 10. The
audit computes from all rows together what each side needs; the tightened model has the same optimum, and fewer nodes.
"""

import numpy as np

import proofolio as pf

rng = np.random.default_rng(1)
loadings = rng.normal(size=(16, 16)).round(2) + 2 * np.eye(16)
expected = rng.uniform(0.01, 0.1, 16).round(3)
model = pf.Model("futures")
w = model.variable("w", 16)
held = model.variable("held", 16, binary=True)
model.add("factor_high", loadings @ w <= 0.1)
model.add("factor_low", loadings @ w >= -0.1)
model.add("long", w <= 10 * held)
model.add("short", w >= -10 * held)
model.add("few", held.sum() <= 5)
model.maximise(expected @ w)

found = pf.audit(model)
print(found)
tightened = pf.tighten(model, found=found)
before, after = (pf.solve(m, solver="highs", confirm="none") for m in (model, tightened))
print(f"before: {before.objective:.6f} after {before.nodes} nodes")
print(f"after:  {after.objective:.6f} after {after.nodes} nodes")

figure = found.plot(20)
figure.savefig("big_m.svg")
