"""The cuts that rotated cones give to a linear relaxation."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from proofolio.solvers.lifted import Lifted

__all__ = ["Cuts", "cut_values", "cuts_at", "tangents"]

Floats = NDArray[np.float64]
Integers = NDArray[np.intp]

NEAR_APEX = 1e-7


@dataclass(frozen=True, eq=False)
class Cuts:
    """Rows ``matrix x >= lower`` valid for every point of the cones."""

    matrix: Any
    lower: Floats

    def __len__(self) -> int:
        return self.lower.size


def tangents(lifted: Lifted, members: Floats) -> Floats:
    r"""Return, for each cone, the slope ``y`` of the cut that fits its members; the rows of t and z hold 0.

    It is :math:`y = Y / z`. Near z = 0, where that quotient means nothing, z is replaced by the value that
    the supporting hyperplane of the second-order cone :math:`\|(2Y, t - z)\| \le t + z` has in its place,
    :math:`2|Y|^2 / (\|(2Y, t - z)\| + t - z)`.
    """
    t, z = members[lifted.pointer[:-1]], members[lifted.pointer[:-1] + 1]
    squares = lifted.squares(members)
    reach = np.sqrt(4.0 * squares + (t - z) ** 2) + np.abs(t - z)
    with np.errstate(divide="ignore", invalid="ignore"):
        other = np.where(t >= z, 2.0 * squares / reach, (reach) / 2.0)
    divisor = np.where(z > NEAR_APEX * np.maximum(1.0, np.sqrt(squares)), z, np.maximum(z, other))
    divisor = np.where(divisor > 0, divisor, 1.0)
    return lifted.tails(members / np.repeat(divisor, np.diff(lifted.pointer)))


def cuts_at(lifted: Lifted, slopes: Floats, chosen: Integers) -> Cuts:
    r"""Return the cut of each chosen cone at its slope.

    For every y, :math:`t \ge \|Y\|^2 / z \ge 2 y'Y - |y|^2 z` on the cone, with equality along
    :math:`Y = y z`: the perspective cut of Frangioni and Gentile (2006), and the gradient cut where z = 1.
    """
    lengths = np.diff(lifted.pointer)[chosen]
    pointer = np.concatenate([[0], np.cumsum(lengths)])
    entries = np.arange(pointer[-1]) + np.repeat(lifted.pointer[chosen] - pointer[:-1], lengths)
    multipliers = -2.0 * slopes[entries]
    multipliers[pointer[:-1]] = 1.0
    multipliers[pointer[:-1] + 1] = lifted.squares(slopes)[chosen]
    combine = sparse.csr_array((multipliers, entries, pointer), shape=(chosen.size, lifted.K.shape[0]))
    return Cuts(sparse.csr_array(combine @ lifted.K), -np.asarray(combine @ lifted.k))


def cut_values(lifted: Lifted, slopes: Floats, members: Floats) -> Floats:
    """Return, for each cone, by how much a point with these members violates the cut at its slope."""
    starts = lifted.pointer[:-1]
    product = np.add.reduceat(slopes * members, starts) if starts.size else np.empty(0)
    return 2.0 * product - lifted.squares(slopes) * members[starts + 1] - members[starts]
