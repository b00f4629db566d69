"""Proofs: whether the rows that a formulation writes say what they are meant to say.

claim -> statement -> sound and complete -> certificate. Read it in this order:

- `claim`: what a user gives: the function, its inputs, its meaning; and both called.
- `reading`: from a claim to its statement, in rational numbers.
- `lines`, `statement`: rows, quadratic parts and the statement itself.
- `questions`: what is to be proved, for prover and checker alike.
- `proof`: a verdict, its witness and its certificates. `proving`: `prove`, which finds them.
- `sound_and_complete`: rows within the meaning, and the meaning within the rows, by the lifts and vertices of
  `completions`. `points`: exact points for refutations. `small_lp`: the linear programs of all of them.
- `strengths`: whether a formulation is sharp and ideal.
- `checker`: a certificate checked again.
- `catalogue`: the claims of every formulation that ships, and their proofs, which ship too and are checked again.

What must be right for a certificate to be believed: see `proofolio.verification.exact`.

How a proved row reaches a Pyomo model: see `proofolio.verification.big_m`.
"""
