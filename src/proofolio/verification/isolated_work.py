"""What the process does that `proofolio.verification.isolation` starts: one solve."""

from __future__ import annotations

import os
import pickle
from contextlib import suppress
from dataclasses import replace
from typing import Any, cast

from proofolio.errors import ProofolioError, SolverFailure
from proofolio.solvers.limits import Deadline
from proofolio.solvers.solution import Solution
from proofolio.verification.isolation import ANSWER, ERROR, KNOWN, PROGRESS
from proofolio.verification.solving import solve_known
from proofolio.watching import LIMIT, Messages, die_with_parent

__all__ = ["serve"]


def serve() -> None:
    """Do one job that comes on stdin, answer on stdout, and end; what is printed meanwhile goes nowhere."""
    reads = open(os.dup(0), "rb", buffering=0)  # noqa: PTH123, SIM115  of descriptors, until the end
    writes = open(os.dup(1), "wb", buffering=0)  # noqa: PTH123, SIM115
    nowhere = os.open(os.devnull, os.O_RDWR)
    for stream in (0, 1):
        os.dup2(nowhere, stream)
    link = Messages(reads, writes)

    _, (program, solver, confirm, settings, parent) = link.receive()
    die_with_parent(parent)
    link.send(LIMIT, settings.time_limit)
    deadline = Deadline.after(settings.time_limit)

    def progress(*news: Any) -> None:
        link.send(PROGRESS, news)

    def known(answer: Solution) -> None:
        link.send(KNOWN, replace(answer, program=cast(Any, None)))

    try:
        wanted = replace(settings, progress=progress)
        answer = solve_known(deadline, program, solver, confirm, wanted, known)
        link.send(ANSWER, replace(answer, program=cast(Any, None)))
    except BaseException as error:  # noqa: BLE001  raised in the process that asked
        link.send(ERROR, _portable(error))
    os._exit(0)  # what a broken solver left behind must not spoil the end


def _portable(error: BaseException) -> BaseException:
    with suppress(Exception):
        if isinstance(error, ProofolioError) and str(pickle.loads(pickle.dumps(error))) == str(error):
            return error
    return SolverFailure(f"{type(error).__name__}: {error}")
