"""The exponent of a curve: least squares in logarithms over its upper part, and where it is no power."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

__all__ = ["Fit", "fitted"]

FEWEST = 3  # points of a line whose standard error means something
UPPER = 4  # points at least, where there are as many
BENT = 0.4  # change of the exponent within the part that is fitted, from which it is said
SURE = 3.0  # standard errors of the bend
SCATTER = 0.25  # of the logarithm about the line: a factor of 1.28


class Fit(NamedTuple):
    """An exponent with its standard error, the sizes it is fitted to, and what is wrong with calling it a power."""

    exponent: float
    error: float
    first: int
    last: int
    doubt: str

    def text(self) -> str:
        """Return the exponent as text."""
        return f"{self.exponent:.2f} ± {self.error:.2f}"


def fitted(points: Sequence[tuple[int, float]]) -> Fit | None:
    """Fit ``log y = a + b log x`` to the upper part of a curve: sizes above the geometric middle, at least four.

    It is called no power where a parabola fits so much better that its slope changes by 0.4 or more over that part,
    with more than three standard errors, or where the points scatter by more than a factor of 1.28 about the line.

    Parameters
    ----------
    points : sequence of (size, y)
        In order of size, all positive.

    Returns
    -------
    Fit or None
        None for fewer than three points.
    """
    if len(points) < FEWEST:
        return None
    middle = (points[0][0] * points[-1][0]) ** 0.5
    upper = [point for point in points if point[0] >= middle]
    upper = list(points[-UPPER:]) if len(upper) < UPPER else upper
    x, y = np.log(np.array(upper, dtype=float)).T
    slope, error, residual = _line(np.vander(x, 2), y)
    doubt = _bend(x, y)
    if not doubt and residual > SCATTER:
        doubt = f"scatters by a factor of {np.exp(residual):.1f}"
    return Fit(slope, error, upper[0][0], upper[-1][0], doubt)


def _bend(x: np.ndarray, y: np.ndarray) -> str:
    if x.size <= FEWEST:
        return ""
    centred = x - x.mean()
    columns = np.vander(centred, 3)
    bend, error, _ = _line(columns, y)
    slopes = [
        float(np.linalg.lstsq(columns, y, rcond=None)[0][:2] @ (2.0 * at, 1.0)) for at in centred[[0, -1]]
    ]
    if abs(slopes[1] - slopes[0]) < BENT or abs(bend) <= SURE * error:
        return ""
    return f"no power: {slopes[0]:.1f} at first, {slopes[1]:.1f} at last"


def _line(columns: np.ndarray, y: np.ndarray) -> tuple[float, float, float]:
    """Return the first coefficient, its standard error, and the standard deviation of the residuals."""
    found = np.linalg.lstsq(columns, y, rcond=None)[0]
    free = y.size - columns.shape[1]
    deviation = float(np.sqrt(((y - columns @ found) ** 2).sum() / free))
    spread = np.linalg.inv(columns.T @ columns)[0, 0]
    return float(found[0]), deviation * float(np.sqrt(spread)), deviation
