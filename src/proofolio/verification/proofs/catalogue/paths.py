"""The claims of constructs on 0/1 paths, at the sizes their titles state: they hold no bounds to vary."""

from __future__ import annotations

from typing import Any

from proofolio.formulations.paths import (
    dwell,
    dwell_meaning,
    switches,
    switches_meaning,
    transitions,
    transitions_meaning,
)
from proofolio.verification.proofs.catalogue.families import FAMILIES
from proofolio.verification.proofs.claim import Box, Claim

__all__ = ["dwells", "switch_counts", "transition_rules"]


def dwells(family: str) -> list[Claim]:
    """Return the claims of `dwell` on two paths of five periods, one (up, down) a family."""
    T = 5
    up, down = ((2, 2), (2, 1), (1, 2), (3, 2), (1, 3), (3, 1))[FAMILIES.index(family)]

    def rows(model: Any, Z: Any) -> None:
        dwell(model, "starts", Z, up, down)

    boxes = {"Z": Box((2, T), 0, 1, integer=True)}
    title = f"dwell {up} up {down} down, T={T}"
    return [Claim(rows, boxes, (), dwell_meaning(T, up, down), title, "rajan-takriti")]


def transition_rules(family: str) -> list[Claim]:
    """Return the claims of `transitions` for three states, one rule a family."""
    rules = {
        "signs": ("no way back", [[1, 1, 0], [0, 1, 1], [0, 0, 1]]),
        "zero-width": ("neighbours", [[1, 1, 0], [1, 1, 1], [0, 1, 1]]),
        "asymmetric": ("a state without exit", [[1, 1, 1], [0, 0, 0], [1, 0, 1]]),
        "large": ("everything", [[1, 1, 1], [1, 1, 1], [1, 1, 1]]),
    }
    if family not in rules:
        return []
    word, allowed = rules[family]
    T, boxes = 3, {"Z": Box((3, 3), 0, 1, integer=True)}
    found = []
    for lowering in ("network", "rows"):

        def rows(model: Any, Z: Any, lowering: str = lowering) -> None:
            model.add("one", Z.sum(0) == 1)
            transitions(model, "moves", Z, allowed, lowering=lowering)

        meaning = transitions_meaning(allowed, T)
        title = f"transitions, {word}, R=3, T={T}"
        found.append(Claim(rows, boxes, (), meaning, title, lowering, elementwise=False))
    return found


def switch_counts(family: str) -> list[Claim]:
    """Return the claims of `switches`: counted, and at most one or two."""
    cases = {"signs": (2, 4, None), "zero-width": (2, 4, 1), "asymmetric": (3, 3, 1), "large": (2, 5, 2)}
    if family not in cases:
        return []
    R, T, most = cases[family]
    boxes = {"Z": Box((R, T), 0, 1, integer=True)}
    found = []
    for lowering in ("starts", "network"):

        def rows(model: Any, Z: Any, lowering: str = lowering) -> Any:
            model.add("one", Z.sum(0) == 1)
            return switches(model, "switch", Z, most, lowering=lowering)

        meaning = switches_meaning(R, T, most, lowering)
        limit = "counted" if most is None else f"at most {most}"
        title = f"switches, {limit}, R={R}, T={T}"
        found.append(Claim(rows, boxes, ("changed",), meaning, title, lowering, elementwise=False))
    return found
