"""Convex quadratic programs.

`problem` is the program as arrays, with residuals; `piqp`, `osqp` and `clarabel` have one class each (set up, update,
solve, on a `QP`), and `table` lists them by name. `piqp` and `clarabel` also have ``solve(program, settings)`` for
one program; OSQP has not: at the accuracy asked of a single answer it often does not come to an end. `batch` solves
many small programs over the simplex at once, `multiperiod` one program over many periods.
"""
