"""Where positions may lie at every step: a box, sums of groups, gross exposure; each with its support function."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from proofolio.arrays import Floats
from proofolio.errors import BadData
from proofolio.models.control.problem import ControlProblem

__all__ = ["Limits", "limits_of"]


ROUNDING = 1e-12  # projections end when no limit is missed by more
MOST_ROUNDS = 20_000  # of projections in turn onto a box, sums and gross exposure


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
        """Return the nearest positions within all limits (B, d); Dykstra's projections in turn."""
        if not (len(self.rows) or self.gross is not None):
            return np.clip(y, self.lower, self.upper)
        if self.violation(y) <= 0.0:
            return y
        parts: list[Any] = [lambda x: np.clip(x, self.lower, self.upper)]
        for row, low, high in zip(self.rows, self.row_lower, self.row_upper, strict=True):
            parts.append(_onto_row(row, float(low), float(high)))
        if self.gross is not None:
            limit = self.gross
            parts.append(lambda x: _onto_gross(x, limit))
        x, corrections = y.copy(), [np.zeros_like(y) for _ in parts]
        for _ in range(MOST_ROUNDS):
            for i, part in enumerate(parts):
                moved = x + corrections[i]
                x = part(moved)
                corrections[i] = moved - x
            if self.violation(x) <= ROUNDING:
                break
        return x


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
