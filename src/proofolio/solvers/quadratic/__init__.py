"""Convex quadratic programs.

`problem` is the program as arrays, with residuals; `piqp`, `osqp` and `clarabel` have one class each (set up, update,
solve), and `choice` names them. `batch` solves many small programs over the simplex at once, `multiperiod` one program
over many periods.
"""
