"""Verification: what is believed, and why.

Read in this order: `exact` (arithmetic in fractions, the checkers), `checks` (is this answer right), `certified`
(optima with a proof), `solving` (from a call to a checked answer: open, choose, run, check), `big_m` (how large an M
must be), `model` (`Model` and `attach`), `audit` (are the M's of a model enough) and `proofs` (do a formulation's rows
say what was meant).
"""
