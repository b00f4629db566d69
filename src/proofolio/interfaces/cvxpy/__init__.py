"""CVXPY: reading problems, writing them, and adding rows to a user's own."""
