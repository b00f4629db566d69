"""The builder as users get it: where each M comes from, and whether a given one is enough.

Where is M computed for a disjunction? `proofolio.formulations.disjunctions` writes each alternative by
`proofolio.formulations.implications.implies`, which asks `proofolio.formulations.big_m.resolve` for M; that asks the
builder (`Builder.bounds`) for a bound of each row's body, from a tier: ``"interval"`` is
`proofolio.program.interval`, ``"lp"`` and ``"mip"`` are the functions of `tiers` here, which `model.Model` plugs into
the builder. The lowering ``"multiple-big-m"`` has its M's from `proofolio.formulations.big_m_over_sets`. An M
that the user gives is checked by `given.check_big_m`.

Read it in this order:

- `model`: `Model` and `attach`, the builder with these tiers and this check plugged in.
- `tiers`: bounds by linear and integer programs, and the record of what proves each.
- `curved`: bounds of quadratic bodies.
- `given`: a user's M refuted by a point, proved and tightened, or left open with a warning.

How does a proved row reach a Pyomo model? `model.attach` returns a builder on the user's block. The formulation, the
very function that was proved, adds its rows to that builder; on leaving the ``with`` block
`proofolio.interfaces.pyomo.writing` writes them as native constraints under their names.
"""
