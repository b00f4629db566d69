r"""Multi-period risk parity: weights over H periods whose risk contributions stay near their budgets.

.. math::
    \min_{w_1 \ldots w_H}\ \sum_\tau \sum_i g_{\tau,i}(w_\tau)^2 + \gamma \sum_\tau \|w_\tau - w_{\tau-1}\|_1
    \quad\text{s.t.}\quad 1'w_\tau = 1,\ \ell \le w_\tau \le u, \qquad
    g_{\tau,i}(w) = \frac{w_i (\Sigma_\tau w)_i}{w'\Sigma_\tau w} - b_{\tau,i}

The objective is not convex, and on real data it has stationary points with an asset at weight 0 that every descent from
equal weights may end in. `RiskParity.stepper` begins where no asset is missing (see `proofolio.models.portfolio.convex_approximation`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from proofolio.arrays import Floats, Integers
from proofolio.errors import BadData
from proofolio.models.arguments import finite, not_negative, whole
from proofolio.models.portfolio.plan_set import Group, Holdings
from proofolio.models.portfolio.risk_budgeting import read_budgets, read_covariance
from proofolio.models.portfolio.risk_errors import errors_and_jacobian, risk_errors
from proofolio.models.portfolio.step import Rules
from proofolio.models.portfolio.trading import Trading
from proofolio.program.builder import Builder
from proofolio.program.program import Program

__all__ = ["RiskParity", "approximation"]


PROXIMAL = 1e-9


@dataclass(frozen=True, eq=False, init=False)
class RiskParity:
    r"""The risk-parity program over H periods, declared once; its data come with every step.

    Parameters
    ----------
    n, H : int
        Assets and periods.
    gamma_trade : float
        :math:`\gamma`, the cost of each unit traded, in squared risk contributions.
    budgets : array_like, shape (n,) or (H, n), optional
        Scaled to add up to 1 in each period; equal when left out. That of cash is 0 whatever is given.
    lower, upper : array_like, shape () or (n,) or (H, n)
        Bounds of the weights, from 0.
    groups : sequence of Group
        Limits of the weights of some assets together, in every period.
    cash : int, optional
        The asset that carries no risk and is traded for nothing: its row of every covariance is ignored, and its
        trades do not count as turnover. Its weight changes no risk contribution; what decides it are its bounds
        and the cost of trading the others.
    turnover_limit : float or array_like, shape (H,)
        Of :math:`\|w_\tau - w_{\tau-1}\|_1` without the cash.

    Raises
    ------
    BadData
        Naming the argument and the shape or property it needs.

    Examples
    --------
    >>> import numpy as np
    >>> program = RiskParity(n=2, H=1, gamma_trade=1e-6)
    >>> step = program.stepper().solve([np.diag([1.0, 4.0])], w0=[0.5, 0.5])
    >>> step.W.round(3), step.ok
    (array([[0.667, 0.333]]), True)
    """

    n: int
    H: int
    gamma_trade: float
    budgets: Floats
    holdings: Holdings
    cash: int | None
    turnover_limit: Floats

    def __init__(
        self,
        n: int,
        H: int,
        gamma_trade: float,
        *,
        budgets: ArrayLike | None = None,
        lower: ArrayLike = 0.0,
        upper: ArrayLike = 1.0,
        groups: Sequence[Group] = (),
        cash: int | None = None,
        turnover_limit: ArrayLike = np.inf,
    ) -> None:
        n, H = whole("n", n, 1), whole("H", H, 1)
        least, most = finite("lower", lower), finite("upper", upper)
        if np.any(least < 0.0):
            raise BadData(f"lower holds {least.min():.6g}; risk parity is long-only: it must be from 0")
        fields = {
            "n": n,
            "H": H,
            "gamma_trade": not_negative("gamma_trade", gamma_trade),
            "budgets": _budgets(budgets, n, H, cash),
            "holdings": Holdings(n, H, least, most, groups=groups),
            "cash": None if cash is None else int(cash),
            "turnover_limit": Trading(n, H, turnover_limit=turnover_limit).turnover_limit,
        }
        for name, value in fields.items():
            object.__setattr__(self, name, value)

    @property
    def risky(self) -> Integers:
        """The assets that carry risk."""
        return np.array([i for i in range(self.n) if i != self.cash], dtype=np.intp)

    @property
    def rules(self) -> Rules:
        """The rules of the plan as arrays."""
        holdings, n = self.holdings, self.n
        counted = np.arange(n) != (-1 if self.cash is None else self.cash)
        groups = np.zeros((len(holdings.groups), n))
        for row, group in zip(groups, holdings.groups, strict=True):
            row[list(group.members)] = 1.0
        return Rules(
            lower=holdings.lower,
            upper=holdings.upper,
            cost=self.gamma_trade * counted,
            counted=counted,
            turnover_limit=self.turnover_limit if np.isfinite(self.turnover_limit).any() else None,
            groups=groups if holdings.groups else None,
            group_lower=np.array([group.lower for group in holdings.groups]),
            group_upper=np.array([group.upper for group in holdings.groups]),
            simplex=bool(np.all(holdings.lower == 0.0) and np.all(holdings.upper >= 1.0)),
            dearest=float(np.max(self.gamma_trade * counted)),
        )

    def read(self, covariance: ArrayLike, w0: ArrayLike) -> tuple[Floats, Floats]:
        """Return the covariances (H, n, n), cash without risk, and the first holdings (n,).

        Raises
        ------
        BadData
            Naming what is wrong.
        """
        n, H = self.n, self.H
        if self.cash is None:
            sigma = read_covariance(covariance)
        else:
            sigma = np.array(finite("covariance", covariance))
            if sigma.shape[-2:] == (n, n):
                read_covariance(sigma[..., self.risky[:, None], self.risky])
                sigma[..., self.cash, :] = sigma[..., :, self.cash] = 0.0
        if sigma.shape == (n, n):
            sigma = np.broadcast_to(sigma, (H, n, n))
        if sigma.shape != (H, n, n):
            raise BadData(
                f"covariance has shape {sigma.shape}; it must be ({H}, {n}, {n}), or ({n}, {n}) for all"
            )
        held = finite("w0", w0)
        if held.shape != (n,):
            raise BadData(f"w0 has shape {held.shape}; it must be ({n},)")
        return sigma, held

    def objective(self, W: ArrayLike, covariance: ArrayLike, w0: ArrayLike) -> float:
        """Return the objective at weights (H, n)."""
        sigma, held = self.read(covariance, w0)
        weights = self._weights(W)
        squares = float((risk_errors(weights, sigma, self.budgets) ** 2).sum())
        traded = np.abs(np.diff(weights[:, self.risky], axis=0, prepend=held[None, self.risky]))
        return squares + self.gamma_trade * float(traded.sum())

    def _weights(self, W: ArrayLike) -> Floats:
        weights = finite("weights", W)
        if weights.shape != (self.H, self.n):
            raise BadData(f"weights have shape {weights.shape}; they must be ({self.H}, {self.n})")
        return weights

    # -------------------------------------------------------------------- doors
    def model(self, at: ArrayLike, covariance: ArrayLike, w0: ArrayLike) -> Builder:
        r"""Return the builder of the convex subproblem at an iterate, to add rows of your own.

        With the errors g and their Jacobian A there, it minimises :math:`\sum_\tau \|g_\tau + A_\tau (w_\tau -
        w^k_\tau)\|^2 + \tfrac12 \delta \|w_\tau - w^k_\tau\|^2` plus the cost of trading. Variables: ``W`` (n, H),
        and ``buy`` or ``traded``. Its objective is that of the original at the iterate.

        Parameters
        ----------
        at : array_like, shape (H, n)
            Where the risk contributions are linearised.
        covariance : array_like, shape (H, n, n)
        w0 : array_like, shape (n,)
        """
        sigma, held = self.read(covariance, w0)
        point = self._weights(at)
        Q, q, constant = approximation(point, sigma, self.budgets)
        model = Builder("risk_parity")
        W = model.variable("W", (self.n, self.H), self.holdings.lower.T, self.holdings.upper.T)
        self.holdings.add(model, W)
        traded = self.risky.tolist()
        trading = Trading(
            len(traded), self.H, turnover_cost=self.gamma_trade, turnover_limit=self.turnover_limit,
            initial=held[traded],
        )  # fmt: skip
        balanced = self.cash is None and float(held.sum()) == 1.0
        smooth = sum(model.quadratic(0.5 * Q[t], W[:, t]) for t in range(self.H)) + (q.T * W).sum()
        model.minimise(smooth + trading.add(model, W[traded], balanced) + constant)
        return model

    def to_program(self, at: ArrayLike, covariance: ArrayLike, w0: ArrayLike) -> Program:
        """Return the convex subproblem at an iterate in matrix form; arguments as for `model`."""
        return self.model(at, covariance, w0).freeze()

    def to_pyomo(self, at: ArrayLike, covariance: ArrayLike, w0: ArrayLike) -> Any:
        """Return the convex subproblem at an iterate as a Pyomo model with variables ``W[i,t]``."""
        return self.to_program(at, covariance, w0).to_pyomo()

    def to_cvxpy(self) -> Any:
        """Return the convex subproblem as a CVXPY problem whose data are Parameters, compiled once (DPP).

        Its variable ``W`` is (H, n). `subproblem_data` gives the values of its Parameters ``slope_0`` ...
        (n, n), ``intercept`` (H, n) and ``w0`` (n,) at an iterate, by name, for ``problem.param_dict``.

        Examples
        --------
        >>> import numpy as np
        >>> program, sigma = RiskParity(n=2, H=1, gamma_trade=1e-6), np.diag([1.0, 4.0])
        >>> problem = program.to_cvxpy()
        >>> for name, value in program.subproblem_data([[0.6, 0.4]], sigma, w0=[0.5, 0.5]).items():
        ...     problem.param_dict[name].value = value
        >>> _ = problem.solve(solver="CLARABEL")
        >>> problem.var_dict["W"].value.round(2)
        array([[0.67, 0.33]])
        """
        import cvxpy  # heavy: opened only when used

        cp: Any = cvxpy  # its annotations cover a part of what it exports
        n, H = self.n, self.H
        W = cp.Variable((H, n), name="W")
        slopes = [cp.Parameter((n, n), name=f"slope_{t}") for t in range(H)]
        intercept, w0 = cp.Parameter((H, n), name="intercept"), cp.Parameter(n, name="w0")
        risky = self.risky
        trades = [(W[0] - w0)[risky], *((W[t] - W[t - 1])[risky] for t in range(1, H))]
        cost = sum(cp.sum_squares(slopes[t] @ W[t] + intercept[t]) for t in range(H))
        rows = [cp.sum(W, axis=1) == 1, self.holdings.lower <= W, self.holdings.upper >= W]
        for group in self.holdings.groups:
            held = cp.sum(W[:, list(group.members)], axis=1)
            rows += [held >= group.lower] if np.isfinite(group.lower) else []
            rows += [held <= group.upper] if np.isfinite(group.upper) else []
        rows += [cp.norm1(trades[t]) <= m for t, m in enumerate(self.turnover_limit) if np.isfinite(m)]
        return cp.Problem(cp.Minimize(cost + self.gamma_trade * sum(cp.norm1(u) for u in trades)), rows)

    def subproblem_data(self, at: ArrayLike, covariance: ArrayLike, w0: ArrayLike) -> dict[str, Floats]:
        """Return the values of the Parameters of `to_cvxpy` at an iterate, by name."""
        sigma, held = self.read(covariance, w0)
        point = self._weights(at)
        g, A = errors_and_jacobian(point, sigma, self.budgets)
        data = {f"slope_{t}": A[t] for t in range(self.H)}
        return data | {"intercept": g - np.matmul(A, point[..., None])[..., 0], "w0": held}

    def stepper(self, method: str = "gauss-newton", **settings: Any) -> Any:
        """Return a `proofolio.models.portfolio.convex_approximation.Stepper`: what solves step after step of this program.

        Parameters
        ----------
        method : {"gauss-newton", "published"}
        **settings
            As for `Stepper`.
        """
        from proofolio.models.portfolio.convex_approximation import Stepper  # it stands on this module

        return Stepper(self, method, **settings)


def approximation(
    W: Floats, sigma: Floats, b: Floats, proximal: float = PROXIMAL
) -> tuple[Floats, Floats, float]:
    r"""Return Q (H, n, n), q (H, n) and a constant of the convex approximation at W.

    .. math:: \|g + A(v - w)\|^2 + \tfrac12\delta\|v - w\|^2 = \tfrac12 v'Qv + q'v + c, \qquad
              Q = 2A'A + \delta I, \quad q = 2A'g - Qw
    """
    g, A = errors_and_jacobian(W, sigma, b)
    Q = 2.0 * np.matmul(A.swapaxes(1, 2), A) + proximal * np.eye(W.shape[1])
    slope = 2.0 * np.matmul(g[:, None, :], A)[:, 0]
    Qw = np.matmul(Q, W[..., None])[..., 0]
    constant = float((g * g).sum() - (slope * W).sum() + 0.5 * (W * Qw).sum())
    return Q, slope - Qw, constant


def _budgets(budgets: ArrayLike | None, n: int, H: int, cash: int | None) -> Floats:
    if cash is None:
        b = read_budgets(budgets, n)
    else:
        if n == 1 or whole("cash", cash, 0) >= n:
            raise BadData(f"cash is {cash}; it must be one of several assets, counted 0 to {n - 1}")
        given = np.ones(n) if budgets is None else finite("budgets", budgets)
        if given.ndim not in (1, 2) or given.shape[-1] != n:
            raise BadData(f"budgets have shape {given.shape}; they must be ({n},) or ({H}, {n})")
        b = np.insert(read_budgets(np.delete(given, cash, axis=-1), n - 1), cash, 0.0, axis=-1)
    if b.ndim == 2 and b.shape[0] != H:
        raise BadData(f"budgets have shape {b.shape}; they must be ({n},) or ({H}, {n})")
    return np.array(np.broadcast_to(b, (H, n)))
