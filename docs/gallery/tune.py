"""Parameters chosen on one span, and judged on the next.

Every point of a grid is one backtest on the training span. The picture has the Sharpe ratio over the grid; the sentences below say what the
choice is worth where it was not made, beside equal weights.
"""

import proofolio as pf

prices = pf.load_prices().loc["2017":"2020", ["JNJ", "JPM", "KO", "XOM"]]
grid = {"horizon": [1, 5], "gamma_risk": [0.5, 1, 5], "gamma_trade": [0.0005, 0.002, 0.01]}
result = pf.tune(prices, "mpo-no-hmm", grid, window=250, cost_bps=10)
print(result)

figure = result.plot()
figure.savefig("tune.svg")
