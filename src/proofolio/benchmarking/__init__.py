"""Benchmarks in which every answer is checked before its time counts.

Read in this order: `problems` (a function under `problem`), `suite` (files and folders of problems), `runs` (`plan`
makes runs of a suite), `execution` (one run: build, shuffle by `permutation`, solve, check), `processes`, `worker` and
`pool` (each run in a process under hard limits), `benchmark` (all runs, here or on a cluster), `records` (what was
measured, line by line), `judgement` (what each answer says against the others), `measures`, `summary` and `comparison`
(what the records amount to).
"""

from proofolio.benchmarking.judgement import judged
from proofolio.benchmarking.pool import Pool
from proofolio.benchmarking.problems import Answer, Problem, problem
from proofolio.benchmarking.records import Records
from proofolio.benchmarking.runs import Run, plan
from proofolio.benchmarking.suite import Suite, find_suites, open_suite

__all__ = [
    "Answer",
    "Pool",
    "Problem",
    "Records",
    "Run",
    "Suite",
    "find_suites",
    "judged",
    "open_suite",
    "plan",
    "problem",
]
