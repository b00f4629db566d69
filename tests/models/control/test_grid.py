"""Policy iteration on grids: against the exact value, finer grids, simulated trades, and what it refuses."""

import numpy as np
import pytest

import proofolio as pf

from .problems import market, non_diagonal


def diagonal(d):
    """Return a diagonal cost of the size of the covariances."""
    return market(d)["Sigma"].mean(axis=0).diagonal()


def costly(d, **options):
    """Return a problem with a box and linear costs, and a diagonal quadratic one."""
    return pf.RegimeControl(**market(d, **{"Lambda": diagonal(d), "limits": 1.0, "l1": 0.01, **options}))


@pytest.mark.parametrize(("d", "nodes"), [(1, (81, 161, 321)), (2, (21, 41)), (3, (9, 17))])
def test_plain_differences_approach_the_exact_value_at_their_order(d, nodes):
    control = pf.RegimeControl(**market(d, Lambda=diagonal(d)))
    exact, errors = control.riccati(), []
    for n in nodes:
        grid = control.policy_iteration(np.linspace(-4, 4, n), lift=False)
        assert grid.converged
        points = np.stack(np.meshgrid(*grid.axes, indexing="ij"), axis=-1)
        inner = np.all(np.abs(points) <= 2, axis=-1)
        expected = np.stack([exact.value(points, i) for i in range(3)])
        errors.append(np.abs(grid.V - expected)[:, inner].max() / np.abs(expected).max())
    orders = np.log2(np.divide(errors[:-1], errors[1:]))
    assert np.all(orders > 0.6)  # the scheme is of order 1
    assert errors[-1] < (0.01, 0.06, 0.15)[d - 1]


@pytest.mark.parametrize("Lambda", [None, non_diagonal(2)], ids=["mean", "given"])
def test_lifted_and_without_costs_the_grid_is_exact_whatever_its_width(Lambda):
    control = pf.RegimeControl(**market(2, Lambda=Lambda))
    grid = control.policy_iteration(np.linspace(-0.1, 0.1, 5))  # the targets are far outside
    points = np.stack(np.meshgrid(*grid.axes, indexing="ij"), axis=-1)
    value = control.riccati()
    for i in range(3):
        np.testing.assert_allclose(grid.V[i], value.value(points, i), rtol=1e-13)
        np.testing.assert_allclose(
            np.moveaxis(grid.U[i], 0, -1), value.rate(points, i), rtol=1e-10, atol=1e-12
        )
    assert grid.iterations == 1


def test_a_lift_without_what_is_lifted_changes_nothing():
    # The same system is solved with the costs all but gone: the lift is then the answer.
    control = costly(1, limits=None, l1=1e-14)
    grid = control.policy_iteration(np.linspace(-3, 3, 31))
    exact = control.riccati()
    np.testing.assert_allclose(
        grid.V, np.stack([exact.value(grid.axes[0][:, None], i) for i in range(3)]), rtol=0, atol=1e-11
    )


@pytest.mark.parametrize(("d", "n", "fine"), [(1, 81, 641), (2, 21, 61)])
def test_lifted_is_nearer_to_a_finer_grid_than_plain(d, n, fine):
    control = costly(d)
    best = control.policy_iteration(np.linspace(-1, 1, fine)).V
    every = (fine - 1) // (n - 1)
    shared = best[(slice(None), *(slice(None, None, every),) * d)]
    size = np.ptp(best)
    errors = [
        np.abs(control.policy_iteration(np.linspace(-1, 1, n), lift=lift).V - shared).max() / size
        for lift in (True, False)
    ]
    assert errors[0] < errors[1] / 2
    assert errors[0] < (0.01, 0.05)[d - 1]


def test_what_the_policy_earns_is_the_value():
    """With one regime nothing is random: the trades are integrated, and their reward is compared with V."""
    control = pf.RegimeControl(
        [[0.0]],
        [[0.08, 0.05]],
        [[[0.04, 0.01], [0.01, 0.02]]],
        Lambda=[0.03, 0.02],
        limits=0.6,
        l1=0.004,
        rho=0.5,
    )
    grid = control.policy_iteration(np.linspace(-0.6, 0.6, 121))
    dt, theta = 0.01, np.array([[-0.5, 0.6], [0.6, 0.6], [0.0, 0.0], [0.4, -0.3]])
    value, V0, discount = np.zeros(4), grid.value(theta, 0), 1.0
    for _ in range(round(12 / dt)):  # e^-6 is left
        u = grid.rate(theta, 0)
        run = theta @ control.alpha[0] - 1.5 * np.einsum("ni,ij,nj->n", theta, control.Sigma[0], theta)
        run -= 0.05 * (u * u) @ control.Lambda_diagonal + np.abs(u) @ control.l1
        value += discount * run * dt
        theta, discount = theta + u * dt, discount * np.exp(-0.5 * dt)
        assert np.abs(theta).max() <= 0.6 + 1e-12  # limits hold without any clipping
    np.testing.assert_allclose(value, V0, atol=0.015 * np.ptp(grid.V))


def test_the_exact_value_is_above_and_doing_nothing_below():
    control = costly(2)
    grid = control.policy_iteration(np.linspace(-1, 1, 21))
    points = np.stack(np.meshgrid(*grid.axes, indexing="ij"), axis=-1)
    exact = control.riccati()
    G, rho = control.chain.generator, control.rho
    for i in range(3):
        assert np.all(grid.V[i] <= exact.value(points, i) + 1e-9)
    # Never trading: rho V = reward + G V at every position.
    hold = points @ control.alpha.T - 1.5 * np.einsum("abi,mij,abj->abm", points, control.Sigma, points)
    never = np.moveaxis(np.linalg.solve(rho * np.eye(3) - G, hold[..., None])[..., 0], -1, 0)
    assert np.all(grid.V >= never - 1e-9)


def test_no_trade_regions_grow_with_linear_costs_and_hold_the_targets():
    width = []
    for l1 in (0.002, 0.01, 0.03):
        grid = costly(1, limits=None, l1=l1).policy_iteration(np.linspace(-3, 3, 241))
        regions = [grid.no_trade_region(z) for z in range(3)]
        width.append([float(region.high[0] - region.low[0]) for region in regions])
        for z, region in enumerate(regions):
            assert np.all(grid.U[z, 0][region.mask] == 0)
            assert np.all(grid.rate(np.array([[region.low[0] - 0.2]]), z) > 0)
            assert np.all(grid.rate(np.array([[region.high[0] + 0.2]]), z) < 0)
    assert np.all(np.diff(width, axis=0) > 0)
    two = costly(2, limits=None).policy_iteration(np.linspace(-1.5, 1.5, 41))
    for z in range(3):
        region = two.no_trade_region(z)
        assert region.mask.any()
        assert region.low.shape == (2,)
        assert np.all(region.low <= region.high)
        inside = np.argwhere(region.mask)[0]
        np.testing.assert_array_equal(two.rate([two.axes[k][inside[k]] for k in range(2)], z), 0)


def test_a_finite_horizon_approaches_the_exact_value_in_time_and_space():
    control = pf.RegimeControl(**market(1, Lambda=diagonal(1), horizon=1.0, terminal=([[0.3]], [0.1], 0.2)))
    exact, errors = control.riccati(), []
    for n, steps in ((21, 10), (41, 20), (81, 40)):
        grid = control.policy_iteration(np.linspace(-4, 4, n), n_steps=steps, lift=False)
        x = grid.axes[0]
        expected = np.stack([exact.value(x[:, None], i) for i in range(3)])
        errors.append(np.abs(grid.V - expected)[:, np.abs(x) <= 2].max())
    assert np.all(np.log2(np.divide(errors[:-1], errors[1:])) > 0.6)


def test_a_long_horizon_with_costs_ends_at_the_infinite_one():
    long = costly(1, rho=0.5, horizon=12.0).policy_iteration(np.linspace(-1, 1, 31), n_steps=60)
    forever = costly(1, rho=0.5).policy_iteration(np.linspace(-1, 1, 31))
    np.testing.assert_allclose(long.V, forever.V, atol=0.01 * np.ptp(forever.V))
    short = costly(1, rho=0.5, horizon=0.01).policy_iteration(np.linspace(-1, 1, 41), n_steps=10)
    assert np.ptp(short.V) < np.ptp(forever.V) / 3


def test_the_grid_is_cut_at_the_limits():
    grid = costly(2, limits=([-0.25, 0.0], [0.5, np.inf])).policy_iteration(np.linspace(-1, 1, 21))
    assert (grid.axes[0][0], grid.axes[0][-1]) == (-0.25, 0.5)
    assert (grid.axes[1][0], grid.axes[1][-1]) == (0.0, 1.0)
    assert np.all(grid.U[:, 0, 0] >= 0)
    assert np.all(grid.U[:, 0, -1] <= 0)
    assert np.all(grid.U[:, 1, :, 0] >= 0)


def test_too_few_policies_are_said():
    with pytest.warns(pf.Imprecise, match="stopped after 2 policies"):
        grid = costly(1).policy_iteration(np.linspace(-1, 1, 41), max_iter=2)
    assert not grid.converged
    assert len(grid.history) == 2


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"Lambda": non_diagonal(2)}, r"diagonal Lambda .* lookahead\(\)"),
        ({"fixed": 0.01}, r"fixed cost .* lookahead\(\)"),
        ({"limits": pf.PlanSet(2, 1)}, r"box only.* lookahead\(\)"),
        ({"drift": True}, "no grid"),
        ({"rho": 0.0}, "rho > 0"),
    ],
)
def test_what_a_grid_cannot_take_is_refused_by_name(options, sentence):
    with pytest.raises(pf.UnsupportedProgram, match=sentence):
        costly(2, **options).policy_iteration(np.linspace(-1, 1, 5))


@pytest.mark.parametrize(
    ("grid", "sentence"),
    [
        ([np.linspace(-1, 1, 5)], "has 1 axes"),
        (np.array([0.0, 1.0]), "3 or more increasing"),
        (np.array([0.0, 0.0, 1.0]), "3 or more increasing"),
        (np.linspace(5, 9, 5), "fewer than 3 nodes within the limits"),
    ],
)
def test_a_grid_that_is_none_is_refused(grid, sentence):
    with pytest.raises(pf.BadData, match=sentence):
        costly(2).policy_iteration(grid)


def test_a_grid_too_large_is_refused_before_it_begins():
    with pytest.raises(pf.BadData, match=r"3,000,000 unknowns: about .* GB .*memory limit is 500 MB"):
        costly(2).policy_iteration(np.linspace(-1, 1, 1000), memory_limit=5e8)
    with pytest.raises(pf.BadData, match=r"12,252,303 unknowns: .*lookahead\(\)"):
        costly(5).policy_iteration(np.linspace(-1, 1, 21))


def test_the_published_skeleton_runs():
    given = market(2)
    solver = pf.HJBSolver(
        mu=given["alpha"], sigma=given["Sigma"], chain=pf.RegimeChain(given["chain"]), gamma=3.0, eta=0.1,
        exec_cost_matrix=given["Sigma"].mean(axis=0), horizon=1.0, n_steps=12,
    )  # fmt: skip
    theta_grid = [np.linspace(-1, 1, 5), np.linspace(-2, 2, 7)]
    V, U = solver.policy_iteration(theta_grid, tol=1e-6, max_iter=50)
    assert V.shape == (13, 3, 5, 7)
    assert (len(U), U.shape) == (13, (13, 3, 2, 5, 7))
    value = solver.control.riccati()
    assert V[0, 1, 4, 2] == pytest.approx(value.value([1.0, -2 / 3], 1), rel=1e-10)
    assert U[6][2, :, 0, 3] == pytest.approx(value.at(0.5).rate([-1.0, 0.0], 2), rel=1e-9)
    np.testing.assert_allclose(V[-1], 0, atol=1e-14)
    with pytest.raises(IndexError):
        U[13]


def test_the_skeleton_keeps_values_and_rates_with_costs_too():
    given = market(1)
    solver = pf.HJBSolver(
        given["alpha"],
        given["Sigma"],
        given["chain"],
        exec_cost_matrix=diagonal(1),
        n_steps=10,
        limits=1.0,
        l1=0.005,
    )
    V, U = solver.policy_iteration(np.linspace(-1, 1, 21))
    first, at_first = solver.policy_iteration(np.linspace(-1, 1, 21), keep="first")
    np.testing.assert_array_equal(V[0], first[0])
    np.testing.assert_allclose(U[0], at_first[0], atol=1e-9)
    grid = solver.control.policy_iteration(np.linspace(-1, 1, 21), n_steps=10)
    np.testing.assert_allclose(V[0], grid.V, rtol=1e-12)
    np.testing.assert_allclose(U[0], grid.U, atol=1e-9)
    np.testing.assert_array_equal(U[10], 0)  # at the end nothing is worth its cost


def test_the_published_request_of_twelve_million_unknowns_is_answered_honestly():
    given = market(5)
    solver = pf.HJBSolver(given["alpha"], given["Sigma"], given["chain"])
    theta_grid = [np.linspace(-1, 1, 21)] * 5
    asked = solver.estimate(theta_grid)
    assert asked.unknowns == 3 * 21**5 == 12_252_303
    assert asked.memory > 24.7e9  # V at 253 times
    assert asked.slice_memory == pytest.approx(98e6, rel=0.01)
    with pytest.raises(pf.BadData, match=r"24\.9 GB .*V at one time has 98 MB.*keep='first' gives V"):
        solver.policy_iteration(theta_grid)


def test_what_it_will_take_is_reported_before_it_begins():
    said = []
    costly(1).policy_iteration(np.linspace(-1, 1, 11), report=said.append)
    assert len(said) == 1
    assert said[0].startswith("33 unknowns: about ")
    assert said[0].endswith("; V at one time has 264 bytes")


def test_a_grid_that_stops_short_of_a_limit_is_refused():
    """Its edge would be a limit that nobody asked for."""
    with pytest.raises(pf.BadData, match=r"theta_grid\[0\] ends at -0\.5, short of the limit -1 of asset 0"):
        costly(1).policy_iteration(np.linspace(-0.5, 0.5, 11))


@pytest.mark.parametrize(("limits", "width", "n"), [(0.8, 2, 41), (0.3, 1, 21)])
def test_a_node_that_rounding_parts_from_a_limit_is_the_limit(limits, width, n):
    grid = costly(1, limits=limits).policy_iteration(np.linspace(-width, width, n))
    (axis,) = grid.axes
    assert (axis[0], axis[-1]) == (-limits, limits)
    assert np.diff(axis).min() > 0.4 * np.diff(axis).max()
    direct = costly(1, limits=limits).policy_iteration(np.linspace(-limits, limits, len(axis)))
    np.testing.assert_allclose(grid.V, direct.V, rtol=0, atol=1e-6 * np.ptp(direct.V))


def test_positions_outside_of_the_grid_have_a_rate_and_no_value():
    grid = costly(1, limits=0.5).policy_iteration(np.linspace(-0.5, 0.5, 11))
    np.testing.assert_array_equal(grid.rate([0.9], 0), grid.rate([0.5], 0))
    with pytest.raises(
        pf.BadData, match=r"theta leaves the grid: asset 0 has values from -0\.5 to 0\.5 only"
    ):
        grid.value([0.9], 0)


def test_a_matrix_of_volatilities_is_no_covariance():
    given = market(2)
    with pytest.raises(pf.BadData, match=r"s @ s\.T"):
        pf.HJBSolver(given["alpha"], np.linalg.cholesky(given["Sigma"]), given["chain"])


@pytest.mark.parametrize(("d", "n"), [(1, 161), (2, 41)])
def test_with_one_regime_the_no_trade_zone_is_known(d, n):
    """Nobody moves inside it, so V is the reward over rho there, and its slope is within the linear cost."""
    rho, l1 = 0.5, 0.05
    given = market(d, Lambda=np.full(d, 0.05))
    Sigma = given["Sigma"][:1]
    alpha = 3.0 * Sigma[0] @ np.full(d, 0.1)
    control = pf.RegimeControl(
        [[0.0]], alpha[None], Sigma, Lambda=np.full(d, 0.05), rho=rho, limits=1.0, l1=l1
    )
    grid = control.policy_iteration(np.linspace(-1, 1, n))
    points = np.stack(np.meshgrid(*grid.axes, indexing="ij"), axis=-1)
    over = np.abs(alpha - 3.0 * points @ Sigma[0]) - rho * l1  # above 0 in some position: outside
    step = 3.0 * np.abs(Sigma[0]).sum(axis=1) * 2.0 / (n - 1)
    mask = grid.no_trade_region(0).mask
    assert mask.sum() > 5
    assert not mask.all()
    assert not mask[np.any(over > step, axis=-1)].any()
    assert mask[np.all(over < -step, axis=-1)].all()


def test_with_costs_the_error_of_grids_moved_by_parts_of_a_step_is_of_order_two():
    """One grid alone says little: where the no-trade zone lies between two nodes decides over a factor of ten."""
    control = pf.RegimeControl(**market(1, Lambda=[0.03], limits=1.0, l1=0.01))
    fine = control.policy_iteration(np.linspace(-1, 1, 1281))
    errors = []
    for n in (11, 21, 41, 81):
        h, moved = 2.0 / (n - 1), []
        for part in (1.0, 0.25, 0.5, 0.75):
            axis = np.concatenate([[-1.0], np.arange(-1 + part * h, 1 - 1e-9, h), [1.0]])
            found = control.policy_iteration(axis)
            expected = np.stack([fine.value(axis[:, None], i) for i in range(3)])
            moved.append(np.abs(found.V - expected).max())
        errors.append(np.mean(moved))
    orders = np.log2(np.divide(errors[:-1], errors[1:]))
    assert orders.min() > 1.5
    assert np.log2(errors[0] / errors[-1]) / 3 == pytest.approx(2.0, abs=0.4)
