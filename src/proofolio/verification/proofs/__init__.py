"""Proofs: whether the rows that a formulation writes say what they are meant to say.

claim -> statement -> sound and complete -> certificate. Read it in this order:

- `claim`: what a user gives: the function, its inputs, its meaning; and both called.
- `reading`: from a claim to its statement, in rational numbers.
- `lines`, `statement`: rows, quadratic parts and the statement itself.
- `questions`: what is to be proved, for prover and checker alike.
- `proving`: `prove`, its verdict and its certificates.
- `soundness`: rows within the meaning. `completeness`: the meaning within the rows, by the lifts and vertices of
  `completions`. `points`: exact points for refutations. `small_lp`: the linear programs of all of them.
- `strengths`: whether a formulation is sharp and ideal.
- `catalogue`: the claims of every formulation that ships.
- `checker`: a certificate checked again.

For a certificate to be believed these files must be right: `proofs/checker.py` and what it imports, which is
`proofs/questions.py`, `proofs/statement.py`, `proofs/lines.py`, `exact/certificate.py`, `exact/elimination.py` and
`exact/vertices.py`: fractions only, no solver, no numpy. With a claim given, `claim.py` and `reading.py` too: they say
that the statement in the certificate is that of the claim.

How a proved row reaches a Pyomo model: see `proofolio.verification.big_m`.
"""
