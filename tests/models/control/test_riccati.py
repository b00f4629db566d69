"""The exact quadratic value against the Hamilton-Jacobi-Bellman equation, other integrators and itself reduced."""

import numpy as np
import pytest
from scipy.integrate import solve_ivp

import proofolio as pf
from proofolio.models.control.equations import Equations
from proofolio.models.control.power_series import PowerSeries
from proofolio.models.control.runge_kutta import RungeKutta

from .problems import market, non_diagonal, reward

POINTS = 1000
STEP = 1e-30  # of complex-step derivatives, which have no rounding


def gradient(value, theta, z, x=None, by="theta"):
    """Return the gradient of V by complex steps."""
    point = theta if by == "theta" else x
    found = []
    for e in np.eye(point.shape[-1]):
        moved = point + 1j * STEP * e
        arguments = (moved, z, x) if by == "theta" else (theta, z, moved)
        found.append(value.value(*arguments).imag / STEP)
    return np.stack(found, axis=-1)


def hjb_residual(control, value, seed=0, width=2.0):
    """Return the largest miss of the equation at random points, each relative to its largest term."""
    rng = np.random.default_rng(seed)
    theta = width * rng.standard_normal((POINTS, control.d))
    z = rng.integers(0, control.m, POINTS)
    x = None if control.factors is None else rng.standard_normal((POINTS, control.factors.B.shape[-1]))
    slope = gradient(value, theta, z, x)
    u = np.linalg.solve(control.Lambda, slope.T).T / control.eta  # where the quadratic in u is largest
    gain = (u * slope).sum(axis=1)
    run = reward(control, theta, z, u)
    jump = np.zeros(POINTS)
    for j in range(control.m):
        jump += control.chain.generator[z, j] * value.value(theta, np.full(POINTS, j), x)
    terms = [control.rho * value.value(theta, z, x) - value.slope(theta, z, x), run, gain, jump]
    if control.drift:
        terms.append((slope * theta * control.alpha[z]).sum(axis=1))
        curvature = np.empty((POINTS, control.d, control.d))
        for k, e in enumerate(np.eye(control.d)):  # V is quadratic, so differences of its gradient are exact
            curvature[:, k] = (gradient(value, theta + e, z) - gradient(value, theta - e, z)) / 2
        terms.append(np.einsum("ni,nij,nij,nj->n", theta, control.Sigma[z], curvature, theta) / 2)
    if x is not None:
        B, Phi, mean, S = control.factors
        terms.append(np.einsum("nd,ndk,nk->n", theta, B[z], x))
        by_x = gradient(value, theta, z, x, by="x")
        terms.append(-np.einsum("nk,nkl,nl->n", by_x, Phi[z], x - mean[z]))
        curvature = np.empty((POINTS, len(S[0]), len(S[0])))
        for k, e in enumerate(np.eye(len(S[0]))):
            up, down = gradient(value, theta, z, x + e, "x"), gradient(value, theta, z, x - e, "x")
            curvature[:, k] = (up - down) / 2
        terms.append((S[z] * curvature).sum(axis=(1, 2)) / 2)
    missed = terms[0] - sum(terms[1:])
    return np.max(np.abs(missed) / np.max(np.abs(terms), axis=0))


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"eta": 1e-4},
        {"Lambda": non_diagonal(4)},
        {"Lambda": [0.01, 0.02, 0.03, 0.05]},
        {"drift": True},
        {"drift": True, "Lambda": non_diagonal(4)},
        {"horizon": 1.0},
        {"horizon": 1.0, "eta": 1e-4},
        {
            "horizon": 2.0,
            "Lambda": non_diagonal(4),
            "terminal": (np.diag([1.0, 2, 3, 4]), [1.0, 0, -1, 2], 3.0),
        },
        {"horizon": 1.0, "drift": True},
    ],
    ids=repr,
)
def test_the_value_solves_the_hjb_equation(options):
    control = pf.RegimeControl(**market(4, **options))
    value = control.riccati()
    for t in (0.0,) if control.horizon is None else (0.0, 0.31, 0.93 * control.horizon):
        assert hjb_residual(control, value.at(t)) < 1e-8
    assert value.residual < 1e-8


FADING = {
    "B": np.random.default_rng(5).normal(0, 0.05, (3, 4, 2)),
    "Phi": np.array([[[1.0, 0.3], [-0.2, 2.0]], [[0.5, 0.0], [0.1, 1.5]], [[3.0, 0.2], [0.0, 1.0]]]),
    "mean": np.array([[0.1, -0.2], [0.0, 0.3], [0.5, 0.5]]),
    "S": np.array([[0.5, 0.1], [0.1, 0.3]]),
}


@pytest.mark.parametrize("options", [{}, {"Lambda": non_diagonal(4)}, {"horizon": 1.5}], ids=repr)
def test_with_factors_the_value_solves_the_hjb_equation(options):
    control = pf.RegimeControl(**market(4, factors=FADING, **options))
    value = control.riccati()
    assert hjb_residual(control, value.at(0.4) if control.horizon else value) < 1e-8


def test_factors_of_many_assets_are_swept_to_what_is_solved_at_once(monkeypatch):
    control = pf.RegimeControl(**market(4, factors=FADING))
    at_once = control.riccati()
    monkeypatch.setattr("proofolio.models.control.stationary.DIRECT", 0)
    swept = control.riccati()
    for name in ("A", "b", "c", "C", "H", "h"):
        np.testing.assert_allclose(getattr(swept, name), getattr(at_once, name), rtol=1e-10, atol=1e-12)


def test_the_slope_is_the_change_of_the_value_in_time():
    control = pf.RegimeControl(**market(3, horizon=1.0))
    value = control.riccati()
    theta, z, t, h = np.array([1.0, -2.0, 0.5]), 1, 0.4, 1e-4
    before, after = (value.at(t + k * h).value(theta, z) for k in (-1, 1))
    assert value.at(t).slope(theta, z) == pytest.approx((after - before) / (2 * h), rel=1e-6)


def test_at_the_end_stands_the_terminal_reward():
    A, b, c = np.diag([1.0, 2.0]), [0.5, -1.0], [1.0, 2.0, 3.0]
    value = pf.RegimeControl(**market(2, horizon=1.0, terminal=(A, b, c))).riccati()
    end = value.at(1.0)
    np.testing.assert_allclose(end.A, np.broadcast_to(A, (3, 2, 2)), atol=1e-14)
    np.testing.assert_allclose(end.c, c, atol=1e-14)
    assert end.value([1.0, 1.0], 2) == pytest.approx(-1.5 - 0.5 + 3.0)


@pytest.mark.parametrize(("eta", "years"), [(1.0, 1.0), (0.1, 1.0), (1e-4, 1.0), (0.1, 60.0)])
def test_a_finite_horizon_is_what_another_integrator_finds(eta, years):
    control = pf.RegimeControl(**market(3, horizon=years, eta=eta))
    value, P = control.riccati(), np.linalg.inv(control.Lambda) / eta
    G, rho, m, d = control.chain.generator, control.rho, 3, 3

    def right(_s, y):
        A, b = y[: m * d * d].reshape(m, d, d), y[m * d * d : -m].reshape(m, d)
        c = y[-m:]
        dA = control.gamma * control.Sigma - A @ P @ A - rho * A + np.einsum("ij,jkl->ikl", G, A)
        db = control.alpha - (A @ P @ b[..., None])[..., 0] - rho * b + G @ b
        dc = np.einsum("ik,kl,il->i", b, P, b) / 2 - rho * c + G @ c
        return np.concatenate([dA.ravel(), db.ravel(), dc])

    found = solve_ivp(
        right, (0, years), np.zeros(m * d * d + m * d + m), method="LSODA", rtol=1e-12, atol=1e-14
    )
    A, b, c = value.A.ravel(), value.b.ravel(), value.c
    y = found.y[:, -1]
    for ours, theirs in ((A, y[: A.size]), (b, y[A.size : -m]), (c, y[-m:])):
        np.testing.assert_allclose(ours, theirs, rtol=0, atol=2e-9 * np.abs(theirs).max())


def test_the_infinite_horizon_is_a_long_finite_one():
    forever = pf.RegimeControl(**market(4)).riccati()
    long = pf.RegimeControl(**market(4, horizon=600.0)).riccati()
    np.testing.assert_allclose(long.A, forever.A, rtol=1e-9)
    np.testing.assert_allclose(long.b, forever.b, rtol=1e-9, atol=1e-12)
    np.testing.assert_allclose(long.c, forever.c, rtol=2 * np.exp(-0.02 * 600))  # what is left of the end
    assert long.at(599.99).A.max() < forever.A.max() / 5  # near the end nothing is worth moving for


def test_past_the_stationary_part_constants_still_grow_as_they_should():
    control = pf.RegimeControl(**market(2, horizon=400.0))
    value, forever = control.riccati(), pf.RegimeControl(**market(2)).riccati()
    far, near = (forever.c - value.at(400.0 - s).c for s in (300.0, 150.0))
    # What is left of the end fades as e^{(G - rho) s}, whose slowest part is e^{-rho s}.
    np.testing.assert_allclose(far, near * np.exp(-0.02 * 150), rtol=1e-7)


def test_with_an_infinite_horizon_and_no_discount_only_the_constant_is_missing():
    control = pf.RegimeControl(**market(3, rho=0.0))
    value = control.riccati()
    assert np.isnan(value.c).all()
    assert value.residual < 1e-12
    long = pf.RegimeControl(**market(3, rho=0.0, horizon=200.0)).riccati()
    np.testing.assert_allclose(long.A, value.A, rtol=1e-9)
    a_year = (long.c - long.at(1.0).c) @ control.chain.stationary
    assert value.ergodic_rate == pytest.approx(a_year, rel=1e-8)
    with pytest.raises(pf.BadData, match="rho=0"):
        _ = pf.RegimeControl(**market(3)).riccati().ergodic_rate


def test_one_number_a_regime_where_covariances_and_cost_are_proportional():
    base, s2 = market(6)["Sigma"][0], np.array([0.6, 1.0, 2.5])
    control = pf.RegimeControl(**market(6, Sigma=s2[:, None, None] * base, Lambda=base))
    value = control.riccati()
    a = np.zeros(3)  # the scalar problem, by its own fixed point
    for _ in range(300):
        for i in range(3):
            r = control.rho - control.chain.generator[i, i]
            q = control.gamma * s2[i] + control.chain.generator[i] @ a - control.chain.generator[i, i] * a[i]
            a[i] = np.roots([1.0, control.eta * r, -control.eta * q]).max()
    np.testing.assert_allclose(value.A, a[:, None, None] * base, rtol=1e-12, atol=1e-15)
    assert np.ptp(value.speed(), axis=1).max() < 1e-10  # one speed for all assets


@pytest.mark.parametrize("options", [{}, {"horizon": 1.0}, {"rho": 0.0}], ids=repr)
def test_few_factors_give_what_the_whole_matrices_give(options):
    rng = np.random.default_rng(3)
    d, k = 30, 3
    B, D = rng.normal(0, 0.1, (d, k)), rng.uniform(0.01, 0.05, d)
    F = np.array([np.diag(rng.uniform(0.5, 2.0, k)) for _ in range(3)])
    given = market(d, Lambda=0.4 * D, **options)
    few = pf.RegimeControl(**{**given, "Sigma": pf.FactorCovariance(B, F, D)})
    whole = pf.RegimeControl(**{**given, "Sigma": B @ F @ B.T + np.diag(D)})
    ours, theirs = few.riccati(), whole.riccati()
    assert type(ours._source) is not type(theirs._source)  # the short way was taken
    if "horizon" in options:
        assert hjb_residual(few, ours.at(0.5)) < 1e-8
        ours, theirs = ours.at(0.3), theirs.at(0.3)
    for name in ("A", "b", "c"):
        expected = getattr(theirs, name)
        if name != "c" or few.rho:
            np.testing.assert_allclose(
                getattr(ours, name), expected, rtol=0, atol=1e-9 * np.abs(expected).max()
            )
    theta, z = rng.standard_normal((20, d)), rng.integers(0, 3, 20)
    np.testing.assert_allclose(ours.rate(theta, z), theirs.rate(theta, z), rtol=1e-7, atol=1e-9)


def test_factors_of_another_cost_take_the_whole_matrices():
    given = market(4)
    D = np.array([0.01, 0.02, 0.03, 0.04])
    covariance = pf.FactorCovariance(np.ones((4, 1)), np.full((3, 1, 1), 0.02), D)
    value = pf.RegimeControl(**{**given, "Sigma": covariance, "Lambda": D[::-1]}).riccati()
    plain = pf.RegimeControl(**{**given, "Sigma": 0.02 * np.ones((3, 4, 4)) + np.diag(D), "Lambda": D[::-1]})
    np.testing.assert_array_equal(value.A, plain.riccati().A)


def test_regimes_that_switch_daily_settle_too():
    control = pf.RegimeControl(**{**market(3), "chain": 700.0 * market(3)["chain"]})
    value = control.riccati()
    assert value.residual < 1e-11
    assert value._source._solved.sweeps < 100  # plain sweeps would take some hundreds


def test_the_rate_is_the_gradient_and_vanishes_at_the_targets():
    control = pf.RegimeControl(**market(4, Lambda=non_diagonal(4)))
    value = control.riccati()
    theta, z = np.random.default_rng(0).standard_normal((7, 4)), np.array([0, 1, 2, 0, 1, 2, 0])
    expected = np.linalg.solve(control.Lambda, gradient(value, theta, z).T).T / control.eta
    np.testing.assert_allclose(value.rate(theta, z), expected, rtol=1e-12)
    np.testing.assert_allclose(value.rate(theta[0], 0), expected[0], rtol=1e-12)
    targets = value.targets()
    assert np.abs(value.rate(targets, np.arange(3))).max() < 1e-12
    assert np.linalg.eigvalsh(value.A).min() > 0
    # Towards a target, distances along the slowest direction shrink at the slowest speed.
    L = np.linalg.cholesky(control.Lambda)
    w, U = np.linalg.eigh(np.linalg.solve(L, np.linalg.solve(L, value.A[1]).T) / control.eta)
    off = np.linalg.solve(L.T, U[:, 0])
    np.testing.assert_allclose(value.rate(targets[1] + off, 1), -w[0] * off, rtol=1e-9, atol=1e-12)
    np.testing.assert_allclose(value.speed()[1], w, rtol=1e-9)


def test_a_terminal_reward_that_asks_for_ever_more_is_refused():
    control = pf.RegimeControl(**market(2, horizon=50.0, terminal=(-50.0 * np.eye(2), np.zeros(2), 0.0)))
    with pytest.raises(pf.ProofolioError, match="without bound"):
        control.riccati()


def test_more_than_a_thousand_assets_need_factors():
    d = 1001
    given = {"chain": [[0.0]], "alpha": np.zeros((1, d)), "Sigma": 0.04 * np.eye(d)[None]}
    with pytest.raises(pf.BadData, match="FactorCovariance"):
        pf.RegimeControl(**given).riccati()


def test_what_is_asked_outside_of_the_horizon_is_refused():
    value = pf.RegimeControl(**market(2, horizon=1.0)).riccati()
    with pytest.raises(pf.BadData, match="between 0 and the horizon"):
        value.at(1.5)
    with pytest.raises(pf.BadData, match="regimes from 0 to 2"):
        value.rate([0.0, 0.0], 3)
    with pytest.raises(pf.BadData, match=r"must be \(..., 2\)"):
        value.rate([0.0, 0.0, 0.0], 0)


def test_a_position_without_risk_has_no_target():
    control = pf.RegimeControl(
        [[0.0]], [[0.05, 0.01]], [np.diag([0.04, 0.0])], Lambda=[1.0, 1.0], units="year"
    )
    with pytest.raises(pf.BadData, match="carries no risk"):
        control.riccati().targets()


def test_power_series_meet_the_tangent_that_one_regime_and_asset_have():
    """A' = q - A^2 / eta has the solution sqrt(q eta) tanh(s sqrt(q / eta)), also between the steps, and its slope."""
    q, eta, years = 0.12, 0.002, 0.7
    equations = Equations(np.zeros((1, 1)), eta, 0.0, np.full((1, 1, 1), q), np.zeros((1, 1)))
    series = PowerSeries(equations, np.zeros((1, 2, 2)), years)
    while series.s < years:
        series.step()
    speed = np.sqrt(q / eta)
    for s in (1e-5, 0.01, 0.1234, 0.3, 0.699999, years):
        Q, slope = series.at(s)
        assert Q[0, 0, 0] == pytest.approx(np.sqrt(q * eta) * np.tanh(s * speed), rel=1e-12)
        assert slope[0, 0, 0] == pytest.approx(q / np.cosh(s * speed) ** 2, rel=1e-8, abs=1e-12 * q)
    assert series.Q[0, 0, 0] == pytest.approx(np.sqrt(q * eta) * np.tanh(years * speed), rel=1e-12)


def test_power_series_say_where_the_solution_ends():
    """A' = -A^2 / eta from -a is -a / (1 - a s / eta): it grows without bound at s = eta / a."""
    equations = Equations(np.zeros((1, 1)), 0.5, 0.0, np.zeros((1, 1, 1)), np.zeros((1, 1)))
    start = np.zeros((1, 2, 2))
    start[0, 0, 0] = -2.0
    series = PowerSeries(equations, start, 1.0)
    while not series.failed:
        series.step()
    assert series.s == pytest.approx(0.25, rel=1e-9)


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"drift": True},
        {"factors": {"B": np.full((2, 1), 0.1), "Phi": [[2.0]], "mean": [0.3], "S": [[0.4]]}},
    ],
    ids=["plain", "drift", "factors"],
)
def test_power_series_and_runge_kutta_meet(options):
    control = pf.RegimeControl(**market(2, horizon=1.0, **options))
    equations, _ = Equations.of(control)
    found = []
    for method in (PowerSeries, RungeKutta):
        march = method(equations, np.zeros_like(equations.R), 1.0)
        while march.s < 1.0:
            march.step()
        found.append((march.Q, *march.at(0.37)))
    for ours, theirs in zip(*found, strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=0, atol=1e-10 * np.abs(theirs).max())


@pytest.mark.parametrize("horizon", [None, 2.0])
def test_what_the_rate_earns_is_the_value_within_three_standard_errors(horizon):
    control = pf.RegimeControl(**market(3, rho=1.0, horizon=horizon, eta=0.1))
    value, start, n, dt = control.riccati(), np.array([2.0, -1.0, 0.5]), 400, 0.04
    years = 6.0 if horizon is None else horizon  # e^-6 of the value is left
    rng, theta, z = np.random.default_rng(3), np.tile(start, (n, 1)), np.full(n, 1)
    earned, P = np.zeros(n), np.cumsum(control.chain.transition(dt), axis=1)
    for k in range(round(years / dt)):
        now = value if horizon is None else value.at((k + 0.5) * dt)
        middle = theta + 0.5 * dt * now.rate(theta, z)  # the rate half a step on: errors of the square of dt
        u = now.rate(middle, z)
        earned += np.exp(-control.rho * (k + 0.5) * dt) * dt * reward(control, middle, z, u)
        theta = theta + dt * u
        z = (rng.random(n)[:, None] >= P[z]).sum(axis=1).clip(max=control.m - 1)
    error = earned.std() / np.sqrt(n)
    expected = value.at(0.0).value(start, 1) if horizon else value.value(start, 1)
    assert abs(earned.mean() - expected) <= 3 * error + np.exp(-6.0) * abs(expected)
    assert error < 0.03 * abs(expected)


def test_factors_that_grow_faster_than_the_discount_have_no_value():
    """With one regime x grows as e^(-Phi t), and its square is discounted to nothing where 2 Phi + rho > 0."""

    def made(Phi, rho=0.02, G=((0.0,),)):
        m = len(G)
        factors = {"B": np.full((2, 1), 0.1), "Phi": Phi, "mean": [0.0], "S": [[0.1]]}
        given = {**market(2, m=max(m, 2), rho=rho, factors=factors), "chain": np.array(G)}
        given["alpha"], given["Sigma"] = given["alpha"][:m], given["Sigma"][:m]
        return pf.RegimeControl(**given).riccati()

    assert made([[-0.009]]).residual < 1e-12
    for Phi in (-0.011, -1.0):
        with pytest.raises(pf.SolverFailure, match="grow faster than rho discounts them"):
            made([[Phi]])
    # a regime in which they grow is no harm where it is left soon enough: 2 Phi + rho + G must keep them, together
    fast, slow = [[-3.0, 3.0], [3.0, -3.0]], [[-0.1, 0.1], [0.1, -0.1]]
    assert made([[[-0.5]], [[2.0]]], G=fast).residual < 1e-12
    with pytest.raises(pf.SolverFailure, match="grow faster"):
        made([[[-0.5]], [[2.0]]], G=slow)
