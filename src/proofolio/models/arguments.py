"""Reading a model's arguments: numbers of a stated shape, or `BadData` that names the argument."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from proofolio.arrays import Floats
from proofolio.errors import BadData
from proofolio.formulations.positions import ROUNDING

__all__ = [
    "FEASIBLE",
    "each_asset",
    "finite",
    "gross_limit",
    "net_limits",
    "not_negative",
    "number",
    "numbers",
    "positive",
    "round_lot_sizes",
    "turnover_limits",
    "weight_bounds",
    "whole",
]


FEASIBLE = 1e-9  # sums of bounds this far beyond a limit are rounding: the declaration is taken


def numbers(name: str, value: ArrayLike) -> Floats:
    """Return an array of numbers, infinities among them."""
    try:
        given = np.asarray(value)
        if given.dtype.kind in "cSUmM":  # numpy would read text as numbers and drop imaginary parts
            raise TypeError
        found = given.astype(float, copy=False)
    except (TypeError, ValueError):
        raise BadData(f"{name} is not an array of numbers") from None
    if np.any(np.isnan(found)):
        raise BadData(f"{name} holds NaN: fill or drop the missing numbers first")
    return found


def finite(name: str, value: ArrayLike) -> Floats:
    """Return an array of finite numbers."""
    found = numbers(name, value)
    if not np.all(np.isfinite(found)):
        raise BadData(f"{name} holds an infinity: it must be finite")
    return found


def not_negative(name: str, value: ArrayLike) -> float:
    """Return one finite number from 0."""
    number = finite(name, value)
    if number.shape:
        raise BadData(f"{name} has shape {number.shape}; it must be one number")
    if number < 0:
        raise BadData(f"{name} is {number}; a cost cannot be negative")
    return float(number)


def number(name: str, value: Any) -> float:
    """Return one number; no truth value, and no NaN."""
    found = numbers(name, value)
    if found.shape or isinstance(value, (bool, np.bool_)):
        raise BadData(f"{name} is {value!r}; it must be one number")
    return float(found)


def positive(name: str, value: Any) -> float:
    """Return one finite number above 0."""
    found = number(name, value)
    if not 0.0 < found < np.inf:
        raise BadData(f"{name} is {found:g}; it must be a positive number")
    return found


def each_asset(name: str, value: ArrayLike, n: int) -> Floats:
    """Return one finite number from 0 for each asset, shape (n,)."""
    given = finite(name, value)
    if given.shape not in ((), (n,)):
        raise BadData(f"{name} has shape {given.shape}; it must be one number or ({n},)")
    if np.any(given < 0):
        raise BadData(f"{name} holds {given.min():.6g}; it cannot be negative")
    return np.array(np.broadcast_to(given, (n,)))


def whole(name: str, value: Any, least: int) -> int:
    """Return a whole number from a least one."""
    kind = np.asarray(value)
    if kind.shape or kind.dtype.kind not in "iu" or value < least:
        raise BadData(f"{name} is {value!r}; it must be a whole number from {least}")
    return int(value)


def net_limits(net: Any) -> tuple[float, float]:
    """Return the limits of the sum of the weights."""
    limits = numbers("net", net)
    if limits.shape != (2,):
        raise BadData(f"net has shape {limits.shape}; it must be two numbers (low, high)")
    low, high = float(limits[0]), float(limits[1])
    if low > high or low == np.inf or high == -np.inf:
        raise BadData(f"net is ({low:g}, {high:g}); low must not be above high, nor either out of reach")
    return low, high


def weight_bounds(
    least: Floats, most: Floats, T: int, n: int, net: tuple[float, float]
) -> tuple[Floats, Floats]:
    """Return bounds (T, n) that leave weights whose sum is within the limits `net`."""
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


def round_lot_sizes(lots: ArrayLike, low: Floats, high: Floats) -> Floats:
    """Return the size of a lot of each asset (n,), of which a multiple lies between its bounds in every period."""
    size = each_asset("round_lots", lots, low.shape[1])
    if not np.all(size > 0):
        raise BadData("round_lots must be positive")
    empty = np.ceil(low / size - ROUNDING) > np.floor(high / size + ROUNDING)
    if np.any(empty):
        t, i = (int(v) for v in np.argwhere(empty)[0])
        raise BadData(f"round_lots leaves asset {i} no multiple between its bounds in period {t}")
    return size


def gross_limit(gross: Any, net: tuple[float, float]) -> float:
    """Return a limit of the sum of the sizes of weights, which `net` can keep."""
    limit = numbers("gross", gross)
    if limit.shape:
        raise BadData(f"gross has shape {limit.shape}; it must be one number")
    needed = max(net[0], -net[1], 0.0)
    if not needed - FEASIBLE <= limit < np.inf:
        raise BadData(
            f"gross is {float(limit):g}; it must be finite and at least {needed:g}, which net needs"
        )
    return float(limit)


def turnover_limits(limit: ArrayLike, T: int) -> Floats:
    """Return a limit of the turnover of each period, (T,); infinite where there is none."""
    given = numbers("turnover_limit", limit)
    if given.shape not in ((), (T,)):
        raise BadData(f"turnover_limit has shape {given.shape}; it must be one number or ({T},)")
    if np.any(given < 0):
        raise BadData(f"turnover_limit holds {given.min():.6g}; it cannot be negative")
    return np.array(np.broadcast_to(given, (T,)))
