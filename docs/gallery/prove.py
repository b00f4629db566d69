"""Prove a formulation, and refute it with one constant too small.

The larger of two inputs, with an M for each row. With 4.5 and 4.0 the rows say what they mean, in exact arithmetic; with less than 4 the
point that is cut off is shown. The picture has the verdict for a hundred choices of the two constants.
"""

import matplotlib.pyplot as plt
import numpy as np

import proofolio as pf

inputs = {"u": pf.Box(2, lower=[-2, -1], upper=[3, 2.5])}
meaning = [lambda u, v: [v == u[0], u[0] >= u[1]], lambda u, v: [v == u[1], u[1] >= u[0]]]


def larger(model, u, M):
    """Write the rows of v = max(u)."""
    v = model.variable("v", lower=-3, upper=6)
    chosen = model.variable("chosen", 2, binary=True)
    model.add("at_least", v >= u)
    model.add("at_most", v <= u + M * (1 - chosen))
    model.add("one", chosen.sum() == 1)
    return v


def verdict(first, second):
    """Prove or refute the rows with these two constants."""
    return pf.prove(pf.Claim(lambda model, u: larger(model, u, [first, second]), inputs, ("v",), meaning))


right, short = verdict(4.5, 4.0), verdict(4.5, 3.9)
print(right)
print("cut off:", {name: float(value) for name, value in short.witness.values.items()})

tried = np.arange(3.0, 6.0, 0.3).round(1)
proved = np.array([[verdict(a, b).verdict == "proved" for a in tried] for b in tried])

figure, axes = plt.subplots(figsize=(6, 4.4), layout="constrained")
a, b = np.meshgrid(tried, tried)
axes.scatter(a[proved], b[proved], color="#5f9e54", label="proved")
axes.scatter(a[~proved], b[~proved], color="#d56a68", marker="x", label="refuted")
axes.axvline(4.5, color="grey", linewidth=0.8)
axes.axhline(4.0, color="grey", linewidth=0.8)
axes.set_xlabel("M of the first row")
axes.set_ylabel("M of the second row")
figure.legend(loc="outside right upper")
figure.savefig("prove.svg")
