"""A piecewise linear function of a quantity, given by its points or approximating a convex function."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from proofolio.arrays import Floats, Integers
from proofolio.brief import brief
from proofolio.errors import BadData
from proofolio.formulations.big_m import check_lowering
from proofolio.formulations.exclusive_pairs import member_name
from proofolio.formulations.extrema import SIDES
from proofolio.program.builder import Builder
from proofolio.program.expression import Expression, as_expression, between

__all__ = [
    "Approximation",
    "interpolation_error",
    "piecewise_linear",
    "piecewise_linear_meaning",
    "piecewise_linear_of",
]


def piecewise_linear(
    model: Builder,
    name: str,
    u: Any,
    breakpoints: ArrayLike,
    values: ArrayLike,
    *,
    side: str = "exact",
    lowering: str | None = None,
) -> Expression:
    r"""Return v with :math:`v = f(u)`, or on one side of it, elementwise.

    Meaning: :math:`v = f(u)` (``side="exact"``), or :math:`v \ge f(u)` (``"at_least"``), :math:`v \le f(u)`
    (``"at_most"``), where f joins the points :math:`(x_i, y_i)`, :math:`x_0 < \dots < x_n`, and
    :math:`x_0 \le u \le x_n`.

    Lowering ``"convex"`` (for a convex f and ``"at_least"``, a concave f and ``"at_most"``): one row a segment, no
    binary. The others use weights :math:`\lambda_i \ge 0`, :math:`\sum_i \lambda_i = 1`, :math:`u = \sum_i x_i
    \lambda_i`, :math:`f = \sum_i y_i \lambda_i`, or the lengths of the segments that are filled:

    Lowering ``"sos2"`` (native; Beale & Tomlin 1970): two neighbouring weights may be nonzero.

    Lowering ``"logarithmic"`` (Vielma & Nemhauser 2011): with a Gray code :math:`g_i` of the segments and
    :math:`\lceil \log_2 n \rceil` binaries; ideal.

    .. math::
        \sum_{i \in A_\ell} \lambda_i \le b_\ell, \qquad \sum_{i \in B_\ell} \lambda_i \le 1 - b_\ell

    where every segment next to :math:`x_i` has bit :math:`\ell` equal to one for :math:`i \in A_\ell`, and equal to
    zero for :math:`i \in B_\ell`.

    Lowering ``"incremental"`` (Markowitz & Manne 1957; Dantzig 1960): fill the segments in order; ideal.

    .. math::
        u = x_0 + \sum_i (x_i - x_{i-1}) \delta_i, \quad f = y_0 + \sum_i (y_i - y_{i-1}) \delta_i, \quad
        \delta_{i+1} \le b_i \le \delta_i, \quad 0 \le \delta \le 1

    Parameters
    ----------
    model : Model
    name : str
    u : Expression
        Confined to the breakpoints' range.
    breakpoints : array_like, shape (n + 1,)
        Increasing.
    values : array_like, shape (n + 1,)
    side : {"exact", "at_least", "at_most"}
    lowering : {"convex", "sos2", "logarithmic", "incremental"}, optional
        By default ``"convex"`` where that says what is meant, else ``"logarithmic"``.

    Returns
    -------
    Expression
        Of the shape of u.

    Raises
    ------
    BadData
        For breakpoints that do not increase, numbers that are not finite, or ``"convex"`` where f is not.

    Notes
    -----
    Adds: with S the shape of u and n segments, and rows ``{name}_argument`` and ``{name}_value`` (S) for all but
    ``"convex"``:

    - ``"convex"``: variables ``{name}`` (S); rows ``{name}_segment_{i}`` (S) for every segment i.
    - ``"sos2"``: variables ``{name}`` (S), ``{name}_weight`` (n + 1, S); rows ``{name}_whole`` (S); one ordered set of
      type 2 for each entry.
    - ``"logarithmic"``: variables ``{name}`` (S), ``{name}_weight`` (n + 1, S), binaries ``{name}_bit`` (B, S) with
      B the number of bits of n - 1; rows ``{name}_whole`` (S), ``{name}_one_{b}`` and ``{name}_zero_{b}`` (S) for
      every bit b.
    - ``"incremental"``: variables ``{name}`` (S), ``{name}_filled`` (n, S), binaries ``{name}_full`` (n - 1, S); rows
      ``{name}_before`` and ``{name}_after`` (n - 1, S).
    """
    if side not in SIDES:
        raise BadData(f"side is {side!r}; it must be one of {', '.join(SIDES)}")
    x, y = _points(name, breakpoints, values)
    own = lowering if lowering is not None else "convex" if _is_convex(x, y, side) else "logarithmic"
    check_lowering("piecewise_linear", own, ("convex", "sos2", "logarithmic", "incremental"))
    value = as_expression(u)
    if own == "convex":
        return _convex(model, name, value, x, y, side)
    shape = value.shape
    v = _variable(model, name, shape, y, side)
    if own == "incremental":
        reached, height = _incremental(model, name, shape, x, y)
    else:
        reached, height = _weights(model, name, shape, x, y, own)
    model.add(f"{name}_argument", value == reached)
    rows = {"exact": v == height, "at_least": v >= height, "at_most": v <= height}
    model.add(f"{name}_value", rows[side])
    return v


def _variable(model: Builder, name: str, shape: tuple[int, ...], y: Floats, side: str) -> Expression:
    """Add v between the least and the greatest of f, which it takes at breakpoints; open where v may leave f."""
    lower = -np.inf if side == "at_most" else y.min()
    return model.variable(name, shape, lower, np.inf if side == "at_least" else y.max())


def _points(name: str, breakpoints: ArrayLike, values: ArrayLike) -> tuple[Floats, Floats]:
    try:
        x, y = np.asarray(breakpoints, float), np.asarray(values, float)
    except (TypeError, ValueError):
        raise BadData(f"the points of {name!r} must be numbers") from None
    if x.ndim != 1 or x.size < 2 or y.shape != x.shape:
        raise BadData(f"{name!r} needs at least two breakpoints and one value for each of them")
    if not (np.all(np.isfinite(x)) and np.all(np.isfinite(y)) and np.all(np.diff(x) > 0)):
        raise BadData(f"the breakpoints of {name!r} must increase, and all its numbers must be finite")
    return x, y


def _is_convex(x: Floats, y: Floats, side: str) -> bool:
    """Whether the side asked for is a convex set: the slopes rise (or, for at_most, fall)."""
    if side == "exact":
        return x.size == 2
    dx, dy = np.diff(x), np.diff(y)
    bend = dy[1:] * dx[:-1] - dy[:-1] * dx[1:]
    return bool(np.all(bend >= 0 if side == "at_least" else bend <= 0))


def _convex(model: Builder, name: str, u: Expression, x: Floats, y: Floats, side: str) -> Expression:
    if not _is_convex(x, y, side):
        raise BadData(f"the rows of {name!r} are not convex: use the lowering 'logarithmic' or 'incremental'")
    v = _variable(model, name, u.shape, y, side)
    slope = np.diff(y) / np.diff(x)
    for k in range(slope.size):
        rise, level = v - slope[k] * u, y[k] - slope[k] * x[k]
        rows = {"exact": rise == level, "at_least": rise >= level, "at_most": rise <= level}
        model.add(f"{name}_segment_{k}", rows[side])
    box = model.interval(u)
    if np.any(box.lower < x[0]) or np.any(box.upper > x[-1]):
        model.add(f"{name}_range", between(x[0], u, x[-1]))
    return v


def _weights(
    model: Builder, name: str, shape: tuple[int, ...], x: Floats, y: Floats, lowering: str
) -> tuple[Expression, Expression]:
    column = (x.size, *[1] * len(shape))
    weight = model.variable(f"{name}_weight", (x.size, *shape), 0.0, 1.0)
    model.add(f"{name}_whole", weight.sum(0) == 1)
    if lowering == "sos2":
        for at in np.ndindex(shape):
            model.sos2(member_name(f"{name}_set", at), weight[(slice(None), *at)], x)
    elif x.size > 2:
        bits = gray_bits(x.size - 1)
        choice = model.variable(f"{name}_bit", (bits.shape[1], *shape), binary=True)
        padded = np.vstack([bits[:1], bits, bits[-1:]])
        for bit in range(bits.shape[1]):
            left, right = padded[:-1, bit], padded[1:, bit]
            ones, zeros = np.flatnonzero(left & right), np.flatnonzero((1 - left) & (1 - right))
            if ones.size:
                model.add(f"{name}_one_{bit}", weight[ones].sum(0) <= choice[bit])
            if zeros.size:
                model.add(f"{name}_zero_{bit}", weight[zeros].sum(0) <= 1 - choice[bit])
    return (weight * x.reshape(column)).sum(0), (weight * y.reshape(column)).sum(0)


def gray_bits(n: int) -> Integers:
    """Return n codes in rows, of which neighbours differ in one bit.

    Examples
    --------
    >>> gray_bits(3).tolist()
    [[0, 0], [1, 0], [1, 1]]
    """
    k = np.arange(n)
    code = k ^ (k >> 1)
    width = max(int(n - 1).bit_length(), 1)
    return np.asarray((code[:, None] >> np.arange(width)) & 1, dtype=np.intp)


def _incremental(
    model: Builder, name: str, shape: tuple[int, ...], x: Floats, y: Floats
) -> tuple[Expression, Expression]:
    dx, dy = (np.diff(side).reshape(-1, *[1] * len(shape)) for side in (x, y))
    filled = model.variable(f"{name}_filled", (x.size - 1, *shape), 0.0, 1.0)
    if x.size > 2:
        full = model.variable(f"{name}_full", (x.size - 2, *shape), binary=True)
        model.add(f"{name}_before", full <= filled[:-1])
        model.add(f"{name}_after", filled[1:] <= full)
    return x[0] + (filled * dx).sum(0), y[0] + (filled * dy).sum(0)


def piecewise_linear_meaning(
    breakpoints: ArrayLike, values: ArrayLike, side: str = "exact"
) -> list[Callable[..., list[Any]]]:
    """Return the pieces, in (u, v): one for each segment."""
    x, y = np.asarray(breakpoints, float), np.asarray(values, float)

    def piece(k: int) -> Callable[..., list[Any]]:
        def rows(u: Any, v: Any) -> list[Any]:
            slope = (y[k + 1] - y[k]) / (x[k + 1] - x[k])
            rise, level = v - slope * u, y[k] - slope * x[k]
            reached = {"exact": rise == level, "at_least": rise >= level, "at_most": rise <= level}
            return [u >= x[k], u <= x[k + 1], reached[side]]

        return rows

    return [piece(k) for k in range(x.size - 1)]


SAMPLES = 64
ROUNDING = 1e-12  # of the values' size: what evaluating g, and joining its samples, may round off


@dataclass(frozen=True, eq=False)
class Approximation:
    """A piecewise linear approximation in a model.

    Attributes
    ----------
    value : Expression
    error : float
        A bound on how far the piecewise linear function is from g anywhere in the range of the breakpoints.
    errors : ndarray, shape (n,)
        The same for each segment: where it is large, add a breakpoint.
    breakpoints, values : ndarray, shape (n + 1,)
    """

    value: Expression
    error: float
    errors: Floats
    breakpoints: Floats
    values: Floats

    __repr__ = brief


def piecewise_linear_of(
    model: Builder,
    name: str,
    function: Callable[[Floats], ArrayLike],
    u: Any,
    breakpoints: ArrayLike,
    *,
    shape: str = "convex",
    side: str = "exact",
    lowering: str | None = None,
    centred: bool = False,
) -> Approximation:
    r"""Return v close to :math:`g(u)`, and how close at worst.

    For a convex g on a segment :math:`[a, b]` the chord lies above g, and between two neighbouring samples g lies
    above the chords of the samples next to them, carried on: the largest gap between the chord of the segment and
    those is attained at a sample or where two of them cross, and bounds the error with nothing assumed of g but its
    convexity. Concave functions are mirrored.

    Where the error is allowed to be either way (``centred=True``) half of it is taken off the values, which halves
    it.

    Parameters
    ----------
    model : Model
    name : str
    function : callable
        g, of an array of numbers.
    u : Expression
        Confined to the range of the breakpoints.
    breakpoints : array_like, shape (n + 1,)
    shape : {"convex", "concave"}
        What g is on that range: the error bound rests on it. Samples that contradict it are refused; a bend
        the wrong way between two samples would not be seen.
    side, lowering
        As for `piecewise_linear`.
    centred : bool
        Take half of the error off (or, concave, on) the values.

    Raises
    ------
    BadData
        When samples are not finite or contradict the shape.

    Examples
    --------
    Impact of trading, to the power 3/2:

    >>> from proofolio import Model
    >>> model = Model()
    >>> trade = model.variable("trade", lower=-1, upper=1)
    >>> points = np.linspace(-1, 1, 9)
    >>> impact = piecewise_linear_of(model, "impact", lambda u: abs(u) ** 1.5, trade, points, side="at_least")
    >>> round(impact.error, 4)
    0.0185

    Notes
    -----
    Adds: what `piecewise_linear` adds.
    """
    x = np.asarray(breakpoints, float)
    y = _sampled(name, function, x)
    errors = interpolation_error(function, x, shape=shape, name=name)
    error = float(errors.max())
    if centred:
        y = y - error / 2 if shape == "convex" else y + error / 2
        error = float(np.nextafter(error / 2 + ROUNDING * float(np.abs(y).max()), np.inf))
        errors = np.maximum(errors - error, error)
    value = piecewise_linear(model, name, u, x, y, side=side, lowering=lowering)
    return Approximation(value, error, errors, x, y)


def interpolation_error(
    function: Callable[[Floats], ArrayLike], breakpoints: ArrayLike, *, shape: str = "convex", name: str = "g"
) -> Floats:
    """Bound, segment by segment, how far a convex (or concave) function is from its chord.

    Parameters
    ----------
    function, breakpoints, shape
        As for `piecewise_linear_of`.
    name : str
        What messages call it.

    Returns
    -------
    ndarray, shape (n,)
    """
    if shape not in ("convex", "concave"):
        raise BadData(f"the shape of {name!r} is {shape!r}; it must be 'convex' or 'concave'")
    x = np.asarray(breakpoints, float)
    if x.ndim != 1 or x.size < 2 or not (np.all(np.isfinite(x)) and np.all(np.diff(x) > 0)):
        raise BadData(f"{name!r} needs at least two breakpoints, which increase")
    sign = 1.0 if shape == "convex" else -1.0
    found = []
    for a, b in pairwise(x.tolist()):
        t = np.linspace(a, b, SAMPLES + 1)
        g = sign * _sampled(name, function, t)
        room = ROUNDING * max(float(np.abs(g).max()), float(np.finfo(float).tiny))
        found.append(_gap(name, t, g, room) + 8.0 * room)
    return np.array(found)


def _gap(name: str, t: Floats, g: Floats, room: float) -> float:
    """Return the largest gap between the chord over all samples and what convexity leaves below them."""
    slope = np.diff(g) / np.diff(t)
    bend = np.diff(g[1:]) * np.diff(t[:-1]) - np.diff(g[:-1]) * np.diff(t[1:])
    if np.any(bend < -4.0 * room * (t[-1] - t[0])):
        at = float(t[1:-1][int(np.argmin(bend))])
        raise BadData(f"{name!r} does not have the shape it was said to have: see near {at:g}")
    steep = (g[-1] - g[0]) / (t[-1] - t[0])
    worst = 0.0
    for i in range(t.size - 1):
        # lines below g on [t_i, t_i+1]: the chord before it and the chord after it, carried on
        lines = [(t[i], g[i], slope[i - 1])] if i else []
        lines += [(t[i + 1], g[i + 1], slope[i + 1])] if i + 2 < t.size else []
        spots = [t[i], t[i + 1]]
        if len(lines) == 2 and lines[1][2] > lines[0][2]:
            (p, gp, sp), (q, gq, sq) = lines
            spots.append(float(np.clip((gp - sp * p - gq + sq * q) / (sq - sp), t[i], t[i + 1])))
        for spot in spots:
            least = max(height + s * (spot - start) for start, height, s in lines)
            worst = max(worst, g[0] + steep * (spot - t[0]) - least)
    return float(worst)


def _sampled(name: str, function: Callable[[Floats], ArrayLike], t: Floats) -> Floats:
    g = np.asarray(function(t), float)
    if g.shape != t.shape or not np.all(np.isfinite(g)):
        raise BadData(f"the function of {name!r} must return one finite number for every point it is given")
    return g
