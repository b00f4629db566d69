"""Exact arithmetic: what a certificate is checked with, and how floating numbers are made exact.

It imports nothing of ours but `program`. Read it in this order:

- `certificate`: linear rows in fractions, the bound that multipliers prove, the violation of a point, and how
  numbers stand in documents: fractions only, no solver, no numpy.
- `trees`: the same for optima over integers: branches, leaves, tangents of what is convex.
- `vertices`: vertices and rays of small polyhedra, for the checker of proofs too.
- `elimination`: the one Gaussian elimination in fractions.
- `simplex`: the simplex method in fractions, where a solver's answer could not be made exact.
- `lp_bounds`: from a solver's floating multipliers to bounds that hold exactly; `points`: the same for points.

What must be right for a certificate to be believed (the one list; other places point here). First, that it proves
what it says:

- of an optimum: `exact/trees.py` and `exact/certificate.py`; that there is none, because the objective falls for
  ever: `exact/rays.py` as well;
- of an audit: `audit/checker.py`, `exact/certificate.py` and `exact/trees.py`;
- of a proof: `proofs/checker.py`, `proofs/questions.py`, `proofs/statement.py`, `proofs/lines.py`,
  `exact/certificate.py`, `exact/elimination.py` and `exact/vertices.py`. All of these use fractions only: no
  solver, no numpy.

Second, that it speaks of your model or claim: for a model its reader in `interfaces` and how numbers are read
(`lp_bounds.as_decimal`, `ExactRows`; of an optimum `certified.optimum.exact_program`, of an audit
`certificates._compare`); for a claim `proofs/claim.py`, `proofs/reading.py` and the builder that runs the function
(`program/builder.py`, `program/expression.py`). Reading a claim with cones narrows bounds in fractions, and where
that does not do asks HiGHS for suggestions and believes what `certificate` accepts. An M of the tier ``interval``
has no certificate: it rests on `program/interval.py`.
Digests notice accidents, not forgery.
"""
