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


@cache
def claims() -> dict[tuple[str, str, str], Claim]:
    """Return the claims by construct, family of bounds and lowering."""
    found = {}
    for claim in shipped_claims(families=FAMILIES):
        construct, _, family = claim.title.partition(" [")
        found[construct, family.rstrip("]") or FAMILIES[0], claim.lowering] = claim
    return found


def known(construct: str, family: str, lowering: str) -> bool:
    """Whether the catalogue has this claim."""
    return (construct, family, lowering) in claims()


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
    given = [*inputs.values(), *(v for v in outputs[: len(claim.outputs)])]
    # one side of an output is free in some constructs; the same wide range serves every lowering
    widest = 10.0 * max(float(np.abs([box.lower, box.upper]).max()) for box in claim.inputs.values())
    for name, output in zip(claim.outputs, outputs, strict=False):
        model.add(f"{name}_range", between(-widest, output, widest))
    # the same for all lowerings, and not a power of two away from a tie
    rng = np.random.default_rng(crc32(f"{construct} {family}".encode()))
    model.minimise(sum((rng.normal(size=v.shape) * v).sum() for v in given))
    return model.freeze()
