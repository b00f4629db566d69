r"""The posterior of Black and Litterman (1992), with confidences as shares after Idzorek (2005).

With a prior mean :math:`\pi` of covariance :math:`\tau\Sigma` and views :math:`Pr = v + \epsilon`,

.. math::
    A = P \tau\Sigma P', \quad \Omega = \mathrm{diag}(A)\,(1 - c)/c, \quad K = \tau\Sigma P'(A + \Omega)^{-1}

    \mu = \pi + K (v - P\pi), \qquad S = (1 + \tau)\Sigma - K P \tau\Sigma

so that one view of confidence c moves its combination exactly the share c of the way from the prior to v:
:math:`\mu = \pi + c\,(\Sigma P'/P\Sigma P')(v - P\pi)`. The scale :math:`\tau` cancels in :math:`\mu` and stays in S.

Three things are disputed between libraries. Whether the covariance of returns is S or :math:`\Sigma` (``risk=``);
whether :math:`\Omega` contains :math:`\tau` (it does here, so a confidence is a share whatever :math:`\tau` is); and
whether :math:`\tau` should change means (it cannot here). Returns and views are in excess of the risk-free rate or
total, but all in one convention.

What is solved is :math:`D M D x = D(v - P\pi)` with :math:`M = A + \Omega` scaled to unit diagonal, which is
:math:`C^{1/2} R\, C^{1/2} + 1 - C` with R the correlations of the views and C their confidences: finite for every
confidence from 1e-300 to 1. A view of confidence 0 is dropped first.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import chdtrc

from proofolio.arrays import Floats, Integers
from proofolio.brief import brief
from proofolio.errors import BadData, ContradictoryViews

__all__ = ["Posterior", "copies", "drifted", "equilibrium", "posterior"]

# Of the eigenvalues of M, relative to the largest: below lies what 16 digits cannot tell from 0.
CUT = 1e-12
# In prior standard deviations: certain views that agree leave rounding of about 1e-15 outside the range of M.
OUTSIDE = 1e-9
# Correlation from which two views are called copies.
ALIKE = 0.99
# Angle below which two rows are the same but for rounding.
SAME_ROW = 1e-12


@dataclass(frozen=True, eq=False)
class Posterior:
    """What a prior and views together say.

    Attributes
    ----------
    mean : (n,) array
    covariance : (n, n) array
        S, symmetric and positive semidefinite.
    omega : (m,) array
        Variances of the views' errors, infinite for a view of confidence 0.
    pull : (m,) array
        Share of the way from the prior to v that each view's combination has moved: its confidence if it is the only
        view, more or less where others help or resist; NaN where v equals the prior. Other assets move with it, and
        need not stay between prior and view.
    residual : (m,) array
        ``v - P mu``.
    surprise : float
        Theil's ``(v - P pi)'(A + Omega)^-1 (v - P pi)``, which has a chi-square distribution with `rank` degrees of
        freedom if prior and views are right.
    surprise_p : float
        Its p value: small where views contradict the prior or one another beyond what their confidences allow, as
        yearly numbers in a weekly model do.
    rank : int
        Views that say something of their own.
    dropped : (d,) integers
        Views of confidence 0, counted from 0.
    repaired : bool
        Whether certain views repeat one another, so that M is singular and its range was used; they agree.
    """

    mean: Floats
    covariance: Floats
    omega: Floats
    pull: Floats
    residual: Floats
    surprise: float
    surprise_p: float
    rank: int
    dropped: Integers
    repaired: bool

    __repr__ = brief


def equilibrium(Sigma: ArrayLike, w_mkt: ArrayLike, delta: float) -> Floats:
    """Return the mean ``pi = delta Sigma w`` at which the market portfolio is what everybody wants to hold.

    An investor who maximises ``pi'w - (delta/2) w'Sigma w`` over full portfolios holds `w_mkt`; with the covariance
    ``(1 + tau) Sigma`` the same needs ``delta / (2 (1 + tau))``.

    Raises
    ------
    BadData
        If the shapes disagree or a number is missing.
    """
    covariance, weights = _covariance(Sigma), np.asarray(w_mkt, dtype=np.float64)
    if weights.shape != covariance.shape[:1] or not np.isfinite(weights).all():
        raise BadData(
            f"w_mkt has shape {weights.shape}; give one finite weight for each of {len(covariance)} assets."
        )
    if not np.isfinite(delta):
        raise BadData(f"delta is {delta}; give a finite number, 2.5 say.")
    return np.asarray(delta * (covariance @ weights))


def drifted(w0: ArrayLike, returns: ArrayLike) -> Floats:
    """Return the weights that a portfolio held without trades has at the end of each day.

    Parameters
    ----------
    w0 : (n,) array
        Before the first row.
    returns : (D, n) array
        Simple returns.

    Returns
    -------
    (D, n) array

    Raises
    ------
    BadData
        If the shapes disagree, a number is missing, or the portfolio loses everything.
    """
    start, rows = np.asarray(w0, dtype=np.float64), np.asarray(returns, dtype=np.float64)
    if rows.ndim != 2 or start.shape != rows.shape[1:]:
        raise BadData(f"w0 has shape {start.shape} and returns {rows.shape}; give (n,) and (D, n).")
    if not (np.isfinite(start).all() and np.isfinite(rows).all()):
        raise BadData("a weight or return is missing or infinite; fill or drop it first.")
    held = start * np.cumprod(1.0 + rows, axis=0)
    total = held.sum(axis=1)
    if not (total > 0).all():
        raise BadData(
            f"the portfolio is worth nothing after row {int(np.argmin(total > 0)) + 1}; check the returns."
        )
    return np.asarray(held / total[:, None])


def posterior(
    pi: ArrayLike,
    Sigma: ArrayLike,
    P: ArrayLike,
    v: ArrayLike,
    confidence: ArrayLike,
    tau: float = 0.05,
    *,
    names: list[str] | None = None,
) -> Posterior:
    """Return the posterior of views of given confidences; the formulas stand at the top of the module.

    Parameters
    ----------
    pi : (n,) array
        Prior mean per period.
    Sigma : (n, n) array
        Covariance per period, positive semidefinite.
    P, v : (m, n) and (m,) arrays
        The views, per period; m may be 0.
    confidence : (m,) array or float
        From 0 to 1.
    tau : float
        Above 0.
    names : list of m str, optional
        For messages.

    Raises
    ------
    BadData
        If shapes disagree, a number is missing, a row is zero or has no risk, or Sigma is indefinite.
    ContradictoryViews
        If certain views contradict one another; names them.
    """
    covariance = _covariance(Sigma)
    mean, rows, values, shares = _views(pi, covariance, P, v, confidence)
    if not 0 < tau < np.inf:
        raise BadData(f"tau is {tau}; give a positive number, 0.05 say.")
    if np.linalg.eigvalsh(covariance)[0] < -1e-10 * np.trace(covariance):  # rounding is 1e-16 n of it
        raise BadData("Sigma has a negative eigenvalue, so it is no covariance; repair it first.")
    spread = np.sqrt(np.maximum(((rows @ covariance) * rows).sum(axis=1), 0.0))
    widest = np.abs(rows) @ np.sqrt(np.maximum(np.diagonal(covariance), 0.0))
    riskless = np.flatnonzero(spread <= 1e-9 * widest)  # squared, 1e-18: below the rounding of the sums
    if riskless.size:
        raise BadData(
            f"view {riskless[0] + 1} has no risk under this covariance, so only the prior's return is possible; "
            "drop it."
        )
    kept = np.flatnonzero(shares > 0)
    unit = rows[kept] / spread[kept, None]
    gap = (values - rows @ mean)[kept] / spread[kept]
    root = np.sqrt(shares[kept])
    correlations = unit @ covariance @ unit.T
    np.fill_diagonal(correlations, 1.0)
    M = np.outer(root, root) * correlations
    np.fill_diagonal(M, 1.0)
    eigenvalues, vectors = np.linalg.eigh(M) if kept.size else (np.empty(0), np.empty((0, 0)))
    inside = eigenvalues > CUT * (eigenvalues[-1] if kept.size else 1.0)
    target = root * gap
    outside = vectors[:, ~inside] @ (vectors[:, ~inside].T @ target) / np.sqrt(tau)
    if np.abs(outside).max(initial=0.0) > OUTSIDE * max(1.0, np.abs(gap).max(initial=0.0) / np.sqrt(tau)):
        raise _contradiction(outside, rows[kept], kept, values, names)
    if inside.all() and kept.size:
        solved = np.linalg.solve(M, target)  # more exact than by eigenvectors
    else:
        solved = vectors[:, inside] @ (vectors[:, inside].T @ target / eigenvalues[inside])
    carried = covariance @ unit.T * root
    moved = mean + carried @ solved
    factor = (carried @ vectors[:, inside]) / np.sqrt(eigenvalues[inside])
    S = (1.0 + tau) * covariance - tau * (factor @ factor.T)
    surprise = max(float(target @ solved) / tau, 0.0)
    rank = int(inside.sum())
    with np.errstate(divide="ignore", over="ignore", invalid="ignore"):  # next to no confidence is none
        omega = np.where(shares > 0, tau * spread**2 * (1.0 - shares) / shares, np.inf)
        away = values - rows @ mean
        # Rounding of P pi, below which "the share of the way" is noise.
        still = np.abs(away) <= 1e-14 * (np.abs(values) + np.abs(rows) @ np.abs(mean))
        pull = np.where(still, np.nan, (rows @ (moved - mean)) / away)
    return Posterior(
        mean=moved,
        covariance=0.5 * (S + S.T),
        omega=omega,
        pull=pull,
        residual=values - rows @ moved,
        surprise=surprise,
        surprise_p=float(chdtrc(rank, surprise)) if rank else 1.0,
        rank=rank,
        dropped=np.flatnonzero(shares == 0),
        repaired=not bool(inside.all()),
    )


def copies(Sigma: ArrayLike, P: ArrayLike, v: ArrayLike) -> list[tuple[int, int, float]]:
    """Return pairs of views that say nearly the same, with their correlation: together they count more than one.

    Two are alike where the absolute correlation of their combinations is above 0.99 and their values have the same sign
    once one is turned the other's way; opposite claims about one combination are no copies.
    """
    covariance, rows = np.asarray(Sigma, dtype=np.float64), np.asarray(P, dtype=np.float64)
    spread = np.sqrt(((rows @ covariance) * rows).sum(axis=1))
    correlations = (rows @ covariance @ rows.T) / np.outer(spread, spread)
    signs = np.sign(np.asarray(v, dtype=np.float64))
    return [
        (i, j, float(correlations[i, j]))
        for i in range(len(rows))
        for j in range(i + 1, len(rows))
        if (
            abs(correlations[i, j]) if signs[i] == signs[j] == 0 else correlations[i, j] * signs[i] * signs[j]
        )
        > ALIKE
    ]


def _covariance(Sigma: ArrayLike) -> Floats:
    covariance = np.asarray(Sigma, dtype=np.float64)
    if covariance.ndim != 2 or covariance.shape[0] != covariance.shape[1] or not len(covariance):
        raise BadData(f"Sigma has shape {covariance.shape}; give an (n, n) covariance.")
    if not np.isfinite(covariance).all():
        raise BadData("Sigma has a missing or infinite number; correct it.")
    if np.abs(covariance - covariance.T).max() > 1e-12 * np.abs(covariance).max():  # rounding of a product
        raise BadData("Sigma is not symmetric; give (Sigma + Sigma')/2 if that is what you mean.")
    return covariance


def _views(
    pi: ArrayLike, covariance: Floats, P: ArrayLike, v: ArrayLike, confidence: ArrayLike
) -> tuple[Floats, Floats, Floats, Floats]:
    n = len(covariance)
    mean, rows = np.asarray(pi, dtype=np.float64), np.asarray(P, dtype=np.float64)
    values = np.atleast_1d(np.asarray(v, dtype=np.float64))
    rows = rows.reshape(-1, n) if rows.size == 0 or (rows.ndim == 1 and rows.size == n) else rows
    if mean.shape != (n,) or rows.ndim != 2 or rows.shape[1] != n or values.shape != rows.shape[:1]:
        raise BadData(
            f"pi, P and v have shapes {mean.shape}, {rows.shape} and {values.shape}; for {n} assets and m views "
            f"give ({n},), (m, {n}) and (m,)."
        )
    for name, array in (("pi", mean), ("P", rows), ("v", values)):
        if not np.isfinite(array).all():
            raise BadData(f"{name} has a missing or infinite number; correct it.")
    given = np.asarray(confidence, dtype=np.float64)
    if given.ndim > 1 or (given.ndim == 1 and given.shape != values.shape):
        raise BadData(f"confidence has shape {given.shape}; give one for each of {len(values)} views.")
    shares = np.broadcast_to(given, values.shape)
    wrong = np.flatnonzero(~((shares >= 0) & (shares <= 1)))
    if wrong.size:
        raise BadData(
            f"the confidence of view {wrong[0] + 1} is {shares[wrong[0]]:g}; give a share from 0 to 1, 0.5 for 50 %."
        )
    empty = np.flatnonzero(~rows.any(axis=1))
    if empty.size:
        raise BadData(
            f"view {empty[0] + 1} has no asset: all its weights are zero; name one, or drop the view."
        )
    return mean, rows, values, shares


def _contradiction(
    outside: Floats, rows: Floats, kept: Integers, values: Floats, names: list[str] | None
) -> ContradictoryViews:
    """Return the error that names the views whose claims no mean can satisfy."""
    size = np.abs(outside)
    involved = np.flatnonzero(size > 1e-3 * size.max())  # the rest is rounding
    numbers = [str(kept[i] + 1) for i in involved]
    listed = f"{', '.join(numbers[:-1])} and {numbers[-1]}"
    said = [names[kept[i]] if names else f"{values[kept[i]]:+g}" for i in involved]
    if len(involved) == 2:
        one, other = (rows[i] / np.linalg.norm(rows[i]) for i in involved)
        angle = float(min(np.linalg.norm(one - other), np.linalg.norm(one + other)))
        if angle > SAME_ROW:
            return ContradictoryViews(
                f"views {listed} are nearly the same row (angle {angle:.0e}) with different values: "
                f"{' and '.join(said)}; drop one, or lower a confidence."
            )
        return ContradictoryViews(
            f"views {listed} are both certain and contradict each other: {' and '.join(said)}; lower a confidence."
        )
    return ContradictoryViews(
        f"views {listed} are certain and contradict one another: {', '.join(said)}; lower a confidence."
    )
