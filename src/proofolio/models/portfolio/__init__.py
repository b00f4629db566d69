"""Portfolios over a horizon: mean-variance and risk-parity control, and risk budgets of one period.

Read in this order: `plan_set` says what may be held and traded, and `trading` what trades cost; `quadratic_step` is
one step of a control as a quadratic program, with the gap of its answer, proved in floating point. On these stand
`mean_variance` (the program and its interfaces) with `mean_variance_step` (its solvers), and risk parity:
`risk_budgeting` (the convex program of one period, with `regime_equal_risk`), `risk_parity_problem` (data and
derivatives), `risk_parity_step` (an answer and its checks), `risk_parity_descent` (two methods), and `risk_parity`
(the program, interfaces, stepper).
"""
