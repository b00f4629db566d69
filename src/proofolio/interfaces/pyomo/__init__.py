"""Pyomo: reading models, writing them, and adding rows to a user's own.

How a proved row reaches a Pyomo model: see `proofolio.verification.big_m`.
"""
