"""Reading a model's arguments: numbers of a stated shape, or `BadData` that names the argument."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from proofolio.arrays import Floats
from proofolio.errors import BadData

__all__ = ["each_asset", "finite", "not_negative", "numbers", "whole"]


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
