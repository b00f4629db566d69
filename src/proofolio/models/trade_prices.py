r"""Prices on trades: a bound on the coupled regime-switching program that separates given the regime path.

With buys :math:`b_t \ge W_t - W_{t-1}`, :math:`b_t \ge 0`, each at :math:`2\kappa` (the budget makes buys equal
sales), and multipliers :math:`0 \le y_t \le 2\kappa`, the Lagrangian dual function is

.. math::
    D(y) = -y_1'W_0 + \min_{d_1, \dots, d_T} \sum_t \phi_{d_t,t}(c_{d_t,t} + y_t - y_{t+1})
        + \sigma\,\#\{t : r(d_t) \ne r(d_{t-1})\}, \quad y_{T+1} = 0,

a shortest path over the convex pieces d of the regimes' costs; :math:`y_1 = 0` where there are no first holdings.
Each :math:`\phi` is a small quadratic program taken at its lower bound, so that D(y) is a true bound for *any* y. It
is concave but not smooth; its log-sum-exp smoothing at a temperature :math:`\tau` is both, and its gradient in
:math:`y_t` is the mean of :math:`W_t - W_{t-1}` under the marginals of the paths.

Source: Lemaréchal (2001), "Lagrangian relaxation"; Nesterov (2005), "Smooth minimization of non-smooth functions".
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numpy.typing import NDArray

from proofolio.models.pieces import Pieces
from proofolio.solvers.deadline import NEVER, Deadline
from proofolio.solvers.simplex_qp import SimplexQPs

if TYPE_CHECKING:
    from proofolio.models.regime_switching import RegimeSwitching

__all__ = ["Priced", "TradePrices", "through_every_state"]

Floats = NDArray[np.float64]
Mask = NDArray[np.bool_]
# A switch costs at most so many temperatures, or the marginals would underflow.
COLDEST = 300.0


class Priced(NamedTuple):
    """What prices y prove: costs phi (D, T) at their lower bounds, the weights (D, T, n), and the constant."""

    phi: Floats
    W: Floats
    constant: float


class TradePrices:
    """The dual function of one declared program.

    Parameters
    ----------
    program : RegimeSwitching
    pieces : Pieces
        Without maxima left.
    defect : float
        Of the convexity of Q, as `convexity_defect` says.
    deadline : Deadline
        What is evaluated after it is a true bound still, but a weak one.
    """

    def __init__(
        self, program: RegimeSwitching, pieces: Pieces, defect: float, deadline: Deadline = NEVER
    ) -> None:
        D, T, n = pieces.regime.size, program.T, program.n
        self.shape = (T, n)
        self.initial = program.initial
        self.deadline = deadline
        self.limit = 2.0 * program.turnover_cost
        self.c = np.broadcast_to(pieces.c, (D, T, n))
        self.k = np.broadcast_to(pieces.k, (D, T))
        self.switch: Floats = program.switch_cost * (pieces.regime[:, None] != pieces.regime)
        self.family = SimplexQPs(pieces.Q, program.lower, program.upper, defect)

    def upper(self) -> Floats:
        """Return the largest prices, shape (T, n)."""
        most = np.full(self.shape, self.limit)
        if self.initial is None:
            most[0] = 0.0
        return most

    def at(self, y: Floats, allowed: Mask) -> Priced:
        """Evaluate every allowed piece at prices y (T, n)."""
        after = np.vstack([y[1:], np.zeros((1, self.shape[1]))])
        W, _, phi = self.family.minimise(self.c + (y - after), allowed, self.deadline)
        constant = 0.0 if self.initial is None else -float(y[0] @ self.initial)
        return Priced(phi + self.k, W, constant)

    def bound(self, priced: Priced) -> float:
        """Return D(y)."""
        return priced.constant + float(through_every_state(priced.phi, self.switch).min(axis=0).max())

    def softened(self, allowed: Mask, temperature: float, y: Floats) -> tuple[float, Floats]:
        """Return the smoothing of D at prices y (T, n), and its gradient."""
        return self.smoothed(self.at(y, allowed), temperature)[:2]

    def smoothed(self, priced: Priced, temperature: float) -> tuple[float, Floats, Floats]:
        """Return the smoothing of D, its gradient (T, n) in y, and the marginals (D, T) of the paths."""
        value, marginal = _softened(priced.phi, self.switch, temperature)
        mean = np.matmul(marginal.T[:, None, :], np.swapaxes(priced.W, 0, 1))[:, 0]
        before = np.zeros(self.shape)
        before[1:] = mean[:-1]
        if self.initial is not None:
            before[0] = self.initial
        gradient = mean - before
        if self.initial is None:
            gradient[0] = 0.0
        return priced.constant + value, gradient, marginal


def through_every_state(phi: Floats, switch: Floats) -> Floats:
    """Return, for every state and period, the cost of the cheapest path through it; phi may be infinite."""
    D, T = phi.shape
    reach, leave = np.empty((D, T)), np.zeros((D, T))
    reach[:, 0] = phi[:, 0]
    for t in range(1, T):
        reach[:, t] = (reach[:, t - 1, None] + switch).min(axis=0) + phi[:, t]
    for t in range(T - 2, -1, -1):
        leave[:, t] = (switch + (phi[:, t + 1] + leave[:, t + 1])).min(axis=1)
    return reach + leave


def _softened(phi: Floats, switch: Floats, temperature: float) -> tuple[float, Floats]:
    """Return -tau log of the sum over paths of exp(-cost / tau), and the marginals (forward and backward)."""
    D, T = phi.shape
    least = phi.min(axis=0)
    temperature = max(temperature, float(switch.max()) / COLDEST)
    move = np.exp(-switch / temperature)
    weight = np.exp((least - phi) / temperature).T
    forward, backward = np.empty((T, D)), np.ones((T, D))
    total = 0.0
    a = weight[0]
    for t in range(T):
        if t:
            a = (a @ move) * weight[t]
        size = a.sum()
        a = a / size
        forward[t] = a
        total += np.log(size)
    b = backward[T - 1]
    for t in range(T - 2, -1, -1):
        b = move @ (b * weight[t + 1])
        b = b / b.sum()
        backward[t] = b
    marginal = forward * backward
    marginal /= marginal.sum(axis=1, keepdims=True)
    return float(least.sum() - temperature * total), marginal.T
