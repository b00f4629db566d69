# ---
# jupyter:
#   kernelspec:
#     display_name: Python 3
#     language: python
#     name: python3
# ---

# %% [markdown]
# # A table of prices, in a notebook
#
# What strategies would have earned after costs, parameters chosen without fooling yourself, and today's trades.

# %%
import subprocess
import sys

import pandas as pd

import proofolio as pf

wanted = ["prices.csv", "--assets", "JNJ,JPM,KO,XOM", "--since", "2016-01-01", "--resample", "weekly"]
subprocess.run([sys.executable, "-m", "proofolio", "sample-data", *wanted], check=True, capture_output=True)
prices = pf.read_prices("prices.csv")
prices.tail(3)

# %% [markdown]
# Your own table works the same way: dates in the first column, a column of prices for each asset. All four companies survived until
# the table ends, so only differences between strategies mean anything, and these little.
#
# ## What would have been earned
#
# `fix-mix` keeps equal weights, `erc` gives every asset the same share of the risk, and `mpo-no-hmm` plans several weeks ahead. At
# every close each of them sees the last 104 weeks and nothing later; trades cost 10 basis points.

# %%
result = pf.backtest(prices, ["fix-mix", "erc", "mpo-no-hmm"], window=104, cost_bps=10)
result

# %%
result.plot_weights()

# %% [markdown]
# The shares of risk say what `erc` is for:

# %%
result.plot_risk()

# %% [markdown]
# ## A strategy of your own
#
# A function gets what was known at a close, and returns weights.


# %%
def calm(context):
    """Hold what has been calm."""
    inverse = 1 / context.returns.tail(26).std()
    return inverse / inverse.sum()


own = pf.backtest(prices, ["fix-mix", pf.strategy(calm)], window=104, cost_bps=10)
own.to_frame()[["return", "volatility", "sharpe", "max_drawdown", "turnover"]].astype(float).round(3)

# %% [markdown]
# ## Choosing without fooling yourself
#
# Parameters are tried on one span, the best is judged on the next one, once, and `fix-mix` stands beside it. Where the choice earned
# less than doing nothing clever, that is the finding.

# %%
grid = {"horizon": [1, 4], "gamma_risk": [1, 5], "gamma_trade": [0.001, 0.01]}
tuned = pf.tune(prices, "mpo-no-hmm", grid, window=104, cost_bps=10)
tuned

# %% [markdown]
# ## Today's trades

# %%
held = pd.Series({"JNJ": 0.2, "JPM": 0.0, "KO": 0.5, "XOM": 0.3})
today = pf.trades_today(prices, held, "erc", window=104)
today
