"""Solvers: what each can be given, one session or class for each, and the algorithms above them.

Read in this order: `solution` (settings and what a solve returns), `capabilities` (the table of solvers, asked first),
`limits` (deadlines), `answers` (bounds from multipliers, closed gaps); then a solver:

- `highs`: the session, linear programs, mixed-integer linear programs;
- `outer_approximation`: convex mixed-integer programs by cuts over HiGHS's linear ones;
- `scip`: everything else, and everything once more;
- `quadratic`: PIQP, OSQP and Clarabel, quadratic programs in batches, over periods, and updated in place;
- `continuous` (chooses for convex programs), `fixing`, `polishing`, `natural_units`: what these share.
"""
