"""The regime costs as declared: shapes that agree, symmetric Q, max terms of known regimes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from proofolio.errors import BadData
from proofolio.formulations.costs import MaxTerm, RegimeCosts
from proofolio.models.arguments import finite
from proofolio.program.quadratic import symmetric

__all__ = ["declared_costs", "declared_periods"]

Floats = NDArray[np.float64]


def declared_costs(Q: ArrayLike, c: ArrayLike, k: ArrayLike | None, maxima: Sequence[MaxTerm]) -> RegimeCosts:
    """Return the costs of R regimes, with a period axis of length 1 where nothing varies."""
    curved, slope = finite("Q", Q), finite("c", c)
    if curved.ndim not in (3, 4) or curved.shape[-1] != curved.shape[-2] or 0 in curved.shape:
        raise BadData(f"Q has shape {curved.shape}; it must be (R, n, n) or (R, T, n, n), nothing zero")
    R, n = curved.shape[0], curved.shape[-1]
    if slope.ndim not in (2, 3) or slope.shape[0] != R or slope.shape[-1] != n or 0 in slope.shape:
        raise BadData(
            f"c has shape {slope.shape}; with Q of shape {curved.shape} it must be ({R}, {n}) or ({R}, T, {n})"
        )
    shift = np.zeros(R) if k is None else finite("k", k)
    if shift.ndim not in (1, 2) or shift.shape[0] != R or 0 in shift.shape:
        raise BadData(f"k has shape {shift.shape}; it must be ({R},) or ({R}, T)")
    declared = _max_terms(maxima)
    for j, term in enumerate(declared):
        _check_term(j, term, R, n)
    terms = tuple(replace(term, alpha=np.asarray(term.alpha, dtype=float)) for term in declared)
    return RegimeCosts(
        symmetric(curved if curved.ndim == 4 else curved[:, None]),
        slope if slope.ndim == 3 else slope[:, None],
        shift if shift.ndim == 2 else shift[:, None],
        terms,
    )


def declared_periods(periods: Any, costs: RegimeCosts, others: dict[str, int]) -> int:
    """Return T, on which everything with a period axis must agree."""
    found = {name: part.shape[1] for name, part in zip("Qck", costs[:3], strict=True) if part.shape[1] > 1}
    found |= others
    if periods is not None:
        if isinstance(periods, bool) or not isinstance(periods, (int, np.integer)):
            raise BadData(f"periods is {periods!r}; it must be a whole number")
        found["periods"] = int(periods)
    if not found:
        raise BadData("periods is needed: nothing given has a period axis longer than 1")
    if len(set(found.values())) > 1:
        said = ", ".join(f"{name} says {count}" for name, count in found.items())
        raise BadData(f"the number of periods is not clear: {said}")
    T = int(next(iter(found.values())))
    if T < 1:
        raise BadData(f"periods is {T}; it must be at least 1")
    return T


def _max_terms(maxima: Any) -> tuple[MaxTerm, ...]:
    if not isinstance(maxima, Sequence) or not all(isinstance(term, MaxTerm) for term in maxima):
        raise BadData("maxima must be a sequence of MaxTerm")
    return tuple(maxima)


def _check_term(j: int, term: MaxTerm, R: int, n: int) -> None:
    if term.sign not in (1, -1):
        raise BadData(f"maxima[{j}].sign is {term.sign!r}; it must be +1 or -1")
    if np.asarray(term.regime).dtype.kind not in "iu" or not 0 <= term.regime < R:
        raise BadData(f"maxima[{j}].regime is {term.regime}; regimes are counted 0 to {R - 1}")
    alpha = finite(f"maxima[{j}].alpha", term.alpha)
    if alpha.shape != (n,):
        raise BadData(f"maxima[{j}].alpha has shape {alpha.shape}; it must be ({n},)")
    finite(f"maxima[{j}].beta and floor", [term.beta, term.floor])
