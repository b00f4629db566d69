"""What every transformer can do, and how they are put one after another."""

from __future__ import annotations

from dataclasses import fields
from typing import Any, Protocol, Self

import numpy as np
from numpy.typing import ArrayLike

from proofolio.arrays import Floats
from proofolio.errors import BadData, did_you_mean


class Transformer(Protocol):
    """Learns a few numbers from a training window, and then turns rows into rows.

    A transformer never changes: `fit` returns a fitted copy. `transform` is causal, row t of what it
    returns depends on rows 0..t of what it is given only, so a forecast made from transformed rows sees no
    more than one made from the rows themselves.
    """

    def fit(self, rows: ArrayLike) -> Self:
        """Return a copy that has learnt from (T, d) `rows`, oldest first."""

    def transform(self, rows: ArrayLike) -> Floats:
        """Return (T, d) transformed rows."""


LEARNT = {"learnt": True}  # of a field that `fit` fills


class Parameters:
    """The parameters of a transformer by name, as scikit-learn's `clone` and searches ask for them.

    What `fit` has learnt is none of them: a clone has seen nothing.
    """

    def get_params(self, deep: bool = True) -> dict[str, Any]:
        """Return what makes an unfitted transformer like this one; `deep` changes nothing."""
        kept = [f for f in fields(self) if not f.metadata.get("learnt")]  # type: ignore[arg-type]  # data classes
        return {f.name: getattr(self, f.name) for f in kept}

    def set_params(self, **parameters: Any) -> Self:
        """Set parameters, check them as the constructor does, and return this transformer, unfitted.

        Raises
        ------
        BadData
            For a parameter that does not exist or is out of range.
        """
        known = self.get_params()
        for name in parameters:
            if name not in known:
                raise BadData(
                    f"{type(self).__name__} has no parameter {name!r}{did_you_mean(name, known)}; it has "
                    f"{', '.join(known) or 'none'}."
                )
        vars(self).update(vars(type(self)(**{**known, **parameters})))
        return self


class Chain:
    """Transformers one after another, each fitted to what the one before it returns.

    Parameters
    ----------
    *steps : Transformer
        In the order they act.

    Raises
    ------
    BadData
        If there is no step.
    """

    def __init__(self, *steps: Transformer) -> None:
        """Keep the steps."""
        if not steps:
            raise BadData("a Chain has no steps; give one transformer at least.")
        self.steps = steps

    def get_params(self, deep: bool = True) -> dict[str, Any]:
        """Return the steps; `deep` changes nothing."""
        return {"steps": self.steps}

    def __sklearn_clone__(self) -> Chain:
        """Return a chain of unfitted steps."""
        return Chain(*map(unfitted, self.steps))

    def fit(self, rows: ArrayLike) -> Chain:
        """Return a chain of steps fitted one after another to (T, d) `rows`."""
        values = table(rows)
        fitted = []
        for step in self.steps:
            learnt = step.fit(values)
            values = learnt.transform(values)
            fitted.append(learnt)
        return Chain(*fitted)

    def transform(self, rows: ArrayLike) -> Floats:
        """Return what the last step makes of what the one before it makes of ... `rows`."""
        values = table(rows)
        for step in self.steps:
            values = step.transform(values)
        return values


class Beside:
    """Transformers side by side: each sees the same rows, and what they return stands in one wider table.

    Parameters
    ----------
    *parts : Transformer
        Their columns stand in this order; the first column of the first is what orders regimes.

    Raises
    ------
    BadData
        If there is no part.

    Examples
    --------
    The returns as they are, and their trend:

    >>> from proofolio.forecasts.transformers import AdaptiveTrend, Beside, RunningMedian
    >>> returns = [[0.01], [0.03], [-0.01]]
    >>> Beside(RunningMedian(days=1), AdaptiveTrend()).fit(returns).transform(returns).shape
    (3, 2)
    """

    def __init__(self, *parts: Transformer) -> None:
        """Keep the parts."""
        if not parts:
            raise BadData("Beside has no parts; give one transformer at least.")
        self.parts = parts

    def get_params(self, deep: bool = True) -> dict[str, Any]:
        """Return the parts; `deep` changes nothing."""
        return {"parts": self.parts}

    def __sklearn_clone__(self) -> Beside:
        """Return unfitted parts side by side."""
        return Beside(*map(unfitted, self.parts))

    def fit(self, rows: ArrayLike) -> Beside:
        """Return the parts fitted, each to (T, d) `rows`."""
        values = table(rows)
        return Beside(*(part.fit(values) for part in self.parts))

    def transform(self, rows: ArrayLike) -> Floats:
        """Return the (T, d_1 + d_2 + ...) columns of all parts."""
        values = table(rows)
        return np.hstack([part.transform(values) for part in self.parts])


def unfitted(step: Any) -> Any:
    """Return a transformer like this one that has seen nothing, as scikit-learn's `clone` does."""
    own = getattr(step, "__sklearn_clone__", None)
    return type(step)(**step.get_params(deep=False)) if own is None else own()


def table(rows: ArrayLike) -> Floats:
    """Return `rows` as a (T, d) array of floats.

    Raises
    ------
    BadData
        If it is no such table, or a number is missing or infinite.
    """
    values = np.asarray(rows, dtype=np.float64)
    if values.ndim != 2 or 0 in values.shape:
        raise BadData(f"rows has shape {values.shape}; give one row a period and one column a series.")
    if not np.isfinite(values).all():
        row, column = (int(i) for i in np.argwhere(~np.isfinite(values))[0])
        raise BadData(
            f"row {row + 1}, column {column} is {values[row, column]}; drop or fill missing and infinite "
            "numbers first."
        )
    return values


def columns_as_fitted(rows: ArrayLike, learnt: Floats | None, name: str) -> tuple[Floats, Floats]:
    """Return `rows` as a table, and `learnt`, which has one number a column.

    Raises
    ------
    BadData
        If nothing has been learnt, there are more or fewer columns, or a number is missing.
    """
    values = table(rows)
    if learnt is None:
        raise BadData(f"this {name} has not been fitted; call fit first and use what it returns.")
    if learnt.shape != values.shape[1:]:
        raise BadData(f"{name} was fitted to {len(learnt)} series, but {values.shape[1]} are given.")
    return values, learnt
