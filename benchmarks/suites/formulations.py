"""Every construct in every lowering that ships, over families of bounds, and whether they have one optimum.

The claims of the catalogue, each given a random linear objective in its inputs and outputs. All lowerings of a
construct are meant to say the same, so they share the objective, and the optimum.
"""

from __future__ import annotations

from functools import cache
from zlib import crc32

import numpy as np

from proofolio import Claim, Model, Program, between, shipped_claims
from proofolio.benchmarking import problem

FAMILIES = ("signs", "two-decimal", "large")
# Claims with nothing in them: bounds that exclude zero leave no room for a limit on what may differ from it.
EMPTY = {("cardinality, 1 of 3", "signs"), ("cardinality, 2 of 3", "signs")}
# How the lowering of a claim of quadratic rows ends.
CURVED = ", quadratic rows"
# Outputs that one of the lowerings bounds from below only.
FROM_BELOW = ("switches, counted",)


@cache
def claims() -> dict[tuple[str, str, str], Claim]:
    """Return the claims by construct, family of bounds and lowering."""
    found = {}
    for claim in shipped_claims(families=FAMILIES):
        construct, _, family = claim.title.partition(" [")
        # a disjunction of quadratic rows is another program than one of linear rows, and has another optimum
        lowering = claim.lowering.removesuffix(CURVED)
        construct += CURVED if lowering != claim.lowering else ""
        found[construct, family.rstrip("]") or FAMILIES[0], lowering] = claim
    return found


def known(construct: str, family: str, lowering: str) -> bool:
    """Whether the catalogue has this claim, and it is of more than nothing."""
    return (construct, family, lowering) in claims() and (construct, family) not in EMPTY


@problem(
    construct=dict.fromkeys(name for name, _, _ in claims()),
    family=FAMILIES,
    lowering=dict.fromkeys(lowering for _, _, lowering in claims()),
    where=known,
    quick=lambda construct, family, lowering: family == FAMILIES[0],
)
def construct(construct: str, family: str, lowering: str) -> Program:
    """Minimise a random linear function of the inputs and outputs of a claim."""
    claim = claims()[construct, family, lowering]
    model = Model(f"{construct}, {lowering}")
    inputs = {name: box.variable(model, name) for name, box in claim.inputs.items()}
    returned = claim.function(model, **inputs)
    outputs = returned if isinstance(returned, (tuple, list)) else [returned]
    given = [*inputs.values(), *(v for v in outputs[: len(claim.output_names)])]
    # one side of an output is free in some constructs; the same wide range serves every lowering
    widest = 10.0 * max(float(np.abs([box.lower, box.upper]).max()) for box in claim.inputs.values())
    for name, output in zip(claim.output_names, outputs, strict=False):
        model.add(f"{name}_range", between(-widest, output, widest))
    # the same for all lowerings, and not a power of two away from a tie
    rng = np.random.default_rng(crc32(f"{construct} {family}".encode()))
    slopes = [rng.normal(size=v.shape) for v in given]
    if construct.startswith(FROM_BELOW):
        slopes[len(inputs) :] = [np.abs(slope) for slope in slopes[len(inputs) :]]
    model.minimise(sum((slope * v).sum() for slope, v in zip(slopes, given, strict=True)))
    return model.freeze()
