"""The claims of constructs that switch rows on: implications, disjunctions, costs of the selected regime."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from proofolio.arrays import Floats
from proofolio.formulations.costs import MaxTerm, RegimeCosts
from proofolio.formulations.disjunctions import disjunction, disjunction_meaning
from proofolio.formulations.implications import implies, implies_meaning
from proofolio.formulations.selected_costs import selected_cost, selected_cost_meaning
from proofolio.program.expression import Rows, between, concatenate
from proofolio.verification.proofs.catalogue.families import FAMILIES, SHAPE, bounds
from proofolio.verification.proofs.claim import Box, Claim

__all__ = ["disjunctions", "implications", "selected_costs"]


def implications(family: str) -> list[Claim]:
    """Return the claims of `implies`: every kind of row, on either value of the switch."""
    low, high = bounds(family, (2, *SHAPE))
    limit = np.round((low.sum(0) + high.sum(0)) / 2, 9)
    width = np.round(np.abs(high).max() / 4, 9)
    boxes = {"z": Box(SHAPE, 0, 1, integer=True), "x": Box((2, *SHAPE), low, high)}
    shapes: list[tuple[str, Callable[[Any], Rows]]] = [
        ("at most", lambda x: x[0] + x[1] <= limit),
        ("at least", lambda x: x[0] - 2 * x[1] >= low[0] - 2 * high[1]),
        ("equal", lambda x: x[0] + x[1] == limit),
        ("between", lambda x: between(limit - width, x[0] + x[1], limit + width)),
    ]
    found = []
    for k, (word, row) in enumerate(shapes):
        when = k % 2
        for lowering, big_m in (
            ("big-m", "interval"),
            ("big-m", "published"),
            ("hull", "interval"),
            ("indicator", "interval"),
            ("sos1", "interval"),
        ):

            def rows(
                model: Any,
                z: Any,
                x: Any,
                row: Any = row,
                when: int = when,
                lowering: str = lowering,
                M: str = big_m,
            ) -> None:
                implies(model, "implies", z, row(x), when=when, lowering=lowering, big_m=M)

            label = f"{lowering}, published M" if big_m == "published" else lowering
            meaning = implies_meaning(row, when)
            found.append(Claim(rows, boxes, (), meaning, f"implies {word} [{family}]", label))
    return [*found, *_convex_implications(family)]


def disjunctions(family: str) -> list[Claim]:
    """Return the claims of `disjunction`: a stripe or one of two corners, the corners touching the stripe."""
    low, high = bounds(family, (2, *SHAPE))
    middle = np.round((low + high) / 2, 9)
    third = np.round(low[0] + (high[0] - low[0]) / 3, 9)
    sets: list[Callable[[Any], list[Any]]] = [
        lambda x: [x[0] <= third, x[1] >= middle[1]],
        lambda x: [x[0] + x[1] >= middle.sum(0)],
        lambda x: [x[1] == middle[1]],
    ]
    boxes = {"x": Box((2, *SHAPE), low, high)}
    found = []
    for lowering in ("big-m", "multiple-big-m", "hull", "indicator"):
        for several in (False, True):
            own = sets[:2] if several or family != "signs" else sets

            def rows(
                model: Any, x: Any, lowering: str = lowering, several: bool = several, own: Any = own
            ) -> Any:
                made = [part(x) for part in own]
                return list(disjunction(model, "d", made, at_least_one=several, lowering=lowering))

            word = "disjunction, at least one" if several else "disjunction"
            outputs = tuple(f"d{k}" for k in range(len(own)))
            pieces = disjunction_meaning(own, several)
            found.append(Claim(rows, boxes, outputs, pieces, f"{word} [{family}]", lowering))
    return [*found, *_convex_disjunctions(family)]


def _ball(low: Floats, high: Floats) -> Callable[[Any], Rows]:
    """Return rows x'Qx + a'x <= b around the middle of a box, for every entry: an ellipse of its own.

    A side of no width counts as one: an ellipse that is a point has no size to measure errors by.
    """
    Q = np.array([[1.0, 0.25], [0.25, 0.5]])
    middle = np.round((low + high) / 2, 6)
    a = np.round(-2 * np.einsum("ij,j...->i...", Q, middle), 9)
    size = np.round(np.einsum("i...,ij,j...->...", middle, Q, middle), 9)
    width = np.where(high > low, high - low, 1.0)
    limit = np.round(0.05 * (width**2).sum(0) - size, 9)

    def rows(x: Any) -> Rows:
        each = concatenate([x[0].reshape((*SHAPE, 1)), x[1].reshape((*SHAPE, 1))], axis=-1)
        made: Rows = x.owner.quadratic(Q, each) + a[0] * x[0] + a[1] * x[1] <= limit
        return made

    return rows


def _convex_disjunctions(family: str) -> list[Claim]:
    """Return the claims about an ellipse or a half-plane.

    None is made about the hull in boxes of 1e4: squares of 1e8 beside what a square root's rounding leaves are
    beyond what the exact linear programs settle, and `prove` would say ``undecided`` there.
    """
    low, high = bounds(family, (2, *SHAPE))
    ball, limit = _ball(low, high), np.round((low + high).sum(0) / 2, 9)
    sets: list[Callable[[Any], list[Any]]] = [lambda x: [ball(x)], lambda x: [x[0] + x[1] >= limit]]
    found = []
    for lowering in ("big-m", "multiple-big-m", "hull", "indicator"):
        if (lowering, family) == ("hull", "large"):
            continue
        for several in (False, True):

            def rows(model: Any, x: Any, lowering: str = lowering, several: bool = several) -> Any:
                made = [part(x) for part in sets]
                return list(disjunction(model, "d", made, at_least_one=several, lowering=lowering))

            word = "disjunction, at least one" if several else "disjunction"
            claim = Claim(
                rows, {"x": Box((2, *SHAPE), low, high)}, ("d0", "d1"), disjunction_meaning(sets, several),
                f"{word} [{family}]", f"{lowering}, quadratic rows",
            )  # fmt: skip
            found.append(claim)
    return found


def _convex_implications(family: str) -> list[Claim]:
    """Return the claims of `implies` about an ellipse, on either value of the switch.

    None about the hull in boxes of 1e4, as for `disjunction`.
    """
    low, high = bounds(family, (2, *SHAPE))
    ball = _ball(low, high)
    boxes = {"z": Box(SHAPE, 0, 1, integer=True), "x": Box((2, *SHAPE), low, high)}
    found = []
    for when in (0, 1):
        for lowering in ("big-m", "hull", "indicator", "sos1"):
            if (lowering, family) == ("hull", "large"):
                continue

            def rows(model: Any, z: Any, x: Any, when: int = when, lowering: str = lowering) -> None:
                implies(model, "implies", z, ball(x), when=when, lowering=lowering)

            name, meaning = f"implies a ball [{family}]", implies_meaning(ball, when)
            found.append(Claim(rows, boxes, (), meaning, name, f"{lowering}, quadratic rows"))
    return found


def selected_costs(family: str) -> list[Claim]:
    """Return the claims of `selected_cost`, with and without maxima."""
    R, T, n = 2, 2, 2
    low, high = bounds(family, (T, n))
    rng = np.random.default_rng([FAMILIES.index(family), 7])
    c = np.round(rng.uniform(-1, 1, (R, T, n)), 2)
    k = np.round(rng.uniform(-1, 1, (R, T)), 2)
    least = float(np.round((low[:, 0].max() + high[:, 0].min()) / 2, 8))
    terms = {
        "": (),
        " with a convex maximum": (MaxTerm(0, 1, np.array([1.0, 0.0]), 0.0, least),),
        " with a concave maximum": (MaxTerm(1, -1, np.array([1.0, 0.0]), 0.0, least),),
        " with both": (
            MaxTerm(0, 1, np.array([1.0, 0.0]), 0.0, least),
            MaxTerm(0, -1, np.array([-1.0, 0.0]), 0.0, -least),
        ),
    }
    boxes = {"Z": Box((R, T), 0, 1, integer=True), "w": Box((T, n), low, high)}
    found = []
    for word, maxima in terms.items():
        costs = RegimeCosts(np.zeros((R, 1, n, n)), c, k, maxima)
        for lowering in ("big-m", "multiple-big-m", "indicator", "hull"):
            for exact in (False, True) if maxima and lowering in ("big-m", "hull") else (False,):

                def rows(
                    model: Any,
                    Z: Any,
                    w: Any,
                    costs: Any = costs,
                    lowering: str = lowering,
                    exact: bool = exact,
                ) -> Any:
                    model.add("one", Z.sum(0) == 1)
                    return selected_cost(model, "selected", Z, w, costs, lowering=lowering, exact=exact)

                label = f"{lowering}, exact maxima" if exact else lowering
                meaning = selected_cost_meaning(costs)
                found.append(Claim(rows, boxes, ("cost",), meaning, f"selected_cost{word} [{family}]", label))
    return found
