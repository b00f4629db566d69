r"""What may be held: the set of weights of every period, whatever they cost.

.. math::
    \ell_t \le W_t \le u_t, \quad a \le 1'W_t \le b, \quad g^{lo}_j \le \sum_{i \in G_j} W_{i,t} \le g^{up}_j, \quad
    \#\{i : W_{i,t} \ne 0\} \le K, \quad W_{i,t} = 0 \text{ or } |W_{i,t}| \ge m_i, \quad
    W_{i,t} \in q_i \mathbb{Z}, \quad \|W_t\|_1 \le L
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from proofolio.arrays import Floats
from proofolio.errors import BadData
from proofolio.formulations.positions import ROUNDING, round_lot, semicontinuous
from proofolio.formulations.positions import cardinality as at_most
from proofolio.formulations.signs import absolute
from proofolio.models.arguments import each_asset, finite, numbers, whole
from proofolio.program.builder import Builder
from proofolio.program.expression import Expression, between

__all__ = ["FEASIBLE", "Group", "Holdings"]


FEASIBLE = 1e-9
NOTHING = 1e-6  # a weight of at most this size is taken for zero when positions are counted


@dataclass(frozen=True)
class Group:
    """Assets whose weights together lie between two limits, in every period.

    Attributes
    ----------
    members : sequence of int
        Assets, counted from 0.
    lower, upper : float
        Limits of the sum of their weights; infinite where there is none.
    """

    members: Sequence[int]
    lower: float = -np.inf
    upper: float = np.inf


@dataclass(frozen=True, eq=False, init=False)
class Holdings:
    """The weights allowed in each of T periods; it knows nothing of regimes.

    Parameters
    ----------
    n, periods : int
    lower, upper : array_like, shape () or (n,) or (T, n)
    groups : sequence of Group
    cardinality : int, optional
        The most weights that may differ from zero.
    minimum_position : float or array_like, shape (n,)
        A weight is zero or at least so large, long or (where `lower` is negative) short; 0 asks for nothing.
    round_lots : float or array_like, shape (n,), optional
        Every weight is a whole multiple.
    net : (float, float)
        Limits of the sum of the weights.
    gross : float, optional
        Limit of the sum of their sizes.

    Raises
    ------
    BadData
        Naming the argument; also where bounds leave no weights.
    """

    lower: Floats
    upper: Floats
    groups: tuple[Group, ...]
    cardinality: int | None
    minimum_position: Floats
    round_lots: Floats | None
    net: tuple[float, float]
    gross: float | None

    def __init__(
        self,
        n: int,
        periods: int,
        lower: ArrayLike = 0.0,
        upper: ArrayLike = 1.0,
        *,
        groups: Sequence[Group] = (),
        cardinality: int | None = None,
        minimum_position: ArrayLike = 0.0,
        round_lots: ArrayLike | None = None,
        net: tuple[float, float] = (1.0, 1.0),
        gross: float | None = None,
    ) -> None:
        total = _net(net)
        low, high = _box(finite("lower", lower), finite("upper", upper), periods, n, total)
        fields = {
            "lower": low,
            "upper": high,
            "groups": _groups(groups, low, high),
            "cardinality": None if cardinality is None else whole("cardinality", cardinality, 1),
            "minimum_position": each_asset("minimum_position", minimum_position, n),
            "round_lots": None if round_lots is None else _lots(round_lots, low, high),
            "net": total,
            "gross": None if gross is None else _gross(gross, total),
        }
        for name, value in fields.items():
            object.__setattr__(self, name, value)

    @property
    def budget(self) -> float | None:
        """The sum of the weights where `net` leaves one value only, else None."""
        return self.net[0] if self.net[0] == self.net[1] else None

    @property
    def options(self) -> tuple[str, ...]:
        """What is asked for beyond bounds and weights that add up to 1."""
        asked = {
            "groups": bool(self.groups),
            "cardinality": self.cardinality is not None,
            "minimum_position": bool(self.minimum_position.any()),
            "round_lots": self.round_lots is not None,
            "net": self.net != (1.0, 1.0),
            "gross": self.gross is not None,
        }
        return tuple(name for name, present in asked.items() if present)

    # ------------------------------------------------------------------ build
    def add(self, model: Builder, W: Expression) -> None:
        """Write the rows on weights of shape (n, T), whose own bounds are `lower` and `upper`."""
        total = W.sum(0)
        low, high = self.net
        if low == high:
            model.add("budget", total == low)
        else:
            _limit(model, "net", low, total, high)
        for j, group in enumerate(self.groups):
            _limit(model, f"group_{j}", group.lower, W[list(group.members)].sum(0), group.upper)
        sizes = self._positions(model, W)
        if self.round_lots is not None:
            round_lot(model, "lots", W, self.round_lots[:, None])
        if self.gross is not None and not (self.lower.min() >= 0.0 and high <= self.gross):
            size = absolute(model, "size", W, side="at_least") if sizes is None else sizes
            model.add("gross", size.sum(0) <= self.gross)

    def _positions(self, model: Builder, W: Expression) -> Expression | None:
        """Limit which weights differ from zero, and how little; return their sizes where these come of it."""
        smallest = self.minimum_position[:, None]
        few = self.cardinality is not None and self.cardinality < W.shape[0]
        if not smallest.any():
            if few:
                at_most(model, "held", W, self.cardinality or 0)
            return None
        sizes: Expression | None = None
        if self.lower.min() >= 0.0:
            held: Expression = semicontinuous(model, "held", W, smallest)
        else:
            above = model.variable("long", W.shape, 0.0, np.maximum(self.upper.T, 0.0))
            below = model.variable("short", W.shape, 0.0, np.maximum(-self.lower.T, 0.0))
            model.add("long_and_short", W == above - below)
            held = semicontinuous(model, "held_long", above, smallest)
            held = held + semicontinuous(model, "held_short", below, smallest)
            model.add("one_side", held <= 1)
            sizes = above + below
        if few:
            model.add("held_most", held.sum(0) <= (self.cardinality or 0))
        return sizes

    # ------------------------------------------------------------------ check
    def violations(self, W: Floats) -> dict[str, float]:
        """Return by how much weights (n, T) miss each rule that is asked for; a count for the cardinality."""
        w, size = W.T, np.abs(W.T)
        low, high = self.net
        total = w.sum(axis=1)
        sums = "weights add up to 1" if self.net == (1.0, 1.0) else "net exposure"
        found = {
            "weights in bounds": _worst(self.lower - w, w - self.upper),
            sums: _worst(low - total, total - high),
        }
        if self.groups:
            of = [w[:, list(group.members)].sum(axis=1) for group in self.groups]
            found["groups"] = max(
                _worst(group.lower - held, held - group.upper)
                for group, held in zip(self.groups, of, strict=True)
            )
        held = size > NOTHING
        if self.cardinality is not None:
            found["cardinality"] = _worst(held.sum(axis=1) - float(self.cardinality))
        if self.minimum_position.any():
            found["minimum positions"] = _worst(np.where(held, self.minimum_position - size, 0.0))
        if self.round_lots is not None:
            found["round lots"] = _worst(np.abs(w - self.round_lots * np.round(w / self.round_lots)))
        if self.gross is not None:
            found["gross exposure"] = _worst(size.sum(axis=1) - self.gross)
        return found


def _limit(model: Builder, name: str, low: float, body: Expression, high: float) -> None:
    """Write the sides of ``low <= body <= high`` that are finite."""
    if np.isfinite(low) and np.isfinite(high):
        model.add(name, between(low, body, high))
    elif np.isfinite(low) or np.isfinite(high):
        model.add(name, body >= low if np.isfinite(low) else body <= high)


def _worst(*amounts: Floats) -> float:
    return max(0.0, *(float(amount.max()) for amount in amounts))


def _net(net: Any) -> tuple[float, float]:
    limits = numbers("net", net)
    if limits.shape != (2,):
        raise BadData(f"net has shape {limits.shape}; it must be two numbers (low, high)")
    low, high = float(limits[0]), float(limits[1])
    if low > high or low == np.inf or high == -np.inf:
        raise BadData(f"net is ({low:g}, {high:g}); low must not be above high, nor either out of reach")
    return low, high


def _box(least: Floats, most: Floats, T: int, n: int, net: tuple[float, float]) -> tuple[Floats, Floats]:
    box = []
    for name, bound in (("lower", least), ("upper", most)):
        try:
            box.append(np.array(np.broadcast_to(bound, (T, n))))
        except ValueError:
            raise BadData(f"{name} has shape {bound.shape}; it must be (), ({n},) or ({T}, {n})") from None
    low, high = box
    if np.any(low > high):
        t, i = (int(v) for v in np.argwhere(low > high)[0])
        raise BadData(f"lower is above upper for asset {i} in period {t}")
    least_sum, most_sum = low.sum(axis=1), high.sum(axis=1)
    one = net == (1.0, 1.0)
    if np.any(most_sum < net[0] - FEASIBLE):
        t = int(np.argmax(most_sum < net[0] - FEASIBLE))
        why = "the weights cannot add up to 1" if one else f"net asks for at least {net[0]:g}"
        raise BadData(f"upper adds up to {most_sum[t]:.6g} in period {t}: {why}")
    if np.any(least_sum > net[1] + FEASIBLE):
        t = int(np.argmax(least_sum > net[1] + FEASIBLE))
        why = "the weights cannot add up to 1" if one else f"net asks for at most {net[1]:g}"
        raise BadData(f"lower adds up to {least_sum[t]:.6g} in period {t}: {why}")
    return low, high


def _groups(groups: Any, low: Floats, high: Floats) -> tuple[Group, ...]:
    if not isinstance(groups, Sequence) or not all(isinstance(group, Group) for group in groups):
        raise BadData("groups must be a sequence of Group")
    return tuple(_group(f"groups[{j}]", group, low, high) for j, group in enumerate(groups))


def _group(name: str, group: Group, low: Floats, high: Floats) -> Group:
    n = low.shape[1]
    members = np.asarray(group.members)
    good = members.ndim == 1 and members.size > 0 and members.dtype.kind in "iu"
    if not good or np.any(members < 0) or np.any(members >= n) or np.unique(members).size < members.size:
        raise BadData(
            f"{name}.members is {group.members!r}; it must be different assets, counted 0 to {n - 1}"
        )
    limits = numbers(f"{name}.lower and upper", [group.lower, group.upper])
    if limits[0] > limits[1]:
        raise BadData(f"{name}.lower is {limits[0]:g}, above its upper {limits[1]:g}")
    least, most = low[:, members].sum(axis=1), high[:, members].sum(axis=1)
    if np.any(most < limits[0] - FEASIBLE) or np.any(least > limits[1] + FEASIBLE):
        raise BadData(
            f"{name} asks for a sum from {limits[0]:g} to {limits[1]:g}, but the bounds of its members "
            f"allow {float(least.max()):.6g} to {float(most.min()):.6g}"
        )
    return Group(tuple(int(i) for i in members), float(limits[0]), float(limits[1]))


def _lots(lots: ArrayLike, low: Floats, high: Floats) -> Floats:
    size = each_asset("round_lots", lots, low.shape[1])
    if not np.all(size > 0):
        raise BadData("round_lots must be positive")
    empty = np.ceil(low / size - ROUNDING) > np.floor(high / size + ROUNDING)
    if np.any(empty):
        t, i = (int(v) for v in np.argwhere(empty)[0])
        raise BadData(f"round_lots leaves asset {i} no multiple between its bounds in period {t}")
    return size


def _gross(gross: Any, net: tuple[float, float]) -> float:
    limit = numbers("gross", gross)
    if limit.shape:
        raise BadData(f"gross has shape {limit.shape}; it must be one number")
    needed = max(net[0], -net[1], 0.0)
    if not needed - FEASIBLE <= limit < np.inf:
        raise BadData(
            f"gross is {float(limit):g}; it must be finite and at least {needed:g}, which net needs"
        )
    return float(limit)
