"""Small random regime-switching instances with random combinations of options."""

import numpy as np

from proofolio import MaxTerm, published_maxima
from proofolio.models import Covered, Group

OPTIONS = (
    "path",
    "transitions",
    "dwell",
    "max_switches",
    "covered",
    "turnover_cost",
    "switch_cost",
    "initial",
    "quadratic_impact",
    "power_impact",
    "turnover_limit",
    "groups",
    "cardinality",
    "minimum_position",
    "round_lots",
    "net",
    "gross",
    "exact",
)
NOT_COVERED = {"path", "transitions", "dwell", "max_switches", "switch_cost"}


def random_options(seed):
    """Return keyword arguments of RegimeSwitching: 2 or 3 assets, 1 to 3 periods, 2 or 3 regimes, 0 to 5 options."""
    rng = np.random.default_rng([seed, 4])
    n, T, R = int(rng.integers(2, 4)), int(rng.integers(1, 4)), int(rng.integers(2, 4))
    found = _costs(rng, n, T, R)
    chosen = _choose(rng)
    shorts = rng.random() < 0.45
    net = _net(rng, shorts) if "net" in chosen else (1.0, 1.0)
    found["lower"], found["upper"] = _box(rng, n, T, shorts)
    if "exact" in chosen and "maxima" not in found:
        found["maxima"] = _maxima(rng, n, R)
    draw = {
        "path": lambda: rng.integers(0, R, T),
        "transitions": lambda: (rng.random((R, R)) < 0.55) | (rng.random() < 0.85) * np.eye(R, dtype=bool),
        "dwell": lambda: int(rng.integers(1, 4)),
        "max_switches": lambda: int(rng.integers(0, 3)),
        "covered": lambda: _covered(rng, R, T),
        "turnover_cost": lambda: rng.uniform(0.02, 0.5),
        "switch_cost": lambda: rng.uniform(0.05, 0.5),
        "initial": lambda: _initial(rng, n, shorts, net),
        "quadratic_impact": lambda: _each(rng, n, 0.05, 1.0),
        "power_impact": lambda: _each(rng, n, 0.05, 0.6),
        "turnover_limit": lambda: _turnover_limit(rng, T),
        "groups": lambda: [_group(rng, n) for _ in range(rng.integers(1, 3))],
        "cardinality": lambda: int(rng.integers(1, n + 1)),
        "minimum_position": lambda: _each(rng, n, 0.06, 0.37),
        "round_lots": lambda: _lots(rng, n),
        "net": lambda: net,
        "gross": lambda: rng.uniform(max(net[0], 0.3) + 0.03, 1.9),
        "exact": lambda: True,
    }
    return found | {name: draw[name]() for name in OPTIONS if name in chosen}


def _choose(rng):
    chosen, wanted = set(), rng.integers(0, 6)
    for name in rng.permutation(OPTIONS).tolist():
        clash = NOT_COVERED if name == "covered" else {"covered"} if name in NOT_COVERED else set()
        if len(chosen) < wanted and not (chosen & clash):
            chosen.add(name)
    return chosen


def _costs(rng, n, T, R):
    def periods():
        return (T,) if T > 1 and rng.random() < 0.35 else ()

    A = rng.standard_normal((R, *periods(), n, int(rng.integers(1, n + 1))))
    Q = A @ np.swapaxes(A, -1, -2) / n * (rng.random() < 0.9)
    found = {"Q": (Q + np.swapaxes(Q, -1, -2)) / 2, "c": 0.5 * rng.standard_normal((R, *periods(), n))}
    if rng.random() < 0.4:
        found["k"] = 0.2 * rng.standard_normal((R, *periods()))
    if rng.random() < 0.4:
        found["maxima"] = _maxima(rng, n, R)
    return found | {"periods": T}


def _maxima(rng, n, R):
    if rng.random() < 0.5:
        return published_maxima(n, 0.1, 0.1, int(rng.integers(R)))
    return tuple(
        MaxTerm(
            int(rng.integers(R)),
            int(rng.choice((-1, 1))),
            rng.standard_normal(n),
            0.2 * rng.standard_normal(),
            0.2 * rng.standard_normal(),
        )
        for _ in range(rng.integers(1, 3))
    )


def _box(rng, n, T, shorts):
    low, high = (-0.5 if shorts else 0.0), float(rng.choice((1.0, 1.0, 0.8)))
    if rng.random() < 0.3:  # bounds of each period and asset, which the budget and any net range still fit
        return low + rng.uniform(0.0, 0.2, (T, n)) * (rng.random() < 0.7), np.full((T, n), high)
    return low, high


def _net(rng, shorts):
    ranges = [(0.8, 1.0), (0.9, 1.1), (0.5, 1.0), (0.4, 0.4)]
    if shorts:
        ranges += [(0.0, 0.0), (-0.2, 0.3), (-0.1, 1.0)]
    return ranges[int(rng.integers(len(ranges)))]


def _initial(rng, n, shorts, net):
    held = rng.dirichlet(np.ones(n)) * rng.uniform(*net)
    if shorts:
        tilt = 0.2 * rng.standard_normal(n)
        held += tilt - tilt.mean()
    return held


def _each(rng, n, low, high):
    return rng.uniform(low, high, n) if rng.random() < 0.4 else rng.uniform(low, high)


def _covered(rng, R, T):
    probability = (
        rng.dirichlet(np.full(R, 2.0), T).T if rng.random() < 0.5 else rng.dirichlet(np.full(R, 2.0))
    )
    return Covered(probability, rng.uniform(0.02, 0.55))


def _turnover_limit(rng, T):
    if rng.random() < 0.5:
        return rng.uniform(0.15, 1.2)
    return np.where(rng.random(T) < 0.3, np.inf, rng.uniform(0.15, 1.2, T))


def _group(rng, n):
    members = sorted(rng.choice(n, int(rng.integers(1, n)), replace=False).tolist())
    lower, upper = rng.uniform(-0.2, 0.35), rng.uniform(0.4, 0.95)
    side = rng.integers(3)
    if side == 0:
        return Group(members, upper=upper)
    return Group(members, lower=lower) if side == 1 else Group(members, lower, upper)


def _lots(rng, n):
    sizes = (0.1, 0.125, 0.2, 0.25, 1 / 3) if n == 3 else (0.05, 0.1, 0.125, 0.2, 0.25, 1 / 3)
    return rng.choice(sizes, n) if rng.random() < 0.25 else float(rng.choice(sizes))
