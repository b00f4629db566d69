"""Control: a policy, and a bound on what any policy could add.

Positions are traded at a rate that costs, within limits, while regimes switch. On each path the policy is compared with the best plan
that knows the whole path, so the gap holds whatever the policy is.
"""

import proofolio as pf

chain = pf.RegimeChain([[-0.2, 0.2], [0.4, -0.4]], names=["calm", "wild"])
alpha = [[0.08, 0.02], [-0.06, 0.04]]
Sigma = [[[0.0225, 0.0], [0.0, 0.0064]], [[0.0625, -0.005], [-0.005, 0.01]]]
problem = pf.RegimeControl(chain, alpha, Sigma, gamma=3, eta=0.01, horizon=2, limits=1.0, l1=0.002)
policies = {"lookahead": problem.lookahead(years=1.0), "one step": problem.one_step()}
gaps = {name: problem.bound(policy, paths=40) for name, policy in policies.items()}
for gap in gaps.values():
    print(gap)

figure = gaps["lookahead"].plot()
figure.savefig("control.svg")
