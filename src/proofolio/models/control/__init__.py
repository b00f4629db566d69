"""Continuous-time control: trade at a rate, with the next regime in mind.

Read in this order: `chain` is the regimes, `problem` the data of a problem, `regime_control` the class that users
make, with all methods. Without limits and linear costs the value is quadratic: `equations` states the coupled
Riccati equations, `stationary` and `finite` solve them, `riccati` chooses (whole, or by factors), and
`quadratic_value` is the answer.

With limits, linear or fixed costs: `discrete` is the problem in steps with its exact value, `limits` where positions
may lie, `plans` convex plans over a chain or tree of steps. On these stand `policies`, `bound` (how far a policy is
from the optimum at most), `filtering` and `simulation`; `traded_problem` has them as methods. `published` is the
published example, and `experiments` its claims beside what comes out.
"""
