"""Continuous quadratic programs: PIQP, OSQP, Clarabel, many small ones at once, many periods."""
