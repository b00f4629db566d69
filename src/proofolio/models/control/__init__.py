"""Continuous-time control: trade at a rate, with the next regime in mind.

Read in this order: `chain` is the regimes, `problem` the data of a problem, `regime_control` the class that users
make, with all methods. Without limits and linear costs the value is quadratic: `equations` states the coupled
Riccati equations, `stationary` and `finite` solve them, `riccati` chooses (whole, or by factors), and
`quadratic_value` is the answer.
"""
