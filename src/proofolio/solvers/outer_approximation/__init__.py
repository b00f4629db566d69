"""Convex mixed-integer programs by cuts over linear ones.

Read in this order: `lifted` (quadratic terms and cones as rotated cones over linear rows), `reductions` (columns
taken out), `assignment` (the convex program left once the integers are fixed), `incumbents` (points), `relaxation`
(cuts and the warm linear program), `cutting_planes` (the state of a solve: bound, cuts, rounding), `tree` (branch and
bound, and `solve`).
"""
