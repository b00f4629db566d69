"""cvxpy."""
