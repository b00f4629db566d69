"""Control on grids: policy iteration with a box and linear costs, its errors and orders, no-trade zones.

``python -m benchmarks control_grids [--quick] [--json FILE] [--markdown FILE]``

The markets of ``benchmarks.control``, with the diagonal of the mean covariance for Lambda; seconds are CPU time of one
thread.

With linear costs V is wrong by nearly the same amount everywhere: by what is lost at the positions that rest in the
no-trade zone of a regime. Until steps are as narrow as that zone it lies somewhere between two nodes, and where decides
over a factor of ten: one grid after the other shows orders of .5 and 4. So every size is tried with its inner nodes
moved by several parts of a step, and errors are the worst and the mean of these.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from scipy.interpolate import RegularGridInterpolator
from threadpoolctl import threadpool_limits

from benchmarks.control import Table, market, timed
from benchmarks.record import add_options, keep
from proofolio.models.control.regime_control import RegimeControl

Floats = NDArray[np.float64]


def between(control: RegimeControl, V: Floats, axes: tuple[Floats, ...]) -> bool:
    """Return whether a value lies between never trading and trading without limits and linear costs."""
    points = np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1)
    rho, G, value = control.rho, control.chain.generator, control.riccati()
    held = points @ control.alpha.T
    held -= control.gamma / 2 * np.einsum("...i,mij,...j->...m", points, control.Sigma, points, optimize=True)
    never = np.linalg.solve(rho * np.eye(control.m) - G, held.reshape(-1, control.m).T).reshape(V.shape)
    above = np.stack([value.value(points, i) for i in range(control.m)])
    slack = 1e-6 * np.ptp(V)
    return bool(np.all(V >= never - slack) and np.all(V <= above + slack))


def grids(quick: bool) -> Table:
    """Policy iteration with a box and linear costs: sizes, times, what was foretold."""
    table = Table(
        "Grids, box 1 and L1 .01, three regimes, seconds of CPU",
        ("nodes", "unknowns", "seconds", "target", "foretold", "iterations", "last change", "holds"),
    )
    cases = ((1, 321, None), (2, 41, None), (2, 161, 10.0), (3, 21, None), (3, 41, 40.0))
    for d, n, target in cases:
        if quick and n**d > 10_000:
            continue
        control = market(d, diagonal=True, limits=1.0, l1=0.01)
        found, seconds = timed(lambda c=control, n=n: c.policy_iteration(np.linspace(-1, 1, n)), 1)
        reached = "-" if target is None else f"{target:g} {'met' if seconds <= target else 'MISSED'}"
        table.add(
            f"{n}^{d}", f"{found.estimate.unknowns:,}", f"{seconds:.3g}", reached, f"{found.estimate.seconds:.2g}",
            str(found.iterations), f"{found.history[-1]:.0e}",
            holds=found.converged and between(control, found.V, found.axes),
        )  # fmt: skip
    return table


def axis(n: int, shift: float) -> Floats:
    """Return n or n + 1 nodes from -1 to 1: equal steps but for the first and last, moved by a part of a step."""
    h = 2.0 / (n - 1)
    inner = np.arange(-1.0 + (shift or 1.0) * h, 1.0 - 1e-9, h)
    return np.concatenate([[-1.0], inner, [1.0]])


def nodes_of(axes: Sequence[Floats]) -> Floats:
    """Return the positions of a grid, (N..., d)."""
    return np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1)


def plain_orders(quick: bool) -> Table:
    """Differences of the whole value without limits, against the exact one."""
    table = Table(
        "Plain differences without limits against the exact value: error over the range of V",
        ("assets", "nodes", "error", "order", "holds"),
    )
    for d, nodes in ((1, (81, 161, 321)), (2, (21, 41, 81)), (3, (9, 17, 33))):
        control, before = market(d, diagonal=True), None
        value = control.riccati()
        for n in nodes[: 2 if quick else 3]:
            found = control.policy_iteration(np.linspace(-4, 4, n), lift=False)
            points = nodes_of(found.axes)
            inner = np.all(np.abs(points) <= 2, axis=-1)
            expected = np.stack([value.value(points, i) for i in range(3)])
            error = float(np.abs(found.V - expected)[:, inner].max() / np.ptp(expected[:, inner]))
            order = None if before is None else np.log2(before / error)
            table.add(
                str(d), f"{n}^{d}", f"{error:.1e}", "-" if order is None else f"{order:.2f}",
                holds=order is None or order > 0.5,
            )  # fmt: skip
            before = error
    return table


SHIFTS = {
    1: [(k / 8,) for k in range(8)],
    2: [(0.0, 0.0), (0.25, 0.75), (0.5, 0.5), (0.75, 0.25)],
    3: [(0.0, 0.0, 0.0), (0.25, 0.5, 0.75), (0.5, 0.75, 0.25), (0.75, 0.25, 0.5)],
}
SIZES = {1: ((11, 21, 41, 81, 161, 321), 2561), 2: ((11, 21, 41), 161), 3: ((6, 11, 16), 61)}


def orders(quick: bool) -> Table:
    """Box and linear costs: errors against a grid that is at least four times finer, and their orders."""
    table = Table(
        "Box 1 and L1 .01 against a finer grid: error over the range of V, of grids moved by parts of a step",
        (
            "differences",
            "against",
            "assets",
            "nodes",
            "grids",
            "worst",
            "order",
            "mean",
            "order of mean",
            "holds",
        ),
    )
    for d, (sizes, fine) in SIZES.items():
        if quick and d > 1:
            continue
        control = market(d, diagonal=True, limits=1.0, l1=0.01)
        value, best = control.riccati(), control.policy_iteration(np.linspace(-1, 1, fine))
        span = float(np.ptp(best.V))
        # what is linear between the nodes of the finer grid is what the value lacks to the exact one
        points = nodes_of(best.axes)
        lacking = [
            RegularGridInterpolator(best.axes, V - value.value(points, i)) for i, V in enumerate(best.V)
        ]
        for lift, name in ((True, "lifted"), (False, "plain")):
            before: tuple[int, Floats] | None = None
            for n in sizes[:4] if quick else sizes if lift or d > 1 else sizes[:-1]:
                errors = []
                for shift in SHIFTS[d]:
                    found = control.policy_iteration([axis(n, part) for part in shift], lift=lift)
                    points = nodes_of(found.axes)
                    expected = np.stack([value.value(points, i) + f(points) for i, f in enumerate(lacking)])
                    errors.append(float(np.abs(found.V - expected).max() / span))
                now = np.array([max(errors), np.mean(errors)])
                order = (
                    None if before is None else np.log(before[1] / now) / np.log((n - 1) / (before[0] - 1))
                )
                said = ("-", "-") if order is None else tuple(f"{one:.2f}" for one in order)
                table.add(
                    name, f"{fine}^{d}", str(d), f"{n}^{d}", str(len(errors)), f"{now[0]:.1e}", said[0],
                    f"{now[1]:.1e}", said[1], holds=order is None or order.min() > ORDERS[name],
                )  # fmt: skip
                before = n, now
    return table


ORDERS = {"lifted": 1.2, "plain": 0.8}  # at least, from each size to the next


def zones(quick: bool) -> Table:
    """No-trade zones: exact ones of one regime, and those of three regimes with the targets without linear costs.

    With one regime nobody moves inside the zone, so there V is the reward over rho, and the zone is where
    ``|alpha - gamma Sigma theta| <= rho l1`` in every position.
    """
    table = Table(
        "No-trade zones, L1 .05 with one regime, .01 with three",
        ("case", "nodes", "zone", "exact, or target without L1", "missed by", "holds"),
    )
    for d, n in ((1, 161), (2, 41), (3, 21)):
        if quick and d > 2:
            continue
        Sigma = market(d, diagonal=True).Sigma[:1]
        alpha = 3.0 * Sigma[0] @ np.full(d, 0.1)
        one = RegimeControl(
            [[0.0]], alpha[None], Sigma, Lambda=Sigma[0].diagonal(), rho=0.5, limits=1.0, l1=0.05
        )
        found = one.policy_iteration(np.linspace(-1, 1, n))
        points = nodes_of(found.axes)
        h = 2.0 / (n - 1)
        far = np.abs(alpha - 3.0 * points @ Sigma[0]) - 0.5 * 0.05
        slack = (
            3.0 * np.abs(Sigma[0]).sum(axis=1) * h
        )  # a step along every axis moves the gradient by so much
        region = found.no_trade_region(0)
        missed = int(
            (region.mask & np.any(far > slack, -1)).sum() + (~region.mask & np.all(far < -slack, -1)).sum()
        )
        inside = np.all(far <= 0.0, axis=-1)
        table.add(
            f"{d} assets, one regime", f"{n}^{d}", f"{int(region.mask.sum())} nodes", f"{int(inside.sum())} nodes",
            f"{missed} nodes", holds=missed == 0,
        )  # fmt: skip
    for limits in (8.0, 0.5):
        control = market(1, diagonal=True, limits=limits, l1=0.01)
        found = control.policy_iteration(np.linspace(-limits, limits, 1281))
        targets = control.riccati().targets()[:, 0]
        for i in range(3):
            region = found.no_trade_region(i)
            low, high, target = region.low[0], region.high[0], float(np.clip(targets[i], -limits, limits))
            outside = max(low - target, target - high, 0.0)
            table.add(
                f"1 asset, regime {i}, box {limits:g}", "1281^1", f"{low:.4f} to {high:.4f}", f"{targets[i]:.4f}",
                f"{outside:.1e}", holds=bool(low <= high) and outside <= limits / 640,
            )  # fmt: skip
    return table


def main(arguments: list[str]) -> int:
    """Make the tables, and return how many checks failed."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks control_grids",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add_options(parser, "small sizes, some ten seconds")
    asked = parser.parse_args(arguments)
    with threadpool_limits(1):
        tables = [make(asked.quick) for make in (grids, plain_orders, orders, zones)]
    failed = sum(table.failed for table in tables)
    keep("control_grids", [table.sheet for table in tables], asked, [f"{failed} checks failed."])
    return failed
