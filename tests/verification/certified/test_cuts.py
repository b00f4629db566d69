"""Cuts: each is proved, none removes a point with integers, and trees with them are certificates."""

from __future__ import annotations

import itertools
from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest

from proofolio import Model, check_certificate, save_certificate, solve, stack
from proofolio.solvers.limits import Deadline
from proofolio.verification.certified.cuts import with_cuts
from proofolio.verification.certified.optimum import certify, exact_program
from proofolio.verification.certified.search import OPTIONS
from proofolio.verification.certified.vipr import vipr_text
from proofolio.verification.exact.lp_bounds import ExactRows
from proofolio.verification.exact.simplex import exact_maximum
from proofolio.verification.exact.trees import Branch, Cut, Leaf, Split, proved_bound, strengthened

from .vipr_checker import checked_range


def lot_sizing(items=3, periods=8, seed=1):
    """Setups, stock and one capacity: with Big-M rows the relaxation is weak."""
    rng = np.random.default_rng(seed)
    model = Model()
    shape = (items, periods)
    x, s = model.variable("x", shape, lower=0), model.variable("s", shape, lower=0)
    y = model.variable("y", shape, binary=True)
    demand = rng.integers(2, 20, shape).astype(float)
    for i in range(items):
        for t in range(periods):
            before = s[i, t - 1] if t else 0
            model.add(f"balance[{i},{t}]", before + x[i, t] == demand[i, t] + s[i, t])
            model.add(f"setup[{i},{t}]", x[i, t] <= 60 * y[i, t])
    for t in range(periods):
        model.add(f"capacity[{t}]", sum(x[i, t] + 3 * y[i, t] for i in range(items)) <= 14.0 * items)
    model.minimise(
        (rng.integers(20, 60, shape).astype(float) * y).sum()
        + (rng.integers(1, 4, shape).astype(float) * s).sum()
    )
    return model.freeze()


@pytest.fixture(scope="module")
def certified():
    program = lot_sizing()
    outcome = certify(program, solve(program, confirm="none").x, 1e-6, Deadline.after(60.0))
    return exact_program(program), program, outcome.certificate


def test_a_weak_relaxation_is_cut_and_the_certificate_holds(certified):
    exact, _, certificate = certified
    assert certificate.cuts
    assert certificate.holds(exact)
    assert not replace(certificate, cuts=certificate.cuts[1:]).holds(exact)


def test_cuts_raise_the_bound_of_the_relaxation():
    program = lot_sizing()
    plain = solve(replace(program, integer=np.zeros(program.n, dtype=bool)), confirm="none").objective
    cut, cuts = with_cuts(program, ExactRows(program), OPTIONS, 10.0)
    raised = solve(replace(cut, integer=np.zeros(program.n, dtype=bool)), confirm="none").objective
    best = solve(program, confirm="none").objective
    assert raised - plain > 0.5 * (best - plain)
    assert strengthened(exact_program(program), cuts).system == ExactRows(cut).system


def test_saved_certificates_hold_cuts(certified, tmp_path):
    _, program, certificate = certified
    answer = replace(solve(program, confirm="none"), certificate=certificate)
    assert check_certificate(save_certificate(answer, tmp_path / "answer.json"), program).ok


def test_vipr_files_hold_cuts(certified):
    exact, program, certificate = certified
    low, high = checked_range(vipr_text(exact, certificate, program.column_names))
    assert float(high - low) <= 1e-6 * float(high)


@pytest.mark.parametrize("change", ["side", "at", "sign"])
def test_a_changed_cut_proves_nothing(certified, change):
    exact, _, certificate = certified
    for k, cut in [(k, cut) for k, cut in enumerate(certificate.cuts) if len(cut.row) > 1][:8]:
        split, below, above = cut.nodes
        wrong = {
            "side": Cut(cut.row, cut.side - Fraction(1, 10), cut.nodes),
            "at": Cut(cut.row, cut.side, (replace(split, at=split.at + 1), below, above)),
            "sign": Cut(
                cut.row, cut.side, (split, below, Leaf({i: -v for i, v in above.multipliers.items()}, False))
            ),
        }[change]
        cuts = (*certificate.cuts[:k], wrong)
        assert strengthened(exact, cuts) is None
        assert proved_bound(exact, (), certificate.nodes, cuts) is None


def random_program(seed):
    rng = np.random.default_rng(seed)
    model = Model()
    n, m = 3, int(rng.integers(2, 5))
    whole = stack([model.variable(f"k{j}", (), -1, int(rng.integers(1, 4)), integer=True) for j in range(n)])
    real = stack([model.variable(f"x{j}", (), 0, float(rng.integers(2, 9))) for j in range(2)])
    for i in range(m):
        a, b = rng.integers(-5, 6, n).astype(float), np.round(rng.normal(size=2), 1)
        a[0] += not a.any()
        model.add(f"r{i}", a @ whole + b @ real <= float(rng.integers(0, 8)) + 0.5)
    model.add("variable", real[0] <= 2.5 * whole[0] + 2.5)
    model.minimise(rng.normal(size=n) @ whole - real.sum())
    return model.freeze()


@pytest.mark.parametrize("seed", range(15))
def test_no_cut_removes_a_point(seed):
    """At every choice of the integers, the most that a cut's row can be over the rest is its side or less."""
    program = random_program(seed)
    cuts = with_cuts(program, ExactRows(program), OPTIONS, 5.0)[1]
    exact = exact_program(program)
    assert strengthened(exact, cuts) is not None
    at = sorted(exact.integer)
    ranges = [range(int(program.lower[j]), int(program.upper[j]) + 1) for j in at]
    for values in itertools.product(*ranges):
        held = replace(exact.system, fixed={j: Fraction(v) for j, v in zip(at, values, strict=True)})
        for cut in cuts[:2]:
            most = exact_maximum(held, cut.row)
            assert most.status == "empty" or most.value <= cut.side


def test_splits_need_integers_and_whole_numbers():
    program = exact_program(random_program(0))
    row, half = {0: Fraction(1)}, Leaf({}, False)
    side = program.system.upper[0]
    whole = Cut(row, side, (Split({0: 1}, 0, 1, 2), half, half))
    assert strengthened(program, (whole,)) is not None
    for split in (
        Split({3: 1}, 0, 1, 2),
        Split({0: Fraction(1, 2)}, 0, 1, 2),
        Split({0: 1}, Fraction(1, 2), 1, 2),
    ):
        assert strengthened(program, (Cut(row, side, (split, half, half)),)) is None
    assert strengthened(program, (Cut(row, side, (Branch(0, Fraction(1, 2), 1, 2), half, half)),)) is None
    assert strengthened(program, (Cut(row, side, ()),)) is None
