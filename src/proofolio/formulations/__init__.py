"""Formulations: plain functions that write the rows of a construct into a model, with their meaning beside them.

One file a family of constructs: `signs` (absolute value, positive part), `extrema` (maximum, minimum), `products`,
`implications`, `disjunctions` (with `big_m_over_sets`), `selected_costs` (with `costs`, `perspective`), `positions`
(held or not, limits, few, lots, charges), `piecewise`, `paths` (moves, changes, least times). Read `products` first:
it is the shortest, and the others have its shape: a function that adds rows, and its ``..._meaning``, which `prove`
checks it against. `big_m` says where an M comes from (the table for disjunctions stands in `disjunctions`);
`exclusive_pairs` and `convex_rows` are shared parts.
"""

from proofolio.public_names import served

__getattr__, __dir__, __all__ = served(__name__)
