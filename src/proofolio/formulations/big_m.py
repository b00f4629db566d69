"""Where a Big-M comes from: a tier of bounds, the published rule, or numbers given by the user."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from proofolio.errors import BadData

__all__ = ["BigM", "check_lowering", "given", "resolve"]

Floats = NDArray[np.float64]


class BigM(NamedTuple):
    """Constants M, and the tier they came from."""

    value: Floats
    tier: str


def resolve(
    big_m: str | ArrayLike,
    shape: tuple[int, ...],
    computed: Callable[[str], ArrayLike],
    published: Callable[[], ArrayLike],
) -> BigM:
    """Return the M of rows of a shape, never negative.

    Parameters
    ----------
    big_m : str or array_like
        ``"published"``, a tier of bounds (``"interval"``, ``"lp"``, ``"mip"``), or numbers that broadcast.
    shape : tuple of int
    computed : function of the tier
        The M a tier of bounds gives.
    published : function
        The M the published rule gives.

    Raises
    ------
    BadData
        For numbers that are negative, not finite, or do not broadcast to the shape.
    """
    if isinstance(big_m, str):
        value, tier = (published(), big_m) if big_m == "published" else (computed(big_m), big_m)
    else:
        value, tier = big_m, "given"
    return BigM(given(value if tier == "given" else np.maximum(value, 0.0), shape), tier)


def given(big_m: ArrayLike, shape: tuple[int, ...]) -> Floats:
    """Return numbers for M broadcast to the rows' shape; `BadData` when they cannot be an M."""
    try:
        numbers = np.broadcast_to(np.asarray(big_m, dtype=float), shape)
    except (TypeError, ValueError):
        raise BadData(f"big_m has shape {np.shape(big_m)}; it must broadcast to {shape}") from None
    if not np.all(np.isfinite(numbers)) or np.any(numbers < 0):
        raise BadData("big_m must be finite and not negative")
    return numbers


def check_lowering(construct: str, lowering: str, known: Iterable[str]) -> None:
    """Raise `BadData` for a lowering the construct does not have."""
    choices = list(known)
    if lowering not in choices:
        raise BadData(f"{construct} has no lowering {lowering!r}: it has {', '.join(choices)}")
