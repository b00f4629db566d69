"""Equal risk contributions of twenty stocks.

Equal weights are not equal risks. The ERC is one convex program with one answer, here to 1e-12.
"""

import matplotlib.pyplot as plt
import numpy as np

import proofolio as pf

returns = pf.load_prices().loc["2018":].pct_change().iloc[1:]
covariance = returns.cov().to_numpy()
n = len(covariance)
weights = pf.equal_risk(covariance)
share = {
    "1/n": pf.risk_contributions(np.full(n, 1 / n), covariance),
    "ERC": pf.risk_contributions(weights, covariance),
}
share = {name: 100 * part / part.sum() for name, part in share.items()}
print(f"risk shares of the ERC: {share['ERC'].min():.6f} % to {share['ERC'].max():.6f} %")

figure, (left, right) = plt.subplots(1, 2, figsize=(8, 4.4), sharey=True, layout="constrained")
left.barh(returns.columns, 100 * weights, color="#5f8cbd")
left.set_xlabel("ERC weight, %")
left.invert_yaxis()
for (name, part), mark in zip(share.items(), "xo", strict=True):
    right.plot(part, returns.columns, mark, label=name)
right.set_xlabel("share of the risk, %")
right.legend(frameon=False)
figure.savefig("equal_risk.svg")
