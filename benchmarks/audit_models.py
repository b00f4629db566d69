"""Models of the kinds in which big-M rows are many: a unit commitment and a lot sizing, with numbers of a seed."""

from __future__ import annotations

import numpy as np
import pyomo.environ as pyo

from proofolio import Model
from proofolio.program.program import Program

__all__ = ["lot_sizing", "unit_commitment"]


def unit_commitment(
    count: int = 20, hours: int = 24, seed: int = 1, falls: bool = False
) -> pyo.ConcreteModel:
    """Units with minimum times up and down, ramps and starts, as a Pyomo model.

    With 20 units and 24 hours it has 2,824 rows, of which 1,420 sides are candidates. With `falls` ramps downwards are
    limited too: 460 rows and sides more.
    """
    rng = np.random.default_rng(seed)
    units, times, later = range(count), range(hours), range(1, hours)
    top = rng.integers(50, 400, count).tolist()
    low, ramp = [round(0.3 * t) for t in top], [round(0.35 * t) for t in top]
    first = [r + 5 for r in ramp]
    up, down = rng.integers(2, 9, (2, count)).tolist()
    unit, fixed = rng.uniform(10, 40, count).round(2).tolist(), rng.uniform(200, 900, count).round(1).tolist()
    start = rng.uniform(300, 3000, count).round().tolist()
    shape = 0.65 + 0.25 * np.sin((np.arange(hours) - 8) * 2 * np.pi / 24) + rng.uniform(-0.03, 0.03, hours)
    demand = (shape * 0.75 * sum(top)).round(1).tolist()
    m = pyo.ConcreteModel("unit commitment")
    m.p = pyo.Var(units, times, bounds=lambda _, i, t: (0, top[i]))
    m.u, m.v = pyo.Var(units, times, within=pyo.Binary), pyo.Var(units, times, within=pyo.Binary)

    def started(i: int, t: int, span: int) -> object:
        return sum(m.v[i, s] for s in range(max(1, t - span + 1), t + 1))

    m.demand = pyo.Constraint(times, rule=lambda _, t: sum(m.p[i, t] for i in units) >= demand[t])
    m.start = pyo.Constraint(units, later, rule=lambda _, i, t: m.u[i, t] - m.u[i, t - 1] <= m.v[i, t])
    m.up = pyo.Constraint(units, later, rule=lambda _, i, t: started(i, t, up[i]) <= m.u[i, t])
    m.down = pyo.Constraint(
        units, later, rule=lambda _, i, t: started(i, t, down[i]) <= 1 - m.u[i, max(0, t - down[i])]
    )
    m.most = pyo.Constraint(units, times, rule=lambda _, i, t: m.p[i, t] <= top[i] * m.u[i, t])
    m.least = pyo.Constraint(units, times, rule=lambda _, i, t: m.p[i, t] >= low[i] * m.u[i, t])
    m.ramp = pyo.Constraint(
        units, later,
        rule=lambda _, i, t: m.p[i, t] - m.p[i, t - 1] <= ramp[i] * m.u[i, t - 1] + first[i] * m.v[i, t],
    )  # fmt: skip
    if falls:
        m.fall = pyo.Constraint(
            units, later,
            rule=lambda _, i, t: m.p[i, t - 1] - m.p[i, t] <= ramp[i] * m.u[i, t] + first[i] * (1 - m.u[i, t]),
        )  # fmt: skip
    m.cost = pyo.Objective(
        expr=sum(
            unit[i] * m.p[i, t] + fixed[i] * m.u[i, t] + start[i] * m.v[i, t] for i in units for t in times
        )
    )
    return m


def lot_sizing(items: int = 30, periods: int = 30, seed: int = 2) -> Program:
    """Items made in lots on one machine, with stocks that only their balance bounds: a side an item and period."""
    rng = np.random.default_rng(seed)
    demand = rng.integers(0, 40, (items, periods)).astype(float)
    model = Model(f"lot sizing, {items} items and {periods} periods")
    made = model.variable("made", (items, periods), lower=0)
    stock = model.variable("stock", (items, periods), lower=0)
    setup = model.variable("setup", (items, periods), binary=True)
    model.add("first", made[:, 0] - stock[:, 0] == demand[:, 0])
    model.add("balance", stock[:, :-1] + made[:, 1:] - stock[:, 1:] == demand[:, 1:])
    model.add("capacity", made.sum(0) <= 1.6 * demand.sum(0).mean() + 300.0)
    model.add("end", stock[:, -1] <= 20.0)
    model.add("open", made <= 1000.0 * setup)
    cost = rng.integers(20, 200, (items, 1)).astype(float)
    model.minimise((setup * cost).sum() + (stock * 1.0).sum())
    return model.freeze()
