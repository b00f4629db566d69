"""Checks of a solution: what a claim about a program is held to, whoever made it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from proofolio.program.program import Program, RowBlock
from proofolio.solvers.continuous import solve_continuous
from proofolio.solvers.fix import fix
from proofolio.solvers.solution import Settings, Solution

__all__ = ["Check", "Tolerances", "check", "status_after"]

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Check:
    """One check: what was measured, and the most it may be.

    Attributes
    ----------
    name : str
    ok : bool
    value : float
        The measured violation, error or worsening; 0 is perfect.
    tolerance : float
    detail : str
        Where, in the model's own names; empty when there is nothing to say.
    """

    name: str
    ok: bool
    value: float
    tolerance: float
    detail: str = ""


@dataclass(frozen=True)
class Tolerances:
    """What counts as held: `feasibility` and `integrality` absolute (scaled by sides above 1), `worse` relative."""

    feasibility: float = 1e-6
    integrality: float = 1e-6
    objective: float = 1e-6
    worse: float = 1e-6


def check(
    program: Program, claim: Solution, tolerances: Tolerances | None = None, known: Sequence[float] = ()
) -> tuple[Check, ...]:
    """Hold a claimed solution to the program's own data.

    Bounds, rows, cones and integrality; then every row a binary switches, with the binary at its exact
    value, so that no room is left by M times an integrality tolerance; then all integers are rounded and
    fixed and the rest is solved again: an answer that gets worse, or has no solution, *leaks*. Last, the
    objective is recomputed, and the claimed bound is held against every feasible value known.

    Parameters
    ----------
    program : Program
    claim : Solution
        With a point; see `proofolio.solvers.solution`.
    tolerances : Tolerances, optional
    known : sequence of float
        Objective values of points known to be feasible, in the user's sense.

    Returns
    -------
    tuple of Check
    """
    tol = tolerances or Tolerances()
    x = claim.point
    found = [
        _bounds(program, x, tol),
        _rows(program, x, tol),
        _integrality(program, x, tol),
        *_curved(program, x, tol),
        *_logic(program, x, tol),
        _objective(program, claim, tol),
    ]
    reached = [claim.objective, *known] if claim.objective is not None else list(known)
    if program.integer.any():
        leak, refixed = _leak(program, claim, tol)
        found.append(leak)
        reached.append(refixed)
    found.append(_claimed_bound(program, claim, reached, tol))
    return tuple(found)


def status_after(claim: Solution, checks: Sequence[Check], gap: float) -> str:
    """Return the status a claim deserves once its checks are known.

    One of ``verified-optimal``, ``verified-feasible``, ``leaks``, ``infeasible-solution``, ``claim-wrong``,
    or the solver's own ``limit``, ``infeasible``, ``unbounded``.
    """
    if claim.x is None:
        return claim.status
    failed = {c.name for c in checks if not c.ok}
    if "leak" in failed or "logic" in failed:
        return "leaks"
    if failed & {"bounds", "rows", "integrality", "quadratic rows", "cones", "indicators", "sos"}:
        return "infeasible-solution"
    if failed:
        return "claim-wrong"
    return "verified-optimal" if claim.status == "optimal" and claim.gap <= gap * (1 + 1e-6) + 1e-12 else "verified-feasible"


def objective_scale(program: Program, x: Floats) -> float:
    """Return the sum of the sizes of the objective's terms: what its rounding is relative to."""
    return float(np.abs(program.q * x).sum() + 0.5 * np.abs(x) @ (abs(program.P) @ np.abs(x)) + abs(program.c))


def _allowance(program: Program, x: Floats, objective: float, relative: float) -> float:
    # where large terms cancel, a relative error of the result alone would ask for more than doubles carry
    return relative * max(abs(objective), 1e-3 * objective_scale(program, x), 1e-12)


def _worst(name: str, violation: Floats, tolerance: float, label: Sequence[str] | None) -> Check:
    if not violation.size:
        return Check(name, True, 0.0, tolerance)
    at = int(np.argmax(violation))
    value = max(float(violation[at]), 0.0)
    ok = value <= tolerance
    where = label[at] if label is not None and not ok else ""
    return Check(name, ok, value, tolerance, f"worst at {where}" if where else "")


def _excess(body: Floats, lower: Floats, upper: Floats) -> Floats:
    with np.errstate(invalid="ignore"):
        above = (body - upper) / np.maximum(1.0, np.abs(upper))
        below = (lower - body) / np.maximum(1.0, np.abs(lower))
    above[~np.isfinite(upper)], below[~np.isfinite(lower)] = -np.inf, -np.inf
    worst: Floats = np.maximum(above, below)
    return np.where(np.isnan(body), np.inf, worst)


def _bounds(program: Program, x: Floats, tol: Tolerances) -> Check:
    return _worst("bounds", _excess(x, program.lower, program.upper), tol.feasibility, program.column_names)


def _rows(program: Program, x: Floats, tol: Tolerances) -> Check:
    excess = _excess(np.asarray(program.A @ x), program.row_lower, program.row_upper)
    return _worst("rows", excess, tol.feasibility, program.row_names)


def _integrality(program: Program, x: Floats, tol: Tolerances) -> Check:
    off = np.where(program.integer, np.abs(x - np.round(x)), 0.0)
    return _worst("integrality", off, tol.integrality, program.column_names)


def _block_names(blocks: Sequence[RowBlock]) -> list[str]:
    return [name for block in blocks for name in block.element_names()]


def _curved(program: Program, x: Floats, tol: Tolerances) -> list[Check]:
    found = []
    if len(program.quadratic):
        rows = program.quadratic
        excess = _excess(rows.value(x), rows.lower, rows.upper)
        found.append(_worst("quadratic rows", excess, tol.feasibility, _block_names(rows.blocks)))
    if len(program.cones):
        # t z >= |Y|^2 is quadratic: the distance to the cone is about the violation over t + z
        excess = np.array(
            [max(_cone_excess(m), -m[0], -m[1]) for m in program.cones.members(x)], dtype=float
        )
        found.append(_worst("cones", excess, tol.feasibility, _block_names(program.cones.blocks)))
    if len(program.indicators):
        ind = program.indicators
        excess = _excess(np.asarray(ind.matrix @ x), ind.lower, ind.upper)
        active = np.round(x[ind.binary]) == ind.on
        found.append(
            _worst("indicators", np.where(active, excess, 0.0), tol.feasibility, _block_names(ind.blocks))
        )
    if program.sos:
        excess = np.array([_sos_excess(x, s.columns[np.argsort(s.weights)], s.kind) for s in program.sos])
        found.append(_worst("sos", excess, tol.feasibility, [s.name for s in program.sos]))
    return found


def _cone_excess(member: Floats) -> float:
    t, z, Y = member[0], member[1], member[2:]
    # in standard form |(2Y, t - z)| <= t + z
    return float(np.hypot(2.0 * np.linalg.norm(Y), t - z) - (t + z)) / 2.0


def _sos_excess(x: Floats, columns: NDArray[np.intp], kind: int) -> float:
    size = np.abs(x[columns])
    if size.size <= kind:
        return 0.0
    windows = np.lib.stride_tricks.sliding_window_view(size, kind).sum(axis=1)
    return float(size.sum() - windows.max())


def _logic(program: Program, x: Floats, tol: Tolerances) -> list[Check]:
    """Check every switched row whose binary is on, with the binary at its exact value."""
    worst, where, any_switch = 0.0, "", False
    parts = (
        (program.rows, program.A, np.asarray(program.A @ x), program.row_lower, program.row_upper),
        (
            program.quadratic.blocks,
            program.quadratic.matrix,
            program.quadratic.value(x),
            program.quadratic.lower,
            program.quadratic.upper,
        ),
    )
    for blocks, matrix, body, lower, upper in parts:
        for block in blocks:
            if block.switch is None:
                continue
            any_switch = True
            binary, rows = block.switch.binary, block.rows
            on = np.round(x[binary]) == block.switch.on
            coefficient = matrix[np.arange(rows.start, rows.stop), binary]
            exact = body[rows] + np.asarray(coefficient).ravel() * (block.switch.on - x[binary])
            excess = np.where(on, _excess(exact, lower[rows], upper[rows]), 0.0)
            if excess.size and float(excess.max()) > worst:
                worst = float(excess.max())
                where = list(block.element_names())[int(excess.argmax())]
    if not any_switch:
        return []
    # the switch is off by at most the integrality tolerance, so this is the leak of the row itself
    ok = worst <= tol.feasibility
    return [Check("logic", ok, worst, tol.feasibility, "" if ok else f"worst at {where}")]


def _objective(program: Program, claim: Solution, tol: Tolerances) -> Check:
    value = program.objective(claim.point)
    claimed = value if claim.objective is None else claim.objective
    allowed = _allowance(program, claim.point, value, tol.objective)
    error = abs(value - claimed)
    ok = error <= allowed
    return Check("objective", ok, error, allowed, "" if ok else f"claimed {claimed:.9g}, recomputed {value:.9g}")


def _leak(program: Program, claim: Solution, tol: Tolerances) -> tuple[Check, float]:
    x = claim.point
    columns = np.flatnonzero(program.integer)
    fixed = fix(program, columns, np.round(x[columns]))
    value = program.objective(x)
    nothing = float("inf") if not program.maximise else float("-inf")
    if fixed.infeasible is not None:
        said = f"with the integers rounded, {fixed.infeasible} cannot hold"
        return Check("leak", False, float("inf"), tol.worse, said), nothing
    again = solve_continuous(fixed.program, Settings())
    if again.x is None:
        said = f"with the integers rounded the rest is {again.status}"
        return Check("leak", False, float("inf"), tol.worse, said), nothing
    rounded = program.objective(fixed.expand(again.x))
    worse = (value - rounded) if program.maximise else (rounded - value)
    scale = _allowance(program, x, value, 1.0)
    ok = worse <= tol.worse * scale
    said = "" if ok else f"{value:.9g} becomes {rounded:.9g} once the integers are exact"
    return Check("leak", ok, max(worse / scale, 0.0), tol.worse, said), rounded


def _claimed_bound(program: Program, claim: Solution, reached: Sequence[float], tol: Tolerances) -> Check:
    sign = -1.0 if program.maximise else 1.0
    allowed = _allowance(program, claim.point, claim.objective or 0.0, tol.objective)
    if claim.bound is None or not reached:
        return Check("bound", True, 0.0, allowed)
    best = min(sign * value for value in reached)
    over = sign * claim.bound - best
    ok = over <= allowed
    said = "" if ok else f"claimed {claim.bound:.9g}, but {sign * best:.9g} is reached"
    return Check("bound", ok, max(over, 0.0), allowed, said)
