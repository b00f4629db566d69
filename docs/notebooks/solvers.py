# ---
# jupyter:
#   kernelspec:
#     display_name: Python 3
#     language: python
#     name: python3
# ---

# %% [markdown]
# # A solver comparison, in a notebook
#
# Which solver is faster on your models, in a comparison where a wrong answer has no time. Any function without arguments that returns
# a model is a case; here one model with the M that is needed, and with a million.

# %%
# %%writefile warehouses.py
import numpy as np

from proofolio import Model


def warehouses(M):
    """Which of eight warehouses open, and what each sends to five shops; M links the two."""
    rng = np.random.default_rng(7)
    model = Model("warehouses")
    sent = model.variable("sent", (8, 5), lower=0, upper=30)
    open_ = model.variable("open", 8, binary=True)
    model.add("demand", sent.sum(0) >= rng.integers(10, 30, 5))
    model.add("only_if_open", sent.sum(1) <= M * open_)
    model.minimise((rng.integers(2, 9, (8, 5)) * sent).sum() + (rng.integers(40, 90, 8) * open_).sum())
    return model


def proved():
    """The M that is needed: five shops, 30 each at most."""
    return warehouses(150)


def guessed():
    """A million is surely enough."""
    return warehouses(1e6)


# %% [markdown]
# ## The comparison
#
# Each run is done in a worker process with one thread, and its answer is checked against the model before its time counts.

# %%
import subprocess
import sys

asked = [
    "warehouses.py",
    "--solvers",
    "highs,scip",
    "--seeds",
    "1",
    "--time-limit",
    "10",
    "--out",
    "comparison",
]
bench = subprocess.run([sys.executable, "-m", "proofolio", "bench", *asked], capture_output=True, text=True)
print(bench.stdout)

# %% [markdown]
# `comparison/runs.jsonl` has a line for every run, with versions and the load of the machine:

# %%
import pandas as pd

runs = pd.read_json("comparison/runs.jsonl", lines=True)
sorted(runs.columns)

# %% [markdown]
# ## What a claim is worth
#
# `solver-optimal` is the solver's own word. With a certificate the optimum is proved in fractions, whichever solver found it:

# %%
import warehouses

import proofolio as pf

pf.solve(warehouses.proved(), solver="highs", confirm="certificate")

# %% [markdown]
# A million is `loose`: nothing is cut off, but a warehouse that counts as closed may send something.

# %%
pf.audit(warehouses.guessed())

# %% [markdown]
# ## A claim that is wrong
#
# `check` holds any point against the rows of the model. Here everything is sent and no warehouse opened:

# %%
answer = pf.solve(warehouses.guessed())
pretended = answer.values | {f"open[{k}]": 0.0 for k in range(8)}
checks = pf.check(warehouses.guessed(), pretended)
[check for check in getattr(checks, "checks", checks) if not check.ok]
