"""The audit: which rows of a model are Big-M rows, and whether each M is right.

candidates -> bounds -> verdicts -> tightening -> certificates. Read it in this order:

- `candidates`: the sides of rows that a binary may switch off.
- `auditing`: `audit` and `assert_valid`; the tiers (intervals, linear programs, integers) in their order.
- `relaxation`: the linear relaxation in HiGHS, asked many questions; `bounding`: upper bounds of what a side needs,
  each made exact; `integers`: the same over the integers.
- `points`: lower bounds: points that reach what a side needs, made exact where they are cut off.
- `emptiness`: switches that are forcing or dead; `leaks`: whether the leak of a row can change the answer.
- `verdicts`: what the two bounds say about M, as a row of the audit.
- `tightening`: loose M's replaced by what was proved to be enough.
- `certificates`: verdicts saved to a file; `checker`: that file checked again.

What must be right for a certificate to be believed: see `proofolio.verification.exact`.
"""
