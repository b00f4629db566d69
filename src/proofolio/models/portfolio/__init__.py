"""Portfolios over a horizon: mean-variance and risk-parity control, risk budgets."""
