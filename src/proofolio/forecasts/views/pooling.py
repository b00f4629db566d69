r"""Entropy pooling: the distribution over scenarios that is closest to the given one and agrees with the views.

.. math::
    q = \arg\min_q \sum_t q_t \log(q_t / p_t) \quad \text{with} \quad
    \sum_t q_t\, a_i'x_t \{=, \le, \ge\} b_i, \qquad \sum_t q_t = 1

Its dual is smooth with one variable a view, :math:`q_t \propto p_t \exp(\sum_i \lambda_i a_i'x_t)`, free for
equations, :math:`\le 0` for :math:`\le` and :math:`\ge 0` for :math:`\ge`. Source: Meucci (2008), "Fully
flexible views: theory and practice". Views that no scenarios allow are found by a linear program first: the dual would
run away without a word.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import ArrayLike
from scipy.optimize import linprog, minimize
from scipy.special import logsumexp

from proofolio.arrays import Floats, Integers
from proofolio.errors import BadData, ContradictoryViews

__all__ = ["PooledScenarios", "entropy_pooling"]

# Of a view, in standard deviations of its combination: an answer may miss it by no more.
MISSED = 1e-8


@dataclass(frozen=True, eq=False)
class PooledScenarios:
    """Probabilities of the scenarios after the views, and what they imply.

    Attributes
    ----------
    probabilities : (T,) array
        q, of sum 1.
    mean, covariance : (n,) and (n, n) arrays
        Of the scenarios' columns under q.
    effective : float
        Effective number of scenarios, ``exp(-sum q log q)``: few are left where views are extreme.
    relative_entropy : float
        ``sum q log(q / p)``, nats.
    multipliers : (m,) array
        Of the views at full confidence, in nats per unit of the view; 0 for an inequality that does not bind.
    residual : (m,) array
        ``value - rows E_q[x]``; with confidence below 1 views are met in part.
    """

    probabilities: Floats
    mean: Floats
    covariance: Floats
    effective: float
    relative_entropy: float
    multipliers: Floats
    residual: Floats


def entropy_pooling(
    scenarios: ArrayLike,
    rows: ArrayLike,
    values: ArrayLike,
    sense: str | Sequence[str] = "=",
    confidence: ArrayLike = 1.0,
    *,
    prior: ArrayLike | None = None,
) -> PooledScenarios:
    """Return the scenarios' probabilities after views on the means of their columns.

    A column is anything that is a number in each scenario. For a view on a variance, append the column
    ``(r - mean)**2``; for one on the probability of a tail, the column ``r <= limit``.

    Parameters
    ----------
    scenarios : (T, n) array
    rows : (m, n) array
        Weights of the columns in each view.
    values : (m,) array
    sense : {"=", "<=", ">="} or sequence of m of them
    confidence : float or (m,) array
        c: with one confidence for all the answer is ``(1 - c) p + c q``; with several, the views of each level and
        above are pooled together, and the answers mixed by the steps between the levels.
    prior : (T,) array, optional
        Equal probabilities by default.

    Raises
    ------
    BadData
        If shapes disagree, a number is missing, or a confidence is no share.
    ContradictoryViews
        If no probabilities satisfy the views, or only such as leave scenarios out.

    Examples
    --------
    >>> coin = [[0.0], [1.0]]
    >>> entropy_pooling(coin, [[1.0]], [0.7]).probabilities.round(12).tolist()
    [0.3, 0.7]
    """
    x, A, b = (np.asarray(values_, dtype=np.float64) for values_ in (scenarios, rows, values))
    A, b = np.atleast_2d(A), np.atleast_1d(b)
    if x.ndim != 2 or A.shape != (len(b), x.shape[1]):
        raise BadData(
            f"scenarios, rows and values have shapes {x.shape}, {A.shape} and {b.shape}; give (T, n), (m, n), (m,)."
        )
    if not all(np.isfinite(array).all() for array in (x, A, b)):
        raise BadData("a scenario, weight or value is missing or infinite; correct it.")
    senses = [sense] * len(b) if isinstance(sense, str) else list(sense)
    if len(senses) != len(b) or any(one not in ("=", "<=", ">=") for one in senses):
        raise BadData(f"sense is {sense!r}; give '=', '<=' or '>=', one or one a view.")
    shares = np.broadcast_to(np.asarray(confidence, dtype=np.float64), b.shape)
    if not ((shares >= 0) & (shares <= 1)).all():
        raise BadData(f"confidence is {shares.tolist()}; give shares from 0 to 1.")
    p = np.full(len(x), 1.0 / len(x)) if prior is None else np.asarray(prior, dtype=np.float64)
    if p.shape != (len(x),) or not (p >= 0).all() or not p.sum() > 0:
        raise BadData("prior must hold one probability for each scenario, none negative; correct it.")
    p = p / p.sum()
    quantities = x @ A.T
    levels = np.unique(np.concatenate([[0.0], shares]))
    q, multipliers = (1.0 - levels[-1]) * p, np.zeros(len(b))
    for below, level in pairwise(levels):
        these = np.flatnonzero(shares >= level)
        pooled, dual = _pooled(p, quantities[:, these], b[these], [senses[i] for i in these], these)
        q = q + (level - below) * pooled
        if level == levels[1]:
            multipliers[these] = dual
    mean = q @ x
    centred = np.sqrt(q)[:, None] * (x - mean)
    some = q > 0
    return PooledScenarios(
        probabilities=q,
        mean=mean,
        covariance=centred.T @ centred,
        effective=float(np.exp(-(q[some] @ np.log(q[some])))),
        relative_entropy=float(q[some] @ np.log(q[some] / p[some])),
        multipliers=multipliers,
        residual=b - A @ mean,
    )


def _pooled(
    p: Floats, quantities: Floats, b: Floats, senses: list[str], numbers: Integers
) -> tuple[Floats, Floats]:
    """Return q and the multipliers of views that are held for certain."""
    used = p > 0
    centre, scale = p @ quantities, np.sqrt(p @ (quantities - p @ quantities) ** 2)
    size = np.abs(quantities).max(axis=0)
    constant = scale <= 1e-12 * np.maximum(
        size, np.finfo(float).tiny
    )  # rounding of a column without variation
    scale = np.where(constant, np.maximum(size, 1.0), scale)
    y = ((quantities - centre) / scale)[used]
    target = (b - centre) / scale
    _check_allowed(y, target, senses, numbers)
    log_p = np.log(p[used])
    least = np.array([0.0 if sense == ">=" else -np.inf for sense in senses])
    most = np.array([0.0 if sense == "<=" else np.inf for sense in senses])

    def weights(dual: Floats) -> tuple[float, Floats]:
        exponents = log_p + y @ dual
        top = float(logsumexp(exponents))
        return top, np.exp(exponents - top)

    def loss(dual: Floats) -> tuple[float, Floats]:
        top, q = weights(dual)
        return top - float(dual @ target), q @ y - target

    found = minimize(
        loss,
        np.zeros(len(b)),
        jac=True,
        method="L-BFGS-B",
        bounds=list(zip(least, most, strict=True)),
        options={"maxiter": 5000, "maxfun": 20000, "ftol": 1e-16, "gtol": 1e-10},
    )
    dual = _polished(np.asarray(found.x), weights, y, target, least, most)
    q = weights(dual)[1]
    miss = q @ y - target
    # An inequality is missed only on its own side.
    miss = np.where((least == 0) & (miss > 0), 0.0, np.where((most == 0) & (miss < 0), 0.0, miss))
    if np.abs(miss).max(initial=0.0) > MISSED:
        worst = int(np.argmax(np.abs(miss)))
        raise ContradictoryViews(
            f"view {numbers[worst] + 1} is at the edge of what the scenarios allow: its value would need scenarios "
            "of probability 0; bring it closer, or give more scenarios."
        )
    full = np.zeros(len(p))
    full[used] = q
    return full, np.where(np.abs(dual) > 0, dual / scale, 0.0)


def _check_allowed(y: Floats, target: Floats, senses: list[str], numbers: Integers) -> None:
    """Raise ContradictoryViews where no probabilities satisfy the views; name the one that is missed most."""
    T, m = y.shape
    # min s with each view met within s: 0 if they can be met together.
    upper = [(y[:, i], 1.0, target[i]) for i in range(m) if senses[i] != ">="]
    lower = [(-y[:, i], 1.0, -target[i]) for i in range(m) if senses[i] != "<="]
    rows = np.array([np.append(row, -slack) for row, slack, _ in upper + lower])
    found = linprog(
        np.append(np.zeros(T), 1.0),
        A_ub=rows,
        b_ub=[value for _, _, value in upper + lower],
        A_eq=np.append(np.ones(T), 0.0)[None],
        b_eq=[1.0],
        method="highs",
    )
    if found.status != 0 or found.fun is None or found.x is None:
        raise ContradictoryViews(f"whether the scenarios allow the views is not known: {found.message}")
    if found.fun > 1e-7:  # the tolerance of the linear program
        means = found.x[:T] @ y
        worst = int(np.argmax(np.abs(means - target)))
        low, high = float(y[:, worst].min()), float(y[:, worst].max())
        alone = not low <= target[worst] <= high
        said = "no scenario reaches its value" if alone else "the views contradict one another"
        raise ContradictoryViews(
            f"no probabilities of these scenarios satisfy view {numbers[worst] + 1}: {said}; change a value, "
            "or drop a view."
        )


def _polished(
    dual: Floats,
    weights: Callable[[Floats], tuple[float, Floats]],
    y: Floats,
    target: Floats,
    least: Floats,
    most: Floats,
) -> Floats:
    """Take Newton steps in the multipliers that are not at a bound: equations are then met to rounding."""
    best, smallest = dual, np.inf
    for _ in range(20):
        q = weights(dual)[1]
        slope = q @ y - target
        free = (dual > least) & (dual < most)
        size = float(np.abs(slope[free]).max(initial=0.0))
        if not size < smallest:
            break
        best, smallest = dual, size
        centred = y[:, free] - q @ y[:, free]
        step = np.linalg.lstsq(centred.T @ (q[:, None] * centred), slope[free], rcond=None)[0]
        dual = dual.copy()
        dual[free] -= step
        dual = np.clip(dual, least, most)
    return best
