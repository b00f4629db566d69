"""Array expressions, the builder, and the frozen program.

Read in this order: `expression` (arrays of affine functions and the rows their comparisons make), `quadratic`
(the same with quadratic forms), `interval` (bounds over a box), `program` (the frozen program in matrix form),
`builder` (variables, rows and objective become a program; `assembly` stacks what was collected), `structure`
(which classes of mathematics a program uses), `exporters` (which module writes a program out).
"""

from proofolio.public_names import served

__getattr__, __dir__, __all__ = served(__name__)
