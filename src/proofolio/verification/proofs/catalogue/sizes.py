"""The claims of constructs on sizes: minimum positions, counts, lots, fixed charges, piecewise linear functions."""

from __future__ import annotations

from typing import Any

import numpy as np

from proofolio.formulations.piecewise import piecewise_linear, piecewise_linear_meaning
from proofolio.formulations.positions import (
    cardinality,
    cardinality_meaning,
    fixed_charge,
    fixed_charge_meaning,
    round_lot,
    round_lot_meaning,
    semicontinuous,
    semicontinuous_meaning,
)
from proofolio.verification.proofs.catalogue.families import SHAPE, bounds
from proofolio.verification.proofs.claim import Box, Claim

__all__ = ["cardinalities", "fixed_charges", "piecewise_linears", "round_lots", "semicontinuities"]


def semicontinuities(family: str) -> list[Claim]:
    """Return the claims of `semicontinuous`: limits inside the box, and one of them beyond it."""
    low, high = bounds(family, SHAPE)
    least = np.round(low + 0.4 * (high - low), 9)
    most = np.round(low + 1.3 * (high - low), 9)
    boxes = {"u": Box(SHAPE, low, high)}
    found = []
    for lowering in ("big-m", "indicator"):

        def rows(model: Any, u: Any, lowering: str = lowering) -> Any:
            return semicontinuous(model, "z", u, least, most, lowering=lowering)

        meaning = semicontinuous_meaning(least, most)
        found.append(Claim(rows, boxes, ("z",), meaning, f"semicontinuous [{family}]", lowering))
    return found


def cardinalities(family: str) -> list[Claim]:
    """Return the claims of `cardinality` for three entries, of which one or two are held."""
    n = 3
    boxes = {"u": Box((n, *SHAPE), *bounds(family, (n, *SHAPE)))}
    found = []
    for most, lowering in ((1, "big-m"), (2, "big-m"), (2, "indicator"), (1, "sos1")):

        def rows(model: Any, u: Any, most: int = most, lowering: str = lowering) -> None:
            cardinality(model, "held", u, most, lowering=lowering)

        title = f"cardinality, {most} of {n} [{family}]"
        found.append(Claim(rows, boxes, (), cardinality_meaning(n, most), title, lowering))
    return found


def round_lots(family: str) -> list[Claim]:
    """Return the claim of `round_lot`, with lots that differ from entry to entry."""
    low, high = bounds(family, SHAPE)
    lot = np.round(np.where(high > low, (high - low) / 3.3, np.abs(low) / 2), 9)
    counts = range(
        int(np.floor((low / lot).min())) - 1,
        int(np.ceil((high / lot).max())) + 2,
    )
    boxes = {"u": Box(SHAPE, low, high)}

    def rows(model: Any, u: Any) -> Any:
        return round_lot(model, "lots", u, lot)

    return [Claim(rows, boxes, ("lots",), round_lot_meaning(lot, counts), f"round_lot [{family}]", "integer")]


def fixed_charges(family: str) -> list[Claim]:
    """Return the claims of `fixed_charge`, with charges that differ from entry to entry."""
    low, high = bounds(family, SHAPE)
    charge = np.round(1.0 + np.arange(6).reshape(SHAPE) / 7, 3)
    boxes = {"u": Box(SHAPE, low, high)}
    found = []
    for lowering in ("big-m", "indicator"):

        def rows(model: Any, u: Any, lowering: str = lowering) -> Any:
            return fixed_charge(model, "open", u, charge, lowering=lowering)

        meaning = fixed_charge_meaning(charge)
        found.append(Claim(rows, boxes, ("due",), meaning, f"fixed_charge [{family}]", lowering))
    return found


def piecewise_linears(family: str) -> list[Claim]:
    """Return the claims of `piecewise_linear` on points inside all boxes, some or none of them.

    In boxes of 1e4 the points are whole numbers: where a slope is rounded, ulps of 1e4 take the output beyond its
    bounds, and `prove` says ``undecided`` of the lowerings by weights.
    """
    low, high = bounds(family, SHAPE)
    x = np.round(np.linspace(low.min(), high.max(), 5), 9)
    if family == "large":
        x = np.floor(low.min()) + np.ceil((high.max() - low.min()) / 4 + 1) * np.arange(5.0)
    width = float(x[-1] - x[0])
    boxes = {"u": Box(SHAPE, low, high)}
    shapes = {
        "convex": np.round(width * np.array([1.0, 0.3, 0.1, 0.2, 0.9]), 9),
        "concave": np.round(-width * np.array([1.0, 0.3, 0.1, 0.2, 0.9]), 9),
        "wavy": np.round(width * np.array([0.5, -0.25, 0.75, -0.5, 0.125]), 9),
        "straight": np.round(width * np.array([0.5, -0.25]), 9),
    }
    ends = np.array([x[0], x[-1]])
    cases = [
        ("convex", "at_least", "convex"),
        ("concave", "at_most", "convex"),
        ("wavy", "exact", "sos2"),
        ("wavy", "exact", "logarithmic"),
        ("wavy", "exact", "incremental"),
        ("wavy", "at_least", "logarithmic"),
        ("wavy", "at_least", "sos2"),
        ("wavy", "at_least", "incremental"),
        ("wavy", "at_most", "incremental"),
        ("wavy", "at_most", "sos2"),
        ("wavy", "at_most", "logarithmic"),
        ("straight", "exact", "convex"),
    ]
    found = []
    for word, side, lowering in cases:
        y = shapes[word]
        at = ends if word == "straight" else x

        def rows(
            model: Any, u: Any, at: Any = at, y: Any = y, side: str = side, lowering: str = lowering
        ) -> Any:
            return piecewise_linear(model, "pwl", u, at, y, side=side, lowering=lowering)

        title = f"piecewise_linear {word} {side} [{family}]"
        found.append(Claim(rows, boxes, ("v",), piecewise_linear_meaning(at, y, side), title, lowering))
    return found
