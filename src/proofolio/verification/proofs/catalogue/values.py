"""The claims of constructs that take a value: products, largest and smallest terms, signs."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from proofolio.formulations.extrema import LOWERINGS, maximum, maximum_meaning, minimum, minimum_meaning
from proofolio.formulations.products import product, product_meaning
from proofolio.formulations.signs import absolute, absolute_meaning, positive_part, positive_part_meaning
from proofolio.verification.proofs.catalogue.families import SHAPE, bounds
from proofolio.verification.proofs.claim import Box, Claim

__all__ = ["absolutes", "maxima", "minima", "positive_parts", "products"]


CONVEX = ("epigraph", "hypograph")
EXTREMA = [
    ("exact", "big-m", "interval"),
    ("exact", "big-m", "published"),
    ("exact", "six-row", "interval"),
    ("exact", "six-row", "published"),
    ("exact", "hull", "interval"),
    ("exact", "indicator", "interval"),
    ("exact", "sos1", "interval"),
]
"""Side, lowering and M of the claims about both extrema."""


def products(family: str) -> list[Claim]:
    """Return the claims of `product`."""
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
    if family == "signs":

        def three(model: Any, b: Any, u: Any) -> Any:
            return product(model, "product", b, u, lowering="binary")

        found.append(Claim(three, both, ("v",), product_meaning(), "product of binaries", "binary"))
    return found


def maxima(family: str) -> list[Claim]:
    """Return the claims of `maximum` for three terms."""
    cases = [*EXTREMA, ("at_least", "epigraph", "interval"), *_one_sided("at_most", "at_least")]
    return _extrema(maximum, maximum_meaning, "maximum", cases, 3, family)


def minima(family: str) -> list[Claim]:
    """Return the claims of `minimum` for two terms."""
    cases = [*EXTREMA, ("at_most", "hypograph", "interval"), *_one_sided("at_least", "at_most")]
    return _extrema(minimum, minimum_meaning, "minimum", cases, 2, family)


def _one_sided(*sides: str) -> list[tuple[str, str, str]]:
    """Return every lowering on each side; on the convex side each of them writes the same rows."""
    return [(side, lowering, "interval") for side in sides for lowering in LOWERINGS]


def _extrema(
    function: Callable[..., Any],
    meaning: Callable[..., Any],
    word: str,
    cases: list[tuple[str, str, str]],
    K: int,
    family: str,
) -> list[Claim]:
    low, high = bounds(family, (K, *SHAPE))
    boxes = {"u": Box((K, *SHAPE), low, high)}
    found = []
    for side, lowering, big_m in cases:

        def rows(model: Any, u: Any, side: str = side, lowering: str = lowering, big_m: str = big_m) -> Any:
            own = "big-m" if lowering in CONVEX else lowering
            return function(model, word, u, side=side, lowering=own, big_m=big_m)

        title = word if side == "exact" else f"{word} {side}"
        label = f"{lowering}, published M" if big_m == "published" else lowering
        found.append(Claim(rows, boxes, ("v",), meaning(K, side), f"{title} [{family}]", label))
    return found


def absolutes(family: str) -> list[Claim]:
    """Return the claims of `absolute`."""
    return _signs(absolute, absolute_meaning, "absolute", family)


def positive_parts(family: str) -> list[Claim]:
    """Return the claims of `positive_part`."""
    return _signs(positive_part, positive_part_meaning, "positive_part", family)


def _signs(function: Callable[..., Any], meaning: Callable[..., Any], word: str, family: str) -> list[Claim]:
    boxes = {"u": Box(SHAPE, *bounds(family, SHAPE))}
    cases = [("exact", lowering) for lowering in ("hull", "big-m", "six-row", "indicator", "sos1")]
    cases += [("at_least", "epigraph")]
    cases += [(side, lowering) for side, lowering, _ in _one_sided("at_most", "at_least")]
    found = []
    for side, lowering in cases:

        def rows(model: Any, u: Any, side: str = side, lowering: str = lowering) -> Any:
            return function(model, word, u, side=side, lowering="big-m" if lowering in CONVEX else lowering)

        title = word if side == "exact" else f"{word} {side}"
        found.append(Claim(rows, boxes, ("v",), meaning(side), f"{title} [{family}]", lowering))
    return found
