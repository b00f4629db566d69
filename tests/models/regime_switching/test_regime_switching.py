"""The regime-switching program as declared: what it refuses, what it costs, and its instances."""

import itertools

import numpy as np
import pytest

from proofolio import (
    BadData,
    DoubtfulEstimate,
    MaxTerm,
    RegimeSwitching,
    UnsupportedProgram,
    load_prices,
    market_instance,
    published_maxima,
    random_instance,
)
from proofolio.models.regime_switching.rules import RegimePath, cheapest_allowed
from proofolio.models.regime_switching.solution import raw_data_checks

R, T, N = 2, 4, 3
Q = np.stack([np.eye(N), 2 * np.eye(N)])
C = np.array([[0.1, 0.2, 0.3], [-0.1, 0.0, 0.4]])
LATE = np.array([0.0, 0.0, 1e-4, 0.0])  # what one period's cost is off by
TERM = MaxTerm(1, 1, np.ones(N), 0.0, 0.5)


def declare(**changes):
    return RegimeSwitching(**({"Q": Q, "c": C, "periods": T} | changes))


BAD = {
    "Q of one matrix": ({"Q": np.eye(N)}, r"Q has shape \(3, 3\); it must be \(R, n, n\) or \(R, T, n, n\)"),
    "Q not square": ({"Q": np.ones((R, N, 2))}, r"Q has shape \(2, 3, 2\)"),
    "no regimes": ({"Q": np.ones((0, N, N)), "c": np.ones((0, N))}, r"Q has shape \(0, 3, 3\)"),
    "no assets": ({"Q": np.ones((R, 0, 0)), "c": np.ones((R, 0))}, r"Q has shape \(2, 0, 0\)"),
    "Q NaN": ({"Q": np.where(Q > 1.5, np.nan, Q)}, "Q holds NaN"),
    "Q infinite": ({"Q": np.full((R, N, N), np.inf)}, "Q holds"),
    "Q asymmetric": ({"Q": Q + np.triu(np.ones((N, N)), 1) * 1e-9}, "Q is not symmetric"),
    "Q asymmetric, tiny": ({"Q": 1e-9 * Q + np.triu(np.ones((N, N)), 1) * 1e-13}, "Q is not symmetric"),
    "Q ragged": ({"Q": [[1.0], [1.0, 2.0]]}, "Q is not an array of numbers"),
    "Q text": ({"Q": [[["1"]], [["2"]]]}, "Q is not an array of numbers"),
    "c of other regimes": ({"c": np.ones((3, N))}, r"c has shape \(3, 3\).*must be \(2, 3\) or \(2, T, 3\)"),
    "c of other assets": ({"c": np.ones((R, 2))}, r"c has shape \(2, 2\)"),
    "c transposed": ({"c": np.ones((R, N, T))}, r"c has shape \(2, 3, 4\)"),
    "c without periods": ({"c": np.ones((R, 0, N))}, r"c has shape \(2, 0, 3\)"),
    "c NaN": ({"c": C * np.nan}, "c holds NaN"),
    "c complex": ({"c": C + 1j}, "c is not an array of numbers"),
    "k of other regimes": ({"k": [1.0, 2.0, 3.0]}, r"k has shape \(3,\); it must be \(2,\) or \(2, T\)"),
    "k infinite": ({"k": [1.0, np.inf]}, "k holds an infinity"),
    "no periods": ({"periods": None}, "periods is needed"),
    "zero periods": ({"periods": 0}, "periods is 0; it must be at least 1"),
    "half a period": ({"periods": 2.5}, "periods is 2.5"),
    "periods that disagree": ({"c": np.ones((R, 5, N))}, "c says 5, periods says 4"),
    "costs that disagree": ({"Q": np.stack([Q] * 3, axis=1), "k": np.ones((R, 2))}, "Q says 3, k says 2"),
    "bounds of other periods": ({"lower": np.zeros((5, N))}, "lower says 5, periods says 4"),
    "bounds of other assets": (
        {"upper": np.ones(2)},
        r"upper has shape \(2,\); it must be \(\), \(3,\) or \(4, 3\)",
    ),
    "bounds ragged": ({"lower": [[0.0], [0.0, 0.1]]}, "lower is not an array"),
    "bounds infinite": ({"upper": np.inf}, "upper holds an infinity"),
    "bounds NaN": ({"lower": np.nan}, "lower holds NaN"),
    "bounds crossed": (
        {"lower": [0.0, 0.5, 0.0], "upper": [1.0, 0.4, 1.0]},
        "lower is above upper for asset 1 in period 0",
    ),
    "uppers too small": ({"upper": 0.3}, r"upper adds up to 0\.9 in period 0"),
    "uppers too small once": (
        {"upper": np.array([[1.0] * N] * 3 + [[0.1] * N])},
        r"upper adds up to 0\.3 in period 3",
    ),
    "lowers too large": ({"lower": 0.4}, r"lower adds up to 1\.2 in period 0"),
    "path too long": ({"path": [0] * 5}, "path says 5, periods says 4"),
    "path of two axes": ({"path": [[0, 1], [0, 0]]}, r"path has shape \(2, 2\); it must be \(4,\)"),
    "path of an unknown regime": ({"path": [0, 1, 2, 0]}, "path .*0 to 1"),
    "path negative": ({"path": [0, 1, -1, 0]}, "path .*0 to 1"),
    "path of halves": ({"path": [0, 1, 0.5, 0]}, "path .*0 to 1"),
    "initial of other assets": ({"initial": [0.5, 0.5]}, r"initial has shape \(2,\); it must be \(3,\)"),
    "initial not adding up": ({"initial": [0.333333] * 3}, r"initial adds up to 0\.999999"),
    "turnover negative": ({"turnover_cost": -0.1}, r"turnover_cost is -0\.1"),
    "turnover an array": ({"turnover_cost": [0.1, 0.2]}, r"turnover_cost has shape \(2,\)"),
    "switch cost NaN": ({"switch_cost": np.nan}, "switch_cost holds NaN"),
    "maxima not terms": (
        {"maxima": [(0, 1, [1.0, 0.0, 0.0], 0.0, 0.0)]},
        "maxima must be a sequence of MaxTerm",
    ),
    "maxima one term": ({"maxima": TERM}, "maxima must be a sequence of MaxTerm"),
    "a term's sign": ({"maxima": [TERM, MaxTerm(0, 2, np.ones(N), 0.0, 0.0)]}, r"maxima\[1\].sign is 2"),
    "a term's regime": (
        {"maxima": [MaxTerm(2, 1, np.ones(N), 0.0, 0.0)]},
        r"maxima\[0\].regime is 2; .*0 to 1",
    ),
    "a term's half regime": (
        {"maxima": [MaxTerm(0.5, 1, np.ones(N), 0.0, 0.0)]},
        r"maxima\[0\].regime is 0.5",
    ),
    "a term's alpha": (
        {"maxima": [MaxTerm(0, 1, np.ones(2), 0.0, 0.0)]},
        r"maxima\[0\].alpha has shape \(2,\); it must be \(3,\)",
    ),
    "a term's numbers": ({"maxima": [MaxTerm(0, 1, np.ones(N), np.nan, 0.0)]}, r"maxima\[0\].beta and floor"),
}


@pytest.mark.parametrize(("changes", "words"), BAD.values(), ids=BAD.keys())
def test_bad_input_names_the_argument_and_what_it_needs(changes, words):
    with pytest.raises(BadData, match=words):
        declare(**changes)


def test_good_input_in_all_its_shapes():
    full = declare(Q=np.stack([Q] * T, axis=1), c=np.stack([C] * T, axis=1), k=np.zeros((R, T)), periods=None)
    assert (full.n, full.R, full.T) == (N, R, T)
    assert declare(periods=None, path=[0, 1, 1, 0]).T == T
    assert declare(periods=None, lower=np.zeros((T, N))).T == T
    assert declare(initial=np.full(N, 1 / N)).initial.shape == (N,)
    noisy = Q.copy()
    noisy[0, 0, 1] = 1e-15
    assert np.array_equal(declare(Q=noisy).costs.Q, np.swapaxes(declare(Q=noisy).costs.Q, -1, -2))
    assert declare(upper=1 / N).T == T


def test_the_declaration_keeps_its_own_copy_and_cannot_be_changed():
    program = declare()
    with pytest.raises(AttributeError):
        program.T = 9
    again = program.with_path([0, 0, 1, 1])
    assert program.path is None
    assert again.path.tolist() == [0, 0, 1, 1]
    with pytest.raises(BadData, match="path"):
        program.with_path([0, 0, 1])
    coupled = declare(turnover_cost=0.1, switch_cost=0.2)
    assert (program.separable, coupled.separable, coupled.uncoupled().separable) == (True, False, True)


# --------------------------------------------------------------------------- objective
def test_the_objective_is_what_the_formula_says():
    rng = np.random.default_rng(31)
    maxima = (
        TERM,
        MaxTerm(1, -1, rng.normal(size=N), 0.1, 0.2),
        MaxTerm(0, -1, rng.normal(size=N), 0.0, 0.0),
    )
    A = rng.normal(size=(R, T, N, N))
    data = {
        "Q": A @ np.swapaxes(A, -1, -2),
        "c": rng.normal(size=(R, T, N)),
        "k": rng.normal(size=(R, T)),
        "maxima": maxima,
    }
    W = rng.dirichlet(np.ones(N), size=T).T
    for path, initial in itertools.product(([0, 1, 1, 0], [0, 0, 0, 0]), (None, np.array([0.5, 0.25, 0.25]))):
        expected = 0.0
        for t, r in enumerate(path):
            w = W[:, t]
            expected += w @ data["Q"][r, t] @ w + data["c"][r, t] @ w + data["k"][r, t]
            expected += sum(m.sign * max(m.alpha @ w + m.beta, m.floor) for m in maxima if m.regime == r)
            before = W[:, t - 1] if t else initial
            if before is not None:
                expected += 0.3 * sum(abs(w[i] - before[i]) for i in range(N))
            expected += 0.7 * (t > 0 and path[t] != path[t - 1])
        program = declare(**data, turnover_cost=0.3, switch_cost=0.7, initial=initial)
        assert program.objective(W, path) == pytest.approx(expected, rel=1e-12)
    with pytest.raises(BadData, match=r"W has shape \(4, 3\); it must be \(3, 4\)"):
        program.objective(W.T, path)
    with pytest.raises(BadData, match="path"):
        program.objective(W, [0, 1, 2, 0])


def test_the_published_maxima():
    first, second = published_maxima(4, a=0.1, b=0.3, regime=1)
    for w in np.random.default_rng(0).normal(size=(20, 4)):
        assert first.value(w) == max(w[0], -0.1)
        assert second.value(w) == max(-w[1], -0.3)
    assert (first.sign, second.sign, first.regime, second.regime) == (1, -1, 1, 1)
    with pytest.raises(BadData, match="n is 1"):
        published_maxima(1)


# --------------------------------------------------------------------------- instances
@pytest.mark.parametrize(("n", "periods", "regimes", "seed"), [(3, 5, 4, 0), (4, 2, 2, 9), (2, 3, 3, 5)])
def test_random_instances_follow_the_published_recipe(n, periods, regimes, seed):
    rng = np.random.default_rng(seed)
    program = random_instance(n, periods, regimes, seed)
    varied = random_instance(n, periods, regimes, seed, varying=True, coupled=True, kappa=0.01, sigma=0.02)
    noise = 0.3 * np.random.default_rng(1).standard_normal((regimes, periods, n))
    for r in range(regimes):
        A = rng.standard_normal((n, n))
        np.testing.assert_allclose(program.costs.Q[r, 0], A @ A.T / n, rtol=1e-13)
        c = 0.5 * rng.standard_normal(n)
        np.testing.assert_array_equal(program.costs.c[r, 0], c)
        np.testing.assert_allclose(varied.costs.c[r], c + noise[r], rtol=1e-13)
    assert (program.T, program.turnover_cost, program.switch_cost, program.initial) == (
        periods,
        0.0,
        0.0,
        None,
    )
    assert (varied.turnover_cost, varied.switch_cost) == (0.01, 0.02)
    np.testing.assert_array_equal(varied.initial, np.full(n, 1 / n))
    assert np.all(program.lower == 0.0)
    assert np.all(program.upper == 1.0)
    found = [(m.regime, m.sign, m.alpha.tolist(), m.beta, m.floor) for m in program.costs.maxima]
    eye = np.eye(n)
    published = [(2, 1, eye[0].tolist(), 0.0, -0.1), (2, -1, (-eye[1]).tolist(), 0.0, -0.1)]
    assert found == (published if regimes >= 3 else [])


def test_changes_are_passed_on_to_an_instance():
    program = random_instance(3, 4, 3, lower=-0.5, maxima=(), path=[0, 1, 2, 0])
    assert (program.lower.min(), program.costs.maxima, program.path.tolist()) == (-0.5, (), [0, 1, 2, 0])


def test_a_market_instance_has_the_scale_of_the_market():
    prices = load_prices()
    one, two = market_instance(prices, R=2, T=3), market_instance(prices, R=2, T=3, gamma=10.0)
    np.testing.assert_allclose(two.costs.Q, 2 * one.costs.Q)
    np.testing.assert_array_equal(two.costs.c, one.costs.c)
    assert (one.R, one.T, one.n) == (2, 3, prices.shape[1])
    assert np.linalg.eigvalsh(one.costs.Q).min() > -1e-12
    assert 1e-6 < np.abs(one.costs.Q).max() < 1e-1
    assert -one.costs.c[0].mean() > -one.costs.c[1].mean()  # the friendliest regime first
    with pytest.raises(BadData, match="gamma is 0"):
        market_instance(prices, gamma=0)


def test_a_market_instance_keeps_the_limit_of_its_call():
    heard = []
    with pytest.warns(DoubtfulEstimate, match=r"cut short by its limit of 0\.3 s"):
        program = market_instance(
            load_prices(), R=8, T=2, time_limit=0.3, progress=lambda *news: heard.append(news)
        )
    assert program.R == 8
    assert heard == [("starts of 8 regimes", 1, 5)]


# ----------------------------------------------------------------- paths and raw checks
@pytest.mark.parametrize("switch_cost", [0.0, 0.3, 1.0, 50.0])
def test_the_cheapest_path_beats_every_other(switch_cost):
    rng = np.random.default_rng(3)
    for regimes, periods in itertools.product((1, 2, 3), (1, 2, 4, 6)):
        phi = np.round(rng.normal(size=(regimes, periods)), 1)

        def cost(path, phi=phi):
            return sum(phi[r, t] for t, r in enumerate(path)) + switch_cost * np.count_nonzero(np.diff(path))

        found = cheapest_allowed(RegimePath(regimes, periods, switch_cost=switch_cost), phi)[0].argmax(axis=0)
        best = min(cost(path) for path in itertools.product(range(regimes), repeat=periods))
        assert cost(found) == pytest.approx(best, abs=1e-12)


def test_an_answer_that_disagrees_with_the_raw_data_is_caught():
    program = random_instance(3, 4, 3, varying=True, path=[0, 1, 2, 0])
    W = np.random.default_rng(0).dirichlet(np.ones(3), size=4).T
    Z = (np.arange(3)[:, None] == program.path).astype(float)
    cost = program.costs.value(W.T)[program.path, np.arange(4)]
    objective = program.objective(W, program.path)

    def failed(W=W, Z=Z, cost=cost, objective=objective):
        return {check.name for check in raw_data_checks(program, W, Z, cost, objective) if not check.ok}

    assert failed() == set()
    assert "objective from raw data" in failed(objective=objective + 1e-4)
    assert "cost covers the active regime's" in failed(cost=cost - LATE)
    loose = failed(cost=cost + LATE)
    assert "cost is the active regime's" in loose
    assert "cost covers the active regime's" not in loose
    assert "weights add up to 1" in failed(W=W * 1.0001)
    assert "weights in bounds" in failed(W=W + np.array([[-0.9], [0.9], [0.0]]))
    assert "one regime a period" in failed(Z=Z + 1.0)
    assert "regime path as fixed" in failed(Z=Z[::-1])


def test_indefinite_costs_are_refused_by_the_hull_by_name():
    with pytest.raises(UnsupportedProgram, match=r"indefinite.*big-m.*scip"):
        declare(Q=np.stack([np.diag([1.0, -1.0, 0.5])] * R)).to_program("hull")
