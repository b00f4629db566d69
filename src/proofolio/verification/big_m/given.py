"""A user's M, checked against what the model allows: refuted by a point, proved and tightened, or left open."""

from __future__ import annotations

import math
import warnings
from collections.abc import Mapping
from dataclasses import replace
from fractions import Fraction

import numpy as np
from numpy.typing import ArrayLike, NDArray

from proofolio.arrays import Floats
from proofolio.errors import BadData, InvalidBigM, UnprovenBigM
from proofolio.program.builder import Builder
from proofolio.program.expression import Expression, as_expression, broadcast_to
from proofolio.program.program import Program
from proofolio.program.quadratic import Quadratic
from proofolio.verification.audit.candidates import Candidate, Place
from proofolio.verification.audit.integers import by_mip
from proofolio.verification.audit.points import Search
from proofolio.verification.audit.verdicts import Finding
from proofolio.verification.audit.verdicts import rounding as row_rounding
from proofolio.verification.big_m.curved import Curved, curved
from proofolio.verification.big_m.tiers import MIP_SECONDS, BoundRecord, linear_rows
from proofolio.verification.exact.lp_bounds import as_decimal, outward

__all__ = ["check_big_m"]


TIERS = ("interval", "lp", "mip")
SHOWN = 8  # columns of a witness that a message names


def check_big_m(
    model: Builder,
    name: str,
    body: Expression | Quadratic,
    big_m: ArrayLike,
    *,
    binary: Expression | None = None,
    off: int = 0,
    spread: ArrayLike = 0.0,
    rounding: ArrayLike = 0.0,
    tiers: tuple[str, ...] = TIERS,
    keep: bool = False,
    whole: bool = True,
    signed: bool = False,
) -> Floats:
    """Check the M of rows ``body + spread <= M (while off)`` against the rows and bounds of the model so far.

    Parameters
    ----------
    model : Model
    name : str
        What the rows are called in messages.
    body : Expression or Quadratic
        At most zero while the binary is on.
    big_m : array_like
        Broadcasts to the body's shape.
    binary : Expression, optional
        Broadcasts to the body's shape, each entry one variable or one minus one; it is held at `off`.
    off : int
        The value of `binary` at which M gives room.
    spread : array_like
        An upper bound of what the body leaves out, a part that is never negative: M must cover it, and no
        point refutes M by it.
    rounding : array_like
        How much of `spread` is there because the body's numbers were rounded: an M may lack it.
    tiers : tuple of str
        What bounds may come from, cheapest first; the first that proves M ends the search, and M is
        tightened to that one.
    keep : bool
        Whether an M larger than proved to be needed stays.
    whole : bool
        Whether the model holds all there is. Otherwise rows it does not know may exclude the point that
        refutes M, and it is warned of instead of raised.
    signed : bool
        Whether M may be negative (rows of several binaries, each with a constant of its own).

    Returns
    -------
    ndarray
        M, tightened to what is proved to be enough unless kept. An M short of what is proved by rounding
        alone (four units in its last place; 1e-9 of M where the body is curved) stays as given.

    Raises
    ------
    InvalidBigM
        When an exact point of the model so far is cut off; the text gives it.

    Warns
    -----
    UnprovenBigM
        When M is neither proved nor refuted; the text gives both bounds.
    """
    slack_of = body if isinstance(body, Quadratic) else as_expression(body)
    if isinstance(slack_of, Quadratic) and not any(np.any(f.matrix) for e in slack_of.forms for f in e):
        slack_of = slack_of.affine
    affine = slack_of.affine if isinstance(slack_of, Quadratic) else slack_of
    shape = affine.shape
    try:
        M = np.broadcast_to(np.asarray(big_m, dtype=float), shape).ravel().copy()
    except (TypeError, ValueError):
        raise BadData(
            f"big_m of {name!r} has shape {np.shape(big_m)}; it must broadcast to {shape}"
        ) from None
    if not np.all(np.isfinite(M)) or (not signed and np.any(M < 0)):
        raise BadData(f"big_m of {name!r} must be finite{'' if signed else ' and not negative'}")
    switch = (
        None if binary is None else model.switch(name, broadcast_to(binary, shape), off, 0.0, "given", shape)
    )
    if binary is not None and switch is None:
        raise BadData(f"the binary of {name!r} must be one variable, or one minus one, in each entry")
    program = model.freeze()
    # points are checked against linear rows alone: a quadratic row or a cone may exclude one
    whole = whole and not len(program.quadratic) and not len(program.cones)
    search, matrix, constant = Search(program), linear_rows(affine, model.n), affine.constant.ravel()
    extra = np.broadcast_to(np.asarray(spread, dtype=float), shape).ravel()
    lent = np.broadcast_to(np.asarray(rounding, dtype=float), shape).ravel()
    for k in range(M.size):
        a, b = matrix.indptr[k], matrix.indptr[k + 1]
        column = -1 if switch is None else int(switch.binary[k])
        value = 0 if switch is None else int(switch.on[k])  # the value at which M gives room
        tight = -as_decimal(float(constant[k]))
        candidate = Candidate(
            Place(-1, name, "upper", column, "" if column < 0 else program.column_names[column]),
            value, matrix.indices[a:b].astype(np.int32), matrix.data[a:b], as_decimal(float(M[k])),
            tight + as_decimal(float(M[k])), tight, declared=True, kind="expression",
        )  # fmt: skip
        rest = Fraction(float(extra[k]))
        forms = slack_of.forms[k] if isinstance(slack_of, Quadratic) else ()
        if forms:
            q = curved(program, forms, matrix.indices[a:b], matrix.data[a:b], float(constant[k]))
            finding, shown = _curved_finding(search, candidate, q, rest, tiers)
        else:
            finding, shown = _finding(search, candidate, rest, tiers), candidate.columns
            _record(model, candidate, finding, program)
        M[k] = _decided(
            candidate,
            finding,
            program,
            shown,
            float(M[k]),
            rest,
            Fraction(float(lent[k])),
            keep,
            whole,
            bool(forms),
        )
    return M.reshape(shape)


def _slack(candidate: Candidate, point: Mapping[int, Fraction] | None, curved_body: bool) -> Fraction:
    """Return by how much M may be short: the rounding of the numbers involved, and of a curved bound 1e-9 of M."""
    own = row_rounding(candidate, point)
    return max(own, candidate.big_m / 10**9) if curved_body else own


def _refuted(candidate: Candidate, finding: Finding, limit: Fraction) -> bool:
    """Whether a point is known whose body is beyond a limit."""
    return finding.point is not None and finding.reached > limit


def _finding(search: Search, candidate: Candidate, spread: Fraction, tiers: tuple[str, ...]) -> Finding:
    """Search for a proof and a point, the body being affine."""
    finding = search.by_interval(candidate) if "interval" in tiers else Finding()
    limit = candidate.limit - spread
    if finding.top > limit and "lp" in tiers:
        answer = search.by_lp(candidate, finding, math.inf)
        if answer.x is not None and finding.top > limit:
            search.reach(candidate, finding, answer.x, MIP_SECONDS)
    open_ = limit < finding.top < math.inf and not _refuted(candidate, finding, candidate.limit)
    if open_ and "mip" in tiers and search.integers.size:
        by_mip(search, candidate, finding, MIP_SECONDS)
    return finding


def _record(model: Builder, candidate: Candidate, finding: Finding, program: Program) -> None:
    if not isinstance(finding.top, Fraction):
        return
    proof = finding.multipliers if finding.certified else None
    model.proofs.append(
        BoundRecord(
            candidate.place.name, finding.tier, candidate.body, -candidate.tight,
            finding.top - candidate.tight, proof, program, candidate.held(candidate.off),
        )
    )  # fmt: skip


def _curved_finding(
    search: Search, candidate: Candidate, q: Curved | None, spread: Fraction, tiers: tuple[str, ...]
) -> tuple[Finding, NDArray[np.int32]]:
    """Search for a proof and a point, the body being quadratic; `top` is that of body plus `tight`."""
    finding = Finding()
    if q is None:
        return finding, candidate.columns
    shown = q.columns.astype(np.int32)
    M = candidate.big_m + _slack(candidate, None, True)
    found = q.tops() if "lp" in tiers else {"interval": q.interval()}
    tier = next((t for t, top in found.items() if Fraction(top) + spread <= M), list(found)[-1])
    finding.top, finding.tier = Fraction(found[tier]) + candidate.tight, tier
    finding.certified = True
    if Fraction(found[tier]) + spread <= M:
        return finding, shown
    if "lp" in tiers and q.relaxed is not None:
        _refute(search, candidate, q, q.relaxed, finding)
    if finding.point is None and "mip" in tiers:
        top, best = q.globally(MIP_SECONDS)
        if top < found[tier]:
            finding.top, finding.tier, finding.certified = Fraction(top) + candidate.tight, "mip", False
        if best is not None and Fraction(top) + spread > M:
            _refute(search, candidate, q, best, finding)
    return finding, shown


def _refute(search: Search, candidate: Candidate, q: Curved, x: Floats, finding: Finding) -> None:
    """Look for an exact point of the model with the quadratic's variables where they are."""
    w = q.exact(x)
    if w is None:
        return
    value = q.value(w)
    if not value > candidate.big_m + _slack(candidate, None, True):
        finding.reached = max(finding.reached, value + candidate.tight)
        return
    lower, upper = search.program.lower.copy(), search.program.upper.copy()
    lower[q.columns] = upper[q.columns] = [float(v) for v in w]
    pinned = Search(replace(search.program, lower=lower, upper=upper))
    first = q.columns[:1].astype(np.int32)
    below = w[0] - 1
    probe = replace(candidate, columns=first, values=np.ones(1), big_m=Fraction(0), loose=below, tight=below)
    near = Finding()
    answer = pinned.by_lp(probe, near, math.inf)
    if answer.x is not None:
        pinned.reach(probe, near, answer.x, MIP_SECONDS)
    if near.point is not None:
        finding.point, finding.reached = near.point, value + candidate.tight


def _decided(
    candidate: Candidate,
    finding: Finding,
    program: Program,
    columns: NDArray[np.int32],
    M: float,
    spread: Fraction,
    lent: Fraction,
    keep: bool,
    whole: bool,
    curved_body: bool,
) -> float:
    """Return the M to use; raise or warn where it is refuted or open."""
    lo, hi = finding.reached - candidate.tight, finding.top - candidate.tight + spread
    what = f"big_m = {M:.9g} of {candidate.place.name!r}"
    slack = _slack(candidate, finding.point, curved_body)
    if finding.point is not None and finding.reached > candidate.loose + slack:
        where = f"{float(lo):.9g} is needed at {_point(finding.point, candidate, program, columns)}"
        if whole:
            raise InvalidBigM(f"{what} is too small: {where}")
        said = f"{where}, unless constraints that were not lifted exclude it; never more than {float(hi):.9g}"
        warnings.warn(f"{what} is not proved to be enough: {said}", UnprovenBigM, stacklevel=3)
        return M
    if finding.top + spread > candidate.loose + slack + lent:
        warnings.warn(
            f"{what} is not proved to be enough: "
            f"what is needed is between {max(float(lo), 0.0):.9g} and {float(hi):.9g}",
            UnprovenBigM,
            stacklevel=3,
        )
        return M
    enough = outward(max(hi, Fraction(0)), 1) if isinstance(hi, Fraction) else 0.0
    return M if keep else min(M, enough)


def _point(
    point: Mapping[int, Fraction], candidate: Candidate, program: Program, columns: NDArray[np.int32]
) -> str:
    """Return the point as text: the variables of the row, its binary, and what else is not zero."""
    at = [*columns.tolist(), *([] if candidate.place.binary < 0 else [candidate.place.binary])]
    at += [j for j in sorted(point) if j not in at and point[j]]
    said = [f"{program.column_names[j]} = {float(point.get(j, Fraction(0))):.9g}" for j in at[:SHOWN]]
    return ", ".join([*said, *(["..."] if len(at) > SHOWN else [])])
