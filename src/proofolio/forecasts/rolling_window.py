"""The last so many rows of a stream of returns, always in one piece."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from proofolio.errors import BadData
from proofolio.forecasts.forecast import Floats


class RollingWindow:
    """The last `window` rows seen, oldest first.

    Rows are written into a buffer of twice the length, and moved to its front once in `window` days, so
    that a day costs one row and the window is a plain contiguous array.

    Parameters
    ----------
    returns : (T, n) array
        Oldest first, ``T >= window``.
    window : int
        Rows kept.

    Raises
    ------
    BadData
        If there are fewer than `window` rows, or a number is missing or infinite.
    """

    def __init__(self, returns: ArrayLike, window: int) -> None:
        """Begin with the last rows of `returns`."""
        values = np.asarray(returns, dtype=np.float64)
        if values.ndim != 2 or values.shape[1] == 0:
            raise BadData(f"returns has shape {values.shape}; give one row a day and one column an asset.")
        if len(values) < window:
            raise BadData(
                f"{len(values)} days of returns are fewer than the window of {window}; give a longer history "
                "or a shorter window."
            )
        bad = np.argwhere(~np.isfinite(values))
        if len(bad):
            row, column = (int(i) for i in bad[0])
            raise BadData(
                f"the return in row {row + 1}, column {column} is {values[row, column]}; drop or fill "
                "missing and infinite returns first."
            )
        self._window = window
        self._buffer = np.empty((2 * window, values.shape[1]))
        self._buffer[:window] = values[-window:]
        self._end = window
        self.seen = len(values)

    @property
    def rows(self) -> Floats:
        """The (window, n) rows, valid until the next `append`: a view, not to be kept or written to."""
        return self._buffer[self._end - self._window : self._end]

    def append(self, row: ArrayLike) -> None:
        """Take in one (n,) row and forget the oldest.

        Raises
        ------
        BadData
            If the row has another length, or a number in it is missing or infinite.
        """
        values = np.asarray(row, dtype=np.float64)
        if values.shape != self._buffer.shape[1:]:
            raise BadData(
                f"the new row has shape {values.shape}, but {self._buffer.shape[1]} assets were fitted; give "
                "one return an asset, in the same order."
            )
        if not np.isfinite(values).all():
            column = int(np.argmin(np.isfinite(values)))
            raise BadData(
                f"the return of day {self.seen + 1}, column {column} is {values[column]}; drop the day or "
                "fill the gap."
            )
        if self._end == len(self._buffer):
            self._buffer[: self._window] = self._buffer[self._end - self._window :]
            self._end = self._window
        self._buffer[self._end] = values
        self._end += 1
        self.seen += 1
