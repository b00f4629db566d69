"""The builder as users get it: where each M comes from, and whether a given one is enough.

Where is M computed for a disjunction? The table in `proofolio.formulations.disjunctions` says it for every lowering and
every `big_m`. In short: the default, ``"hull"``, has no M. ``"big-m"`` with a tier asks the builder for bounds:
``"interval"`` is `proofolio.program.interval`, ``"lp"`` and ``"mip"`` are the functions of `tiers` here, which
`proofolio.verification.model` plugs in. ``"published"`` is the rule of the literature. ``"multiple-big-m"`` takes
interval bounds only. Numbers that the user gives are not written by `implies`; `given.check_big_m` checks them.

Read it in this order:

- `tiers`: bounds by linear and integer programs, and the record of what proves each.
- `curved`: bounds of quadratic bodies.
- `given`: a user's M refuted by a point, proved and tightened, or left open with a warning.

`Model` and `attach`, the builders with these tiers and this check plugged in, stand in `proofolio.verification.model`.

How does a proved row reach a Pyomo model? No proof object travels: a claim proves the function at the shapes it
claims. `attach` asks `proofolio.interfaces.opening`, and that `proofolio.interfaces.pyomo.attaching`, which returns a
builder on the user's block. The formulation, the very function that was proved, adds its rows to that builder; on
leaving the ``with`` block `proofolio.interfaces.pyomo.writing` writes them as native constraints under their names.
"""
