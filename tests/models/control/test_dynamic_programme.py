"""One asset: the best policy by a dynamic programme on a grid lies between every policy and the bound.

The programme knows the problem by its numbers alone: rewards of a step, costs, and the chances of the next regime. A
policy whose trades are rounded to the grid is one of those it is the best of, and what it finds can be had: so
value <= optimum <= bound holds up to rounding, and not only up to the grid's width.
"""

import warnings
from dataclasses import dataclass
from itertools import product

import numpy as np
import pytest
from scipy.linalg import expm

import proofolio as pf
from proofolio.errors import Imprecise
from proofolio.models.control.bound import least_losses, long_run_mean, losses_of
from proofolio.models.control.policies import in_steps

NODES = 161
GENERATORS = {
    "slow": [[-0.2, 0.2], [0.3, -0.3]],
    "fast": [[-4.0, 4.0], [6.0, -6.0]],
    "three": [[-0.8, 0.5, 0.3], [1.0, -2.0, 1.0], [0.2, 0.4, -0.6]],
}
DRIFT, VARIANCE = (0.12, -0.09, 0.03), (0.03, 0.07, 0.05)


@dataclass(frozen=True)
class Problem:
    """The numbers of a problem with one asset."""

    chain: str = "slow"
    steps: int = 5
    steps_per_year: float = 6.0
    low: float = -0.5
    high: float = 0.5
    l1: float = 0.0
    fixed: float = 0.0
    gamma: float = 4.0
    eta: float = 0.02
    Lambda: float = 0.06
    rho: float = 0.1

    @property
    def control(self):
        m = len(GENERATORS[self.chain])
        return pf.RegimeControl(
            GENERATORS[self.chain], [[a] for a in DRIFT[:m]], [[[v]] for v in VARIANCE[:m]], self.gamma, self.eta,
            [self.Lambda], self.rho, self.steps / self.steps_per_year, limits=(self.low, self.high), l1=self.l1,
            fixed=self.fixed,
        )  # fmt: skip

    @property
    def grid(self):
        return np.linspace(self.low, self.high, NODES)

    @property
    def r(self):
        return np.exp(-self.rho / self.steps_per_year)

    @property
    def chances(self):
        return expm(np.array(GENERATORS[self.chain]) / self.steps_per_year)

    def earned(self, before, y, z):
        """What a step from one position to another earns."""
        dt, moved = 1.0 / self.steps_per_year, np.abs(y - before)
        kept = (np.array(DRIFT)[z] * y - 0.5 * self.gamma * np.array(VARIANCE)[z] * y**2) * dt
        speed = 0.5 * self.eta * self.Lambda * (moved / dt) ** 2 * dt
        return kept - speed - self.l1 * moved - self.fixed * (moved > 0.0)

    def paths(self, start):
        """All regime paths from a regime, with the one after the last step, and their chances."""
        P = self.chances
        paths = np.array([(start, *rest) for rest in product(range(len(P)), repeat=self.steps)])
        return paths, np.prod([P[paths[:, k], paths[:, k + 1]] for k in range(self.steps)], axis=0)

    def programme(self):
        """The value at each node by regime, and the best next nodes by step, regime and node."""
        grid, P = self.grid, self.chances
        worth, best = np.zeros((len(P), NODES)), []
        for _ in range(self.steps):
            later = self.r * P @ worth
            tables = [self.earned(grid[:, None], grid, z) + later[z] for z in range(len(P))]
            best.append([table.argmax(1) for table in tables])
            worth = np.array([table.max(1) for table in tables])
        return worth, best[::-1]

    def hindsight(self, terms, z, start):
        """Least sum of losses of plans on the grid that know the path, from a node."""
        left = np.zeros(NODES)
        for k in range(self.steps - 1, -1, -1):
            left = (self.loss(terms, k, z[k]) + self.r * left).min(1)
        return left[start]

    def loss(self, terms, k, z):
        """Loss of a step from each node to each, against the best step without limits and other costs."""
        M, q, K = terms[k][0][z], terms[k][1][z], self.eta * self.Lambda * self.steps_per_year
        grid = self.grid
        moved = np.abs(grid - grid[:, None])
        away = grid - (q + K * grid[:, None]) / M
        return 0.5 * M * away**2 + self.l1 * moved + self.fixed * (moved > 0.0)

    def exact_steps(self):
        """M and q by regime of every step, from -A y^2/2 + b y + c going backwards."""
        P, dt, K = self.chances, 1.0 / self.steps_per_year, self.eta * self.Lambda * self.steps_per_year
        m = len(P)
        A, b, terms = np.zeros(m), np.zeros(m), []
        for _ in range(self.steps):
            M = self.gamma * np.array(VARIANCE)[:m] * dt + self.r * P @ A + K
            q = np.array(DRIFT)[:m] * dt + self.r * P @ b
            A, b = K - K**2 / M, K * q / M
            terms.append((M, q))
        return terms[::-1]


def nearest(theta, grid):
    """The number of the nearest node."""
    return np.clip(np.rint((theta - grid[0]) / (grid[1] - grid[0])), 0, NODES - 1).astype(int)


def to_node(theta, node, grid):
    """The trade to a node, and none at all where it is there already: rounding costs no fixed cost."""
    return np.where(node == nearest(theta, grid), 0.0, grid[node] - theta)


@dataclass(frozen=True)
class OnTheGrid:
    """Another policy, whose next positions are the nearest nodes."""

    policy: object
    grid: np.ndarray
    name: str = "on the grid"

    def trade(self, theta, z, t=0.0):
        return to_node(theta, nearest(theta + self.policy.trade(theta, z, t), self.grid), self.grid)


@dataclass(frozen=True)
class OfTheProgramme:
    """What the dynamic programme does."""

    problem: Problem
    best: list
    name: str = "programme"

    def trade(self, theta, z, t=0.0):
        grid, k = self.problem.grid, round(t * self.problem.steps_per_year)
        node = np.array(self.best[k])[z, nearest(theta, grid)[:, 0]]
        return to_node(theta, node[:, None], grid)


class Never:
    name = "never"

    def trade(self, theta, z, t=0.0):
        return np.zeros_like(theta)


PROBLEMS = [
    Problem(),
    Problem(high=0.15, low=-0.05),
    Problem(l1=0.004),
    Problem(l1=0.02, chain="fast"),
    Problem(fixed=0.0008),
    Problem(fixed=0.004, eta=0.002, chain="fast"),
    Problem(fixed=0.002, l1=0.003, high=0.3, eta=0.005),
    Problem(chain="three", steps=4, l1=0.003, fixed=0.0004, eta=0.3),
]


def policies(control, years):
    kept = {"steps_per_year": years}
    return [
        control.one_step(**kept), control.projected(**kept), control.receding(4, **kept),
        control.lookahead(0.7, **kept), control.lookahead(0.7, 1, **kept), Never(),
    ]  # fmt: skip


@pytest.mark.parametrize(("problem", "start"), [(one, i % 2) for i, one in enumerate(PROBLEMS)], ids=repr)
def test_the_best_policy_lies_between_every_policy_and_the_bound(problem, start):
    control, grid, node = problem.control, problem.grid, (NODES // 2, 20)[start]
    discrete, (optimum, best) = in_steps(control, problem.steps_per_year), problem.programme()
    z, chances = problem.paths(start)
    held = np.full((len(z), 1), grid[node])
    first, never = discrete.value(held, z[:, 0]), np.full(len(z), np.inf)
    least, _ = least_losses(control, discrete, z, held, never)
    assert chances @ (first - least) >= optimum[start, node] - 1e-10  # what the programme earns can be had
    for policy in policies(control, problem.steps_per_year):
        rounded = OnTheGrid(policy, grid)
        lost = losses_of(control, rounded, discrete, z, z, held)
        assert (lost - least).min() >= -1e-9
        theta, earned = held[:, 0], np.zeros(len(z))
        for k in range(problem.steps):
            y = theta + rounded.trade(theta[:, None], z[:, k], k / problem.steps_per_year)[:, 0]
            earned += problem.r**k * problem.earned(theta, y, z[:, k])
            theta = y
        assert chances @ earned == pytest.approx(chances @ (first - lost), abs=1e-12)
        assert chances @ earned <= optimum[start, node] + 1e-12
    lost = losses_of(control, OfTheProgramme(problem, best), discrete, z, z, held)
    assert chances @ (first - lost) == pytest.approx(optimum[start, node], abs=1e-12)
    assert (lost - least).min() >= -1e-9


def test_without_fixed_costs_the_recommended_policy_is_near_the_best_and_the_bound_too():
    problem = Problem(l1=0.004)
    control, (optimum, _) = problem.control, problem.programme()
    discrete = in_steps(control, problem.steps_per_year)
    z, chances = problem.paths(0)
    held = np.zeros((len(z), 1))
    first = discrete.value(held, z[:, 0])
    policy = control.lookahead(1.0, 1, steps_per_year=problem.steps_per_year)
    lost = losses_of(control, policy, discrete, z, z, held)
    least, _ = least_losses(control, discrete, z, held, lost)
    value, upper, best = chances @ (first - lost), chances @ (first - least), optimum[0, NODES // 2]
    width = problem.grid[1] - problem.grid[0]
    assert (
        0.998 * best <= value <= best + 0.1 * width**2
    )  # the programme's own error is of the square of its width
    assert best <= upper <= 1.01 * best


@pytest.mark.parametrize("problem", PROBLEMS[2:8:2], ids=repr)
def test_no_plan_that_knows_the_path_loses_less_than_its_bound(problem):
    control, terms = problem.control, problem.exact_steps()
    discrete = in_steps(control, problem.steps_per_year)
    z, _ = problem.paths(1)
    z = z[::5]
    held = np.full((len(z), 1), problem.grid[20])
    least, _ = least_losses(control, discrete, z, held, np.full(len(z), np.inf))
    right = np.array([problem.hindsight(terms, path, 20) for path in z])
    assert (right - least).min() >= -1e-10
    if not problem.fixed:
        assert right == pytest.approx(least, rel=0.01)


def test_mixed_integer_programs_leave_the_bound_above_the_best_policy():
    problem = Problem(steps=3, steps_per_year=4.0, fixed=0.004, eta=0.005)
    control, (optimum, _) = problem.control, problem.programme()
    discrete, terms = in_steps(control, 4.0), problem.exact_steps()
    z, chances = problem.paths(0)
    held = np.zeros((len(z), 1))
    first, never = discrete.value(held, z[:, 0]), np.full(len(z), np.inf)
    loose, _ = least_losses(control, discrete, z, held, never)
    close, _ = least_losses(control, discrete, z, held, never, 5.0)
    right = np.array([problem.hindsight(terms, path, NODES // 2) for path in z])
    assert (right - close).min() >= -1e-7  # the solver's tolerance
    assert right == pytest.approx(close, abs=2e-5)
    assert optimum[0, NODES // 2] - 1e-7 <= chances @ (first - close) < chances @ (first - loose) - 1e-4


def test_the_interval_of_the_bound_says_how_well_it_is_known():
    problem = Problem(l1=0.004, fixed=0.0002)
    control, (optimum, _) = problem.control, problem.programme()
    shares = control.chain.stationary  # paths begin in regimes of the long run
    z, chances = zip(*(problem.paths(start) for start in range(2)), strict=True)
    z, chances = np.concatenate(z), np.concatenate([shares[k] * chances[k] for k in range(2)])
    discrete, held = in_steps(control, problem.steps_per_year), np.zeros((len(z), 1))
    least, _ = least_losses(control, discrete, z, held, np.full(len(z), np.inf))
    on_paths = discrete.value(held, z[:, 0]) - least
    upper = chances @ on_paths
    assert shares @ optimum[:, NODES // 2] <= upper <= 1.05 * (shares @ optimum[:, NODES // 2])
    rng, inside, widths = np.random.default_rng(0), 0, []
    for _ in range(300):
        drawn = rng.choice(len(z), 200, p=chances)
        mean, half = long_run_mean(on_paths[drawn], z[drawn, 0], shares)
        inside += abs(mean - upper) <= half
        widths.append(half)
    assert 0.91 <= inside / 300 <= 0.98
    plain = 1.96 * np.sqrt(chances @ (on_paths - upper) ** 2 / 200)
    assert max(widths) < 0.5 * plain  # the regimes that were drawn first add nothing to it
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", Imprecise)
        gap = control.bound(Never(), 60, 0, problem.steps_per_year)
    low, high = gap.upper_interval
    assert low < gap.upper < high
    assert high >= shares @ optimum[:, NODES // 2] >= gap.value
    assert gap.gap == pytest.approx((gap.upper - gap.value) / gap.upper, rel=1e-12)


def test_a_mean_counts_regimes_by_their_long_run_shares():
    values, began, shares = np.array([1.0, 3.0, 10.0, 20.0]), np.array([0, 0, 0, 1]), np.array([0.25, 0.75])
    mean, half = long_run_mean(values, began, shares)
    assert mean == pytest.approx(0.25 * 14 / 3 + 0.75 * 20)
    apart = values[:3] - 14 / 3
    assert half == pytest.approx(1.96 * np.sqrt(4 / 2 * (0.25 / 3) ** 2 * apart @ apart))
    alone, half = long_run_mean(np.array([1.0, 3.0]), np.array([0, 1]), shares)
    assert alone == pytest.approx(2.5)
    assert half == pytest.approx(1.96 * np.sqrt(2 * (0.25**2 + 0.75**2)))
