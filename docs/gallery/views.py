"""Views, believed as far as the regimes of their assets say.

Three views on twenty stocks. Two regimes are fitted to each asset that a view names; a view is believed as far as today's regime agrees with
it, and one that was given a confidence keeps it.
"""

import proofolio as pf

returns = pf.load_prices().loc["2014":].pct_change().iloc[1:]
views = (
    pf.Views(returns.columns)
    .relative("AAPL", "GE", 0.04, per="year")
    .absolute("XOM", 0.08, per="year", confidence=0.3)
    .group({"JPM": 0.5, "BAC": 0.5}, over="KO", by=0.02, per="year")
)
posterior = pf.BlackLitterman(regimes=pf.AssetRegimes(restarts=2)).fit(returns).posterior(views)
print(posterior.table().round(3).to_string())

figure = posterior.plot()
figure.savefig("views.svg")
