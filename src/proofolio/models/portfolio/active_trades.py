r"""Risk-parity steps with an active set over trades: which are none, and which way the others go.

Where nothing is asked for beyond weights that are not negative and add up to 1, and every weight of the answer is above
0, a quadratic program of the approximation is

.. math:: \min_d\ \sum_t s_t'd_t + \tfrac12 d_t'Q_td_t + c\,\|w_t + d_t - w_{t-1} - d_{t-1}\|_1, \qquad 1'd_t = 0.

With multipliers :math:`|\lambda_t| \le c` of the trades u and the inverse :math:`P_t` of :math:`Q_t` on the directions
whose sum is 0,

.. math:: d_t = -P_t (s_t + \lambda_t - \lambda_{t+1}), \qquad u = r - M\lambda,

where M is block tridiagonal, with :math:`P_{t-1} + P_t` on its diagonal and :math:`-P_t` beside it. A trade is none
where :math:`|\lambda| < c`, and has the sign of :math:`\lambda` where that is :math:`\pm c`: a linear
complementarity problem. Given which trades are none, their multipliers solve linear equations of small bandwidth;
wrong guesses are exchanged all at once while they become fewer, else of neighbouring ones the worst, and where that
does not help the last of all alone (Judice & Pires, "A block principal pivoting algorithm for large-scale strictly
monotone linear complementarity problems", 1994).

With numba all of it is machine code (`active_trades_kernel`, `risk_parity_kernels`); what is here is the reference.
Where it gives up, the interior point answers.
"""

from __future__ import annotations

import numpy as np
from scipy.linalg.lapack import dpbsv

from proofolio.arrays import Floats, Mask
from proofolio.models.portfolio.active_trades_kernel import NONE, ROUNDS, SLACK, SPOILT, SUMS, TOGETHER
from proofolio.models.portfolio.quadratic_step import TradeMultipliers
from proofolio.models.portfolio.risk_parity_descent import Descent, Periods, step_length
from proofolio.models.portfolio.risk_parity_kernels import DEAD, FULL, PROXIMAL, STILL, TIED
from proofolio.models.portfolio.risk_parity_problem import curvature, diagonals, errors_and_jacobian
from proofolio.models.portfolio.risk_parity_step import Iteration, first_order_gap

__all__ = ["best_by_trades", "descent_by_trades"]


def best_by_trades(periods: Periods, erc: Floats, enough: float, limit: int) -> Descent | None:
    """Descend from the ERC, and from the holdings where these alone are better than its end; None as below."""
    found = descent_by_trades(periods, erc, "erc", enough, limit)
    if found is None:
        return None
    if periods.w0.min() >= 0.0 and abs(float(periods.w0.sum()) - 1.0) <= FULL:
        stay: Floats = np.array(np.broadcast_to(periods.w0, erc.shape))
        with np.errstate(invalid="ignore", divide="ignore"):
            value = periods.objective(stay)
        if value < found.objective * (1.0 - TIED):
            other = descent_by_trades(periods, stay, "holdings", enough, limit)
            if other is None:
                return None
            found = other if other.objective < found.objective * (1.0 - TIED) else found
    return found if found.W.min() > DEAD else None


def descent_by_trades(periods: Periods, W: Floats, begun: str, enough: float, limit: int) -> Descent | None:
    """Descend as `gauss_newton` does, its quadratic programs solved here; None where one of them is not.

    Parameters
    ----------
    periods : Periods
        Of a plan set that asks for no more than weights from 0 that add up to 1, all assets traded at one price.
    W : ndarray, shape (h, n)
    begun, enough, limit
        As for `gauss_newton`.
    """
    objective, times, price = periods.objective(W), periods.times[:, None], float(periods.step.cost[0])
    log = [Iteration(objective, 0.0, 0.0, np.nan, np.nan)]
    held = TradeMultipliers(np.zeros_like(W))
    signs: Floats = np.sign(np.diff(W, axis=0, prepend=periods.w0[None]))
    for k in range(limit + 1):
        g, A = errors_and_jacobian(W, periods.sigma, periods.budgets)
        slope = 2.0 * times * np.matmul(g[:, None, :], A)[:, 0]
        if k:
            gap = first_order_gap(periods.step, slope, periods.w0, W, held, enough)
            log[-1] = log[-1]._replace(residual=gap)
            if gap <= enough or k == limit or log[-1].moved <= STILL:
                break
        Q = times[:, :, None] * curvature(W, periods.sigma, g, A)
        diagonals(Q)[:] += PROXIMAL
        P = _inverses(Q)
        found = None if P is None else _exchanged(P, slope, W, periods.w0, price, signs)
        if found is None:
            return None
        V, s, signs = found
        held = TradeMultipliers(s)
        q = slope - np.matmul(Q, W[..., None])[..., 0]
        kkt = periods.step.measure(-q, Q, periods.w0, V, held, 1.0).kkt
        d = V - W
        predicted = float((slope * d).sum()) + periods.trading(V) - periods.trading(W)
        a, after = step_length(periods, W, d, objective, min(predicted, 0.0))
        if a == 0.0:
            gap = first_order_gap(periods.step, slope, periods.w0, W, held, enough)
            log.append(Iteration(objective, 0.0, 0.0, gap, max(kkt.violation, kkt.gap)))
            break
        W, objective = (V if a == 1.0 else W + a * d), after
        moved = a * float(np.abs(d).max())
        log.append(Iteration(objective, a, moved, np.nan, max(kkt.violation, kkt.gap)))
    return Descent(W, objective, held, tuple(log), begun)


def _inverses(Q: Floats) -> Floats | None:
    """Return the inverses of matrices (h, n, n) on the directions whose sum is 0, and 0 on the others; or None."""
    level = np.trace(Q, axis1=1, axis2=2)[:, None, None]
    try:
        # what is added changes nothing where the sum is 0; an inverse by factors is symmetric to the last digit
        root = np.linalg.inv(np.linalg.cholesky(Q + level))
    except np.linalg.LinAlgError:
        return None
    found: Floats = np.matmul(root.swapaxes(1, 2), root)
    ones = found.sum(axis=2)
    found -= ones[:, :, None] * (ones / ones.sum(axis=1, keepdims=True))[:, None, :]
    return found


def _exchanged(
    P: Floats, slope: Floats, W: Floats, w0: Floats, price: float, signs: Floats
) -> tuple[Floats, Floats, Floats] | None:
    """Return weights above 0, multipliers of trades and their signs; None where the exchanges do not end there."""
    h, n = W.shape
    base = -np.matmul(P, slope[..., None])[..., 0]
    r = np.diff(W + base, axis=0, prepend=w0[None])
    M = P.copy()
    M[1:] += P[:-1]
    lowest, patience = h * n + 1, TOGETHER
    for _ in range(ROUNDS):
        still = signs == 0
        s: Floats = price * signs
        if still.any():
            levels = _levelled(P, M, r, s, still)
            if levels is None:
                return None
            s = np.where(still, levels, s)
            _centre(s, still.all(axis=1))
        ahead = s.copy()
        ahead[:-1] -= s[1:]
        V = W + base - np.matmul(P, ahead[..., None])[..., 0]
        turned = signs * np.diff(V, axis=0, prepend=w0[None]) < -NONE
        if price == 0.0:
            turned[:] = False
        beyond = still & ~(np.abs(s) <= price * (1.0 + SLACK))  # NaN is beyond it
        wrong = turned | beyond
        count = int(wrong.sum())
        if count == 0:
            # a trade that would be made alone is none, whatever sign rounding has left it
            alone: Mask = np.count_nonzero(signs, axis=1) == 1
            _centre(s, alone)
            signs = np.where(alone[:, None], 0.0, signs)
            return (V, s, signs) if _settled(V, w0, signs == 0.0) else None
        if count < lowest:
            lowest, patience = count, TOGETHER
        elif patience > 0:
            patience -= 1
            wrong = _farthest(turned, beyond, s, np.abs(np.diff(V, axis=0, prepend=w0[None])))
        else:
            last = np.zeros_like(wrong)
            t, i = np.argwhere(wrong)[-1]
            if still[t].all():  # one trade of a period cannot be made alone
                last[t] = wrong[t]
            last[t, i] = True
            wrong = last
        signs = np.where(wrong, np.where(beyond, np.sign(s), 0.0), signs)
    return None


def _centre(s: Floats, periods: Mask) -> None:
    """Put the multipliers of some periods, of which only differences matter, as near to 0 as can be."""
    for t in np.flatnonzero(periods):
        s[t] -= 0.5 * (s[t].max() + s[t].min())


def _settled(V: Floats, w0: Floats, still: Mask) -> bool:
    """Make weights that are not traded the very same, and the others add up to 1 with them; return whether all is well.

    Rounding of sums would else be carried from one quadratic program to the next, and grow.
    """
    before = w0
    for k in range(len(V)):
        kept = still[k] | (np.abs(V[k] - before) <= NONE)
        V[k, kept] = before[kept]
        excess = float(V[k].sum()) - 1.0
        if not abs(excess) <= (SUMS if kept.all() else SPOILT):
            return False
        if not kept.all():
            V[k, ~kept] -= excess / int((~kept).sum())
        before = V[k]
    return bool(V.min() > 0.0)


def _farthest(turned: Mask, beyond: Mask, s: Floats, traded: Floats) -> Mask:
    """Return which trades are wrong, of each asset's that are so in the same way one after the other only the worst."""
    kind = np.where(turned, 2.0, np.where(beyond, np.sign(s), 0.0)).T
    far = np.where(turned, traded, np.abs(s)).T
    begins = np.diff(kind, axis=1, prepend=3.0) != 0.0
    run = np.cumsum(begins)
    order = np.lexsort((-far.ravel(), run))  # the first of equals, as sorting is stable
    worst = order[np.searchsorted(run, np.arange(1, run[-1] + 1))]
    wrong = np.zeros(far.size, dtype=bool)
    wrong[worst] = True
    found: Mask = wrong.reshape(far.shape).T & (turned | beyond)
    return found


def _levelled(P: Floats, M: Floats, r: Floats, s: Floats, still: Mask) -> Floats | None:
    """Return multipliers (h, n) with which nothing is traded where `still`, given those of the others; or None."""
    h, n = r.shape
    rest = r - np.matmul(M, s[..., None])[..., 0]
    rest[:-1] += np.matmul(P[:-1], s[1:, :, None])[..., 0]
    rest[1:] += np.matmul(P[:-1], s[:-1, :, None])[..., 0]
    rest[~still] = 0.0
    both = still[:, :, None] & still[:, None, :]
    D = np.where(both, M, 0.0)
    D[still.all(axis=1)] += M[still.all(axis=1)][:, :1, :1]  # there only differences of multipliers matter
    diagonals(D)[~still] = 1.0
    beside = np.where(still[1:, :, None] & still[:-1, None, :], -P[:-1], 0.0)
    band = np.zeros((2 * n, h * n + 2 * n))
    i, j = np.tril_indices(n)
    start = n * np.arange(h)[:, None]
    band[i - j, start + j] = D[:, i, j]
    k, m = np.divmod(np.arange(n * n), n)
    band[n + k - m, start[:-1] + m] = beside[:, k, m]
    _, found, failed = dpbsv(band[:, : h * n], rest.ravel(), lower=1)
    return None if failed else np.asarray(found).reshape(h, n)
