"""Planning ahead against equal weights, after costs.

`mpo-no-hmm` plans five days ahead and trades only where that pays; `fix-mix` trades back to equal weights. Each sees at a close what was
known then. Only differences mean anything: all of these companies survived.
"""

import proofolio as pf

prices = pf.load_prices().loc["2017":"2020", ["JNJ", "JPM", "KO", "XOM", "MSFT", "WMT"]]
result = pf.backtest(prices, ["fix-mix", "mpo-no-hmm", "erc-no-hmm"], window=250, cost_bps=10)
print(result.to_frame()[["return", "volatility", "sharpe", "turnover"]].astype(float).round(3))

figure = result.plot()
figure.savefig("backtest.svg")
