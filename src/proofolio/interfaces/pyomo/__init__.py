"""Pyomo: reading models, writing them, and adding rows to a user's own."""
