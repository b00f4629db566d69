"""Exact arithmetic: numbers, elimination, bounds of linear programs, vertices, and the checker of certificates."""
