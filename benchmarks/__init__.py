"""Benchmarks: every answer is checked before its time counts."""
