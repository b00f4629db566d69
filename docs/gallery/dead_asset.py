"""The dead-asset trap of risk parity.

Shares and bonds that move against each other have one portfolio of equal risks: weights in inverse proportion to the volatilities.
But beside shares alone, a few bonds carry negative risk, which is further from a half than none: all in shares is a local minimum, and
the published rule, begun at equal weights, ends there. A step begins at the ERC instead, which is a convex program with one
answer; and a step that ends in the trap says so.
"""

import matplotlib.pyplot as plt
import numpy as np

import proofolio as pf

volatility = np.diag([0.20, 0.04])  # shares, bonds
covariance = volatility @ [[1.0, -0.4], [-0.4, 1.0]] @ volatility
held = [0.5, 0.5]


def error(bonds):
    """Return the sum of squared differences of the two shares of risk from a half."""
    weights = np.array([1 - bonds, bonds])
    share = weights * (covariance @ weights) / (weights @ covariance @ weights)
    return float(((share - 0.5) ** 2).sum())


program = pf.RiskParity(2, 1, gamma_trade=1e-6, certify=True)
ours = program.stepper().solve(covariance, held)
published = program.stepper("published")
trapped = published.solve(covariance, held, start=held)
for name, step in {"published rule": trapped, "proofolio": ours}.items():
    print(f"{name}: {step.W[0, 1]:.1%} bonds, error {error(step.W[0, 1]):.6f}, ok {step.ok}")
(reason,) = (check.detail for check in trapped.checks if check.name == "no asset dead")
print(f"what the first one says: {reason}")
print(f"nothing is better than the second by more than {ours.gap:.0e}, certified {ours.certified}")

starts = np.linspace(0.05, 0.95, 19)
ends = [published.solve(covariance, held, start=[1 - b, b]).W[0, 1] for b in starts]
dead = np.array(ends) < 1e-6
print(f"the published rule ends without bonds from {dead.sum()} of {len(starts)} starts")

figure, axes = plt.subplots(figsize=(7, 3.8), layout="constrained")
bonds = np.linspace(0, 0.999, 500)
axes.plot(100 * bonds, [error(b) for b in bonds], color="#7f7f7f", label="squared risk errors")
for these, mark, name in (
    (dead, "x", "starts that end without bonds"),
    (~dead, "o", "starts that end at the ERC"),
):
    colour = "#d56a68" if mark == "x" else "#5f9e54"
    axes.plot(100 * starts[these], [error(b) for b in starts[these]], mark, color=colour, label=name)
axes.annotate("the trap", (0, 0.5), (6, 0.25), arrowprops={"arrowstyle": "->"})
axes.annotate("equal risks", (100 * ours.W[0, 1], 0), (60, 0.12), arrowprops={"arrowstyle": "->"})
axes.set_xlabel("weight of bonds, %")
axes.legend(frameon=False)
figure.savefig("dead_asset.svg")
