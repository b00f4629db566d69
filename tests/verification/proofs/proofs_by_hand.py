"""Statements small enough for a proof by hand, and those proofs: what the tests of the checker spoil."""

import copy
from dataclasses import replace
from fractions import Fraction

from proofolio.verification.proofs.lines import Atom, Line
from proofolio.verification.proofs.statement import Statement

F = Fraction


def changed(document, path, value):
    """A copy with another value at a place."""
    made = copy.deepcopy(document)
    inner = made
    for key in path[:-1]:
        inner = inner[key]
    inner[path[-1]] = value
    return made


def columns(*given):
    """The columns of a statement: name, kind, lower, upper, and whether it is an integer."""
    names, kinds, lower, upper, integer = zip(*given, strict=True)
    ends = [tuple(None if end is None else F(end) for end in side) for side in (lower, upper)]
    return {"names": names, "kinds": kinds, "lower": ends[0], "upper": ends[1], "integer": integer}


def zip_columns(statement):
    return zip(
        statement.names, statement.kinds, statement.lower, statement.upper, statement.integer, strict=True
    )


EQUAL = Line({1: F(1), 0: F(-1)}, F(0), F(0))
COPY = Statement(
    **columns(("u", "input", 0, 1, False), ("v", "output", None, None, False)),
    rows=(EQUAL,),
    entries=(((EQUAL,),),),
)
COPIED = {
    "verdict": "proved",
    "delta": "0",
    "total": True,
    "parts": [
        {
            # the breach of a facet is a row after the program's: v - u - t >= 0, then u - v - t >= 0
            "sound": [
                {
                    "piece": 0,
                    "facets": [
                        {"bound": "0", "multipliers": {"0": "1", "1": "-1"}},
                        {"bound": "0", "multipliers": {"0": "-1", "2": "-1"}},
                    ],
                }
            ],
            "complete": [{"values": {}, "lift": {}, "multipliers": {"0": {"0": "1"}, "1": {"0": "-1"}}}],
            "total": [{"piece": 0, "facets": []}],
        }
    ],
}
SOUND, COMPLETE = ("parts", 0, "sound"), ("parts", 0, "complete")
# the program asks for v = z / 2 with z chosen; the meaning allows all of v in [0, 1]
HALVES = Statement(
    **columns(
        ("b", "input", 0, 2, True), ("v", "output", F(-1, 4), 2, False), ("z", "auxiliary", 0, 2, True)
    ),
    rows=(Line({1: F(2), 2: F(-1)}, F(0), F(0)), Line({0: F(1), 2: F(1)}, None, F(3))),
    entries=(
        ((Line({1: F(1)}, F(0), F(1)),), (Line({1: F(1)}, F(3), F(4)),), (Line({1: F(1)}, F(-1), F(-1, 2)),)),
    ),
)


def incomplete(v, tree, b="1"):
    return {
        "verdict": "refuted",
        "refutation": {"direction": "complete", "part": 0, "points": [{"0": b, "1": v}], "tree": tree},
    }


def squared(low=0, high=4, **options):
    """t = uu with u in [-2, 2], and an output below it."""
    given = [
        ("u", "input", -2, 2, False),
        ("t", "input", low, high, False),
        ("v", "output", None, None, False),
    ]
    row = Line({2: F(1), 1: F(-1)}, F(0), F(0))
    statement = Statement(
        **columns(*given), rows=(row,), entries=(((row,),),), atoms=(Atom(1, ((0, 0, F(1)),)),)
    )
    return replace(statement, **options)
