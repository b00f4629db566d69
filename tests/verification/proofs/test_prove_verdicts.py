"""Verdicts against brute force, native rows, harmless additions, and what stays undecided."""

from fractions import Fraction
from itertools import product as grid

import numpy as np
import pytest

from proofolio import ContradictoryRows, maximum, product, stack
from proofolio.formulations.extrema import maximum_meaning
from proofolio.formulations.implications import implies_meaning
from proofolio.formulations.products import product_meaning
from proofolio.verification.proofs.claim import Box, Claim
from proofolio.verification.proofs.proving import prove

U = {"u": Box((2, 1), [[-1.5], [-0.25]], [[0.75], [2]])}
LOW, HIGH = np.array([-1.5, -0.25]), np.array([0.75, 2.0])
BU = {"b": Box(2, 0, 1, integer=True), "u": Box(2, LOW, HIGH)}


def verdict(function, inputs, outputs, meaning, **options):
    claim = Claim(function, inputs, outputs, meaning, **options)
    proof = prove(claim)
    if proof.certificates is not None:
        assert proof.certificates.check(claim).ok
    return proof.verdict


# -------------------------------------------------------------------- brute force
def tiny(rng):
    """A random program in two inputs, an integer output and a binary, and all its points."""
    m = int(rng.integers(1, 5))
    A = rng.integers(-2, 3, (m, 4))
    right = rng.integers(-2, 4, m)
    senses = rng.integers(0, 3, m)

    def holds(x, y, v, d):
        values = A @ np.array([x, y, v, d])
        sides = [values <= right, values >= right, values == right]
        return all(sides[s][i] for i, s in enumerate(senses))

    def rows(model, x, y):
        v = model.variable("v_", (), 0, 3, integer=True)
        d = model.variable("d", (), binary=True)
        for i in range(m):
            if not np.any(A[i]):
                continue
            body = A[i, 0] * x + A[i, 1] * y + A[i, 2] * v + A[i, 3] * d
            row = [body <= right[i], body >= right[i], body == right[i]][senses[i]]
            model.add(f"r{i}", row)
        return v

    void = [i for i in range(m) if not np.any(A[i])]
    if any(not [0 <= right[i], 0 >= right[i], right[i] == 0][senses[i]] for i in void):
        return None
    points = {p for p in grid(range(2), range(2), range(4)) if holds(*p, 0) or holds(*p, 1)}
    return rows, points


def piece(point):
    x0, y0, v0 = point
    return lambda x, y, v: [x == x0, y == y0, v == v0]


@pytest.mark.parametrize("seed", range(60))
def test_verdicts_agree_with_enumeration(seed):
    rng = np.random.default_rng(seed)
    made = tiny(rng)
    if made is None:
        return
    rows, points = made
    everything = list(grid(range(2), range(2), range(4)))
    meant = set(points)
    change = seed % 3
    if change == 1 and meant:
        meant.discard(sorted(meant)[int(rng.integers(len(meant)))])
    if change == 2 and len(meant) < len(everything):
        rest = sorted(set(everything) - meant)
        meant.add(rest[int(rng.integers(len(rest)))])
    if not meant:
        meant = {(0, 0, 0)}
    inputs = {"x": Box((), 0, 1, integer=True), "y": Box((), 0, 1, integer=True)}
    claim = Claim(rows, inputs, ("v",), [piece(p) for p in sorted(meant)])
    proof = prove(claim)
    assert proof.verdict == ("proved" if meant == points else "refuted"), proof.reason
    if proof.witness:
        names = ("x", "y", "v")
        point = tuple(int(proof.witness.values[n]) for n in names)
        assert (point in points) != (point in meant)
        assert proof.witness.direction == ("sound" if point in points else "complete")


@pytest.mark.parametrize("seed", range(20))
def test_a_big_m_is_valid_exactly_when_it_is_large_enough(seed):
    rng = np.random.default_rng(seed)
    low = np.round(rng.uniform(-3, 1, (2, 1)), 2)
    high = np.round(low + rng.uniform(0.5, 3, (2, 1)), 2)
    need = np.array([high[1] - low[0], high[0] - low[1]])
    M = np.maximum(np.round(need + rng.choice([-0.5, -0.01, 0, 0.01, 0.5], (2, 1)), 2), 0)
    alive = np.array([high[0] > low[1], high[1] > low[0]])
    if not alive.all():
        return
    right = bool(np.all(M >= need - 1e-9))
    found = verdict(
        lambda m, u: maximum(m, "w", u, big_m=M), {"u": Box((2, 1), low, high)}, ("v",), maximum_meaning(2)
    )
    assert found == ("proved" if right else "refuted")


# ------------------------------------------------------------------ still correct
def big_m_rows(model, u, extra=None):
    v = model.variable("w", (1,), -9, 9)
    d = model.variable("d", (2, 1), binary=True)
    model.add("one", d.sum(0) == 1)
    model.add("low", v >= u)
    model.add("high", v <= u + 5 * (1 - d))
    if extra is not None:
        extra(model, u, v, d)
    return v


def redundant(model, u, v, d):
    model.add("again", v >= u - 1)
    model.add("sum", 2 * v >= u.sum(0))


def duplicated(model, u, v, d):
    e = model.variable("e", (2, 1), binary=True)
    model.add("same", e == d)


def unrelated(model, u, v, d):
    model.variable("lonely", 3, 0, 1)
    e = model.variable("e", 2, binary=True)
    model.add("either", e.sum() >= 1)


def auxiliary(model, u, v, d):
    a = model.variable("a", (1,))
    s = model.variable("s", (2, 1), lower=0)
    model.add("twice", a == 2 * v + 1)
    model.add("slack", v - u == s)


@pytest.mark.parametrize("extra", [None, redundant, duplicated, unrelated, auxiliary])
def test_harmless_additions_are_still_proved(extra):
    assert verdict(lambda m, u: big_m_rows(m, u, extra), U, ("v",), maximum_meaning(2)) == "proved"


def test_pieces_that_need_several_assignments_are_split():
    # one piece, |v| <= 2, that the rows cover with two halves
    def rows(model, u):
        v = model.variable("w", (1,), -2, 2)
        d = model.variable("d", (1,), binary=True)
        model.add("right", v >= -2 * (1 - d))
        model.add("left", v <= 2 * d)
        return v

    def short(model, u):
        v = rows(model, u)
        model.add("gap", v + 2.25 * model.variable("e", (1,), binary=True) >= 0.25)
        return v

    meaning = [lambda u, v: [v >= -2, v <= 2]]
    one = {"u": Box(1, 0, 1)}
    assert verdict(rows, one, ("v",), meaning) == "proved"
    assert verdict(short, one, ("v",), meaning) == "proved"
    assert verdict(rows, one, ("v",), [lambda u, v: [v >= -2, v <= 2.5]]) == "refuted"


def test_auxiliaries_that_no_affine_lift_gives_are_completed_at_the_vertices():
    # a0 >= max u, a1 >= max -u, v >= a0 + a1: neither maximum is affine in (u, v)
    def rows(model, u):
        v = model.variable("w", (1,))
        a = model.variable("a", (2, 1))
        model.add("first", a[0] >= u)
        model.add("second", a[1] >= -u)
        model.add("sum", v >= a.sum(0))
        return v

    meaning = [lambda u, v: [v >= 0 * u[0], v >= u[0] - u[1], v >= u[1] - u[0]]]
    assert verdict(rows, U, ("v",), meaning) == "proved"
    weak, strong = [lambda u, v: [v >= u[0] - u[1]]], [lambda u, v: [v >= 0.125, *meaning[0](u, v)]]
    assert verdict(rows, U, ("v",), weak) == "refuted"
    assert verdict(rows, U, ("v",), strong) == "refuted"


def test_the_author_s_lift_is_used():
    def rows(model, u):
        return maximum(model, "w", u, lowering="hull")

    def lift(piece, u, v):
        zero = 0 * u
        copies = [u if k == piece else zero for k in range(2)]
        return {"w_chosen": [[float(k == piece)] for k in range(2)], "w_copies": stack(copies)}

    assert verdict(rows, U, ("v",), maximum_meaning(2), lift=lift) == "proved"
    wrong = {"w_chosen": [[1.0], [0.0]], "w_copies": np.zeros((2, 2, 1))}
    assert verdict(rows, U, ("v",), maximum_meaning(2), lift=lambda piece, u, v: wrong) == "proved"


# ------------------------------------------------------------------------- native
@pytest.mark.parametrize("short", [0, 1])
def test_native_indicators(short):
    def rows(model, b, u):
        v = model.variable("w", 2, LOW - 5, HIGH + 5)
        model.indicator("off", b, v == 0, when=0)
        model.indicator("on", b, v == u) if not short else model.indicator("on", b, v >= u)
        return v

    assert verdict(rows, BU, ("v",), product_meaning()) == ("refuted" if short else "proved")


@pytest.mark.parametrize("weak", [False, True])
def test_special_ordered_sets(weak):
    def rows(model, u):
        v = model.variable("w", (1,))
        s = model.variable("s", (2, 1), lower=0)
        model.add("reach", v == u + s)
        t = model.variable("t", (2, 1), 0, 5)
        if not weak:
            model.add("same", t == s)
        model.sos1("pick", t)
        return v

    assert verdict(rows, U, ("v",), maximum_meaning(2)) == ("refuted" if weak else "proved")


def test_neighbours_in_a_set_of_kind_two():
    # v = |u| by convex weights on -1, 0, 1 of which two neighbours are nonzero
    def rows(model, u, kind=2):
        w = model.variable("w", 3, 0, 1)
        model.add("sum", w.sum() == 1)
        model.add("at", u == np.array([-1.0, 0, 1]) @ w)
        if kind == 2:
            model.sos2("near", w)
        v = model.variable("v_", ())
        model.add("value", v == np.array([1.0, 0, 1]) @ w)
        return v

    meaning = [lambda u, v: [v == u, u >= 0], lambda u, v: [v == -u, u <= 0]]
    box = {"u": Box((), -1, 1)}
    assert verdict(rows, box, ("v",), meaning) == "proved"
    assert verdict(lambda m, u: rows(m, u, 0), box, ("v",), meaning) == "refuted"


def test_implications_by_a_slack_and_a_set():
    def rows(model, z, x):
        s = model.variable("s", (2,), lower=0)
        model.add("soft", x <= 0.5 + s)
        for k in range(2):
            model.sos1(f"either{k}", stack([z[k], s[k]]))

    inputs = {"z": Box(2, 0, 1, integer=True), "x": Box(2, -1, [1, 2])}
    assert verdict(rows, inputs, (), implies_meaning(lambda x: x <= 0.5)) == "proved"
    assert verdict(rows, inputs, (), implies_meaning(lambda x: x <= 0.4)) == "refuted"


# ---------------------------------------------------------------------- undecided
def reason(function, inputs, outputs, meaning, **options):
    proof = prove(Claim(function, inputs, outputs, meaning), **options)
    assert proof.verdict == "undecided"
    assert proof.witness is None
    assert proof.certificates is None
    return proof.reason


def test_more_than_twelve_binaries_that_share_rows():
    def rows(model, x):
        model.add("some", x.sum() <= 3)

    inputs = {"x": Box(13, 0, 1, integer=True)}
    meaning = [lambda x: x.sum() <= 3]
    assert "2^13 assignments" in reason(rows, inputs, (), meaning)
    assert (
        prove(Claim(rows, {"x": Box(5, 0, 1, integer=True)}, (), meaning), max_binaries=5).verdict == "proved"
    )


def test_quadratics_and_cones():
    def quadratic(model, u):
        v = model.variable("w")
        model.add("square", v >= model.quadratic([[1.0]], u))
        return v

    def cone(model, u):
        v = model.variable("w")
        model.cone("square", u, v, v)
        return v

    one = {"u": Box(1, 0, 1)}
    assert verdict(quadratic, one, ("v",), [lambda u, v: v >= 0]) == "refuted"  # v = 1/2 at u = 1
    assert "cone that no binary switches" in reason(cone, one, ("v",), [lambda u, v: v >= 0])
    meaning = [lambda u, v: v >= v.owner.quadratic([[1.0]], u)]
    assert verdict(quadratic, one, ("v",), meaning) == "proved"
    assert verdict(lambda m, u: m.variable("w"), one, ("v",), meaning) == "refuted"
    free = {"u": Box(1, 0, np.inf)}
    assert "without finite bounds" in reason(quadratic, free, ("v",), meaning)
    of_output = [lambda u, v: v.owner.quadratic([[1.0]], v.reshape((1,))) <= 1]
    assert "must be proved apart" in reason(quadratic, one, ("v",), of_output)


def test_integers_without_bounds_and_time():
    def rows(model, u):
        n = model.variable("n", integer=True)
        model.add("up", n >= u.sum())
        return n

    assert "no finite bounds" in reason(rows, {"u": Box(1, 0, 1)}, ("v",), [lambda u, v: v >= u.sum()])
    fields = (lambda m, u: maximum(m, "w", u), U, ("v",), maximum_meaning(2))
    assert "time limit" in reason(*fields, time_limit=1e-9)


def test_rows_that_contradict_themselves_are_an_error():
    def rows(model, u):
        model.add("no", 0 * u >= 1)

    with pytest.raises(ContradictoryRows):
        prove(Claim(rows, {"u": Box(1, 0, 1)}, (), [lambda u: u >= 0]))


# -------------------------------------------------------------------------- delta
def test_careless_bounds_make_no_room_for_errors():
    def rows(model, u):
        v = model.variable("w", 1, -1e9, 1e9)
        model.add("same", v == u + 1e-3)
        return v

    assert verdict(rows, {"u": Box(1, 0, 1)}, ("v",), [lambda u, v: v == u]) == "refuted"


def test_the_delta_reached_is_reported():
    def rows(off):
        def write(model, b, u):
            return product(model, "w", b, u, lowering="big-m", big_m=2 - off)

        return write

    inputs = {"b": Box(1, 0, 1, integer=True), "u": Box(1, -2, 2)}
    exact, ulp, gap = (prove(Claim(rows(d), inputs, ("v",), product_meaning())) for d in (0, 2.0**-52, 1e-6))
    assert exact.verdict == ulp.verdict == "proved"
    assert exact.delta == 0
    assert Fraction(0) < ulp.delta < Fraction(1, 10**15)
    assert gap.verdict == "refuted"
    assert gap.delta is None


def test_a_strict_refutation_needs_a_point_beyond_rounding():
    def rows(model, u, by):
        model.add("cap", u <= 1 - by)

    for by, expected in ((0, "proved"), (2**-53, "proved"), (5e-10, "refuted"), (1e-3, "refuted")):
        claim = Claim(lambda m, u, by=by: rows(m, u, by), {"u": Box(1, 0, 1)}, (), [lambda u: u <= 1])
        assert prove(claim).verdict == expected, by


def test_an_empty_program_is_incomplete_and_a_wrong_empty_meaning_is_too():
    def rows(model, u):
        model.add("up", u >= 0.75)
        model.add("down", u <= 0.25)

    assert verdict(rows, {"u": Box(2, 0, 1)}, (), [lambda u: u >= 0]) == "refuted"
    assert verdict(lambda m, u: None, {"u": Box(2, 0, 1)}, (), [lambda u: u >= 2]) == "refuted"
    assert verdict(rows, {"u": Box(2, 0, 1)}, (), [lambda u: u >= 2]) == "proved"
