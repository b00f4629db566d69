r"""A state, once entered, is kept for some periods, and once left, is left for some.

Meaning, for a path :math:`z_0, \dots, z_{T-1}` of zeros and ones: every run of ones that starts after period 0 and
ends before the horizon has at least `up` ones; every run of zeros between two runs of ones at least `down` zeros. What
held before period 0 is not known: the first run may be the end of a longer one, and the last may go on.

Lowering (Rajan & Takriti 2005; with the starts s it is the convex hull of such paths):

.. math::
    s_t \ge z_t - z_{t-1}, \quad s \ge 0, \qquad
    \sum_{q = t - up + 1}^{t} s_q \le z_t, \qquad \sum_{q = t + 1}^{t + down} s_q \le 1 - z_t
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import groupby, product
from typing import Any

from proofolio.errors import BadData
from proofolio.program.expression import Expression, as_expression
from proofolio.program.model import Model

__all__ = ["dwell", "dwell_meaning"]


def dwell(model: Model, name: str, Z: Any, up: int = 1, down: int = 1) -> Expression:
    """Keep each path in its state for at least `up` periods, and out of it for at least `down`.

    Parameters
    ----------
    model : Model
    name : str
        Name of the starts; rows are ``{name}_starts``, ``{name}_up_{t}``, ``{name}_down_{t}``.
    Z : Expression, shape (..., T)
        Binaries; the last axis is time. For regimes, shape (R, T): each regime is a path of its own.
    up, down : int
        Periods, at least 1.

    Returns
    -------
    Expression, shape (..., T - 1)
        At least 1 where a run of ones starts, from the second period on; exactly so where it costs something.

    Raises
    ------
    BadData
        For Z that is not binary or has no two periods, or periods that are not whole numbers from 1.
    """
    path = as_expression(Z)
    model.check_binary(f"the path of dwell {name!r}", path)
    if path.ndim < 1 or path.shape[-1] < 2:
        raise BadData(f"dwell {name!r} needs at least two periods along the last axis of Z")
    for word, periods in (("up", up), ("down", down)):
        if int(periods) != periods or periods < 1:
            raise BadData(
                f"{word} of dwell {name!r} is {periods}; it must be a whole number of periods from 1"
            )
    T = path.shape[-1]
    start = model.variable(name, (*path.shape[:-1], T - 1), 0.0, 1.0)  # start[t - 1] is s_t
    model.add(f"{name}_starts", start >= path[..., 1:] - path[..., :-1])
    for t in range(1, T):
        model.add(f"{name}_up_{t}", start[..., max(t - up, 0) : t].sum(-1) <= path[..., t])
    for t in range(T - 1):
        model.add(f"{name}_down_{t}", start[..., t : min(t + down, T - 1)].sum(-1) <= 1 - path[..., t])
    return start


def dwell_meaning(T: int, up: int = 1, down: int = 1) -> list[Callable[..., list[Any]]]:
    """Return the pieces, in Z of shape (..., T): one for each path that is allowed."""
    return [
        lambda Z, path=path: [Z[..., t] == path[t] for t in range(T)]
        for path in product((0, 1), repeat=T)
        if _keeps(path, up, down)
    ]


def _keeps(path: tuple[int, ...], up: int, down: int) -> bool:
    runs = [(state, len(list(group))) for state, group in groupby(path)]
    return all(length >= (up if state else down) for state, length in runs[1:-1])
