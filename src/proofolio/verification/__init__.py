"""Verification: answers held against what was meant."""

from proofolio.verification.checks.checking import check
from proofolio.verification.solving import solve

__all__ = ["check", "solve"]
