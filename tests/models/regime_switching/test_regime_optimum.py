"""Both lowerings and both solvers find the optimum that enumeration of regimes and pieces finds.

An instance is solved in two ways that share nothing, the next one in the other two; all four with ``pytest --full``.
"""

import itertools

import clarabel
import numpy as np
import pytest
from scipy import sparse

from proofolio import MaxTerm, RegimeSwitching, published_maxima, random_instance

WAYS = [(solver, lowering) for solver in ("highs", "scip") for lowering in ("hull", "big-m")]


class Quadratic:
    """One convex quadratic program: weights of all periods with everything discrete decided."""

    def __init__(self, program):
        self.program = program
        self.count = program.n * program.T
        self.P, self.q, self.constant = [], [], 0.0
        self.equal, self.below = [], []  # rows as (dictionary of columns, side)

    def column(self, t, i):
        return t * self.program.n + i

    def new(self, cost):
        self.q.append((self.count, cost))
        self.count += 1
        return self.count - 1

    def weights_of(self, t, alpha):
        return {self.column(t, i): float(a) for i, a in enumerate(alpha)}

    def solve(self):
        q = np.zeros(self.count)
        for column, cost in self.q:
            q[column] += cost
        rows, side = [], []
        for row, limit in (*self.equal, *self.below):
            rows.append(np.zeros(self.count))
            for column, coefficient in row.items():
                rows[-1][column] += coefficient
            side.append(limit)
        settings = clarabel.DefaultSettings()
        settings.verbose = False
        settings.tol_gap_abs = settings.tol_gap_rel = settings.tol_feas = 1e-10
        blank = np.zeros((self.count - self.program.n * self.program.T,) * 2)
        P = sparse.csc_matrix(sparse.triu(sparse.block_diag([*self.P, blank])))
        cones = [clarabel.ZeroConeT(len(self.equal)), clarabel.NonnegativeConeT(len(self.below))]
        answer = clarabel.DefaultSolver(
            P, q, sparse.csc_matrix(np.array(rows)), np.array(side), cones, settings
        ).solve()
        assert str(answer.status) in ("Solved", "AlmostSolved")
        return answer.obj_val + self.constant


def along(program, path, pieces):
    """The least objective with this regime path and these pieces of the concave maxima."""
    qp = Quadratic(program)
    pieces = iter(pieces)
    for t, r in enumerate(path):
        Q, c, k = (part[r, min(t, part.shape[1] - 1)] for part in program.costs[:3])
        qp.P.append(2 * Q)
        qp.q += [(qp.column(t, i), c[i]) for i in range(program.n)]
        qp.constant += k + program.switch_cost * (t > 0 and path[t] != path[t - 1])
        qp.equal.append((qp.weights_of(t, np.ones(program.n)), 1.0))
        for i in range(program.n):
            qp.below.append(({qp.column(t, i): -1.0}, -program.lower[t, i]))
            qp.below.append(({qp.column(t, i): 1.0}, program.upper[t, i]))
        for term in program.costs.maxima:
            if term.regime == r and term.sign < 0 and next(pieces):  # -max(u, floor) = min(-u, -floor)
                qp.q += [(column, -a) for column, a in qp.weights_of(t, term.alpha).items()]
                qp.constant -= term.beta
            elif term.regime == r and term.sign < 0:
                qp.constant -= term.floor
            elif term.regime == r:
                v = qp.new(1.0)
                qp.below.append(({v: -1.0} | qp.weights_of(t, term.alpha), -term.beta))
                qp.below.append(({v: -1.0}, -term.floor))
        for i in range(program.n) if program.turnover_cost and (t or program.initial is not None) else ():
            traded = qp.new(program.turnover_cost)
            for sign in (1.0, -1.0):
                row, before = {traded: -1.0, qp.column(t, i): sign}, 0.0
                if t:
                    row[qp.column(t - 1, i)] = -sign
                else:
                    before = sign * program.initial[i]
                qp.below.append((row, before))
    return qp.solve()


def enumerated(program):
    """The optimum over every regime path and every piece of every concave maximum."""
    paths = itertools.product(range(program.R), repeat=program.T) if program.path is None else [program.path]
    best = np.inf
    for path in paths:
        concave = sum(1 for r in path for term in program.costs.maxima if term.sign < 0 and term.regime == r)
        for pieces in itertools.product((True, False), repeat=concave):
            best = min(best, along(program, path, pieces))
    return best


def check(program, optimum, solver, lowering):
    answer = program.solve(solver, lowering, time_limit=60)
    room = 5e-6 * max(1.0, abs(optimum))
    assert answer.ok, (answer.status, answer.failed)
    assert answer.objective == pytest.approx(optimum, abs=room)
    assert optimum - room <= answer.bound <= optimum + room
    assert program.objective(answer.W, answer.path) == pytest.approx(optimum, abs=room)
    return answer


MIXED = (
    MaxTerm(0, -1, np.array([1.0, -1.0, 0.5]), 0.1, 0.2),
    MaxTerm(1, +1, np.array([-1.0, 2.0, 0.0]), -0.3, 0.05),
    MaxTerm(1, -1, np.array([0.0, 1.0, -1.0]), 0.0, 0.0),
)
SHORT = {"lower": -0.5, "upper": 1.0}
INSTANCES = {
    "published, small": lambda: random_instance(3, 2, 3, 1),
    "two regimes": lambda: random_instance(2, 3, 2, 2),
    "varying": lambda: random_instance(3, 3, 3, 3, varying=True),
    "long short": lambda: random_instance(3, 2, 3, 4, **SHORT),
    "long short, varying": lambda: random_instance(3, 2, 4, 5, varying=True, **SHORT),
    "coupled": lambda: random_instance(3, 3, 3, 6, coupled=True),
    "coupled, varying": lambda: random_instance(3, 3, 2, 7, varying=True, coupled=True, kappa=0.2, sigma=0.1),
    "coupled, free first purchase": lambda: random_instance(3, 3, 2, 8, varying=True, turnover_cost=0.3),
    "switch cost alone": lambda: random_instance(2, 3, 3, 9, varying=True, switch_cost=0.3),
    "maxima of both signs": lambda: random_instance(3, 2, 2, 10, maxima=MIXED, **SHORT),
    "exact maxima": lambda: random_instance(3, 2, 2, 11, maxima=MIXED, exact=True, **SHORT),
    "coupled, exact, long short": lambda: random_instance(
        3, 2, 3, 12, coupled=True, varying=True, exact=True, **SHORT
    ),
    "fixed path": lambda: random_instance(3, 3, 3, 13, varying=True, coupled=True, path=[2, 0, 2]),
    "one period": lambda: random_instance(4, 1, 3, 14, coupled=True),
    "bounds by period": lambda: random_instance(
        2, 2, 3, 15, lower=np.array([[0.1, 0.0], [-0.5, 0.3]]), upper=np.array([[0.8, 0.9], [0.6, 1.0]])
    ),
}


@pytest.mark.parametrize("name", INSTANCES)
def test_every_way_finds_the_optimum_of_enumeration(name, pytestconfig):
    program = INSTANCES[name]()
    optimum = enumerated(program)
    pair = [WAYS[0], WAYS[3]] if list(INSTANCES).index(name) % 2 else [WAYS[1], WAYS[2]]
    for solver, lowering in WAYS if pytestconfig.getoption("--full") else pair:
        answer = check(program, optimum, solver, lowering)
        if program.path is not None:
            assert answer.path.tolist() == program.path.tolist()


@pytest.mark.parametrize(("solver", "lowering"), WAYS)
def test_the_published_case(solver, lowering):
    """n=3, T=5, R=4: nothing ties the periods together, so it is five times one period."""
    program = random_instance(3, 5, 4, 0)
    check(program, 5 * enumerated(random_instance(3, 1, 4, 0)), solver, lowering)


def test_constants_of_regimes_decide():
    """k alone tells the regimes apart, period by period."""
    k = np.array([[0.0, 3.0, 1.0], [2.0, 1.0, 1.5]])
    program = RegimeSwitching(np.stack([np.eye(2)] * 2), np.zeros((2, 2)), k)
    for solver, lowering in WAYS:
        assert check(program, 3 * 0.5 + 2.0, solver, lowering).path.tolist() == [0, 1, 0]


def test_hysteresis_of_a_switch_cost():
    """One period of a better regime is worth a detour only when it pays for two switches."""
    k = np.array([[0.0, 1.0, 0.0], [5.0, 0.0, 5.0]])
    for sigma, path, total in ((0.4, [0, 1, 0], 0.8), (0.6, [0, 0, 0], 1.0)):
        program = RegimeSwitching(np.zeros((2, 2, 2)), np.zeros((2, 2)), k, switch_cost=sigma)
        for solver, lowering in WAYS:
            assert check(program, total, solver, lowering).path.tolist() == path


def test_the_market_s_scale_is_no_excuse():
    """Costs of 1e-4, as daily returns have: the same optimum, in relative terms."""
    base = random_instance(3, 2, 3, 16, maxima=())
    small = RegimeSwitching(1e-4 * base.costs.Q, 1e-4 * base.costs.c, periods=2)
    optimum = enumerated(base)
    for solver, lowering in WAYS:
        answer = small.solve(solver, lowering)
        assert answer.ok, answer.failed
        assert answer.objective == pytest.approx(1e-4 * optimum, rel=1e-4)


# --------------------------------------------------------------------- the published bound on M
@pytest.mark.parametrize("solver", ["highs", "scip"])
def test_the_published_m_is_reported_as_wrong_where_it_is(solver):
    program = RegimeSwitching(np.zeros((2, 3, 3)), [[1.0, 1.0, 1.0], [-1.0, -1.0, -1.0]], periods=1)
    answer = program.solve(solver, "big-m", big_m="published")
    assert answer.status == "claim-wrong"
    assert not answer.ok
    assert answer.objective == pytest.approx(1 - np.sqrt(3), abs=1e-6)
    cut = answer.cut_off
    assert (cut.big_m, cut.needed) == (pytest.approx(np.sqrt(3), rel=1e-9), pytest.approx(2.0, rel=1e-9))
    assert cut.objective == pytest.approx(-1.0, abs=1e-6)
    assert {"M", "optimum not cut off"} <= {check.name for check in answer.failed}
    assert cut.weights.sum() == pytest.approx(1.0)
    for lowering, big_m in (("hull", "interval"), ("big-m", "interval"), ("big-m", 2.0)):
        right = program.solve(solver, lowering, big_m=big_m)
        assert right.status == "solver-optimal"
        assert right.objective == pytest.approx(-1.0, abs=1e-6)


def test_a_sufficient_published_m_is_left_in_peace():
    program = RegimeSwitching(np.zeros((2, 3, 3)), [[0.1, 0.2, 0.3], [0.2, 0.1, 0.15]], periods=2)
    answer = program.solve("highs", "big-m", big_m="published")
    assert answer.status == "solver-optimal"
    assert answer.cut_off is not None
    assert all(check.ok for check in answer.cut_off.checks)


def test_a_given_m_too_small_is_found_out_on_a_random_instance():
    program = random_instance(3, 2, 3, 1, maxima=published_maxima(3))
    answer = program.solve("highs", "big-m", big_m=0.05)
    assert answer.status == "claim-wrong"
    assert answer.cut_off.needed > 0.05


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_an_m_that_no_proof_covers_claims_no_optimum(seed):
    program = random_instance(3, 2, 3, seed)
    needed, proved = (_m_of(program, tier) for tier in ("mip", "lp"))
    assert np.any(proved > needed + 1e-6)
    between = program.solve(lowering="big-m", big_m=0.5 * (needed + proved))
    (check,) = (c for c in between.checks if c.name == "M")
    assert np.isnan(check.value)
    assert between.status == "verified-feasible"
    assert program.solve(lowering="big-m", big_m=proved).status == "solver-optimal"


def _m_of(program, tier):
    rows = program.to_program("big-m", tier).quadratic.blocks
    (switch,) = (b.switch for b in rows if b.switch is not None and b.switch.construct == "selected_cost")
    return switch.big_m.reshape(program.R, program.T)
