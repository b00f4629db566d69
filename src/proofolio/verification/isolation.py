"""A solve in a process of its own, which is killed when it is late: what a solver does there does not reach us.

A fresh Python is started, and not a copy of this one: threads of solvers and of BLAS do not survive a fork. That takes
about a second, most of it imports, and does not count as part of the time limit.
"""

from __future__ import annotations

import os
import subprocess
import sys
from contextlib import suppress
from dataclasses import replace
from typing import Any, cast

from proofolio.errors import SolverFailure
from proofolio.program.program import Program
from proofolio.program.structure import recognise_cones
from proofolio.solvers.capabilities import SOLVERS, require
from proofolio.solvers.solution import Settings, Solution
from proofolio.watching import LATE, Messages, Watched

__all__ = ["ANSWER", "ERROR", "JOB", "KNOWN", "PROGRESS", "solve_isolated"]


JOB, PROGRESS, KNOWN, ANSWER, ERROR = "job", "progress", "known", "answer", "error"
# Seconds that a process may take to start: imports are slow on a busy machine.
START_LIMIT = 120.0
SERVE = "from proofolio.verification.isolated_work import serve; serve()"


def solve_isolated(program: Program, solver: str | None, confirm: str, settings: Settings) -> Solution:
    """Solve as `proofolio.verification.solving.solve_known` does, in a process that is killed when it is late.

    Parameters
    ----------
    program : Program
    solver, confirm
        As for `proofolio.solve`.
    settings : Settings
        `progress` is called here.

    Returns
    -------
    Solution
        Of a process that was killed, what it had found and checked by then; otherwise one with the status ``limit``.

    Raises
    ------
    UnsupportedProgram
        Before a process is started.
    ProofolioError
        What was raised there; `SolverFailure` when the process has crashed.
    """
    entry = require(recognise_cones(program), solver, SOLVERS)
    path = os.pathsep.join(place for place in sys.path if place)
    started = subprocess.Popen(
        [sys.executable, "-P", "-c", SERVE],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        bufsize=0,
        start_new_session=True,
        env=os.environ | {"PYTHONPATH": path},
    )
    link = Messages(cast(Any, started.stdout), cast(Any, started.stdin))
    seen = Watched(started.pid, link, started.wait)
    answer: Solution | None = None
    objective, bound = None, None
    try:
        seen.limit(START_LIMIT)
        with suppress(OSError):  # one that has just died is noticed by its end
            link.send(JOB, (program, solver, confirm, replace(settings, progress=None), os.getpid()))
        for kind, what in seen.news():
            if kind == PROGRESS:
                _, objective, bound = what
                if settings.progress is not None:
                    settings.progress(*what)
            elif kind == ERROR:
                raise what
            else:
                answer = replace(what, program=program)
                if kind == ANSWER:
                    return answer
    finally:
        seen.kill()
        status = seen.ended()
        for stream in (started.stdin, started.stdout):
            if stream is not None:
                stream.close()
    if not seen.late:
        raise SolverFailure(
            f"the process that solved ended with status {status} and no answer, as in a crash of native code"
        )
    if answer is not None:
        return replace(answer, message="time was up before it was confirmed: the process was killed")
    known = "" if objective is None else f", when a point of objective {objective:.9g} was known to it"
    message = f"time was up and the solver did not come back: its process was killed{known}"
    seconds = settings.time_limit + LATE
    return Solution(program, "limit", None, bound, None, seconds, entry.name, entry.version, message=message)
