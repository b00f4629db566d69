r"""A function approximated by a piecewise linear one, with a proved bound on the error.

For a convex g on a segment :math:`[a, b]` the chord lies above g, and between two neighbouring samples g lies above
the chords of the samples next to them, carried on: the largest gap between the chord of the segment and those is
attained at a sample or where two of them cross, and bounds the error with nothing assumed of g but its convexity.
Concave functions are mirrored.

Where the error is allowed to be either way (``centred=True``) half of it is taken off the values, which halves it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from proofolio.errors import BadData
from proofolio.formulations.piecewise_linear import piecewise_linear
from proofolio.program.expression import Expression
from proofolio.program.model import Model

__all__ = ["Approximation", "interpolation_error", "piecewise_linear_of"]

Floats = NDArray[np.float64]
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


def piecewise_linear_of(
    model: Model,
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

    >>> model = Model()
    >>> trade = model.variable("trade", lower=-1, upper=1)
    >>> points = np.linspace(-1, 1, 9)
    >>> impact = piecewise_linear_of(model, "impact", lambda u: abs(u) ** 1.5, trade, points, side="at_least")
    >>> round(impact.error, 4)
    0.0185
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
