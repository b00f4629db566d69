"""Verification: answers held against what was meant."""

from proofolio.verification.check import Check, Tolerances, check
from proofolio.verification.solve import Verified, solve

__all__ = ["Check", "Tolerances", "Verified", "check", "solve"]
