"""The experiments of the published page: its claims beside what comes out under stated drifts and covariances."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from time import perf_counter
from typing import Any

import numpy as np
import pandas as pd
from threadpoolctl import threadpool_limits

from proofolio.arrays import Floats
from proofolio.errors import BadData, did_you_mean
from proofolio.models.control.chain import RegimeChain
from proofolio.models.control.filtering import filtered_regimes, simulated_returns
from proofolio.models.control.policies import OneStep
from proofolio.models.control.published import (
    COSTS,
    EqualWeights,
    Jump,
    Scaled,
    Static,
    published_chain,
    published_control,
)
from proofolio.models.control.regime_control import RegimeControl
from proofolio.models.control.simulation import ETAS, SimulationTable, run

__all__ = ["EXPERIMENTS", "Claim", "Experiment", "experiment"]


YEARS, DAYS = 5.0, 252.0
EDGES = (-252, -60, -20, -5, -1, 1, 5, 20, 60)  # days from the exit out of the bull regime
GAP_ROWS = (
    (5, 0.0, None, 50),
    (5, 0.002, None, 200),
    (5, 0.002, 1.0, 200),
    (5, 0.01, 0.5, 200),
    (50, 0.002, 0.3, 20),
)
PLANS = (0.5, 1.0, 2.0)  # years, of which one is chosen on other paths


@dataclass(frozen=True)
class Claim:
    """A published claim, what came out, and whether it is reproduced.

    Attributes
    ----------
    claim, finding : str
        A sentence each.
    reproduced : bool
    """

    claim: str
    finding: str
    reproduced: bool


@dataclass(frozen=True, eq=False)
class Experiment:
    """Tables, claims and series of one experiment.

    Attributes
    ----------
    name, command, assumed : str
    tables : mapping of str to DataFrame
    claims : list of Claim
    series : mapping of str to DataFrame
        For pictures: a line a column over the index.
    seconds : float
    """

    name: str
    command: str
    assumed: str
    tables: dict[str, pd.DataFrame]
    claims: list[Claim]
    series: dict[str, pd.DataFrame] = field(default_factory=dict)
    seconds: float = 0.0

    def document(self) -> dict[str, Any]:
        """Return it for JSON."""
        return {
            "experiment": self.name,
            "command": self.command,
            "assumed": self.assumed,
            "tables": {name: _records(table) for name, table in self.tables.items()},
            "claims": [vars(claim) for claim in self.claims],
            "seconds": self.seconds,
        }


ASSUMED = (
    "Drifts and covariances are assumed (models/control/published.py): the published page prints no covariance. "
    "gamma 3, Lambda the mean covariance, 252 steps a year, 2/2/2/1/5 bp a side, all positions drift with prices, the "
    "filter knows the parameters, first positions are 0."
)


ASSUMED_OF_GAPS = (
    "Drifts and covariances are assumed (models/control/published.py; for 50 assets a random market of three factors). "
    "gamma 3, eta 0.1, Lambda the mean covariance, monthly steps for five years, positions that do not drift, first "
    "positions 0. A plan of lookahead was chosen on other paths. The gap is between the means of value and bound over "
    "the paths, low and high are its 95 % interval, in floating point."
)


def experiment(name: str, paths: int | None = None, seed: int = 7) -> Experiment:
    """Run an experiment by its name, one of `EXPERIMENTS`.

    Parameters
    ----------
    name : str
    paths : int, optional
        Of the simulations; each has its usual number.
    seed : int
    """
    if name not in EXPERIMENTS:
        raise BadData(
            f"there is no experiment {name!r}{did_you_mean(name, EXPERIMENTS)}; choose from {', '.join(EXPERIMENTS)}"
        )
    function, usual = EXPERIMENTS[name]
    began = perf_counter()
    count = usual if paths is None else paths
    with threadpool_limits(1):  # as in the methods of a control
        tables, claims, series = function(count, seed)
    command = f"proofolio control --experiment {name} --paths {count} --seed {seed}"
    return Experiment(
        name,
        command,
        ASSUMED_OF_GAPS if name == "gap" else ASSUMED,
        tables,
        claims,
        series,
        perf_counter() - began,
    )


Found = tuple[dict[str, pd.DataFrame], list[Claim], dict[str, pd.DataFrame]]


def _published(paths: int, seed: int) -> Found:
    control = published_control()
    table = control.simulate(_strategies(control), paths, YEARS, DAYS, COSTS, seed, FILTERED)
    scaled = control.simulate(
        {name: Scaled(policy) for name, policy in _strategies(control).items()},
        paths, YEARS, DAYS, COSTS, seed, FILTERED,
    )  # fmt: skip
    pairs = [("known", "jump"), ("known", "filtered"), ("known", "G = 0"), ("known", "static daily")]
    paired = pd.DataFrame(
        [(f"{a} - {b}", *table.paired(a, b)) for a, b in pairs],
        columns=["Sharpe of", "difference", "half-width"],
    ).set_index("Sharpe of")
    claims = _claims(control, table, scaled)
    return {"as it is": table.frame, "gross exposure at most 1": scaled.frame, "paired": paired}, claims, {}


FILTERED = ("filtered", "filtered jump")


def _strategies(control: RegimeControl) -> dict[str, Any]:
    return {
        "known": control.one_step(),
        "filtered": control.one_step(),
        "G = 0": OneStep(without_switches(control)),
        "jump": Jump(control),
        "filtered jump": Jump(control),
        "static daily": Static(control),
        "static quarterly": Static(control, 0.25),
        "1/n": EqualWeights(),
    }


def without_switches(control: RegimeControl) -> RegimeControl:
    """Return the control that believes that regimes never change."""
    m = control.m
    return RegimeControl(
        RegimeChain(np.zeros((m, m))), control.alpha, control.Sigma, control.gamma, control.eta, control.Lambda,
        control.rho, units="year",
    )  # fmt: skip


def _claims(control: RegimeControl, table: SimulationTable, scaled: SimulationTable) -> list[Claim]:
    frame: Any = table.frame
    bounded: Any = scaled.frame
    shares = control.chain.stationary
    ratios = [a @ np.linalg.solve(S, a) for a, S in zip(control.alpha, control.Sigma, strict=True)]
    ceiling = float(np.sqrt(shares @ np.array(ratios)))
    sharpe, static = frame.loc["known", "sharpe"], frame.loc["static daily", "sharpe"]

    def change(figures: Any, column: str, other: str) -> float:
        return float(figures.loc["known", column] / figures.loc[other, column] - 1.0)

    turnover, quarterly = (
        change(frame, "turnover", "static daily"),
        change(frame, "turnover", "static quarterly"),
    )
    fall, limited = change(frame, "drawdown", "static daily"), change(bounded, "drawdown", "static daily")
    good, kept = frame.loc["known", "utility_positive"], bounded.loc["known", "utility_positive"]
    lengths = ", ".join(f"{years:g}" for years in control.chain.mean_length.round(3))
    part = ", ".join(f"{share:.3f}" for share in shares)
    return [
        Claim(
            "Sharpe 1.42, against .94 of static mean-variance.",
            f"{sharpe:.2f} against {static:.2f} ({bounded.loc['known', 'sharpe']:.2f} and "
            f"{bounded.loc['static daily', 'sharpe']:.2f} with gross exposure at most 1); with these drifts and "
            f"covariances no policy is expected above {ceiling:.2f}, paths pooled.",
            bool(abs(sharpe - 1.42) < 0.1 and abs(static - 0.94) < 0.1),
        ),
        Claim(
            "Turnover 38 % lower than of naive rebalancing.",
            f"{turnover:+.0%} against static rebalanced daily, {quarterly:+.0%} against quarterly: what "
            "naive means decides.",
            bool(-0.5 < turnover < -0.25 and quarterly < 0.0),
        ),
        Claim(
            "Drawdown 27 % lower.",
            f"{fall:+.0%} as it is, {limited:+.0%} with gross exposure at most 1.",
            bool(fall < -0.2),
        ),
        Claim(
            "Utility is positive on 96 % of the paths.",
            f"{good:.0%} as it is, {kept:.0%} with gross exposure at most 1.",
            bool(good > 0.93),
        ),
        Claim(
            "Regimes last 5, 7 and 5 years on average.",
            f"-1/g_ii is {lengths} years; the stationary distribution is {part}.",
            False,
        ),
    ]


def _doubling(paths: int, seed: int) -> Found:
    base = published_control()
    shapes = {"Sigma": base.Sigma.mean(0)}
    shapes["diagonal"] = np.diag(np.diag(shapes["Sigma"]))
    shapes["identity"] = np.eye(base.d) * np.trace(shapes["Sigma"]) / base.d
    etas = [0.1, 0.2, 0.4, 0.8, 1.6]
    rows, lines = [], pd.DataFrame(index=pd.Index(etas, name="eta"))
    for shape, Lambda in shapes.items():
        found = []
        for eta in etas:
            control = published_control(eta=eta, Lambda=Lambda)
            frame = control.simulate(control.one_step(), paths, YEARS, DAYS, COSTS, seed).frame
            found.append((float(frame["turnover"].iloc[0]), float(frame["utility"].iloc[0])))
        lines[f"Lambda ~ {shape}"] = [turnover for turnover, _ in found]
        for k in range(1, len(etas)):
            rows.append(  # noqa: PERF401
                (f"Lambda ~ {shape}", f"{etas[k - 1]:g} to {etas[k]:g}", found[k][0] / found[k - 1][0] - 1.0,
                 found[k][1] - found[k - 1][1])
            )  # fmt: skip
    table = pd.DataFrame(rows, columns=["cost of speed", "eta", "turnover", "utility a year"]).set_index(
        "cost of speed"
    )
    least, most = table["turnover"].max(), table["turnover"].min()
    claim = Claim(
        "Doubling eta halves turnover.",
        f"Doubling eta changes turnover by {least:+.0%} to {most:+.0%}.",
        bool(most < -0.45),
    )
    return {"doubling eta": table}, [claim], {"turnover by eta": lines}


def _anticipation(paths: int, seed: int) -> Found:
    control = published_control()
    alone = without_switches(control)
    steps = control.one_step(steps_per_year=DAYS), OneStep(alone, steps_per_year=DAYS)
    targets = [np.abs(np.linalg.solve(p.discrete.A[0][0], p.discrete.b[0][0])).sum() for p in steps]
    z = control.chain.simulate(paths, YEARS, DAYS, seed)[:, :-1]
    returns = simulated_returns(control, z, DAYS, seed)
    beliefs = filtered_regimes(control, returns, DAYS)
    tracks = {
        "known": _tracked(control.one_step(steps_per_year=DAYS), z, None),
        "filtered": _tracked(control.one_step(steps_per_year=DAYS), z, beliefs),
    }
    leaves = [(path, day) for path, day in zip(*np.nonzero((z[:, :-1] == 0) & (z[:, 1:] != 0)), strict=True)]
    full = [
        (p, k + 1)
        for p, k in leaves
        if k + 1 >= 252 and k + 61 <= z.shape[1] and (z[p, k - 251 : k + 1] == 0).all()
    ]
    if not full:
        raise BadData("no path leaves the bull regime with a year before it; give more paths")
    around: Any = pd.DataFrame(index=pd.Index(EDGES, name="days from the exit"))
    for name, track in tracks.items():
        around[name] = [
            float(np.mean([track[p, k + (e if e < 0 else e - 1)] for p, k in full])) for e in EDGES
        ]
    around["bull probability of the filter"] = [
        float(np.mean([beliefs[p, k + (e if e < 0 else e - 1), 0] for p, k in full])) for e in EDGES
    ]
    two = control.simulate(
        {"known": control.one_step(), "G = 0": OneStep(alone)}, paths, YEARS, DAYS, COSTS, seed
    )
    worth, half = two.paired("known", "G = 0")
    level = "As a level only" if targets[0] < targets[1] else "Not even as a level"
    drop = 1.0 - around.loc[-1, "known"] / around.loc[-60, "known"]
    claim = Claim(
        "The policy unwinds before the regime changes.",
        f"{level}: the bull target is {targets[0]:.2f} against {targets[1]:.2f} with G = 0. Between 60 days and one "
        f"day before {len(full)} exits the position changes by {-drop:+.1%} (filtered "
        f"{around.loc[-1, 'filtered'] / around.loc[-60, 'filtered'] - 1.0:+.1%}). Knowing G is worth "
        f"{worth:+.4f} +-{half:.4f} in Sharpe here.",
        bool(drop > 0.1),
    )
    levels = pd.DataFrame(
        {"gross target in bull": targets}, index=pd.Index(["with G", "G = 0"], name="policy")
    )
    return (
        {"targets": levels, "around the exit": around},
        [claim],
        {"around the exit": around[["known", "filtered"]]},
    )


def _tracked(policy: OneStep, z: Any, beliefs: Floats | None) -> Floats:
    """Return gross positions (paths, N) after each trade, without drift of positions: what the policy itself does."""
    theta = np.zeros((len(z), policy.control.d))
    track = np.empty(z.shape)
    for k in range(z.shape[1]):
        theta = theta + policy.trade(theta, z[:, k] if beliefs is None else beliefs[:, k], k / DAYS)
        track[:, k] = np.abs(theta).sum(1)
    return track


def _gaps(paths: int, seed: int) -> Found:
    rows = []
    for d, l1, box, usual in GAP_ROWS:
        control = gap_control(d, l1, box)
        count = max(2, min(paths, usual))
        plans = [control.lookahead(years) for years in PLANS]
        chosen: Any = control.choose(plans, max(2, count // 2), seed)
        for policy in (control.one_step(), chosen, control.receding(6), control.receding(24)):
            began = perf_counter()
            gap = control.bound(policy, count, seed)
            low, high = gap.interval
            rows.append(
                (d, l1, "none" if box is None else f"{box:g}", gap.policy, gap.upper, gap.gap, low, high,
                 gap.inner_error, float(gap.per_path.min()), perf_counter() - began)
            )  # fmt: skip
    columns = [
        "d",
        "l1",
        "box",
        "policy",
        "upper",
        "gap",
        "low",
        "high",
        "inner error",
        "least on a path",
        "s",
    ]
    table = pd.DataFrame(rows, columns=columns)
    return {"gaps": table.set_index("policy")}, [], {}


def gap_control(d: int, l1: float, box: float | None) -> RegimeControl:
    """Return the published control, or for other d a random market under its chain, over five years."""
    if d == 5:
        return published_control(l1=l1, limits=box, horizon=YEARS)
    rng = np.random.default_rng(d)
    loadings = rng.normal(0.0, 1.0, (d, 3)) * np.array([0.12, 0.06, 0.04])
    own = np.diag(rng.uniform(0.10, 0.25, d) ** 2)
    Sigma = np.array([size**2 * (loadings @ loadings.T + own) for size in (0.8, 1.0, 1.6)])
    alpha = rng.normal(0.0, 0.05, (3, d)) + np.array([[0.05], [0.02], [-0.06]])
    return RegimeControl(published_chain(), alpha, Sigma, l1=l1, limits=box, horizon=YEARS)


def _costs(paths: int, seed: int) -> Found:
    rows, lines = [], pd.DataFrame(index=pd.Index(ETAS, name="eta"))
    claims = []
    for speed in (1.0, 5.0):
        control = published_control(speed=speed)
        z = control.chain.simulate(paths, YEARS, DAYS, np.random.default_rng([2, seed]))[:, :-1]
        returns = simulated_returns(control, z, DAYS, [2, seed])
        beliefs = filtered_regimes(control, returns, DAYS)
        for name, seen in (("known", None), ("filtered", beliefs)):
            jump = run(control, Jump(control), z, returns, COSTS, DAYS, seen)
            base = (jump.expected - 0.5 * control.gamma * jump.risk) / YEARS
            for eta in ETAS:
                done = run(control, OneStep(control.with_eta(eta)), z, returns, COSTS, DAYS, seen)
                apart = (done.expected - 0.5 * control.gamma * done.risk) / YEARS - base
                half = 1.96 * float(apart.std(ddof=1)) / np.sqrt(paths)
                rows.append((f"{name}, regimes of {5.0 / speed:g} years", eta, float(apart.mean()), half))
            lines[f"{name}, {5.0 / speed:g} years"] = [row[2] for row in rows[-len(ETAS) :]]
    table = pd.DataFrame(
        rows, columns=["case", "eta", "value less that of the jump", "half-width"]
    ).set_index("case")
    for case, part in table.groupby(level=0, sort=False):
        best = part.iloc[int(np.argmax(part["value less that of the jump"].to_numpy()))]
        at = part[part["eta"] == 0.1].iloc[0]
        claims.append(
            Claim(
                f"eta = 0.1 suits costs of 1 to 5 bp ({case}).",
                f"Against the jump, both knowing the same, eta = 0.1 earns {at.iloc[1]:+.4f} +-{at.iloc[2]:.4f} a "
                f"year and eta = {best.iloc[0]:g} earns {best.iloc[1]:+.4f} +-{best.iloc[2]:.4f}, the best of these.",
                bool(at.iloc[1] + at.iloc[2] >= best.iloc[1] - best.iloc[2]),
            )
        )
    return {"value against the jump": table}, claims, {"value against the jump": lines}


EXPERIMENTS: dict[str, tuple[Callable[[int, int], Found], int]] = {
    "published": (_published, 1000),
    "eta": (_doubling, 200),
    "anticipation": (_anticipation, 1000),
    "gap": (_gaps, 200),
    "costs": (_costs, 100),
}


def _records(table: pd.DataFrame) -> list[dict[str, Any]]:
    return [{str(table.index.name): index, **dict(row)} for index, row in table.iterrows()]
