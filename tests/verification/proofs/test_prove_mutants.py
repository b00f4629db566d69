"""Deliberately wrong rows come back refuted, each with a point that the exact checker confirms."""

import numpy as np
import pytest

from proofolio import concatenate, implies, maximum, product, selected_cost
from proofolio.formulations.costs import RegimeCosts
from proofolio.formulations.extrema import maximum_meaning
from proofolio.formulations.implications import implies_meaning
from proofolio.formulations.products import product_meaning
from proofolio.formulations.selected_costs import selected_cost_meaning
from proofolio.program.expression import Rows
from proofolio.verification.proofs.claim import Box, Claim
from proofolio.verification.proofs.proving import prove

S = (2, 3)
SHORT = 1e-3
RNG = np.random.default_rng(11)
LOW = np.round(-RNG.uniform(0.5, 3, (3, *S)), 2)
HIGH = np.round(RNG.uniform(0.5, 3, (3, *S)), 2)
BINARY = Box(S, 0, 1, integer=True)


class Edited:
    """A model that changes rows on their way in: `edit(name, rows, made)` returns rows, or None to drop them."""

    def __init__(self, model, edit):
        self.model, self.edit, self.made = model, edit, {}

    def __getattr__(self, name):
        return getattr(self.model, name)

    def variable(self, name, *args, **options):
        self.made[name] = self.model.variable(name, *args, **options)
        return self.made[name]

    def add(self, name, rows, switch=None):
        changed = self.edit(name, rows, self.made)
        if changed is not None:
            self.model.add(name, changed)


def only(suffix, change):
    """Edit the rows whose name ends so."""

    def edit(name, rows, made):
        return change(rows, made) if name.endswith(suffix) else rows

    return edit


def drop(suffix):
    return only(suffix, lambda rows, made: None)


def flip(suffix):
    return only(suffix, lambda rows, made: Rows(rows.body, -rows.upper, -rows.lower))


def shift(suffix, by):
    """Add `by(made)` to the body of the rows."""
    return only(suffix, lambda rows, made: Rows(rows.body + by(made), rows.lower, rows.upper))


def keep(name, rows, made):
    return rows


def product_claim(edit=keep, b_of=lambda b: b, **options):
    low, high = LOW[0], HIGH[0]

    def rows(model, b, u):
        return product(Edited(model, edit), "w", b_of(b), u, **options)

    return Claim(rows, {"b": BINARY, "u": Box(S, low, high)}, ("v",), product_meaning())


def maximum_claim(edit=keep, side="exact", **options):
    def rows(model, u):
        return maximum(Edited(model, edit), "w", u, side=side, **options)

    return Claim(rows, {"u": Box((3, *S), LOW, HIGH)}, ("v",), maximum_meaning(3, side))


def needed():
    return np.stack([np.delete(HIGH, k, 0).max(0) - LOW[k] for k in range(3)])


def own_maximum(u, model, *, M, chosen_shape=(3, *S), phase=1, swapped=False):
    """Big-M rows of a maximum written by hand."""
    v = model.variable("w", S, -10, 10)
    chosen = model.variable("chosen", chosen_shape, binary=True)
    off = 1 - chosen if phase == 1 else chosen
    model.add("one", chosen.sum(0) == 1)
    if swapped:
        model.add("low", v <= u)
        model.add("high", v >= u - M * off)
    else:
        model.add("low", v >= u)
        model.add("high", v <= u + M * off)
    return v


def own_maximum_claim(**options):
    return Claim(
        lambda model, u: own_maximum(u, model, **options),
        {"u": Box((3, *S), LOW, HIGH)},
        ("v",),
        maximum_meaning(3),
    )


LIMIT = np.round(LOW[:2].sum(0) / 3 + HIGH[:2].sum(0) / 3, 2)


def row_of(x):
    return x[0] + x[1] <= LIMIT


def implies_claim(edit=keep, z_of=lambda z: z, when=1, meant=1, **options):
    def rows(model, z, x):
        implies(Edited(model, edit), "w", z_of(z), row_of(x), when=when, **options)

    inputs = {"z": BINARY, "x": Box((2, *S), LOW[:2], HIGH[:2])}
    return Claim(rows, inputs, (), implies_meaning(row_of, meant))


COSTS = RegimeCosts(
    np.zeros((3, 1, 2, 2)),
    np.round(RNG.uniform(-1, 1, (3, 2, 2)), 2),
    np.round(RNG.uniform(-1, 1, (3, 2)), 2),
)


def cost_claim(edit=keep, Z_of=lambda Z: Z, one=True, big_m="interval", **options):
    low, high = LOW[0, :, :2], HIGH[0, :, :2]
    c, k = COSTS.c, COSTS.k
    if not isinstance(big_m, str):
        worst = np.zeros((3, 2))
        for r in range(3):
            for s in range(3):
                d = c[r] - c[s]
                worst[r] = np.maximum(worst[r], np.maximum(d * low, d * high).sum(-1) + k[r] - k[s])
        big_m = big_m(worst)

    def rows(model, Z, w):
        if one:
            model.add("one", Z.sum(0) == 1)
        return selected_cost(Edited(model, edit), "selected", Z_of(Z), w, COSTS, big_m=big_m, **options)

    inputs = {"Z": Box((3, 2), 0, 1, integer=True), "w": Box((2, 2), low, high)}
    return Claim(rows, inputs, ("cost",), selected_cost_meaning(COSTS))


def shared(b):
    """The second entry uses the binary of the first."""
    return concatenate([b[:, :1], b[:, :1], b[:, 2:]], axis=1)


SIZE = np.maximum(np.abs(LOW[0]), np.abs(HIGH[0]))
NEED = needed()
SLACK = np.maximum(HIGH[:2].sum(0) - LIMIT, 0)

MUTANTS = {
    # M 1e-3 too small
    "product, M short": lambda: product_claim(lowering="big-m", big_m=SIZE - SHORT),
    "maximum, M short": lambda: maximum_claim(big_m=NEED - SHORT),
    "maximum at_most, M short": lambda: maximum_claim(side="at_most", big_m=NEED - SHORT),
    "implies, M short": lambda: implies_claim(big_m=SLACK - SHORT),
    "selected_cost, M short": lambda: cost_claim(lowering="big-m", big_m=lambda M: np.maximum(M - SHORT, 0)),
    # L off
    "product, L off": lambda: product_claim(shift("same_upper", lambda made: SHORT), lowering="hull"),
    "maximum, L off": lambda: maximum_claim(big_m=NEED - 0.1 * (LOW == LOW.min())),
    "maximum hull, L off": lambda: maximum_claim(
        shift("copies_lower", lambda made: -SHORT * made["w_chosen"].reshape(3, 1, *S)), lowering="hull"
    ),
    # the two "<=" rows swapped
    "product, rows swapped": lambda: product_claim(
        lambda name, rows, made: (
            Rows(-rows.body, rows.lower, rows.upper) if name.endswith(("same_lower", "same_upper")) else rows
        ),
        lowering="big-m",
    ),
    "maximum, rows swapped": lambda: own_maximum_claim(M=NEED, swapped=True),
    "selected_cost, rows swapped": lambda: cost_claim(Z_of=lambda Z: Z[::-1], lowering="big-m"),
    # wrong phase of a binary
    "product, wrong phase": lambda: product_claim(b_of=lambda b: 1 - b, lowering="hull"),
    "product big-m, wrong phase": lambda: product_claim(b_of=lambda b: 1 - b, lowering="big-m"),
    "maximum, wrong phase": lambda: own_maximum_claim(M=NEED, phase=0),
    "implies, wrong phase": lambda: implies_claim(when=0, meant=1),
    "implies hull, wrong phase": lambda: implies_claim(when=0, meant=1, lowering="hull"),
    "selected_cost, wrong phase": lambda: cost_claim(Z_of=lambda Z: 1 - Z, lowering="big-m"),
    # M from the wrong axis
    "product, M of another entry": lambda: product_claim(lowering="big-m", big_m=np.roll(SIZE, 1, axis=1)),
    "maximum, M of another entry": lambda: maximum_claim(big_m=np.roll(NEED, 1, axis=2)),
    "maximum, M of another term": lambda: maximum_claim(big_m=np.roll(NEED, 1, axis=0)),
    "implies, M of another entry": lambda: implies_claim(big_m=np.roll(SLACK, 1, axis=1)),
    "selected_cost, M of another period": lambda: cost_claim(
        lowering="big-m", big_m=lambda M: np.roll(M, 1, axis=1)
    ),
    # one binary shared by two entries
    "product, shared binary": lambda: product_claim(b_of=shared, lowering="hull"),
    "maximum, shared binary": lambda: own_maximum_claim(M=NEED, chosen_shape=(3, 2, 1)),
    "implies, shared binary": lambda: implies_claim(z_of=shared),
    "implies hull, shared binary": lambda: implies_claim(z_of=shared, lowering="hull"),
    "selected_cost, shared binary": lambda: cost_claim(
        Z_of=lambda Z: concatenate([Z[:, :1], Z[:, :1]], axis=1), lowering="big-m"
    ),
    # a hull bound 1e-3 short
    "product, hull bound short": lambda: product_claim(
        only("on_upper", lambda rows, made: Rows(rows.body + SHORT, rows.lower, rows.upper)), lowering="hull"
    ),
    "maximum, hull bound short": lambda: maximum_claim(
        shift("copies_upper", lambda made: SHORT * made["w_chosen"].reshape(3, 1, *S)), lowering="hull"
    ),
    "implies, hull bound short": lambda: implies_claim(
        shift("copies_upper", lambda made: SHORT), lowering="hull"
    ),
    "selected_cost, hull bound short": lambda: cost_claim(
        shift("copies_upper", lambda made: SHORT), lowering="hull"
    ),
    "maximum, no choice row": lambda: maximum_claim(drop("_one")),
    "maximum hull, no choice row": lambda: maximum_claim(drop("_one"), lowering="hull"),
    "selected_cost, no choice row": lambda: cost_claim(one=False, lowering="big-m"),
}

# every row of every lowering: missing, and with the other sense
ROWS = {
    "product hull": (
        product_claim,
        {"lowering": "hull"},
        ["on_lower", "on_upper", "same_lower", "same_upper"],
    ),
    "product big-m": (
        product_claim,
        {"lowering": "big-m"},
        ["on_lower", "on_upper", "same_lower", "same_upper"],
    ),
    "maximum big-m": (maximum_claim, {}, ["at_least", "at_most"]),
    "maximum at_least": (maximum_claim, {"side": "at_least"}, ["at_least"]),
    "maximum at_most": (maximum_claim, {"side": "at_most"}, ["at_most"]),
    "maximum hull": (
        maximum_claim,
        {"lowering": "hull"},
        ["copies_lower", "copies_upper", "copies_sum", "wins_0", "wins_2", "value"],
    ),
    "implies big-m": (implies_claim, {}, ["upper"]),
    "implies hull": (implies_claim, {"lowering": "hull"}, ["w_upper", "rest_lower", "copies_lower"]),
    "selected_cost big-m": (cost_claim, {"lowering": "big-m"}, ["at_least"]),
    "selected_cost hull": (
        cost_claim,
        {"lowering": "hull"},
        ["copies_sum", "copies_lower", "copies_upper", "at_least"],
    ),
}
for label, (claim, options, rows) in ROWS.items():
    for row in rows:
        MUTANTS[f"{label}, without {row}"] = lambda claim=claim, options=options, row=row: claim(
            drop(row), **options
        )
        if row not in ("copies_sum", "value"):
            MUTANTS[f"{label}, {row} turned"] = lambda claim=claim, options=options, row=row: claim(
                flip(row), **options
            )

# rows that another row or a bound makes redundant on these boxes: dropping them leaves a right formulation
STILL_RIGHT = {"implies hull, without rest_lower", "implies hull, without copies_lower"}


@pytest.mark.parametrize("name", MUTANTS)
def test_a_mutant_is_refuted_with_a_point(name):
    claim = MUTANTS[name]()
    proof = prove(claim)
    if name in STILL_RIGHT:
        assert proof.verdict == "proved", name
        return
    assert proof.verdict == "refuted", proof.reason
    assert proof.witness.values
    assert proof.certificates.check(claim).ok


@pytest.mark.parametrize(
    "claim",
    [
        lambda: product_claim(lowering="hull"),
        lambda: product_claim(lowering="big-m"),
        lambda: maximum_claim(),
        lambda: maximum_claim(big_m=NEED),
        lambda: own_maximum_claim(M=NEED),
        lambda: maximum_claim(lowering="hull"),
        lambda: maximum_claim(side="at_most"),
        lambda: implies_claim(),
        lambda: implies_claim(big_m=SLACK),
        lambda: implies_claim(lowering="hull"),
        lambda: cost_claim(lowering="big-m"),
        lambda: cost_claim(lowering="big-m", big_m=lambda M: M),
        lambda: cost_claim(lowering="hull"),
    ],
)
def test_what_the_mutants_are_made_of_is_proved(claim):
    assert prove(claim()).verdict == "proved"


def test_the_point_says_which_direction_failed():
    cut = prove(maximum_claim(big_m=NEED - SHORT)).witness
    assert cut.direction == "complete"
    assert cut.auxiliary == {}
    let = prove(maximum_claim(drop("at_least"))).witness
    assert let.direction == "sound"
    assert any(name.startswith("w_chosen") for name in let.auxiliary)
    top = max(let.values["u[0,0,0]"], let.values["u[1,0,0]"], let.values["u[2,0,0]"])
    assert let.values["v[0,0]"] != top
