"""Continuous-time control: trade at a rate, with the next regime in mind.

Read in this order: `chain` is the regimes, `problem` the data of a problem, `regime_control` the class that users
make, with all methods. Without limits and linear costs the value is quadratic: `equations` states the coupled
Riccati equations, `stationary` and `finite` solve them, `riccati` chooses (whole, or by factors), and
`quadratic_value` is the answer.

With a box or linear costs and up to three assets: `grids` (axes, and what work will take), `howard` (policy iteration
on a grid), `grid_solution` (in time), `grid_value` (the answer), and `hjb_solver`, the published class. `calibration`
reads a problem from prices.

With limits, linear or fixed costs: `discrete` is the problem in steps with its exact value, `limits` where positions
may lie, `plans` convex plans over a chain or tree of steps. On these stand `policies`, `bound` (how far a policy is
from the optimum at most), `filtering` and `simulation`; `traded_problem` has them as methods. `published` is the
published example, and `experiments` its claims beside what comes out.
"""
