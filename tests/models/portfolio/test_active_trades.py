"""Steps by an active set over trades: the interior point's answers, the same in both back ends, and all proved."""

import copy
import dataclasses
import itertools
import pickle

import numpy as np
import pytest

from proofolio import compiled
from proofolio.errors import BadData
from proofolio.models.portfolio import active_trades, risk_parity
from proofolio.models.portfolio.active_trades import best_by_trades
from proofolio.models.portfolio.quadratic_step import TradeMultipliers
from proofolio.models.portfolio.risk_budgeting import weights_by_numpy
from proofolio.models.portfolio.risk_parity import RiskParity
from proofolio.models.portfolio.risk_parity_descent import Periods
from proofolio.models.portfolio.risk_parity_kernels import descent_kernel, measure_kernel
from proofolio.models.portfolio.risk_parity_problem import PROXIMAL, curvature, errors_and_jacobian
from proofolio.models.portfolio.risk_parity_step import measured

from .trap_market import CALM, N, periods

NEVER_WORSE = 1e-9  # relative


def drawn(seed):
    """Return a program, covariances (H, n, n) that differ, and holdings."""
    random = np.random.default_rng(seed)
    n, H = int(random.integers(2, 9)), int(random.integers(1, 6))
    gamma = 0.0 if seed % 50 == 0 else float(10.0 ** random.uniform(-6.0, -0.5))
    common = random.standard_normal((n, 2)) + random.uniform(0.0, 1.5)
    loads = common + random.uniform(0.0, 0.5) * random.standard_normal((H, n, 2))
    sigma = loads @ loads.swapaxes(1, 2) + np.diag(random.uniform(0.1, 1.0, n))
    b = random.uniform(0.5, 1.5, (H, n)) if seed % 2 else None
    w0 = random.dirichlet(np.full(n, random.choice([0.5, 3.0])))
    return RiskParity(n, H, gamma, budgets=b), sigma, w0


def by_numpy(program, sigma, w0):
    """Return the ERC, the descent by numpy, the gap that is enough, and what is measured of it."""
    given = Periods(sigma, program.budgets, np.ones(program.H), program.step, w0)
    erc = weights_by_numpy(sigma, program.budgets)
    enough = max(1e-5 * given.objective(erc), 3e-10)
    found = best_by_trades(given, erc, enough, 200)
    known = None if found is None else measured(program, sigma, w0, found.W, found.multipliers, enough)
    return erc, found, enough, known


def condition(program, sigma, W):
    """Return how far weights move at most where a derivative changes by 1: what is rounded off moves them so."""
    Q = curvature(W, sigma, *errors_and_jacobian(W, sigma, program.budgets))
    return np.abs(active_trades._inverses(Q + PROXIMAL * np.eye(program.n))).sum(axis=2).max()


def agree(seed):
    """Compare the back ends; return whether both gave an answer. Without numba the kernel runs as it stands."""
    program, sigma, w0 = drawn(seed)
    erc, expected, enough, known = by_numpy(program, sigma, w0)
    descend, measure = descent_kernel, measure_kernel
    W, s, log, numbers = np.empty_like(erc), np.empty_like(erc), np.empty((202, 5)), np.empty(4)
    with np.errstate(all="ignore"):
        rows = descend(
            sigma, program.budgets, np.ones(program.H), program.gamma_trade, w0, 1e-5, 200, erc, W, s, log, numbers
        )  # fmt: skip
    if expected is None or not rows:
        return expected is None and not rows
    start, limit, stayed, _ = numbers
    assert limit == pytest.approx(enough, rel=1e-12)
    assert start == pytest.approx(expected.iterations[0].objective, rel=1e-12) or stayed
    assert bool(stayed) == (expected.begun == "holdings")
    assert rows == len(expected.iterations)
    assert log[rows - 1, 0] == pytest.approx(expected.objective, rel=1e-12, abs=1e-18)
    apart = np.abs(W - expected.W).max()
    assert apart <= 1e-12 or apart <= 2.0**-52 * condition(program, sigma, W)
    contributions = np.empty_like(W)
    measure(sigma, program.budgets, w0, W, s, program.gamma_trade, enough, contributions, numbers)
    gap, missed, objective, smallest = numbers
    assert np.abs(contributions - known.contributions).max() <= max(1e-12, 10.0 * apart)
    assert objective == pytest.approx(known.objective, rel=1e-12, abs=1e-18)
    assert gap <= enough or gap == pytest.approx(known.stationarity, rel=1e-6)
    assert missed <= 1e-12
    assert smallest == pytest.approx(known.smallest, abs=max(1e-12, apart))
    return True


@pytest.mark.parametrize("part", range(10))
def test_both_back_ends_agree_to_twelve_digits(part, pytestconfig):
    each = 1_000 if pytestconfig.getoption("full") and compiled.active() else 20 if compiled.active() else 2
    unlike = sum(not agree(seed) for seed in range(part * each, (part + 1) * each))
    assert unlike == 0


@pytest.mark.parametrize("seed", [1846, 1958, 3446, 4421, 5418, 6337])
def test_rounding_of_sums_is_not_carried_from_one_quadratic_program_to_the_next(seed):
    """Here it grew to 1e-12, and one back end gave up where the other did not."""
    program, sigma, w0 = drawn(seed)
    _, found, _, _ = by_numpy(program, sigma, w0)
    assert found is not None
    assert np.abs(found.W.sum(axis=1) - 1.0).max() <= 1e-15
    assert agree(seed)


@pytest.mark.parametrize("repeated", [1, 3])
def test_the_whole_step_is_the_same_in_both_back_ends(repeated, monkeypatch):
    """Runs of equal periods, checks and what is known of the answer, too."""
    for seed in range(1, 41 if compiled.active() else 5):
        program, sigma, w0 = drawn(seed)
        sigma, b = np.repeat(sigma, repeated, axis=0), np.repeat(program.budgets, repeated, axis=0)
        program = RiskParity(program.n, repeated * program.H, program.gamma_trade, budgets=b)
        step = program.stepper(starts="erc").solve(sigma, w0)
        with monkeypatch.context() as only:
            only.setattr(compiled, "active", lambda: False)
            only.setattr(risk_parity, "active", lambda: False)
            other = program.stepper(starts="erc").solve(sigma, w0)
        assert (step.ok, step.solver, step.begun) == (other.ok, other.solver, other.begun)
        assert [check.ok for check in step.checks] == [check.ok for check in other.checks]
        if step.solver == "active set":
            assert np.abs(step.W - other.W).max() <= 1e-12
            assert np.abs(step.contributions - other.contributions).max() <= 1e-11
            assert step.objective == pytest.approx(other.objective, rel=1e-12, abs=1e-18)
            assert step.stationarity <= step.checks[2].tolerance or not step.ok
            assert len(step.iterations) == len(other.iterations)


def test_a_step_is_whole_however_it_is_looked_at(back_end):
    def made():
        return RiskParity(N, 2, 1e-3).stepper(starts="erc").solve(periods(2), np.full(N, 0.1))

    looked = made()
    assert looked.ok
    assert all(check.ok for check in looked.checks)
    names = [field.name for field in dataclasses.fields(looked) if field.name != "seconds"]
    for other in (pickle.loads(pickle.dumps(made())), copy.copy(made()), dataclasses.replace(made()), made()):
        assert other.ok
        for name in names:
            np.testing.assert_array_equal(getattr(other, name), getattr(looked, name))
    assert repr(made()).startswith("RiskParityStep(n=10, H=2, ")
    assert made().seconds > 0.0
    with pytest.raises(AttributeError, match="weights"):
        made().weights  # noqa: B018


@pytest.mark.parametrize("limit", [1, 200])
def test_a_step_by_machine_code_is_ok_where_all_its_checks_hold(limit):
    program, w0 = RiskParity(N, 3, 1e-2), np.full(N, 0.1)
    step = program.stepper(starts="erc", limit=limit).solve(periods(3), w0)
    assert step.solver == "active set"
    assert step.ok == (limit > 1) == all(check.ok for check in step.checks)


def test_never_worse_than_the_interior_point(pytestconfig):
    count = 1_000 if pytestconfig.getoption("full") else 40
    answered = 0
    for seed in range(count):
        program, sigma, w0 = drawn(seed)
        step = program.stepper(starts="erc").solve(sigma, w0)
        other = program.stepper(starts="erc", solver="piqp").solve(sigma, w0)
        assert other.solver == "piqp"
        answered += step.solver == "active set"
        assert step.ok or not other.ok
        assert step.objective <= other.objective * (1.0 + NEVER_WORSE) + 3e-10
    assert answered >= 0.7 * count


def convex(W, Q, slope, at, w0, price):
    """The quadratic program's objective, written out."""
    d = W - at
    smooth = sum(slope[t] @ d[t] + 0.5 * d[t] @ Q[t] @ d[t] for t in range(len(W)))
    return smooth + price * np.abs(np.diff(W, axis=0, prepend=w0[None])).sum()


@pytest.mark.parametrize("price", [0.003, 0.03, 0.3])
def test_a_quadratic_program_is_solved_as_enumeration_solves_it(price):
    """Each pattern of signs has one candidate, by equations of Lagrange: the best allowed one is the answer."""
    random = np.random.default_rng(int(1000 * price))
    n, H = 3, 2
    root = random.standard_normal((H, n, n))
    Q = root @ root.swapaxes(1, 2) + 0.3 * np.eye(n)
    slope, at, w0 = 0.1 * random.standard_normal((H, n)), np.full((H, n), 1 / 3), np.array([0.3, 0.45, 0.25])
    P = active_trades._inverses(Q)
    assert P is not None
    found = active_trades._exchanged(P, slope, at, w0, price, np.sign(at - w0))
    assert found is not None
    W, s, signs = found
    best = np.inf
    hessian = np.zeros((n * H, n * H))
    for t in range(H):
        hessian[t * n : t * n + n, t * n : t * n + n] = Q[t]
    trades = np.eye(n * H) - np.eye(n * H, k=-n)
    for pattern in itertools.product((-1.0, 0.0, 1.0), repeat=n * H):
        sign = np.array(pattern)
        rows = np.vstack([np.kron(np.eye(H), np.ones(n)), trades[sign == 0.0]])
        sides = np.concatenate([np.ones(H), np.append(w0, np.zeros(n))[sign == 0.0]])
        linear = slope.ravel() - hessian @ at.ravel() + price * trades.T @ sign
        equations = np.block([[hessian, rows.T], [rows, np.zeros((len(rows), len(rows)))]])
        x = np.linalg.lstsq(equations, np.concatenate([-linear, sides]), rcond=None)[0][: n * H]
        u = trades @ x - np.append(w0, np.zeros(n))
        if np.abs(rows @ x - sides).max() < 1e-9 and np.all(sign * u >= -1e-12):
            best = min(best, convex(x.reshape(H, n), Q, slope, at, w0, price))
    assert convex(W, Q, slope, at, w0, price) == pytest.approx(best, abs=1e-12)
    assert np.abs(s).max() <= price * (1.0 + 1e-8)
    traded = np.diff(W, axis=0, prepend=w0[None])
    assert np.all(traded[signs == 0.0] == 0.0)
    assert np.all(np.sign(traded[signs != 0.0]) == signs[signs != 0.0])


def test_a_weight_that_would_be_zero_is_left_to_the_interior_point(back_end):
    w0 = np.append(0.0, np.full(N - 1, 1.0 / (N - 1)))
    step = RiskParity(N, 1, 0.1).stepper(starts="erc").solve(CALM, w0)
    assert step.solver == "piqp"
    assert step.ok
    assert step.dead == step.penalty_choice == (0,)


def test_what_is_asked_for_decides_who_solves(back_end):
    sigma = periods(3)
    asked = {
        "active set": RiskParity(N, 3, 1e-3).stepper(starts="erc"),
        "piqp": RiskParity(N, 3, 1e-3).stepper(starts="erc", solver="piqp"),
        "clarabel": RiskParity(N, 3, 1e-3).stepper(starts="erc", solver="clarabel"),
    }
    for name, stepper in asked.items():
        assert stepper.solve(sigma, np.full(N, 0.1)).solver == name
    ruled = RiskParity(N, 3, 1e-3, upper=0.4).stepper(starts="erc").solve(sigma, np.full(N, 0.1))
    assert ruled.solver == "piqp"
    assert ruled.ok


def test_equal_periods_are_one_and_their_step_is_proved(back_end):
    program = RiskParity(N, 6, 1e-3)
    stepper, w0 = program.stepper(starts="erc"), np.full(N, 0.1)
    once = stepper.solve(CALM, w0)
    assert once.ok
    assert once.solver == "active set"
    assert once.W.shape == (6, N)
    assert np.abs(np.diff(once.W, axis=0)).max() == 0.0
    mixed = np.concatenate([np.tile(CALM, (3, 1, 1)), np.tile(2.0 * periods(20)[-1], (3, 1, 1))])
    step = stepper.solve(mixed, w0)
    apart = stepper.solve(mixed * (1.0 + 1e-13 * np.arange(6))[:, None, None], w0)
    assert step.ok
    assert step.objective == pytest.approx(apart.objective, rel=1e-9)


def test_what_is_wrong_is_said_in_words(back_end):
    stepper, w0 = RiskParity(3, 2, 1e-3).stepper(starts="erc"), [0.2, 0.3, 0.5]
    good = np.tile(np.eye(3), (2, 1, 1))
    bad = good.copy()
    bad[1, 0, 1] = np.nan
    for sigma, held, words in (
        (bad, w0, "NaN"),
        (good[0, :2, :2], w0, "shape"),
        (np.ones((3, 3)) - 2.0 * np.eye(3), w0, "no variance"),
        (good, [0.2, 0.3, 0.4], "add up to 1"),
        (good, [0.2, 0.3, np.nan], "NaN"),
        (good, [0.5, 0.5], "shape"),
    ):
        with pytest.raises(BadData, match=words):
            stepper.solve(sigma, held)


def test_no_answer_within_the_exchanges_is_the_interior_point_s(monkeypatch):
    monkeypatch.setattr(compiled, "active", lambda: False)
    monkeypatch.setattr(risk_parity, "active", lambda: False)
    monkeypatch.setattr(active_trades, "ROUNDS", 1)
    step = RiskParity(N, 5, 1e-3).stepper(starts="erc").solve(periods(5), np.full(N, 0.1))
    assert step.solver == "piqp"
    assert step.ok


def test_multipliers_that_prove_too_little_are_replaced_by_those_that_the_weights_ask_for():
    program = RiskParity(N, 2, 1e-3)
    step = program.stepper(starts="erc").solve(periods(2), np.full(N, 0.1))
    contributions, numbers, none = np.empty((2, N)), np.empty(4), np.zeros((2, N))
    w0 = np.full(N, 0.1)
    measure_kernel(periods(2), program.budgets, w0, step.W, none, 1e-3, 1e-9, contributions, numbers)
    expected = measured(program, periods(2), w0, step.W, TradeMultipliers(none), 1e-9)
    assert numbers[0] == pytest.approx(expected.stationarity, abs=1e-14)


def test_a_rounding_of_what_is_uninvested_leaves_the_step_to_machine_code(monkeypatch):
    """Holdings of a backtest add up to 1 but for rounding in half of its closes."""
    if not compiled.active():
        pytest.skip("numba is not installed")
    stepper = RiskParity(N, 1, 0.1).stepper(starts="erc")
    monkeypatch.setattr(RiskParity, "read", None)  # what the form in numpy begins with
    assert stepper.solve(CALM, np.full(N, 1.0 / N), uninvested=1.1e-16).ok
