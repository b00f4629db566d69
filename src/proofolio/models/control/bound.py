r"""How far a policy is from the optimum, at most: regret path by path, against plans that know the whole path.

With the loss L of `proofolio.models.control.discrete`, for every policy within the limits

.. math:: V_0 - E[L(\text{policy})] \le \text{optimum} \le V_0 - E[\min_y L(y)],

as a plan that knows the path loses no more than any policy on it; the martingale of the value without limits is
already taken out, so that where nothing binds the two sides are one. On each path min L is bounded from below by the
value of the Lagrangian, which holds however far the method got, up to rounding. Both sides are means over the same
paths, with the regimes they begin in at their long-run shares: their difference has an interval, and each path's is at
least zero.
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from proofolio.arrays import Floats, Integers
from proofolio.brief import facts
from proofolio.errors import BadData, Imprecise
from proofolio.models.arguments import finite, whole
from proofolio.models.control.discrete import DiscreteControl
from proofolio.models.control.filtering import filtered_regimes, simulated_returns
from proofolio.models.control.limits import Limits, limits_of
from proofolio.models.control.plans import PathProgram, chain, loss_terms
from proofolio.models.control.policies import Trades, in_steps
from proofolio.models.control.problem import ControlProblem
from proofolio.models.control.trade_or_not import least_with_fixed_costs

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure

__all__ = ["Gap", "bound_of", "least_losses", "least_lossy", "long_run_mean", "losses_of", "regime_paths"]


CHOICE = 3  # number of the stream of paths on which policies are chosen: never those of a bound
YEARS = 5.0  # of the paths where there is no horizon
OUTSIDE = (
    1e-9  # a policy that misses its limits by more is not bounded: the theorem is about policies within them
)
LOOSE = 0.1  # steps above this part of the shortest mean length of a regime leave the bound loose (measured, d = 1)
ROUNDS, ITERATIONS = 10, 60  # at most so many times so many iterations for whole plans, until they are
NEAR_ENOUGH = 2e-5  # of the upper bound: what is left unproved on average, of the plans' own error
BATCH = 4_000_000  # numbers in the blocks of one batch of paths: 32 MB


@dataclass(frozen=True, eq=False)
class Gap:
    """The value of a policy, a bound of the best value, and the distance between them.

    It is of the problem in steps, under the drifts, covariances and generator given: whether these are true it cannot
    say. Without a horizon the value at the end of the paths, that of the problem without limits, is in both sides.

    Attributes
    ----------
    policy : str
    value, upper : float
        Means over the paths; value <= optimum <= upper up to the error of these means.
    upper_interval : (float, float)
        Of `upper`, 95 %: how well this mean is known.
    gap : float
        ``(upper - value) / |upper|``.
    interval : (float, float)
        Of the gap, 95 %, from the paired differences.
    per_path : (paths,) array
        ``upper - value`` on each path; at least 0 up to rounding. In the means each regime that paths begin in counts
        by its long-run share.
    inner_error : float
        The part of `gap` at most that better plans of whole paths would take away: upper and lower bounds of min L
        compared.
    steps_per_shortest_regime : float
        Below 10 the bound is loose, whatever the policy.
    known : bool
        Whether the policy knew the regime; otherwise the gap includes what knowing it is worth.
    paths, seed, steps_per_year
    """

    policy: str
    value: float
    upper: float
    upper_interval: tuple[float, float]
    gap: float
    interval: tuple[float, float]
    per_path: Floats
    inner_error: float
    steps_per_shortest_regime: float
    known: bool
    paths: int
    seed: int
    steps_per_year: float
    end_value: float

    def __repr__(self) -> str:
        return f"Gap({self})"

    def __str__(self) -> str:
        """Return one line."""
        # what rounding leaves of a gap of zero may be below it; -0.000% is no news
        gap, low, high = (round(share, 8) + 0.0 for share in (self.gap, *self.interval))
        part = "" if self.known else ", of which part is the value of knowing the regime"
        return (
            f"{self.policy}: {self.value:.6g} of at most {self.upper:.6g}, gap {gap:.3%} "
            f"({low:.3%} to {high:.3%}){part}"
        )

    def _repr_html_(self) -> str:
        """Return the figures and the picture of the paths, for a notebook."""
        from proofolio.charts.figures import image  # matplotlib is slow to import

        low, high = self.interval
        said = {
            "policy": self.policy,
            "value": f"{self.value:.6g}",
            "upper bound": f"{self.upper:.6g}",
            "gap": f"{self.gap:.3%} ({low:.3%} to {high:.3%})",
            "paths": self.paths,
        }
        return facts(said) + image(self.plot())

    def to_frame(self) -> pd.DataFrame:
        """Return a row a path: the upper bound less the value."""
        import pandas as pd  # slow to import

        return pd.DataFrame({"gap": self.per_path}, index=pd.RangeIndex(len(self.per_path), name="path"))

    def plot(self) -> Figure:
        """Draw how far the policy is from the bound on each path."""
        from proofolio.models.control.picture import gap_chart  # matplotlib is slow to import

        return gap_chart(self.per_path, self.policy)

    def document(self) -> dict[str, Any]:
        """Return the figures for JSON."""
        return {
            "policy": self.policy,
            "value": self.value,
            "upper": self.upper,
            "upper_interval": list(self.upper_interval),
            "gap": self.gap,
            "interval": list(self.interval),
            "inner_error": self.inner_error,
            "least_on_a_path": float(self.per_path.min()),
            "steps_per_shortest_regime": self.steps_per_shortest_regime,
            "known_regimes": self.known,
            "paths": self.paths,
            "seed": self.seed,
            "steps_per_year": self.steps_per_year,
            "end_value": self.end_value,
        }


def bound_of(
    control: ControlProblem,
    policy: Trades,
    paths: int = 200,
    seed: int = 0,
    steps_per_year: float = 12.0,
    *,
    filtered: bool = False,
    theta: Any = None,
    seconds_per_path: float = 0.0,
) -> Gap:
    """Return the gap of a policy; see `RegimeControl.bound`."""
    paths = whole("paths", paths, 2)
    if not callable(getattr(policy, "trade", None)):
        raise BadData(
            f"policy is {policy!r}; give one with a method trade(theta, z, t), such as control.lookahead()"
        )
    policy = _in_these(policy, steps_per_year)
    discrete = in_steps(control, steps_per_year)
    z = regime_paths(control, discrete, paths, seed, steps_per_year)
    d = control.alpha.shape[1]
    start = np.zeros(d) if theta is None else finite("theta", theta)
    if start.shape != (d,):
        raise BadData(f"theta has shape {start.shape}; positions to start from are ({d},)")
    held = np.broadcast_to(start, (paths, d)).copy()
    seen: Any = z
    if filtered:
        returns = simulated_returns(control, z[:, :-1], steps_per_year, seed)
        seen = filtered_regimes(control, returns, steps_per_year)
    lost = losses_of(control, policy, discrete, z, seen, held)
    least, reached = least_losses(control, discrete, z, held, lost, seconds_per_path)
    first = discrete.value(held, z[:, 0])
    end = _end_value(discrete, z)
    if discrete.steps is None and control.rho == 0.0:
        first = first + _earned_without_discount(discrete, z)
    return _gap(control, policy, first, lost, least, reached, end, filtered, z[:, 0], seed, steps_per_year)


def least_lossy(
    control: ControlProblem, policies: Sequence[Trades], paths: int, seed: int, steps_per_year: float
) -> Trades:
    """Return the policy of the least mean loss on paths of a stream of their own; see `RegimeControl.choose`."""
    if not policies:
        raise BadData("there is no policy to choose from")
    discrete = in_steps(control, steps_per_year)
    rng = np.random.default_rng([CHOICE, seed])
    z = regime_paths(control, discrete, whole("paths", paths, 1), rng, steps_per_year)
    held = np.zeros((paths, control.d))
    lost = [losses_of(control, _in_these(p, steps_per_year), discrete, z, z, held).mean() for p in policies]
    return policies[int(np.argmin(lost))]


def _in_these(policy: Any, steps_per_year: float) -> Trades:
    found: Trades = policy.at(steps_per_year) if hasattr(policy, "at") else policy
    return found


def regime_paths(
    control: ControlProblem, discrete: DiscreteControl, paths: int, seed: Any, steps_per_year: float
) -> Integers:
    """Return regimes (paths, N + 1), at the beginning of each step and the end."""
    steps = round(YEARS * steps_per_year) if discrete.steps is None else discrete.steps
    if steps < 1:
        raise BadData(f"steps_per_year is {steps_per_year:g}; paths of {YEARS:g} years have no step")
    return control.chain.simulate(paths, steps / steps_per_year, steps_per_year, seed)


def losses_of(
    control: ControlProblem, policy: Trades, discrete: DiscreteControl, z: Integers, seen: Any, held: Floats
) -> Floats:
    """Return the loss of a policy on each path (paths,), with what it sees of the regimes by path and step.

    Raises
    ------
    BadData
        When it leaves the limits, or answers with something else than trades.
    """
    limits = limits_of(control)
    theta, lost = held.copy(), np.zeros(len(z))
    for k in range(z.shape[1] - 1):
        bought = np.asarray(policy.trade(theta, seen[:, k], k * discrete.dt), dtype=float)
        if bought.shape != theta.shape or not np.isfinite(bought).all():
            raise BadData(f"the policy returned no trades of shape {theta.shape} at step {k}")
        y = theta + bought
        missed = limits.violation(y)
        if missed > OUTSIDE:
            raise BadData(f"the policy leaves the limits by {missed:.3g} at step {k}; its gap is not defined")
        lost += discrete.r**k * discrete.loss(theta, y, z[:, k], k, control.l1, control.fixed)
        theta = y
    return lost


def least_losses(
    control: ControlProblem,
    discrete: DiscreteControl,
    z: Integers,
    held: Floats,
    lost: Floats,
    seconds_per_path: float = 0.0,
) -> tuple[Floats, Floats]:
    """Return lower bounds of min L on each path, and the losses of the plans found (paths,).

    Fixed costs f are bounded from below by ``f |u| / most``, with most the largest trade within the limits; with
    seconds for each path also by the bound of a mixed-integer program.
    """
    N, d = z.shape[1] - 1, control.alpha.shape[1]
    size = max(1, int(BATCH / (4 * N * d * d)))
    parts = [
        _least_of(control, discrete, z[i : i + size], held[i : i + size], seconds_per_path)
        for i in range(0, len(z), size)
    ]
    least, reached = (np.concatenate([part[j] for part in parts]) for j in range(2))
    return np.maximum(least, 0.0), np.minimum(reached, lost)


def _least_of(
    control: ControlProblem, discrete: DiscreteControl, z: Integers, held: Floats, seconds_per_path: float
) -> tuple[Floats, Floats]:
    N = z.shape[1] - 1
    limits = limits_of(control)
    rows = [discrete.row(k) for k in range(N)]
    M, inverse = (np.array([x[rows[k]][z[:, k]] for k in range(N)]) for x in (discrete.M, discrete.inverse))
    q = np.array([discrete.q[rows[k]][z[:, k]] for k in range(N)])
    weights = np.repeat(discrete.r ** np.arange(N)[:, None], len(z), 1)
    diagonal, coupling, linear = loss_terms(chain(N), weights, M, inverse, q, discrete.K)
    constant = 0.5 * np.einsum("nb,nbi,nbij,nbj->b", weights, q, inverse, q, optimize=True)
    pull = held @ discrete.K
    constant += np.einsum("bi,bij,bj->b", pull, inverse[0], q[0] + 0.5 * pull)
    l1 = control.l1 + _relaxed_fixed(control.fixed, limits, held)
    program = PathProgram(chain(N), diagonal, coupling, weights[..., None] * l1, limits)
    best = np.full(len(z), -np.inf)
    least, reached = np.full((2, len(z)), np.inf)  # of the relaxed program, and with the fixed costs paid
    state, scale = None, np.abs(discrete.value(held, z[:, 0])).mean()
    for _ in range(ROUNDS):
        found = program.solve(linear, held, ITERATIONS, bound=True, state=state)
        state = found.state
        assert found.bound is not None  # asked for
        best = np.maximum(best, found.bound + constant)
        plan, before = found.y, held
        relaxed, paid = np.zeros(len(z)), np.zeros(len(z))
        for k in range(N):
            y = limits.project(plan[k])
            if found.u is not None:
                y = np.where((found.u[k] == 0.0) & _inside(before, limits), before, y)
            relaxed += discrete.r**k * discrete.loss(before, y, z[:, k], k, l1, np.zeros_like(l1))
            paid += discrete.r**k * discrete.loss(before, y, z[:, k], k, control.l1, control.fixed)
            before = y
        least, reached = np.minimum(least, relaxed), np.minimum(reached, paid)
        if (least - best).mean() <= NEAR_ENOUGH * scale:
            break
    if control.fixed.any() and seconds_per_path > 0.0:
        for b in range(len(z)):
            proved = least_with_fixed_costs(
                diagonal[:, b], coupling[:, b], linear[:, b], weights[:, b], held[b], control.l1, control.fixed, limits,
                seconds_per_path,
            )  # fmt: skip
            if proved is not None:
                best[b] = max(best[b], proved + constant[b])
    return best, reached


def _inside(y: Floats, limits: Limits) -> Any:
    return (y >= limits.lower) & (y <= limits.upper)


def _relaxed_fixed(fixed: Floats, limits: Limits, held: Floats) -> Floats:
    """Return the linear cost under a fixed one: f over the largest trade; 0 where trades have no limit.

    The largest trade is from one limit to the other, or the first, from what is held outside of them.
    """
    lower, upper = limits.reach
    widest = np.maximum(upper, held.max(axis=0)) - np.minimum(lower, held.min(axis=0))
    return np.where(np.isfinite(widest) & (widest > 0.0), fixed / np.where(widest > 0.0, widest, 1.0), 0.0)


def _end_value(discrete: DiscreteControl, z: Integers) -> float:
    """Return the part of the value that comes after the paths whatever is held: the discounted c at their end."""
    if discrete.steps is not None:
        return 0.0
    return float(discrete.r ** (z.shape[1] - 1) * discrete.c[0][z[:, -1]].mean())


def _earned_without_discount(discrete: DiscreteControl, z: Integers) -> Floats:
    """Return the constant of the value over the paths where there is neither discount nor horizon, (paths,)."""
    gain = 0.5 * np.einsum("zi,zij,zj->z", discrete.q[0], discrete.inverse[0], discrete.q[0])
    total = np.zeros(len(gain))
    for _ in range(z.shape[1] - 1):
        total = gain + discrete.P @ total
    return total[z[:, 0]]


def long_run_mean(values: Floats, began: Integers, shares: Floats) -> tuple[float, float]:
    """Return the mean of values of paths, and half of its 95 % interval.

    The interval is that of many paths. Where most hold no switch of regimes it is too narrow for few: in a test with
    one asset and ten months it held the mean 78, 90, 94 times of 100 with 20, 50, 200 paths.

    Parameters
    ----------
    values : (paths,) array
    began : (paths,) integers
        The regime each path began in. Each regime counts by its share, not by how often it was drawn.
    shares : (m,) array
        Of the regimes in the long run. One that no path began in has no say.
    """
    n, drawn = len(values), np.bincount(began, minlength=len(shares))
    weights = shares[began] / drawn[began]
    weights /= weights.sum()
    free = n - int((drawn > 0).sum())
    middle = np.bincount(began, values, len(shares)) / np.maximum(drawn, 1)
    rest, more = (values - middle[began], n / free) if free else (values - values.mean(), n / (n - 1))
    return float(weights @ values), 1.96 * float(np.sqrt(more * (weights**2 @ rest**2)))


def _gap(
    control: ControlProblem, policy: Trades, first: Floats, lost: Floats, least: Floats, reached: Floats, end: float,
    filtered: bool, began: Integers, seed: int, steps_per_year: float,
) -> Gap:  # fmt: skip
    apart, shares = lost - least, control.chain.stationary
    value, _ = long_run_mean(first - lost, began, shares)
    upper, error = long_run_mean(first - least, began, shares)
    middle, half = long_run_mean(apart, began, shares)
    scale = abs(upper) if upper != 0.0 else 1.0
    shortest = float(control.chain.mean_length.min()) * steps_per_year
    if shortest < 1.0 / LOOSE and (control.l1.any() or control.fixed.any() or not limits_of(control).none):
        warnings.warn(
            Imprecise(
                f"the bound is loose here: steps of {365.25 / steps_per_year:.3g} days, regimes of "
                f"{365.25 * shortest / steps_per_year:.3g}; part of the gap is the bound's"
            ),
            stacklevel=4,
        )
    return Gap(
        policy=str(getattr(policy, "name", type(policy).__name__)),
        value=value,
        upper=upper,
        upper_interval=(upper - error, upper + error),
        gap=middle / scale,
        interval=((middle - half) / scale, (middle + half) / scale),
        per_path=apart,
        inner_error=long_run_mean(reached - least, began, shares)[0] / scale,
        steps_per_shortest_regime=shortest,
        known=not filtered,
        paths=len(apart),
        seed=seed,
        steps_per_year=steps_per_year,
        end_value=end,
    )
