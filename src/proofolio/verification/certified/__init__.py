"""Certified optima: search trees whose every leaf is proved in exact arithmetic.

Read `search` for how a tree grows, `optimum` for what becomes of a solver's answer, and
`proofolio.verification.exact.trees` for the checker, which is all that has to be right.
"""
