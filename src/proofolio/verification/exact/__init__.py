"""Exact arithmetic: what a certificate is checked with, and how floating numbers are made exact.

It imports nothing of ours but `program`. Read it in this order:

- `certificate`: linear rows in fractions, the bound that multipliers prove, the violation of a point, and how
  numbers stand in documents. **This is the file to trust**: fractions only, no solver, no numpy.
- `vertices`: vertices and rays of small polyhedra, for the checker of proofs too.
- `elimination`: the one Gaussian elimination in fractions.
- `simplex`: the simplex method in fractions, where a solver's answer could not be made exact.
- `lp_bounds`: from a solver's floating multipliers to bounds that hold exactly.
"""
