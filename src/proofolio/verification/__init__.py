"""Verification: answers held against what was meant."""

from proofolio.verification.checks.checking import Check, Tolerances, check
from proofolio.verification.solving import Verified, solve

__all__ = ["Check", "Tolerances", "Verified", "check", "solve"]
