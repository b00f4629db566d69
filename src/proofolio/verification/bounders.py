r"""Bounds for the builder that are sharper than intervals, and a user's M held against them.

Plugged into a model they serve ``big_m="lp"`` and ``big_m="mip"`` of every formulation:

    Model(bounders={"lp": lp_bounder, "mip": mip_bounder})

The bound of an expression is its maximum over what the model holds so far: its linear relaxation (``lp``,
exact and rounded outward) or its integers as well (``mip``, the solver's bound inflated by 1e-6, not
certified). What is added later can only lower the maximum, so the bound stays one.
"""

from __future__ import annotations

import math
import warnings
from fractions import Fraction

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import sparse

from proofolio.errors import BadData, InvalidBigM, UnprovenBigM
from proofolio.program.expression import Expression, as_expression, broadcast_to
from proofolio.program.interval import quadratic_bounds
from proofolio.program.model import Bounds, Model
from proofolio.program.program import Program
from proofolio.program.quadratic import Quadratic
from proofolio.verification.candidates import Candidate, Place
from proofolio.verification.decimals import as_decimal, outward
from proofolio.verification.integers import by_mip
from proofolio.verification.reaching import Reaching
from proofolio.verification.verdicts import Finding, slack

__all__ = ["BOUNDERS", "check_big_m", "lp_bounder", "mip_bounder"]

Floats = NDArray[np.float64]
MIP_SECONDS = 10.0
NOWHERE = Place(-1, "", "upper", -1, "")


def lp_bounder(model: Model, e: Expression | Quadratic) -> Bounds:
    """Bound an expression over the linear relaxation of what a model holds so far: exact, rounded outward.

    Quadratic parts are bounded by intervals and added. A bound that no linear program gives is the
    interval's.
    """
    return _bounds(model, e, integers=False)


def mip_bounder(model: Model, e: Expression | Quadratic) -> Bounds:
    """Bound an expression over the integers of what a model holds so far: inflated by 1e-6, not certified."""
    return _bounds(model, e, integers=True)


BOUNDERS = {"lp": lp_bounder, "mip": mip_bounder}


def _bounds(model: Model, e: Expression | Quadratic, integers: bool) -> Bounds:
    affine = e.affine if isinstance(e, Quadratic) else e
    rule = model.interval(affine)
    low, high = rule.lower.ravel().copy(), rule.upper.ravel().copy()
    asked = _Asked(model.freeze())
    matrix = _rows(affine, model.n)
    constant = affine.constant.ravel()
    for k in range(affine.size):
        a, b = matrix.indptr[k], matrix.indptr[k + 1]
        if a == b:
            continue
        columns, values = matrix.indices[a:b].astype(np.int32), matrix.data[a:b]
        shift = Fraction(float(constant[k]))
        top = asked.top(columns, values, integers)
        bottom = asked.top(columns, -values, integers)
        if top is not None:
            high[k] = min(high[k], outward(top + shift, 1))
        if bottom is not None:
            low[k] = max(low[k], outward(shift - bottom, -1))
    if isinstance(e, Quadratic):
        lower, upper = model.box
        for k, forms in enumerate(e.forms):
            least, most = quadratic_bounds(forms, lower, upper)
            low[k], high[k] = np.nextafter(low[k] + least, -np.inf), np.nextafter(high[k] + most, np.inf)
    return Bounds(low.reshape(e.shape), high.reshape(e.shape))


def _rows(affine: Expression, n: int) -> sparse.csr_array:
    matrix = sparse.csr_array(
        (affine.matrix.data, affine.matrix.indices, affine.matrix.indptr), shape=(affine.size, n)
    )
    merged = sparse.csr_array(matrix, copy=True)
    merged.sum_duplicates()
    merged.eliminate_zeros()
    return merged


class _Asked:
    """Questions about expressions over a whole program, put as candidates that no binary switches."""

    def __init__(self, program: Program) -> None:
        self.program = program
        self.bounding = Reaching(program)

    def top(self, columns: NDArray[np.int32], values: Floats, integers: bool) -> Fraction | None:
        """Return an upper bound of a linear body, None when no finite one was proved."""
        zero = Fraction(0)
        candidate = Candidate(NOWHERE, 0, columns, values, zero, zero, zero, kind="expression")
        finding = Finding()
        self.bounding.by_lp(candidate, finding, math.inf)
        if integers and finding.top < math.inf and self.bounding.integers.size:
            by_mip(self.bounding, candidate, finding, MIP_SECONDS)
        # a model that holds no point bounds nothing: the interval's word stands
        return finding.top if isinstance(finding.top, Fraction) else None


def check_big_m(
    model: Model,
    name: str,
    body: Expression,
    big_m: ArrayLike,
    *,
    binary: Expression | None = None,
    off: int = 0,
    tiers: tuple[str, ...] = ("interval", "lp", "mip"),
    keep: bool = False,
) -> Floats:
    """Hold the M of rows ``body <= M (while off)``, ``body <= 0 (while on)`` against what the model holds.

    Parameters
    ----------
    model : Model
    name : str
        What the rows are called in messages.
    body : Expression
        Affine; at most zero while the binary is on.
    big_m : array_like
        Broadcasts to the body's shape.
    binary : Expression, optional
        Broadcasts to the body's shape, each entry one variable or one minus one; it is held at `off`.
    off : int
        The value of `binary` at which M gives room.
    tiers : tuple of str
        What bounds may come from, cheapest first; the first that proves M ends the search.
    keep : bool
        Whether an M larger than proved to be needed stays.

    Returns
    -------
    ndarray
        M, tightened to what is proved to be enough unless kept.

    Raises
    ------
    InvalidBigM
        When an exact point of the model so far is cut off; the text gives it.

    Warns
    -----
    UnprovenBigM
        When M is neither proved nor refuted; the text gives both bounds.
    """
    slack_of = as_expression(body)
    try:
        M = np.broadcast_to(np.asarray(big_m, dtype=float), slack_of.shape).ravel().copy()
    except (TypeError, ValueError):
        raise BadData(
            f"big_m of {name!r} has shape {np.shape(big_m)}; it must broadcast to {slack_of.shape}"
        ) from None
    if not np.all(np.isfinite(M)) or np.any(M < 0):
        raise BadData(f"big_m of {name!r} must be finite and not negative")
    switch = (
        None
        if binary is None
        else model.switch(name, broadcast_to(binary, slack_of.shape), off, 0.0, "given", slack_of.shape)
    )
    if binary is not None and switch is None:
        raise BadData(f"the binary of {name!r} must be one variable, or one minus one, in each entry")
    program = model.freeze()
    asked, matrix, constant = _Asked(program), _rows(slack_of, model.n), slack_of.constant.ravel()
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
        M[k] = _held_against(asked.bounding, candidate, float(M[k]), tiers, keep)
    return M.reshape(slack_of.shape)


def _held_against(
    bounding: Reaching, candidate: Candidate, M: float, tiers: tuple[str, ...], keep: bool
) -> float:
    finding = bounding.by_interval(candidate) if "interval" in tiers else Finding()
    limit = candidate.loose + slack(candidate)
    if finding.top > limit and "lp" in tiers:
        answer = bounding.by_lp(candidate, finding, math.inf)
        if answer.x is not None and finding.top > limit:
            bounding.reach(candidate, finding, answer.x, True, MIP_SECONDS)
    open_ = limit < finding.top < math.inf and finding.point is None
    if open_ and "mip" in tiers and bounding.integers.size:
        by_mip(bounding, candidate, finding, MIP_SECONDS)
    lo, hi = finding.reached - candidate.tight, finding.top - candidate.tight
    if finding.point is not None:
        names = bounding.program.column_names
        point = ", ".join(f"{names[j]} = {float(v):g}" for j, v in sorted(finding.point.items())[:8])
        raise InvalidBigM(
            f"big_m = {M:g} of {candidate.place.name!r} is too small: "
            f"{float(lo):.9g} is needed at {point or 'zero'}"
        )
    if finding.top > limit:
        warnings.warn(
            f"big_m = {M:g} of {candidate.place.name!r} is not proved to be enough: "
            f"what is needed is between {float(lo):.9g} and {float(hi):.9g}",
            UnprovenBigM,
            stacklevel=4,
        )
        return M
    enough = outward(max(hi, Fraction(0)), 1) if isinstance(hi, Fraction) else 0.0
    return M if keep else min(M, enough)
