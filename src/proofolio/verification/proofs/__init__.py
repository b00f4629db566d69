"""Proofs: whether rows say what they are meant to say."""
