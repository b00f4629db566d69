"""Benchmarks in which every answer is checked before its time counts.

A suite is a file of functions under `problem`; `plan` makes runs of it, `Pool` runs each under its own hard limits
in a process apart, `Records` keeps what was measured, line by line, and `judged` holds the answers of one program
against each other.
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
