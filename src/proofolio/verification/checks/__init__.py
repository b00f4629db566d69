"""Checks: whether an answer is right.

Read in this order: `rows` (bounds, rows, integers, logic, and how much each may be off), `leak` (what is left once the
integers are exact), `checking` (all of it, the objective and its bound, and the status they leave). Why there is no
answer: `elements` (what a program asks for, piece by piece), `infeasibility` and `unboundedness`.
"""
