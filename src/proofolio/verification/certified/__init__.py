"""Certified optima: search trees whose every leaf is proved in exact arithmetic.

Read `search` for how a tree grows, `cuts` for how its relaxation is cut first, `optimum` for what becomes of a solver's
answer, `maximum` for what an audit asks, and `proofolio.verification.exact.trees` for the checker, which is all that
has to be right.
"""
