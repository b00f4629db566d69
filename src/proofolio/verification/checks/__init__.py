"""Checks: whether an answer is right."""
