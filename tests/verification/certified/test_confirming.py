"""Answers that do not rest on one solver's word: certificates, second runs, and what they refute."""

from __future__ import annotations

import itertools
import math
from fractions import Fraction

import numpy as np
import pytest

from proofolio import BadData, Model, read_program, solve, stack
from proofolio.program.quadratic import quadratic_form
from proofolio.solvers.limits import Deadline
from proofolio.verification.certified.optimum import certify, exact_program
from proofolio.verification.certified.vipr import vipr_text
from proofolio.verification.exact.trees import Leaf

from .vipr_checker import checked_range

CASES = {
    # HiGHS 1.15 with its presolve: 2 where x0 = on = 1, x1 = 0, x2 = 1 costs 1
    "free integers": (
        (
            "min\n obj: x0\nst\n l: x0 - on >= 0\n h: x0 - 3 on <= 0\n c: 9 x0 + 3 x1 >= 3\n e: x0 - x1 - x2 = 0\n"
            "bounds\n 0 <= x0 <= 3\n -inf <= x1 <= 0\n x2 free\ngenerals\n x1 x2\nbinaries\n on\nend\n"
        ),
        1.0,
    ),
    "tiny column": (
        "max\n obj: 1e9 x\nst\n link: 5e9 x - y <= 0\n cap: 2 x <= 2e-9\nbounds\n y <= 1\ngenerals\n y\nend\n",
        0.2,
    ),
    "tiny Big-M": (
        "max\n obj: 1e9 x\nst\n link: x - 1e-10 y <= 0\nbounds\n y <= 1\n x <= 1e-9\ngenerals\n y\nend\n",
        0.1,
    ),
    "trickle flow": (
        "min\n obj: y + 1000 b\nst\n link: y - 1e7 b <= 0\n need: y >= 1\nbounds\n y <= 90000\nbinaries\n b\nend\n",
        1001.0,
    ),
    "curved row": ("max\n obj: x + y\nst\n c: [ 2 x ^2 + 2 y ^2 ] <= 4\nend\n", 2.0),
}


@pytest.mark.parametrize("name", CASES)
def test_a_certificate_gives_the_true_optimum_whatever_the_solver_said(name, tmp_path):
    text, truth = CASES[name]
    file = tmp_path / "model.lp"
    file.write_text(text, encoding="utf-8")
    answer = solve(file, confirm="certificate")
    assert answer.status == "certified-optimal"
    assert answer.objective == pytest.approx(truth, rel=1e-6)
    assert answer.certificate.holds(exact_program(read_program(file)))


def test_a_refuted_claim_is_recorded_with_who_made_it(tmp_path):
    file = tmp_path / "model.lp"
    file.write_text(CASES["free integers"][0], encoding="utf-8")
    plain = solve(file, "highs")
    for how in ("second", "auto"):
        answer = solve(file, "highs", confirm=how)
        assert answer.objective == 1.0
        if plain.objective != 1.0:  # a later HiGHS may be right
            assert answer.refuted[0].startswith(f"highs claims that {plain.objective:g} is optimal")


def test_a_second_run_alone_does_not_vouch_for_a_row_that_tolerances_move():
    model = Model()
    y, b = model.variable("y", lower=0, upper=90_000), model.variable("b", binary=True)
    model.add("link", y <= 90_000 * b)
    model.add("need", y >= 0.05)
    model.minimise(y + 1000 * b)
    assert solve(model, confirm="second").status in ("solver-optimal", "leaks", "claim-wrong")
    assert solve(model, confirm="certificate").objective == pytest.approx(1000.05)


def random_program(seed, *, curved):
    rng = np.random.default_rng(seed)
    n, m = int(rng.integers(2, 5)), int(rng.integers(1, 5))
    model = Model()
    lower = -rng.integers(0, 3, n).astype(float)
    upper = lower + rng.integers(1, 4, n)
    whole = np.ones(n, dtype=bool) if curved else rng.random(n) < 0.7
    x = stack([model.variable(f"x{j}", (), lower[j], upper[j], integer=bool(whole[j])) for j in range(n)])
    A = np.round(rng.normal(size=(m, n)) * (rng.random((m, n)) < 0.8), 2)
    A[:, 0] += ~A.any(axis=1)
    b = np.round(2 * rng.normal(size=m), 2)
    for i in range(m):
        model.add(f"r{i}", A[i] @ x <= b[i])
    c = np.round(rng.normal(size=n), 2)
    B = np.round(rng.normal(size=(n, n)), 1)
    objective = c @ x
    model.minimise(objective + quadratic_form(B.T @ B / 2, x) if curved else objective)
    return model.freeze()


def by_enumeration(program):
    """The optimum over all integers, in fractions, for a program of integers only; None where there is none."""
    exact = exact_program(program)
    ranges = [range(int(lo), int(hi) + 1) for lo, hi in zip(program.lower, program.upper, strict=True)]
    values = []
    for point in itertools.product(*ranges):
        x = {j: Fraction(v) for j, v in enumerate(point) if v}
        if all(
            low <= sum(Fraction(repr(a)) * v for a, v in zip(row.tolist(), point, strict=True)) <= high
            for row, low, high in zip(program.A.toarray(), program.row_lower, program.row_upper, strict=True)
        ):
            P, q = program.P.toarray(), program.q
            linear = sum(Fraction(repr(float(a))) * v for a, v in zip(q, point, strict=True))
            curved = sum(
                Fraction(repr(float(P[i, j]))) * point[i] * point[j]
                for i in range(program.n)
                for j in range(program.n)
            )
            values.append(linear + curved / 2)
            assert exact.objective(x) == values[-1] + Fraction(repr(program.c))
    return min(values, default=None)


@pytest.mark.parametrize("seed", range(30))
def test_convex_quadratic_integer_programs_agree_with_enumeration(seed):
    program = random_program(seed, curved=True)
    truth = by_enumeration(program)
    outcome = certify(program, solve(program).x, 1e-6, Deadline.after(30.0))
    assert outcome.status == ("infeasible" if truth is None else "optimal")
    if truth is not None:
        assert outcome.value >= truth
        assert outcome.certificate.bound <= truth
        assert outcome.value - outcome.certificate.bound <= Fraction(1, 10**6) * max(
            abs(truth), Fraction(1, 10**9)
        )
    assert outcome.certificate.holds(exact_program(program))


@pytest.mark.parametrize("seed", range(40))
def test_no_point_to_start_from_or_a_bad_one_changes_the_answer(seed):
    program = random_program(seed, curved=False)
    found = solve(program, confirm="second")
    with_none = certify(program, None, 1e-6, Deadline.after(30.0))
    if found.x is None:
        assert with_none.status == "infeasible"
        return
    assert with_none.status == "optimal"
    assert math.isclose(float(with_none.value), found.objective, rel_tol=1e-6, abs_tol=1e-7)


@pytest.mark.parametrize("seed", range(20))
def test_vipr_files_are_accepted_by_a_checker_that_knows_only_the_format(seed):
    program = random_program(100 + seed, curved=False)
    outcome = certify(program, solve(program).x, 1e-6, Deadline.after(30.0))
    text = vipr_text(exact_program(program), outcome.certificate, program.column_names)
    proved = checked_range(text)
    if outcome.status == "infeasible":
        assert proved is None
    else:
        low, high = proved
        assert low <= high
        assert float(high - low) <= 1e-6 * max(abs(float(high)), 1e-6)


def test_a_certificate_with_a_changed_number_is_no_longer_one():
    program = random_program(3, curved=False)
    outcome = certify(program, solve(program).x, 1e-6, Deadline.after(30.0))
    certificate, exact = outcome.certificate, exact_program(program)
    assert certificate.holds(exact)
    leaves = [k for k, node in enumerate(certificate.nodes) if isinstance(node, Leaf) and node.multipliers]
    for k in leaves:
        nodes = list(certificate.nodes)
        nodes[k] = Leaf({i: -v for i, v in nodes[k].multipliers.items()}, nodes[k].empty)
        changed = type(certificate)(
            certificate.point, certificate.value, certificate.bound, certificate.tangents, tuple(nodes)
        )
        assert not changed.holds(exact)
    if certificate.point is not None:
        better = type(certificate)(
            certificate.point,
            certificate.value - 1,
            certificate.bound,
            certificate.tangents,
            certificate.nodes,
        )
        assert not better.holds(exact)


def test_an_unknown_way_to_confirm_is_refused():
    with pytest.raises(BadData, match="confirm is 'maybe'"):
        solve(random_program(0, curved=False), confirm="maybe")


FLAT = {
    # (x - y)^2 <= 0 is x = y, and costs nothing; a tolerance of 1e-9 lets them be 1e-6 apart
    "one row": (
        "max\n obj: 1000 x - 1000 y\nst\n c: [ 0.001 x^2 - 0.002 x*y + 0.001 y^2 ] <= 0\n"
        "bounds\n x <= 100\n y <= 100\ngenerals\n y\nend\n"
    ),
    # x^2 <= y <= 0: neither row is flat, both together are
    "two rows": (
        "max\n obj: 1000 x\nst\n c: [ x^2 ] - y <= 0\n d: y - k <= -1\n"
        "bounds\n x <= 9\n 1 <= k <= 1\ngenerals\n k\nend\n"
    ),
    "an equation": (
        "max\n obj: 1000 x\nst\n c: [ x^2 ] - y = 0\n d: y - k <= -1\n"
        "bounds\n x <= 9\n 1 <= k <= 1\ngenerals\n k\nend\n"
    ),
}


@pytest.mark.parametrize("name", FLAT)
def test_what_the_root_of_a_tolerance_gains_is_not_vouched_for(tmp_path, name):
    file = tmp_path / "flat.lp"
    file.write_text(FLAT[name])
    answer = solve(file)
    assert answer.objective == pytest.approx(0.0, abs=1e-6) or answer.status in (
        "solver-optimal",
        "verified-feasible",
        "infeasible-solution",
    )


def test_indicators_count_among_the_coefficients_that_hide_better_points(tmp_path):
    text = "min\n obj: y + 1000 b\nst\n c: z = 1 -> y - {} b <= 0\n d: z >= 1\n e: y >= 0.05\nbinaries\n z b\nend\n"
    words = {}
    for M in (10, 90000):
        (tmp_path / "ind.lp").write_text(text.format(M))
        answer = solve(tmp_path / "ind.lp")
        words[M] = answer.status
        assert answer.objective == pytest.approx(1000.05)
        assert "none near it" not in answer.message
    assert words == {10: "verified-optimal", 90000: "solver-optimal"}
