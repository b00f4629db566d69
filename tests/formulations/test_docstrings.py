"""Every formulation's docstring says what it adds, by the names that are really added."""

import re

import pytest

import proofolio
from proofolio import formulations
from proofolio.program.builder import Builder
from proofolio.verification.proofs.catalogue.claims import CONSTRUCTS, shipped_claims

FUNCTIONS = sorted(
    name
    for name in formulations.__all__
    if callable(getattr(proofolio, name)) and not isinstance(getattr(proofolio, name), type)
)
BORROWED = re.compile(r"what `(\w+)`(?: adds)?|as for `(\w+)`", re.IGNORECASE)


@pytest.mark.parametrize("name", FUNCTIONS)
def test_a_formulation_ends_with_what_it_adds(name):
    text = getattr(proofolio, name).__doc__
    assert text.count("Adds: ") == 1
    assert text.rindex("\n    Notes\n") < text.index("Adds: ")


def promised(name: str) -> set[str]:
    """The names a formulation says it adds, ``{name}`` and indices in braces, with those of what it builds on."""
    adds = getattr(proofolio, name).__doc__.partition("Adds: ")[2]
    own = set(re.findall(r"``(\{name\}\w*(?:\{\w+\}\w*)*)``", adds))
    others = {found for pair in BORROWED.findall(adds) for found in pair if found and found != name}
    return own.union(*(promised(other) for other in others))


def unpromised(added: set[str], promises: set[str], name: str) -> set[str]:
    """The names added under a name that no promise covers."""
    indexed = re.compile(r"\\\{\w+\\\}")
    patterns = [
        re.compile(re.escape(name) + indexed.sub(r"\\w+", re.escape(promise.removeprefix("{name}"))))
        for promise in promises
    ]
    return {found for found in added if not any(p.fullmatch(found) for p in patterns)}


@pytest.mark.parametrize("construct", [c for c in CONSTRUCTS if c in FUNCTIONS])
def test_names_that_are_added_are_promised(construct):
    promises = promised(construct)
    for claim in shipped_claims(construct, ["signs"]):
        model = Builder()
        inputs = {name: box.variable(model, name) for name, box in claim.inputs.items()}
        claim.function(model, **inputs)
        program = model.freeze()
        blocks = [*program.variables, *program.rows, *program.quadratic.blocks, *program.cones.blocks]
        added = {b.name for b in [*blocks, *program.indicators.blocks]} - inputs.keys()
        added -= {"one"}  # the row that callers of paths and costs add themselves
        parts = min(added, key=len).split("_") if added else [""]
        names = ["_".join(parts[: k + 1]) for k in range(len(parts))]
        assert any(not unpromised(added, promises, name) for name in names), (claim.title, sorted(added))


def test_a_name_that_is_not_promised_is_caught():
    promises = {"{name}", "{name}_wins_{k}", "{name}_one"}
    assert unpromised({"v", "v_one", "v_wins_2", "v_two", "w"}, promises, "v") == {"v_two", "w"}
