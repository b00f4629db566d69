"""What a formulation of your own is tested with: `conformance` runs it through proof, doors and bad input."""

from proofolio.testing.suite import Conformance, conformance

__all__ = ["Conformance", "conformance"]
