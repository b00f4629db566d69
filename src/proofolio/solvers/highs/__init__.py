"""HiGHS: `session` holds a model and is the only module that asks it anything.

`process` keeps stdout clean and interrupts alive, `coefficient_limits` makes rows that HiGHS takes as they are,
`linear` solves continuous linear programs for other solvers, `solver` is what ``solver="highs"`` runs.
"""
