"""What a formulation of your own is tested with.

`conformance` (in `suite`) proves it, sends it through Pyomo and CVXPY (`interfaces`, which compares programs with
`differences`), and gives it bad input.
"""

from proofolio.testing.suite import Conformance, conformance

__all__ = ["Conformance", "conformance"]
