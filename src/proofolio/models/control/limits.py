"""Where positions may lie at every step: a box, sums of groups, gross exposure; each with its support function."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from scipy import optimize

from proofolio.arrays import Floats
from proofolio.errors import BadData
from proofolio.models.control.problem import ControlProblem

__all__ = ["Limits", "limits_of"]


ROUNDING = 1e-13  # projections end when a round changes less
ROUNDS = 200  # of projections in turn onto a box, sums and gross exposure


@dataclass(frozen=True, eq=False)
class Limits:
    """A convex set of positions, the same at every step.

    Attributes
    ----------
    lower, upper : (d,) arrays
        Infinite where there is none.
    rows : (r, d) array
        Sums of positions,
    row_lower, row_upper : (r,) arrays
        and their limits.
    gross : float or None
        Limit of the sum of sizes.
    """

    lower: Floats
    upper: Floats
    rows: Floats
    row_lower: Floats
    row_upper: Floats
    gross: float | None = None

    @property
    def boxed(self) -> bool:
        """Whether any position is bounded."""
        return bool(np.isfinite(self.lower).any() or np.isfinite(self.upper).any())

    @property
    def none(self) -> bool:
        """Whether everything is allowed."""
        return not (self.boxed or len(self.rows) or self.gross is not None)

    @property
    def reach(self) -> tuple[Floats, Floats]:
        """The ends of what each position may be, (d,) each: of the box, and of gross exposure in one asset alone."""
        most = np.inf if self.gross is None else self.gross
        return np.maximum(self.lower, -most), np.minimum(self.upper, most)

    def violation(self, y: Floats) -> float:
        """Return by how much positions (..., d) miss a limit at most."""
        missed = [0.0, float((self.lower - y).max()), float((y - self.upper).max())]
        if len(self.rows):
            sums = y @ self.rows.T
            missed += [float((self.row_lower - sums).max()), float((sums - self.row_upper).max())]
        if self.gross is not None:
            missed.append(float(np.abs(y).sum(-1).max()) - self.gross)
        return max(missed)

    def nearest(self, name: str, x: Floats) -> Floats:
        """Return the nearest point of one part: ``box`` and ``gross`` of positions, ``rows`` of sums."""
        if name == "box":
            return np.clip(x, self.lower, self.upper)
        if name == "rows":
            return np.clip(x, self.row_lower, self.row_upper)
        return _onto_gross(x, float(self.gross or 0.0))

    def support(self, name: str, multiplier: Floats) -> tuple[Floats, Floats]:
        """Return multipliers (..., k) for which the support function is finite, and its values (...)."""
        if name == "gross":
            return multiplier, float(self.gross or 0.0) * np.abs(multiplier).max(-1)
        low, high = (self.lower, self.upper) if name == "box" else (self.row_lower, self.row_upper)
        kept = np.where((multiplier > 0.0) & ~np.isfinite(high), 0.0, multiplier)
        kept = np.where((kept < 0.0) & ~np.isfinite(low), 0.0, kept)
        corner = np.where(kept > 0.0, high, np.where(kept < 0.0, low, 0.0))
        return kept, (kept * corner).sum(-1)

    def project(self, y: Floats) -> Floats:
        """Return positions within all limits (B, d), the nearest ones but for what is left of projecting in turn.

        Dykstra's projections; what still misses a limit is drawn towards a point well inside until it does not.
        """
        if not (len(self.rows) or self.gross is not None):
            return np.clip(y, self.lower, self.upper)
        if self.violation(y) <= 0.0:
            return y
        parts: list[Callable[[Floats], Floats]] = [lambda x: np.clip(x, self.lower, self.upper)]
        if self.gross is not None:
            limit = self.gross
            parts.append(lambda x: _onto_gross(x, limit))
        # rows last, of these the equations: the end of a round keeps them exactly
        order = np.argsort(self.row_upper == self.row_lower, kind="stable")
        parts += [_onto_row(self.rows[k], float(self.row_lower[k]), float(self.row_upper[k])) for k in order]
        x, corrections = y.copy(), [np.zeros_like(y) for _ in parts]
        for _ in range(ROUNDS):
            before = x
            for i, part in enumerate(parts):
                moved = x + corrections[i]
                x = part(moved)
                corrections[i] = moved - x
            if np.abs(x - before).max() <= ROUNDING:
                break
        return self._drawn_inside(x)

    def _drawn_inside(self, x: Floats) -> Floats:
        """Return points on the way from inside to x that keep every limit: each is convex along it."""
        inside = self.inside
        share = np.ones(len(x))
        for there, here, high in self._sides(x, inside):
            over = there - np.maximum(high, here)
            with np.errstate(divide="ignore", invalid="ignore"):
                kept = np.where(over > 0.0, np.maximum(high - here, 0.0) / (there - here), 1.0)
            share = np.minimum(share, kept.min(-1))
        return np.asarray(inside + share[:, None] * (x - inside))

    def _sides(self, x: Floats, inside: Floats) -> list[tuple[Floats, Floats, Floats]]:
        """Return what each limit measures at x, inside, and allows; equations are kept already."""
        sides = [(x, inside, self.upper), (-x, -inside, -self.lower)]
        apart = self.row_upper > self.row_lower
        rows = self.rows[apart]
        if len(rows):
            sides += [
                (x @ rows.T, rows @ inside, self.row_upper[apart]),
                (-(x @ rows.T), -(rows @ inside), -self.row_lower[apart]),
            ]
        if self.gross is not None:
            sides.append((np.abs(x).sum(-1)[:, None], np.abs(inside).sum()[None], np.array([self.gross])))
        return sides

    @cached_property
    def inside(self) -> Floats:
        """A point as far inside all limits as there is one, (d,), by a linear program over longs and shorts.

        Raises
        ------
        BadData
            When no positions keep the limits.
        """
        d = len(self.lower)
        lhs, rhs = [], []
        eye, one = np.eye(d), np.ones((d, 1))
        room = (self.upper > self.lower)[:, None] * one  # a fixed position has no room
        for sign, high in ((1.0, self.upper), (-1.0, -self.lower)):
            lhs.append(np.hstack([sign * eye, -sign * eye, room]))
            rhs.append(high)
            lhs.append(np.hstack([sign * self.rows, -sign * self.rows, np.ones((len(self.rows), 1))]))
            rhs.append(
                np.where(
                    self.row_upper > self.row_lower, self.row_upper if sign > 0 else -self.row_lower, np.inf
                )
            )
        if self.gross is not None:
            lhs.append(np.ones((1, 2 * d + 1)))
            rhs.append(np.array([self.gross]))
        A, b = np.vstack(lhs), np.concatenate(rhs)
        equal = self.row_upper == self.row_lower
        E = np.hstack([self.rows[equal], -self.rows[equal], np.zeros((int(equal.sum()), 1))])
        found = optimize.linprog(
            -np.eye(2 * d + 1)[-1], A[np.isfinite(b)], b[np.isfinite(b)], E, self.row_upper[equal],
            bounds=[(0.0, None)] * (2 * d) + [(0.0, 1.0)],
        )  # fmt: skip
        if found.x is None:
            raise BadData("no positions keep the limits")
        return np.asarray(found.x[:d] - found.x[d : 2 * d])


def limits_of(control: ControlProblem) -> Limits:
    """Return the limits of a control as the policies use them.

    Raises
    ------
    BadData
        For a plan set with rules that are not convex or not the same at every step.
    """
    d, plans = control.d, control.plan_set
    if plans is None:
        return Limits(control.low, control.high, np.zeros((0, d)), np.zeros(0), np.zeros(0))
    if plans.mixed_integer or plans.limited:
        raise BadData(
            "limits must be convex and the same at every step: a plan set without cardinality, minimum positions, "
            "round lots and turnover limits"
        )
    sums = [(np.ones(d), *plans.net)]
    sums += zip(plans.group_members, plans.group_lower, plans.group_upper, strict=True)
    kept = [one for one in sums if np.isfinite(one[1]) or np.isfinite(one[2])]
    return Limits(
        control.low,
        control.high,
        np.array([one[0] for one in kept]).reshape(-1, d),
        np.array([one[1] for one in kept]),
        np.array([one[2] for one in kept]),
        plans.gross if plans.gross_binds else None,
    )


def _onto_row(row: Floats, low: float, high: float) -> Any:
    def onto(x: Floats) -> Floats:
        total = x @ row
        return np.asarray(x + ((np.clip(total, low, high) - total) / (row @ row))[..., None] * row)

    return onto


def _onto_gross(x: Floats, limit: float) -> Floats:
    """Return the nearest points (..., d) whose sizes add to at most the limit."""
    size = np.abs(x)
    ordered = -np.sort(-size, axis=-1)
    excess = (np.cumsum(ordered, axis=-1) - limit) / np.arange(1, x.shape[-1] + 1)
    cut = np.maximum(excess.max(-1, keepdims=True), 0.0)
    return np.asarray(np.sign(x) * np.maximum(size - cut, 0.0))
