"""Hidden Markov regimes of a portfolio's returns.

Two regimes, sorted by volatility so that their names never flip. The wild one is where the falls are; how much later a filter knows than
hindsight does is another question, which the backtest answers.
"""

import matplotlib.pyplot as plt

import proofolio as pf

prices = pf.load_prices().loc["2007":"2010"]
returns = prices.pct_change().iloc[1:].mean(axis=1).rename("equal weights")
fit = pf.fit_regimes(returns, K=2, restarts=1)
print(fit)
wealth = (1 + returns).cumprod()
wild = fit.filtered_probabilities(returns.to_frame())[:, 1]

figure, (above, below) = plt.subplots(
    2, 1, figsize=(8, 4.6), sharex=True, height_ratios=(2, 1), layout="constrained"
)
above.plot(wealth.index, wealth, color="#1c1f24", linewidth=1)
above.fill_between(
    wealth.index, 0, 1, where=wild > 0.5, color="#d4674f", alpha=0.3, transform=above.get_xaxis_transform()
)
above.set_yscale("log")
above.yaxis.set_major_formatter("{x:g}")
above.yaxis.set_minor_formatter("{x:g}")
above.set_ylabel("wealth, from 1")
below.fill_between(wealth.index, 0, wild, color="#d4674f", linewidth=0)
below.set_ylabel("P(wild)")
figure.savefig("regimes.svg")
