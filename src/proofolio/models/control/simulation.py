"""Policies on simulated markets: what they earn after costs, path by path, on the same paths."""

from __future__ import annotations

import warnings
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

from proofolio.arrays import Floats, Integers
from proofolio.errors import BadData, DoubtfulEstimate
from proofolio.models.arguments import positive, whole
from proofolio.models.control.doubtful_units import fractions
from proofolio.models.control.filtering import filtered_regimes, simulated_returns
from proofolio.models.control.policies import OneStep, Trades
from proofolio.models.control.problem import ControlProblem

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["ETAS", "SimulationTable", "best_eta", "run", "simulated"]


FLAT = 0.01  # of the value: by less two costs of speed are as good as each other


ETAS = (
    1e-4,
    3e-4,
    1e-3,
    3e-3,
    1e-2,
    3e-2,
    0.1,
    0.3,
    1.0,
)  # the value is flat over a factor of ten round the best


@dataclass(frozen=True, eq=False)
class SimulationTable:
    """Figures of policies on the same paths.

    Money is counted on a capital of 1: positions are parts of it, profits add up and are not reinvested, as in the
    objective. ``utility`` is what is earned after costs less ``gamma / 2`` of the variance held, a year.

    Attributes
    ----------
    paths : mapping of str to DataFrame
        By policy, a row a path: sharpe, turnover (bought and sold, a year), drawdown (of profits, in capital), utility.
    pooled : mapping of str to float
        Sharpe ratio of all periods of all paths together; the mean of the paths' own may be above what any policy can
        have, as few regimes fit into a path.
    years, periods_per_year, seed
    """

    paths: Mapping[str, pd.DataFrame]
    pooled: Mapping[str, float]
    years: float
    periods_per_year: float
    seed: int

    @property
    def frame(self) -> pd.DataFrame:
        """A row a policy: means over the paths, and the standard error of the mean Sharpe ratio."""
        rows = {}
        for name, paths in self.paths.items():
            rows[name] = {
                "sharpe": paths["sharpe"].mean(),
                "sharpe_error": paths["sharpe"].std() / np.sqrt(len(paths)),
                "pooled_sharpe": self.pooled[name],
                "turnover": paths["turnover"].mean(),
                "drawdown": paths["drawdown"].mean(),
                "utility": paths["utility"].mean(),
                "utility_positive": (paths["utility"] > 0).mean(),
            }
        return pd.DataFrame(rows).T.rename_axis("policy")

    def paired(self, first: str, second: str, figure: str = "sharpe") -> tuple[float, float]:
        """Return the mean of first minus second, path by path, and the half-width of its 95 % interval."""
        for name in (first, second):
            if name not in self.paths:
                raise BadData(f"there is no policy {name!r}; there are {', '.join(self.paths)}")
        apart = self.paths[first][figure] - self.paths[second][figure]
        return float(apart.mean()), float(1.96 * apart.std() / np.sqrt(len(apart)))

    def __repr__(self) -> str:
        runs = len(next(iter(self.paths.values()))) if self.paths else 0
        return f"SimulationTable({len(self.paths)} policies on {runs} paths of {self.years:g} years)"

    def _repr_html_(self) -> str:
        from proofolio.charts.figures import image  # matplotlib is slow to import

        return str(self.frame.round(4).to_html()) + image(self.plot())

    def to_frame(self) -> pd.DataFrame:
        """Return `frame`: a row a policy."""
        return self.frame

    def plot(self) -> Figure:
        """Draw the mean Sharpe ratio of each policy with its interval, and its turnover."""
        from proofolio.models.control.picture import policies_chart  # matplotlib is slow to import

        return policies_chart(self.frame)

    def __str__(self) -> str:
        """Return the table."""
        return self.frame.round(4).to_string()


@dataclass(frozen=True, eq=False)
class _Run:
    profits: Floats  # (paths, N)
    traded: Floats  # (paths,)
    risk: Floats  # (paths,)
    expected: Floats  # (paths,)
    positions: Floats  # (paths, d), last


def simulated(
    control: ControlProblem,
    policies: Any,
    paths: int = 1000,
    years: float = 5.0,
    periods_per_year: float = 252.0,
    costs: ArrayLike = 0.0,
    seed: int = 0,
    *,
    filtered: bool | Collection[str] = False,
) -> SimulationTable:
    """Return figures of policies; see `RegimeControl.simulate`."""
    paths, named = whole("paths", paths, 2), _named(policies)
    cost = fractions("costs", costs, control.d)
    if round(positive("years", years) * positive("periods_per_year", periods_per_year)) < 2:
        raise BadData("a simulation needs two periods or more: check years and periods_per_year")
    seed = whole("seed", seed, 0)
    z = control.chain.simulate(paths, years, periods_per_year, seed)[:, :-1]
    returns = simulated_returns(control, z, periods_per_year, seed)
    asked = {filtered} if isinstance(filtered, str) else set(filtered or ()) if filtered is not True else None
    unsure = set(named) if asked is None else asked
    if unsure - set(named):
        raise BadData(f"filtered names {', '.join(sorted(unsure - set(named)))}, which is no policy")
    beliefs = filtered_regimes(control, returns, periods_per_year) if unsure else None
    tables, pooled = {}, {}
    for name, policy in named.items():
        seen = beliefs if name in unsure else None
        done = run(control, policy, z, returns, cost, periods_per_year, seen)
        tables[name], pooled[name] = _figures(control, done, years, periods_per_year)
    return SimulationTable(tables, pooled, years, periods_per_year, seed)


def run(
    control: ControlProblem, policy: Trades, z: Integers, returns: Floats, cost: Floats, periods_per_year: float,
    beliefs: Floats | None = None,
) -> _Run:  # fmt: skip
    """Run one policy: at the start of each period it trades and pays, then positions move with prices."""
    policy = getattr(policy, "at", lambda steps: policy)(periods_per_year)
    dt = 1.0 / periods_per_year
    N = z.shape[1]
    theta = np.zeros((len(z), control.alpha.shape[1]))
    profits = np.empty(z.shape)
    traded, risk, expected = np.zeros(len(z)), np.zeros(len(z)), np.zeros(len(z))
    for k in range(N):
        bought = policy.trade(theta, z[:, k] if beliefs is None else beliefs[:, k], k * dt)
        held, paid = theta + bought, np.abs(bought) @ cost
        profits[:, k] = (held * returns[:, k]).sum(1) - paid
        traded += np.abs(bought).sum(1)
        variance = np.einsum("bi,bij,bj->b", held, control.Sigma[z[:, k]], held) * dt
        risk += variance
        expected += (held * control.alpha[z[:, k]]).sum(1) * dt - paid
        theta = held * (1.0 + returns[:, k])
    return _Run(profits, traded, risk, expected, theta)


def best_eta(
    control: ControlProblem, costs: ArrayLike, make: Any, paths: int, years: float, periods_per_year: float, seed: Any,
    etas: Sequence[float], filtered: bool,
) -> tuple[float, dict[float, float]]:  # fmt: skip
    """Return the eta whose exact policy without limits is worth most at real costs, and the value a year of each."""
    cost = fractions("costs", costs, control.d)
    if not len(etas):
        raise BadData("etas is empty: give the costs of speed to try")
    seed = whole("seed", seed, 0)
    z = control.chain.simulate(paths, years, periods_per_year, np.random.default_rng([2, seed]))[:, :-1]
    returns = simulated_returns(control, z, periods_per_year, [2, seed])
    beliefs = filtered_regimes(control, returns, periods_per_year) if filtered else None
    values = {}
    for eta in etas:
        done = run(control, OneStep(make(eta)), z, returns, cost, periods_per_year, beliefs)
        values[float(eta)] = float((done.expected - 0.5 * control.gamma * done.risk).mean()) / years
    best = max(values, key=lambda eta: values[eta])
    tried = sorted(values, reverse=best == max(values))
    if len(tried) > 2 and best == tried[0] and values[best] - values[tried[1]] > FLAT * abs(values[best]):
        warnings.warn(
            f"eta {best:g} is at the end of those tried, and the best may lie beyond: give etas that reach further, "
            "or look at the costs (fractions of what is traded)",
            DoubtfulEstimate,
            stacklevel=3,
        )
    return best, values


def _named(policies: Any) -> dict[str, Trades]:
    if isinstance(policies, Mapping):
        pairs = [(str(name), policy) for name, policy in policies.items()]
    else:
        listed = list(policies) if isinstance(policies, Sequence) else [policies]
        pairs = [(str(getattr(policy, "name", type(policy).__name__)), policy) for policy in listed]
    named: dict[str, Trades] = {}
    for name, policy in pairs:
        if not callable(getattr(policy, "trade", None)):
            raise BadData(f"a policy has a method trade(theta, z, t), and {policy!r} has none")
        if name in named:
            raise BadData(f"two policies are called {name}; give a mapping from names to policies")
        named[name] = policy
    if not named:
        raise BadData("there is no policy to simulate")
    return named


def _figures(
    control: ControlProblem, done: _Run, years: float, periods_per_year: float
) -> tuple[pd.DataFrame, float]:
    spread = done.profits.std(axis=1, ddof=1)
    mean = done.profits.mean(axis=1)
    wealth = np.cumsum(np.pad(done.profits, ((0, 0), (1, 0))), axis=1)
    drawdown = (np.maximum.accumulate(wealth, axis=1) - wealth).max(axis=1)
    # a policy that never holds anything has no Sharpe ratio: NaN, not a division by zero
    sharpe = np.divide(mean, spread, out=np.full(len(mean), np.nan), where=spread > 0.0)
    frame = pd.DataFrame(
        {
            "sharpe": sharpe * np.sqrt(periods_per_year),
            "turnover": done.traded / years,
            "drawdown": drawdown,
            "utility": (done.profits.sum(1) - 0.5 * control.gamma * done.risk) / years,
        }
    )
    whole_spread = float(done.profits.std())
    pooled = (
        float(done.profits.mean()) / whole_spread * np.sqrt(periods_per_year) if whole_spread > 0 else np.nan
    )
    return frame, float(pooled)
