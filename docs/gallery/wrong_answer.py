"""A benchmark in which a wrong answer has no time.

A method that rounds the relaxation and hopes is fast. Its points are checked against the rows of the model, and its claim of an optimum
against one that is proved: what breaks a row, or is called optimal and is not, is refused, however fast it was.
"""

import time

import matplotlib.pyplot as plt
import numpy as np

import proofolio as pf


def model(seed, *, relaxed=False):
    """Which of twelve projects to fund, under three budgets."""
    rng = np.random.default_rng(seed)
    m = pf.Model(f"projects {seed}")
    fund = m.variable("fund", 12, lower=0, upper=1, integer=not relaxed)
    m.add("budgets", rng.integers(1, 30, (3, 12)) @ fund <= rng.integers(60, 90, 3))
    m.maximise(rng.integers(10, 60, 12) @ fund)
    return m


def timed(solve):
    """Return an answer, and the seconds it took."""
    began = time.perf_counter()
    return solve(), time.perf_counter() - began


marks = {"accepted": ("o", "#5f9e54"), "breaks a row": ("x", "#d56a68"), "not optimal": ("v", "#e3923b")}
rows = []
pf.solve(model(10), solver="highs", confirm="none")  # the first solve also loads the solver
for seed in range(10):
    best, seconds = timed(lambda seed=seed: pf.solve(model(seed), solver="highs", confirm="none"))
    proved = pf.solve(model(seed), confirm="certificate")
    good = best.ok and proved.certified and abs(best.objective - proved.objective) < 1e-6
    rows.append(("HiGHS", seed, seconds, "accepted" if good else "not optimal"))
    bare, seconds = timed(
        lambda seed=seed: pf.solve(model(seed, relaxed=True), solver="highs", confirm="none")
    )
    rounded = {name: float(round(value)) for name, value in bare.values.items()}
    broken = [check for check in pf.check(model(seed), rounded) if not check.ok]
    value = model(seed).freeze().objective(np.array(list(rounded.values())))
    verdict = "breaks a row" if broken else "accepted" if value == proved.objective else "not optimal"
    rows.append(("rounding", seed, seconds, verdict))
for name in ("HiGHS", "rounding"):
    print(name, {mark: sum(row[0] == name and row[3] == mark for row in rows) for mark in marks})

figure, axes = plt.subplots(figsize=(7, 3.4), layout="constrained")
for verdict, (mark, colour) in marks.items():
    of = [row for row in rows if row[3] == verdict]
    axes.scatter([r[1] for r in of], [r[2] for r in of], marker=mark, color=colour, label=verdict)
axes.set_xlabel("model")
axes.set_ylabel("seconds")
figure.legend(loc="outside upper center", ncols=3, frameon=False)
figure.savefig("wrong_answer.svg")
