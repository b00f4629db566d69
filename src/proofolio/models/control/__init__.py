"""Continuous-time control: trade at a rate, with the next regime in mind.

Read in this order: `chain` is the regimes, `problem` the data of a problem, `regime_control` the class that users
make, with all methods. Without limits and linear costs the value is quadratic: `equations` states the coupled
Riccati equations, `stationary` and `finite` solve them, `riccati` chooses (whole, or by factors), and
`quadratic_value` is the answer.

With a box or linear costs and up to three assets: `grids` (axes, and what work will take), `howard` (policy iteration
on a grid), `grid_solution` (in time), `grid_value` (the answer), and `hjb_solver`, the published class. `calibration`
reads a problem from prices.
"""
