r"""Why a model is unbounded: a direction along which nothing stops the objective.

From any feasible point x, a direction d with :math:`\ell_A \le A(x + sd) \le u_A` for every :math:`s \ge 0` needs
:math:`A d \ge 0` where a lower side is finite, :math:`A d \le 0` where an upper one is, no movement against a
finite bound, no curvature (:math:`Pd = 0`), and d itself in every cone. Among these with
:math:`\|d\|_1 \le 1` the one that gains most is found by a linear program, or a conic one; its vertices move
few columns.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, replace
from fractions import Fraction
from math import lcm
from typing import Any

import numpy as np
from scipy import sparse

from proofolio.arrays import Floats, Mask
from proofolio.errors import ProofolioError, SolverFailure
from proofolio.interfaces.opening import open_model
from proofolio.program.program import Block, Cones, Indicators, Program, QuadraticRows, RowBlock
from proofolio.program.quadratic import Form
from proofolio.program.structure import features, recognise_cones
from proofolio.solvers.capabilities import SOLVERS
from proofolio.solvers.continuous import solve_continuous
from proofolio.solvers.solution import Settings
from proofolio.verification.checks.elements import elements, part_of
from proofolio.verification.checks.rows import Tolerances, feasibility_checks

__all__ = ["Ray", "explain_unbounded"]


SHOWN = 8
# Entries of a direction below this part of the largest are a solver's noise.
NOISE = 1e-9
# Steps at which the direction is tried out, and the largest denominator of an entry of an integer column.
STEPS = (1.0, 1e3)
DENOMINATOR = 1000
# Where columns without bounds are cut off to find a point that leaves a direction open.
BOX = 1e4


@dataclass(frozen=True, eq=False)
class Ray:
    """A direction in which a model is unbounded.

    Attributes
    ----------
    direction : dict from column names to numbers
        The columns that move, and how far in one step; whole numbers for integers.
    start : dict from column names to numbers
        A feasible point; every whole number of steps from it is feasible too, which was tried at 1 and 1000.
    gain : float
        By how much one step improves the objective.
    maximise : bool
    seconds : float
    """

    direction: dict[str, float]
    start: dict[str, float]
    gain: float
    maximise: bool
    seconds: float

    @property
    def sentence(self) -> str:
        """What a person can act on: one of these columns lacks a bound."""
        moves = [f"{name} {step:+.6g}" for name, step in self.direction.items()]
        shown = ", ".join(moves[:SHOWN]) + (f" and {len(moves) - SHOWN} more" if len(moves) > SHOWN else "")
        way = "rises" if self.maximise else "falls"
        lacking = "it lacks a bound" if len(moves) == 1 else "one of them lacks a bound"
        return (
            f"nothing stops {shown}: with every such step the objective {way} by {self.gain:.6g}; {lacking}"
        )

    @property
    def document(self) -> dict[str, Any]:
        """Everything, in the words of the command line's JSON."""
        return {
            "direction": self.direction,
            "start": self.start,
            "gain": self.gain,
            "sentence": self.sentence,
            "seconds": self.seconds,
        }


def explain_unbounded(model: Any, time_limit: float = 10.0) -> Ray:
    """Return a direction in which a model's objective improves for ever, and a point to start from.

    Parameters
    ----------
    model : Program, Model, pyomo model, cvxpy.Problem, str or Path
    time_limit : float

    Raises
    ------
    SolverFailure
        When no such direction, or no feasible point, is found within the time limit: the model is bounded,
        or its curvature alone makes it unbounded.

    Examples
    --------
    >>> from proofolio import Model
    >>> model = Model()
    >>> x = model.variable("x", 3, lower=0)
    >>> model.add("balance", x[0] - x[1] <= 5)
    >>> model.maximise(2 * x[0] - x[1] - x[2])
    >>> explain_unbounded(model).direction
    {'x[0]': 1.0, 'x[1]': 1.0}
    """
    started = time.perf_counter()
    program = recognise_cones(model if isinstance(model, Program) else open_model(model).program)
    problem = "no feasible point was found to start from within the time limit"
    for start in _starts(program, time_limit):
        try:
            d = _direction(program, start, max(time_limit - (time.perf_counter() - started), 1e-2))
        except ProofolioError as error:
            problem = f"no direction was found in which the objective improves for ever: {error}"
            continue
        gain = -float(program.q @ d)
        if gain > 0.0 and _holds(program, start, d):
            moving, names = np.flatnonzero(d), program.column_names
            direction = {names[j]: float(d[j]) for j in moving}
            seconds = time.perf_counter() - started
            return Ray(direction, program.values(start), gain, program.maximise, seconds)
        problem = "no direction was found in which the objective improves for ever"
    raise SolverFailure(problem)


def _starts(program: Program, seconds: float) -> Iterator[Floats]:
    """Yield feasible points: the best in a large box, whose switches leave its direction open, and any other."""
    boxed = replace(
        program,
        lower=np.where(np.isinf(program.lower), np.minimum(-BOX, program.upper - BOX), program.lower),
        upper=np.where(np.isinf(program.upper), np.maximum(BOX, program.lower + BOX), program.upper),
    )
    able = [entry for entry in SOLVERS.values() if not entry.lacks(program)]
    for asked in (boxed, part_of(program, elements(program))):
        for entry in able:
            with suppress(ProofolioError):
                found = entry.solve(asked, Settings(time_limit=seconds / (2 * len(able)), gap=1e-2))
                if found.x is None:
                    continue
                point: Floats = np.where(program.integer, np.round(found.x), found.x)
                if all(c.ok for c in feasibility_checks(program, point, Tolerances())):
                    yield point
                    break


def _direction(program: Program, start: Floats, seconds: float) -> Floats:
    answer = solve_continuous(_ray_program(program, start), Settings(time_limit=seconds))
    if answer.x is None:
        raise SolverFailure(answer.message)
    n = program.n
    d: Floats = answer.x[:n] - answer.x[n:]
    largest = float(np.max(np.abs(d), initial=0.0))
    if largest == 0.0:
        return d
    d = d / largest
    d[np.abs(d) < NOISE] = 0.0
    nice = np.array([float(Fraction(v).limit_denominator(DENOMINATOR)) for v in d.tolist()])
    if np.all(np.abs(nice - d) <= 1e-12) or program.integer[d != 0.0].any():
        common = lcm(
            *(Fraction(v).limit_denominator(DENOMINATOR).denominator for v in d[program.integer].tolist())
        )
        d = nice * common
        d[program.integer] = np.round(d[program.integer])
    return d


def _ray_program(program: Program, start: Floats) -> Program:
    """Return the program of the best direction, as the difference of two arrays that are not negative."""
    n = program.n
    rows, low, high = _recession(program, start)
    total = sparse.csr_array(np.ones((1, 2 * n)))
    A = sparse.vstack([sparse.hstack([rows, -rows]), total], format="csr")
    moves = _free_to_move(program, start)
    upward, downward = moves & np.isinf(program.upper), moves & np.isinf(program.lower)
    cones = program.cones
    return replace(
        program,
        P=sparse.csc_array((2 * n, 2 * n)),
        q=np.concatenate([program.q, -program.q]),
        c=0.0,
        A=sparse.csr_array(A),
        row_lower=np.concatenate([low, [-np.inf]]),
        row_upper=np.concatenate([high, [1.0]]),
        lower=np.zeros(2 * n),
        upper=np.concatenate([upward, downward]).astype(float),
        integer=np.zeros(2 * n, dtype=bool),
        variables=(Block("direction", (2 * n,), 0),),
        rows=(RowBlock("recession", (low.size + 1,), 0, np.arange(low.size + 1)),),
        quadratic=QuadraticRows(sparse.csr_array((0, 2 * n)), (), np.empty(0), np.empty(0)),
        cones=Cones(
            sparse.csr_array(sparse.hstack([cones.matrix, -cones.matrix])),
            np.zeros_like(cones.constant),
            cones.pointer,
            cones.blocks,
        ),
        indicators=Indicators(
            np.empty(0, np.intp), np.empty(0, np.intp), sparse.csr_array((0, 2 * n)), np.empty(0), np.empty(0)
        ),
        sos=(),
        maximise=False,
    )


def _recession(program: Program, start: Floats) -> tuple[Any, Floats, Floats]:
    """Return rows and sides that a direction must satisfy; those of indicators only where they are on."""
    if features(program) & {"nonconvex-objective", "nonconvex-rows"}:
        raise SolverFailure("the model is not convex: no direction is sought along its curvature")
    curved, ind = program.quadratic, program.indicators
    active = np.flatnonzero(np.round(start[ind.binary]) == ind.on)
    parts = [program.A, curved.matrix, ind.matrix[active]]
    lower = np.concatenate([program.row_lower, curved.lower, ind.lower[active]])
    upper = np.concatenate([program.row_upper, curved.upper, ind.upper[active]])
    straight = sparse.vstack(
        [program.P, *(_flat(f, program.n) for forms in curved.forms for f in forms)], format="csr"
    )
    rows = sparse.vstack([*parts, straight], format="csr")
    none = np.zeros(straight.shape[0])
    low = np.concatenate([np.where(np.isfinite(lower), 0.0, -np.inf), none])
    high = np.concatenate([np.where(np.isfinite(upper), 0.0, np.inf), none])
    return rows, low, high


def _flat(form: Form, n: int) -> Any:
    """Return the rows Qd = 0 of a form: along such a direction it does not change."""
    size = form.columns.size
    rows, columns = np.repeat(np.arange(size), size), np.tile(form.columns, size)
    return sparse.csr_array((form.matrix.ravel(), (rows, columns)), shape=(size, n))


def _free_to_move(program: Program, start: Floats) -> Mask:
    """Return which columns may move: of a special ordered set only those that are not zero already."""
    free = np.ones(program.n, dtype=bool)
    for group in program.sos:
        free[group.columns[start[group.columns] == 0.0]] = False
    return free


def _holds(program: Program, start: Floats, d: Floats) -> bool:
    """Whether points along the direction are feasible."""
    return all(c.ok for s in STEPS for c in feasibility_checks(program, start + s * d, Tolerances()))
