"""Where a Big-M comes from: a tier of bounds, the published rule, or numbers given by the user."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from proofolio.arrays import Floats
from proofolio.errors import BadData
from proofolio.program.builder import Builder
from proofolio.program.expression import Expression
from proofolio.program.quadratic import Quadratic

__all__ = ["BigM", "Need", "check_lowering", "given", "named", "resolve"]


class BigM(NamedTuple):
    """Constants M, and the tier they came from."""

    value: Floats
    tier: str


class Need(NamedTuple):
    """What an M must cover: ``body + spread <= M`` wherever the binary (if any) is at `off`.

    `spread` bounds from above a part that is left out of the body, which is never negative; so much of it as is the
    `rounding` of the body's own numbers an M may lack.
    """

    body: Expression | Quadratic
    binary: Expression | None = None
    off: int = 0
    spread: ArrayLike = 0.0
    rounding: ArrayLike = 0.0


def resolve(
    model: Builder,
    name: str,
    big_m: str | ArrayLike,
    shape: tuple[int, ...],
    computed: Callable[[str], ArrayLike],
    published: Callable[[], ArrayLike],
    needs: Callable[[], Iterable[Need]] = tuple,
    keep: bool = False,
) -> BigM:
    """Return the M of rows of a shape, never negative.

    Numbers are checked against their needs when the model checks given M, and used as they stand
    when none is; the published rule is never checked.

    Parameters
    ----------
    model : Model
    name : str
        What the rows are called in messages and in the records of `model.proofs`.
    big_m : str or array_like
        ``"published"``, a tier of bounds (``"interval"``, ``"lp"``, ``"mip"``), or numbers that broadcast.
    shape : tuple of int
    computed : function of the tier
        The M a tier of bounds gives.
    published : function
        The M the published rule gives.
    needs : function
        What numbers must cover, each of the rows' shape.
    keep : bool
        Whether numbers larger than proved to be needed stay.

    Raises
    ------
    BadData
        For numbers that are negative, not finite, or do not broadcast to the shape.
    InvalidBigM
        When the `m_checker` finds a point that the numbers cut off.
    """
    before = len(model.proofs)
    if isinstance(big_m, str):
        value = published() if big_m == "published" else computed(big_m)
        found = BigM(given(np.maximum(value, 0.0), shape), big_m)
    else:
        found = BigM(given(big_m, shape), "given")
        if model.m_checker is not None:
            covers = [
                model.m_checker(
                    model,
                    name,
                    need.body,
                    found.value,
                    binary=need.binary,
                    off=need.off,
                    spread=need.spread,
                    rounding=need.rounding,
                    keep=keep,
                )
                for need in needs()
            ]
            found = BigM(np.maximum.reduce(covers), "given") if covers else found
    named(model, name, before)
    return found


def named(model: Builder, name: str, since: int) -> None:
    """Write a formulation's name on what bounders left in the model's proofs from an index on."""
    model.proofs[since:] = [replace(record, name=name) for record in model.proofs[since:]]


def given(big_m: ArrayLike, shape: tuple[int, ...], signed: bool = False) -> Floats:
    """Return numbers for M as an array of the rows' shape; `BadData` when they cannot be an M.

    `signed` lets them be negative, as in rows of several binaries, each with a constant of its own.
    """
    try:
        numbers: Floats = np.broadcast_to(np.asarray(big_m, dtype=float), shape).copy()
    except (TypeError, ValueError):
        raise BadData(f"big_m has shape {np.shape(big_m)}; it must broadcast to {shape}") from None
    if not np.all(np.isfinite(numbers)) or (not signed and np.any(numbers < 0)):
        raise BadData(f"big_m must be finite{'' if signed else ' and not negative'}")
    return numbers


def check_lowering(construct: str, lowering: str, known: Iterable[str]) -> None:
    """Raise `BadData` for a lowering the construct does not have."""
    choices = list(known)
    if lowering not in choices:
        raise BadData(f"{construct} has no lowering {lowering!r}: it has {', '.join(choices)}")
