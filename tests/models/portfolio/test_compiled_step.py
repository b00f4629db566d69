"""The step as machine code against the one in numpy: the same plans, and the same certificate to twelve digits."""

import numpy as np
import pytest

from benchmarks import step_sizes as measured
from proofolio import compiled
from proofolio.errors import BadData
from proofolio.models.portfolio import mean_variance_kernel, step_sizes
from proofolio.models.portfolio.mean_variance import MeanVariance
from proofolio.models.portfolio.mean_variance_kernel import CompiledSteps, _prove, _settle, aimed
from proofolio.models.portfolio.mean_variance_step import step_data
from proofolio.models.portfolio.quadratic_step import TradeMultipliers
from proofolio.solvers.quadratic.multiperiod import Multiperiod

KINDS = (
    "plain", "no power for some", "no power at all", "no spread", "asymmetry is the spread", "caps", "held at a vertex",
    "small data", "large data", "power x 1e3", "power x 1e-6", "one is free", "two assets", "shorts", "little room",
    "one factor", "no risk counts", "held outside",
)  # fmt: skip
SAME = 1e-12  # of the objective's size
# Weights of plans that are proved to 1e-6 may differ by more than rounding, where a direction hardly curves.
NEAR = 1e-9


def problem(kind, g):
    """A model and a day: n up to 13, H up to 6."""
    n, H = 2 if kind == "two assets" else int(g.integers(2, 14)), int(g.integers(1, 7))
    F, own = g.standard_normal((H, n, 3)), g.uniform(0.2, 1.0, (H, n, 1)) * np.eye(n)
    S, mu, w0 = (
        4e-4 * (F @ F.swapaxes(1, 2) / 3 + own),
        2e-3 * g.standard_normal((H, n)),
        g.dirichlet(np.ones(n)),
    )
    a, k = g.uniform(1e-4, 1e-3, n), g.uniform(1e-3, 2e-2, n)
    c, bounds, gamma = a * g.uniform(-1.0, 1.0, n), {}, 1.25
    if kind == "no power for some":
        k = k * (np.arange(n) % 2)
    elif kind == "no power at all":
        k = 0.0 * k
    elif kind == "no spread":
        a, c = 0.0 * a, 0.0 * c
    elif kind == "asymmetry is the spread":
        c = a * np.sign(c)
    elif kind == "caps":
        bounds = {"upper": max(0.3, 1.5 / n)}
    elif kind == "held at a vertex":
        w0 = np.eye(n)[-1]
    elif kind.endswith("data"):
        mu, S, a, c, k = ((1e-4 if kind == "small data" else 1e3) * each for each in (mu, S, a, c, k))
    elif kind.startswith("power x"):
        k = float(kind.split()[-1]) * k
    elif kind == "one is free":
        a, c, k = (each * (np.arange(n) > 0) for each in (a, c, k))
    elif kind == "shorts":
        bounds = {"lower": -0.3, "upper": 0.9}
    elif kind == "little room":
        bounds, w0 = {"upper": 1.05 / n}, np.full(n, 1.0 / n)
    elif kind == "one factor":
        S = 4e-4 * F[:, :, :1] @ F[:, :, :1].swapaxes(1, 2)
    elif kind == "no risk counts":
        gamma = 0.0
    elif kind == "held outside":
        w0 = g.standard_normal(n)
        w0 += (1.0 - w0.sum()) / n
    model = MeanVariance(n, H, gamma, 1.0, half_spread=a, asymmetry=c, power_impact=k, **bounds)
    return model, mu, S, w0


def by_numpy(model, mu, S, w0, tolerance=1e-6):
    """The reference's plan, iterations, value and gap, in its own words; and the size of the objective."""
    mean, covariance, held = step_data(model.plan_set, mu, S, w0)
    mean = mean.copy()
    mean[-1] -= model.charged.asymmetry
    size, step = model.step.size(mean, covariance), model.step
    plans = model.plan_set
    engine = Multiperiod(plans.n, plans.periods, step.cost, plans.lower, plans.upper, step.power)
    found = engine.solve(2.0 * step.gamma * covariance, -mean, held, aimed(tolerance), size)
    W = plans.settle(found.W)
    value, kkt = step.measure(mean, covariance, held, W, TradeMultipliers(found.s), size)
    return W, found.iterations, value - float(model.charged.asymmetry @ held), kkt, size


def by_kernel(model, mu, S, w0, tolerance=1e-6):
    made = CompiledSteps(model.plan_set, model.charged, tolerance)
    return made.many(mu[None], S[None], w0[None], np.array([[model.gamma_risk, 1.0, 0.0]]))


@pytest.mark.parametrize("kind", KINDS)
def test_both_back_ends_find_the_same_plan(kind, request):
    count = 10_000 if request.config.getoption("--full") else 200 if compiled.active() else 36
    g = np.random.default_rng(KINDS.index(kind))
    for _ in range(-(-count // len(KINDS))):
        model, mu, S, w0 = problem(kind, g)
        W, iterations, value, kkt, size = by_numpy(model, mu, S, w0)
        plans, found = by_kernel(model, mu, S, w0)
        scale = max(abs(value), 1e-3 * size)
        assert found[0, 4] == iterations
        assert abs(found[0, 0] - value) <= SAME * scale
        assert abs(found[0, 1] - kkt.gap) <= NEAR * scale
        assert bool(found[0, 5]) == (kkt.gap_relative > 1e-6)
        if not found[0, 5]:
            np.testing.assert_allclose(plans[0], W, rtol=0, atol=NEAR)


@pytest.mark.parametrize("kind", KINDS)
def test_the_certificate_is_the_references_whatever_the_plan_and_the_multipliers(kind):
    g = np.random.default_rng(100 + KINDS.index(kind))
    for _ in range(12):
        model, mu, S, w0 = problem(kind, g)
        plans, step = model.plan_set, model.step
        limits = np.array([plans.lower, plans.caps])
        W = g.dirichlet(np.ones(plans.n), plans.periods) + g.normal(0.0, 0.05, mu.shape)
        moved = W.copy()
        _settle(moved, *limits)
        np.testing.assert_allclose(moved, plans.settle(W), rtol=0, atol=1e-14)
        s = np.abs(mu).max() * g.standard_normal(mu.shape)
        power = np.zeros(plans.n) if step.power is None else step.power
        for tried in (W, moved):  # one misses its rules, the other does not
            value, kkt = step.measure(mu, S, w0, tried, TradeMultipliers(s), 1.0)
            room = np.empty_like(mu), np.empty(plans.n)
            found = _prove(step.gamma, S, mu, w0, step.cost, power, *limits, tried, s.copy(), *room)
            terms = np.abs(mu).max() + np.abs(S).max() + step.cost.max() + power.max() + abs(kkt.gap)
            assert found[:2] == pytest.approx((value, kkt.gap), rel=0, abs=SAME * terms)
            assert found[2] == pytest.approx(kkt.violation, rel=0, abs=1e-14)


@pytest.mark.parametrize("kind", ["plain", "caps", "shorts", "no power at all", "power x 1e3"])
def test_what_is_proved_is_below_the_best_whatever_the_multipliers(kind):
    g = np.random.default_rng(5)
    model, mu, S, w0 = problem(kind, g)
    plans, step = model.plan_set, model.step
    W, _, best, kkt, size = by_numpy(model, mu, S, w0, 1e-10)
    assert kkt.gap_relative <= 1e-10
    mean = mu.copy()
    mean[-1] -= model.charged.asymmetry
    power = np.zeros(plans.n) if step.power is None else step.power
    best += float(model.charged.asymmetry @ w0)
    nearest = np.inf
    for _ in range(200):
        V = W + g.uniform(0.0, 0.2) * (plans.settle(g.dirichlet(np.full(plans.n, 0.3), plans.periods)) - W)
        s = g.choice([0.3, 1.0, 3.0]) * (step.cost + power) * g.standard_normal(mu.shape)
        room = np.empty_like(mu), np.empty(plans.n)
        value, gap, _ = _prove(
            step.gamma, S, mean, w0, step.cost, power, plans.lower, plans.caps, V, s, *room
        )
        u = np.abs(np.diff(np.vstack([w0, V]), axis=0))
        risk = sum(w @ C @ w for w, C in zip(V, S, strict=True))
        assert value == pytest.approx(
            step.gamma * risk - (mean * V).sum() + (step.cost * u + power * u**1.5).sum(),
            rel=1e-11,
            abs=1e-13,
        )
        assert value - gap <= best + 1e-12 * size
        nearest = min(nearest, best - value + gap)
    assert nearest <= 10.0 * size  # a bound that is far off would always pass


def test_the_step_is_the_kernels_and_without_it_numpys(back_end):
    g = np.random.default_rng(3)
    for kind in ("plain", "caps", "no power for some"):
        model, mu, S, w0 = problem(kind, g)
        W, _, value, _, size = by_numpy(model, mu, S, w0)
        step = model.stepper().solve(mu, S, w0)
        assert (step.solver, step.ok) == ("riccati", True)
        np.testing.assert_allclose(step.W, W, rtol=0, atol=NEAR)
        assert step.objective == pytest.approx(-value, rel=0, abs=SAME * max(abs(value), size))


def test_numbers_of_any_kind_are_read():
    g = np.random.default_rng(4)
    model, mu, S, w0 = problem("plain", g)
    stepper = model.stepper()
    wanted = stepper.solve(mu, S, w0)
    frozen = [each.copy() for each in (mu, S, w0)]
    for each in frozen:
        each.setflags(write=False)
    for given in (
        [each.tolist() for each in (mu, S, w0)],
        [np.asfortranarray(e) for e in (mu, S, w0)],
        frozen,
    ):
        np.testing.assert_array_equal(stepper.solve(*given).W, wanted.W)
    assert wanted.W.base is None or wanted.W.base is not stepper.solve(mu, S, w0).W.base
    rounded = S * (1.0 + 1e-13 * g.standard_normal(S.shape))  # as of another order of sums
    np.testing.assert_allclose(stepper.solve(mu, rounded, w0).W, wanted.W, rtol=0, atol=1e-6)
    one = model.stepper().solve(mu[0], S[0], w0)
    same = model.stepper().solve(np.tile(mu[0], (model.H, 1)), np.tile(S[0], (model.H, 1, 1)), w0)
    np.testing.assert_array_equal(one.W, same.W)


def test_what_the_kernel_does_not_take_is_refused_in_words_or_solved_by_the_reference(back_end):
    mpc = MeanVariance(3, 2, 5.0, 1e-3)
    mean, covariance, w0 = np.array([2e-3, 1e-3, 0.0]), 1e-4 * np.eye(3), np.array([0.2, 0.3, 0.5])
    stepper = mpc.stepper()
    for changed, word in (
        ({"mean": mean[:2]}, "mean has shape"),
        ({"mean": np.append(mean[:2], np.inf)}, "mean holds NaN or an infinity"),
        ({"covariance": np.where(np.eye(3) > 0, 1e-4, np.nan)}, "covariance holds NaN"),
        ({"covariance": np.diag([1e-4, np.inf, 1e-4])}, "covariance holds NaN or an infinity"),
        ({"covariance": np.diag([1e-4, -1e-4, 1e-4])}, "eigenvalue"),
        (
            {"covariance": 1e-4 * np.array([[1.0, 0.2, 0.0], [0.1, 1.0, 0.0], [0.0, 0.0, 1.0]])},
            "not symmetric",
        ),
        ({"covariance": 1e-4 * np.array([[0.0, 1.0, 0.0], [1.0, 0.0, 0.0], [0.0, 0.0, 0.0]])}, "eigenvalue"),
        ({"w0": [0.2, 0.3, 0.4]}, "adds up to"),
        ({"w0": [0.2, np.nan, 0.4]}, "w0 holds NaN"),
        ({"w0": 1.0 / 3.0}, "w0 has shape"),
        ({"w0": [w0]}, "w0 has shape"),
    ):
        with pytest.raises(BadData, match=word):
            stepper.solve(**({"mean": mean, "covariance": covariance, "w0": w0} | changed))
    step = stepper.solve(mean, covariance, [0.2, 0.3, 0.4], uninvested=0.1)
    assert step.ok
    edge = np.ones((3, 3)) - 5e-13 * np.eye(3)  # least eigenvalue -5e-13: nothing that a gap could notice
    assert stepper.solve(mean, edge, w0).ok


def test_what_is_not_proved_goes_to_the_next(monkeypatch):
    if not compiled.active():
        pytest.skip("numba is not installed")
    monkeypatch.setattr(mean_variance_kernel, "ITERATIONS", 2)
    model, mu, S, w0 = problem("plain", np.random.default_rng(8))
    plans, found = by_kernel(model, mu, S, w0)
    assert found[0, 5]
    assert np.isfinite(plans).all()
    step = model.stepper().solve(mu, S, w0)  # the reference has sixty
    assert step.ok


def test_the_measured_sizes_choose(monkeypatch, back_end):
    monkeypatch.setattr(step_sizes, "SPARSE", {1: 8, 4: 6})
    monkeypatch.setattr(step_sizes, "COMPILED", {1: 12, 4: 10})
    assert step_sizes.sparse_up_to(2) == pytest.approx(
        7.0
    )  # halfway from 1 to 4, as counts of periods grow by factors
    assert step_sizes.compiled_up_to(9) == 10.0
    numpy = back_end == "numpy"
    seen = []
    one = CompiledSteps.one
    monkeypatch.setattr(CompiledSteps, "one", lambda self, *given: seen.append(1) or one(self, *given))
    for n, H, solver, machine in (
        (8, 1, "piqp" if numpy else "riccati", not numpy),
        (9, 1, "riccati", not numpy),
        (12, 1, "riccati", not numpy),
        (13, 1, "riccati", False),
        (7, 4, "riccati", not numpy),
        (11, 4, "riccati", False),
    ):
        step = (
            MeanVariance(n, H, 5.0, 1e-3).stepper().solve(np.zeros(n), 1e-4 * np.eye(n), np.full(n, 1.0 / n))
        )
        assert (step.ok, step.solver, bool(seen)) == (True, solver, machine)
        seen.clear()


def test_the_command_writes_the_sizes_it_measured():
    assert measured.crossing([(10, 0.5), (40, 2.0)]) == 20
    assert measured.crossing([(10, 0.5), (40, 0.8)]) == 40
    assert measured.crossing([(10, 1.5), (40, 2.0)]) == 10
    assert measured.crossing([(10, 1.5), (20, 0.5), (80, 2.0)]) == 40  # the first was noise
    text = measured.TABLE.read_text(encoding="utf-8")
    changed = measured.written(text, {"COMPILED": {1: 7, 5: 3}, "SPARSE": {1: 2}})
    space = {}
    exec(compile(changed, "step_sizes", "exec"), space)
    assert (space["COMPILED"], space["SPARSE"]) == ({1: 7, 5: 3}, {1: 2})
    assert len(changed.splitlines()) == len(text.splitlines())
