"""A leak: an M that is no larger than its variable, and a point that passes all the same.

min y + 1000 b with y <= 90000 b and 0.05 <= y <= 90000. The M is the bound of y, but a solver may take b = 5.6e-7 for 0, and pay nothing
for switching on. The true optimum is 1000.05, and b = 1 its only value, which the audit calls `dead`. The picture has what may pass through the row while b still counts as 0.
"""

import matplotlib.pyplot as plt
import numpy as np

import proofolio as pf


def model(M):
    """Switch on for 1000, or have y = 0."""
    m = pf.Model("leak")
    y = m.variable("y", lower=0.05, upper=90_000)
    b = m.variable("b", binary=True)
    m.add("only_if_on", y <= M * b)
    m.minimise(y + 1000 * b)
    return m


found = pf.audit(model(90_000))
print(found.to_frame()[["row", "big_m", "verdict", "leak", "safe"]].to_string(index=False))
answer = pf.solve(model(90_000), confirm="certificate")
print(answer)
cheat = pf.check(model(90_000), {"y": 0.05, "b": 0.05 / 90_000})
print("b = 5.6e-07 fails:", ", ".join(check.name for check in cheat if not check.ok))

sizes = np.logspace(1, 7, 60)
figure, axes = plt.subplots(figsize=(7, 3.6), layout="constrained")
axes.loglog(sizes, 1e-6 * sizes, color="#5f8cbd", label="y that passes with b = 1e-6")
axes.axhline(0.05, color="#d56a68", label="y that is asked for")
axes.scatter([90_000], [0.09], color="#1c1f24", zorder=3, label="this model")
axes.set_xlabel("M")
axes.set_ylabel("leak")
axes.legend(frameon=False)
figure.savefig("leak.svg")
