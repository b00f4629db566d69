"""The claims of every formulation that ships: each lowering, over families of bounds."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from proofolio.errors import BadData
from proofolio.formulations.costs import MaxTerm, RegimeCosts
from proofolio.formulations.implies import implies, implies_meaning
from proofolio.formulations.maximum import maximum, maximum_meaning
from proofolio.formulations.product import product, product_meaning
from proofolio.formulations.selected_cost import selected_cost, selected_cost_meaning
from proofolio.program.expression import Rows, between
from proofolio.verification.claim import Box, Claim

__all__ = ["CONSTRUCTS", "FAMILIES", "bounds", "shipped_claims"]

Floats = NDArray[np.float64]
FAMILIES = ("signs", "zero-width", "asymmetric", "large", "tiny", "two-decimal")
SHAPE = (2, 3)


def bounds(family: str, shape: tuple[int, ...], seed: int = 0) -> tuple[Floats, Floats]:
    """Return lower and upper bounds of one family, different in every entry.

    Families: ``signs`` (negative, straddling zero, positive in turn), ``zero-width`` (every third fixed),
    ``asymmetric`` (one side a hundred times the other), ``large`` (up to 1e4), ``tiny`` (around 1e-4) and
    ``two-decimal`` (random, two decimals).
    """
    rng = np.random.default_rng([FAMILIES.index(family), seed])
    count = int(np.prod(shape, dtype=int))
    k = np.arange(count)
    low = np.round(-rng.uniform(0.5, 3.0, count), 2)
    high = np.round(rng.uniform(0.5, 3.0, count), 2)
    if family == "signs":
        shift = np.choose((k + seed) % 3, [-4.0, 0.0, 4.0])
        low, high = np.round(low + shift, 2), np.round(high + shift, 2)
    elif family == "zero-width":
        high = np.where((k + seed) % 3 == 0, low, high)
    elif family == "asymmetric":
        high = np.round(high * 100, 2)
    elif family == "large":
        low, high = np.round(low * 3333.0, 1), np.round(high * 3333.0, 1)
    elif family == "tiny":
        low, high = np.round(low * 1e-4, 8), np.round(high * 1e-4, 8)
    return low.reshape(shape), high.reshape(shape)


def shipped_claims(
    constructs: str | Iterable[str] | None = None, families: Iterable[str] = FAMILIES
) -> list[Claim]:
    """Return the claims of the formulations that ship.

    Parameters
    ----------
    constructs : str or iterable of str, optional
        Of ``product``, ``maximum``, ``implies``, ``selected_cost``; all by default.
    families : iterable of str
        Families of `bounds`; a claim's name ends with its family: ``maximum [signs]``.

    Raises
    ------
    BadData
        For a construct or family that does not exist.
    """
    wanted = (
        CONSTRUCTS
        if constructs is None
        else [constructs]
        if isinstance(constructs, str)
        else list(constructs)
    )
    chosen = list(families)
    for word, known in [*((c, CONSTRUCTS) for c in wanted), *((f, FAMILIES) for f in chosen)]:
        if word not in known:
            raise BadData(f"no shipped claim is called {word!r}: there are {', '.join(known)}")
    return [claim for construct in wanted for family in chosen for claim in CONSTRUCTS[construct](family)]


def _products(family: str) -> list[Claim]:
    low, high = bounds(family, SHAPE)
    boxes = {"b": Box(SHAPE, 0, 1, integer=True), "u": Box(SHAPE, low, high)}
    both = {"b": Box(SHAPE, 0, 1, integer=True), "u": Box(SHAPE, 0, 1, integer=True)}
    found = []
    for lowering in ("hull", "big-m"):

        def rows(model: Any, b: Any, u: Any, lowering: str = lowering) -> Any:
            return product(model, "product", b, u, lowering=lowering)

        found.append(Claim(rows, boxes, ("v",), product_meaning(), f"product [{family}]", lowering))
        if family == "signs":
            found.append(Claim(rows, both, ("v",), product_meaning(), "product of binaries", lowering))
    return found


def _maxima(family: str) -> list[Claim]:
    K = 3
    low, high = bounds(family, (K, *SHAPE))
    boxes = {"u": Box((K, *SHAPE), low, high)}
    cases = [
        ("exact", "big-m", "interval"),
        ("exact", "big-m", "published"),
        ("exact", "hull", "interval"),
        ("at_least", "epigraph", "interval"),
        ("at_most", "big-m", "interval"),
        ("at_most", "hull", "interval"),
    ]
    found = []
    for side, lowering, big_m in cases:

        def rows(model: Any, u: Any, side: str = side, lowering: str = lowering, big_m: str = big_m) -> Any:
            own = "big-m" if lowering == "epigraph" else lowering
            return maximum(model, "maximum", u, side=side, lowering=own, big_m=big_m)

        title = "maximum" if side == "exact" else f"maximum {side}"
        label = f"{lowering}, published M" if big_m == "published" else lowering
        meaning = maximum_meaning(K, side)
        found.append(Claim(rows, boxes, ("v",), meaning, f"{title} [{family}]", label))
    return found


def _implications(family: str) -> list[Claim]:
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
        for lowering, big_m in (("big-m", "interval"), ("big-m", "published"), ("hull", "interval")):

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
    return found


def _selected_costs(family: str) -> list[Claim]:
    R, T, n = 2, 2, 2
    low, high = bounds(family, (T, n))
    rng = np.random.default_rng([FAMILIES.index(family), 7])
    c = np.round(rng.uniform(-1, 1, (R, T, n)), 2)
    k = np.round(rng.uniform(-1, 1, (R, T)), 2)
    floor = float(np.round((low[:, 0].max() + high[:, 0].min()) / 2, 8))
    terms = {
        "": (),
        " with a convex maximum": (MaxTerm(0, 1, np.array([1.0, 0.0]), 0.0, floor),),
        " with a concave maximum": (MaxTerm(1, -1, np.array([1.0, 0.0]), 0.0, floor),),
        " with both": (
            MaxTerm(0, 1, np.array([1.0, 0.0]), 0.0, floor),
            MaxTerm(0, -1, np.array([-1.0, 0.0]), 0.0, -floor),
        ),
    }
    boxes = {"Z": Box((R, T), 0, 1, integer=True), "w": Box((T, n), low, high)}
    found = []
    for word, maxima in terms.items():
        costs = RegimeCosts(np.zeros((R, 1, n, n)), c, k, maxima)
        for lowering in ("big-m", "hull"):
            for exact in (False, True) if maxima else (False,):

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


CONSTRUCTS: dict[str, Callable[[str], list[Claim]]] = {
    "product": _products,
    "maximum": _maxima,
    "implies": _implications,
    "selected_cost": _selected_costs,
}
"""The claims of each construct, by family of bounds."""
