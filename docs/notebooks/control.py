# ---
# jupyter:
#   kernelspec:
#     display_name: Python 3
#     language: python
#     name: python3
# ---

# %% [markdown]
# # Control, in a notebook
#
# Positions are traded at a rate that costs, while regimes follow a Markov chain. Trading today pays for itself only as long as the
# regime lasts: that is what the next regime is kept in mind for. A year is the unit of everything; costs are fractions.

# %%
import numpy as np

import proofolio as pf

chain = pf.RegimeChain([[-0.2, 0.2], [0.4, -0.4]], names=["calm", "wild"])
alpha = [[0.08, 0.02], [-0.06, 0.04]]
Sigma = [[[0.0225, 0.0], [0.0, 0.0064]], [[0.0625, -0.005], [-0.005, 0.01]]]
control = pf.RegimeControl(chain, alpha, Sigma, gamma=3, eta=0.01, horizon=2, limits=1.0, l1=0.002)
control, chain

# %% [markdown]
# ## What to trade now
#
# `lookahead` plans on as if the present regime stayed, each step weighted by the chance that it does. From half the money in the first
# asset, this is what it buys in a month, in either regime, and in between when a filter is not sure:

# %%
policy = control.lookahead(years=1.0)
probabilities = np.linspace(0, 1, 11)
trades = np.array([policy.trade([0.5, 0.0], [1 - p, p]) for p in probabilities])
trades.round(3)

# %%
import matplotlib.pyplot as plt

figure, axes = plt.subplots(figsize=(7, 3), layout="constrained")
axes.plot(probabilities, trades, marker="o", label=["first asset", "second asset"])
axes.set_xlabel("probability of the wild regime")
axes.set_ylabel("bought this month")
axes.axhline(0, color="grey", linewidth=0.8)
legend = axes.legend()

# %% [markdown]
# ## How far from the best?
#
# On each simulated path the policy is compared with the best plan that knows the whole path, so the gap is a bound on what any
# policy could add. A policy that looks only at the step that begins now is further away:

# %%
pf_gap = control.bound(policy, paths=40)
pf_gap

# %%
control.bound(control.one_step(), paths=40).gap, pf_gap.gap

# %% [markdown]
# The bound is of the model in monthly steps, under the drifts, covariances and generator given. It says nothing about whether these
# are true.
#
# ## What it earns after costs
#
# Both policies on the same paths of five years, with costs of 10 basis points:

# %%
table = control.simulate(
    {"lookahead": policy, "one step": control.one_step()}, paths=60, periods_per_year=12, costs=0.001
)
table

# %%
difference, half_width = table.paired("lookahead", "one step")
print(f"Sharpe ratio, lookahead less one step: {difference:+.3f} +- {half_width:.3f}")
