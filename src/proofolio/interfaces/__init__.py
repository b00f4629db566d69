"""How models come in and go out: Pyomo, CVXPY, and files."""
