r"""The control problem as data: positions that move at a rate, rewards by regime, limits and costs.

.. math::
    d\theta = u\,dt, \qquad \max_u\ E \int_0^T e^{-\rho t} \bigl(\theta'\alpha_{z} - \tfrac{\gamma}{2}
    \theta'\Sigma_{z}\theta - \tfrac{\eta}{2} u'\Lambda u - l'|u|\bigr) dt + e^{-\rho T} V_T(\theta)

with the regime z a `RegimeChain`. Everything is a year: drifts, covariances, rates of trading, the discount.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property
from typing import Any, Literal, NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from proofolio.arrays import Floats
from proofolio.brief import brief
from proofolio.errors import BadData
from proofolio.models.arguments import each_asset, finite, numbers
from proofolio.models.control.chain import RegimeChain
from proofolio.models.control.doubtful_units import check_fixed, check_units, fractions
from proofolio.models.portfolio.plan_set import PlanSet

__all__ = ["ControlProblem", "FactorCovariance", "Factors", "Terminal"]


SYMMETRIC = 1e-9  # of the largest entry: matrices computed in another order differ by less
DEFINITE = 1e-12  # of the largest eigenvalue: a smallest one below this share is zero

Units = Literal["guess", "year"]


class FactorCovariance(NamedTuple):
    r"""Covariances :math:`\Sigma_i = B F_i B' + D`, which are not formed where the factors are enough.

    Attributes
    ----------
    B : ndarray, shape (d, k)
        Loadings, the same in every regime.
    F : ndarray, shape (m, k, k)
        Covariance of the factors in each regime, a year.
    D : ndarray, shape (d,)
        Variances of the assets' own, a year, positive.
    """

    B: Floats
    F: Floats
    D: Floats

    def __repr__(self) -> str:
        return brief(self)


class Factors(NamedTuple):
    r"""Forecasts that fade: :math:`\alpha = \alpha_z + B_z x,\ dx = -\Phi_z (x - \bar x_z) dt + noise`.

    Attributes
    ----------
    B : ndarray, shape (m, d, k)
        What a unit of x adds to the drifts, a year.
    Phi : ndarray, shape (m, k, k)
        Speeds at which x returns, a year.
    mean : ndarray, shape (m, k)
        Where it returns to.
    S : ndarray, shape (m, k, k)
        Covariance of its noise, a year.
    """

    B: Floats
    Phi: Floats
    mean: Floats
    S: Floats

    def __repr__(self) -> str:
        return brief(self)


class Terminal(NamedTuple):
    r"""The reward at the end, :math:`-\tfrac12 \theta'A_z\theta + b_z'\theta + c_z`.

    Attributes
    ----------
    A : ndarray, shape (m, d, d)
    b : ndarray, shape (m, d)
    c : ndarray, shape (m,)
    """

    A: Floats
    b: Floats
    c: Floats


class ControlProblem:
    """The data of a control problem, checked; it knows no method of solving it.

    Parameters and errors are those of `RegimeControl`, which adds the methods.

    Attributes
    ----------
    chain : RegimeChain
    alpha : ndarray, shape (m, d)
    Sigma : ndarray, shape (m, d, d)
    covariance : FactorCovariance or None
        As given, where the covariance was given by factors.
    gamma, eta, rho : float
    Lambda : ndarray, shape (d, d)
    horizon : float or None
        Years; None for an infinite one.
    terminal : Terminal or None
    low, high : ndarray, shape (d,)
        Limits of each position, infinite where there is none.
    plan_set : PlanSet or None
        As given, where the limits are more than a box.
    l1, fixed : ndarray, shape (d,)
        Costs of a unit traded, and of a trade.
    factors : Factors or None
    drift : bool
    """

    def __init__(
        self,
        chain: RegimeChain | ArrayLike,
        alpha: ArrayLike,
        Sigma: ArrayLike | FactorCovariance,
        gamma: float = 3.0,
        eta: float = 0.1,
        Lambda: ArrayLike | None = None,
        rho: float = 0.02,
        horizon: float | None = None,
        terminal: Any = None,
        limits: Any = None,
        l1: ArrayLike = 0.0,
        fixed: ArrayLike = 0.0,
        factors: Factors | Mapping[str, ArrayLike] | None = None,
        drift: bool = False,
        *,
        units: Units = "guess",
    ) -> None:
        """Check the data."""
        self.chain = chain if isinstance(chain, RegimeChain) else RegimeChain(chain)
        m = self.chain.m
        self.alpha = finite("alpha", alpha)
        if self.alpha.ndim != 2 or len(self.alpha) != m or not self.alpha.shape[1]:
            raise BadData(f"alpha has shape {self.alpha.shape}; it must be ({m}, d), one row a regime")
        d = self.alpha.shape[1]
        if units not in ("guess", "year"):
            raise BadData(f'units is {units!r}; choose "guess" or "year"')
        self.covariance = _factor_covariance(Sigma, m, d) if isinstance(Sigma, FactorCovariance) else None
        self._dense = None if isinstance(Sigma, FactorCovariance) else _covariances(Sigma, m, d)
        if units == "guess":
            check_units(self.alpha, self.variances, self.chain.mean_length)
        self.gamma = _number("gamma", gamma, "positive")
        self.eta = _number("eta", eta, "positive")
        self.rho = _number("rho", rho, "not negative")
        self._Lambda, self.Lambda_diagonal = self._impact(Lambda, d)
        self.horizon = None if horizon is None else _years(horizon)
        self.terminal = _terminal(terminal, m, d)
        if self.terminal is not None and self.horizon is None:
            raise BadData("terminal is the reward at the end of a horizon, and horizon is None: give both")
        self.plan_set, self.low, self.high = _limits(limits, d)
        self.l1 = fractions("l1", l1, d)
        self.fixed = each_asset("fixed", fixed, d)
        self.factors = None if factors is None else _factors(factors, m, d)
        self.drift = bool(drift)
        if units == "guess":
            check_fixed(self.fixed, self.high - self.low)
        if self.drift and self.factors is not None:
            raise BadData(
                "drift and factors together have a value that is no longer quadratic: leave one of them out"
            )

    def __repr__(self) -> str:
        years = "without end" if self.horizon is None else f"{self.horizon:g} years"
        return f"{type(self).__name__}({self.d} assets, {self.m} regimes, {years})"

    @property
    def m(self) -> int:
        """Regimes."""
        return self.chain.m

    @property
    def d(self) -> int:
        """Assets."""
        return int(self.alpha.shape[1])

    @cached_property
    def Sigma(self) -> Floats:  # noqa: N802  named as in the mathematics
        """Covariances of the regimes a year, (m, d, d)."""
        if self._dense is not None:
            return self._dense
        assert self.covariance is not None
        B, F, D = self.covariance
        return np.asarray(B @ F @ B.T + np.diag(D))

    @property
    def variances(self) -> Floats:
        """Of each asset in each regime, a year, (m, d)."""
        if self._dense is not None:
            return np.diagonal(self._dense, axis1=1, axis2=2)
        assert self.covariance is not None
        B, F, D = self.covariance
        return np.asarray(np.einsum("dk,mkl,dl->md", B, F, B, optimize=True) + D)

    @cached_property
    def Lambda(self) -> Floats:  # noqa: N802  likewise
        """The matrix of the quadratic cost, (d, d)."""
        if self._Lambda is not None:
            return self._Lambda
        if self.Lambda_diagonal is not None:
            return np.diag(self.Lambda_diagonal)
        return np.asarray(self.Sigma.mean(axis=0))

    @property
    def boxed(self) -> bool:
        """Whether positions have limits that are a box."""
        return self.plan_set is None and bool(np.isfinite(self.low).any() or np.isfinite(self.high).any())

    @property
    def linear_quadratic(self) -> bool:
        """Whether the value is exactly the quadratic one: no limits, no costs but the quadratic one."""
        return self.plan_set is None and not self.boxed and not self.l1.any() and not self.fixed.any()

    def _impact(self, Lambda: ArrayLike | None, d: int) -> tuple[Floats | None, Floats | None]:
        """Return the matrix, and its diagonal where it has nothing else; (None, None) for the mean of Sigma."""
        if Lambda is None:
            if self._dense is None:
                return None, None
            mean = self._dense.mean(axis=0)
            _check_definite(
                "Lambda, the mean of Sigma,",
                mean,
                ": some portfolio has no risk, as where an asset repeats others; leave it out or give Lambda",
            )
            return mean, _diagonal_alone(mean)
        given = finite("Lambda", Lambda)
        if given.shape == (d,):
            if given.min() <= 0:
                raise BadData(f"Lambda is not positive definite (smallest eigenvalue {given.min():.4g})")
            return None, given
        if given.shape != (d, d):
            raise BadData(f"Lambda has shape {given.shape}; it must be ({d}, {d}), or ({d},) for a diagonal")
        _check_symmetric("Lambda", given)
        _check_definite("Lambda", given)
        return given, _diagonal_alone(given)


def _diagonal_alone(matrix: Floats) -> Floats | None:
    """Return the diagonal of a matrix that has nothing else, or None."""
    diagonal = np.array(np.diag(matrix))
    return diagonal if np.array_equal(matrix, np.diag(diagonal)) else None


def _number(name: str, value: Any, kind: str) -> float:
    given = finite(name, value)
    if given.shape:
        raise BadData(f"{name} has shape {given.shape}; it must be one number")
    number = float(given)
    if number < 0 or (kind == "positive" and number == 0):
        raise BadData(f"{name} is {number:g}; it must be {kind}")
    return number


def _years(horizon: Any) -> float:
    if horizon == np.inf:
        raise BadData("horizon is infinite: leave it out, or give None, which is an infinite one")
    return _number("horizon", horizon, "positive")


def _check_symmetric(name: str, matrix: Floats) -> None:
    if np.abs(matrix - matrix.swapaxes(-1, -2)).max() > SYMMETRIC * np.abs(matrix).max():
        raise BadData(f"{name} is not symmetric")


def _check_definite(name: str, matrix: Floats, advice: str = "") -> None:
    """Raise BadData unless every eigenvalue is positive beyond rounding."""
    try:
        np.linalg.cholesky(matrix)
        factorised = True
    except np.linalg.LinAlgError:
        factorised = False
    if factorised and len(matrix) > 50:  # then a factor is proof enough, and eigenvalues would take the time
        return
    found = np.linalg.eigvalsh(matrix)
    if found[0] <= DEFINITE * found[-1]:
        raise BadData(f"{name} is not positive definite (smallest eigenvalue {found[0]:.4g}){advice}")


def _covariances(Sigma: ArrayLike, m: int, d: int) -> Floats:
    given = finite("Sigma", Sigma)
    if given.shape != (m, d, d):
        raise BadData(f"Sigma has shape {given.shape}; it must be ({m}, {d}, {d}), one matrix a regime")
    for i in range(m):
        _check_symmetric(f"Sigma[{i}]", given[i])
        _check_semidefinite(f"Sigma[{i}]", given[i])
    return given


def _check_semidefinite(name: str, matrix: Floats) -> None:
    """Raise BadData where some portfolio has a negative variance beyond rounding."""
    d, size = len(matrix), float(np.abs(np.diag(matrix)).max())
    try:
        np.linalg.cholesky(matrix + np.eye(d) * (1e-10 * d * size))
    except np.linalg.LinAlgError:
        least = float(np.linalg.eigvalsh(matrix)[0])
        raise BadData(
            f"{name} is not positive semidefinite (smallest eigenvalue {least:.4g}): shrink it first"
        ) from None


def _factor_covariance(given: FactorCovariance, m: int, d: int) -> FactorCovariance:
    B, F, D = finite("Sigma.B", given.B), finite("Sigma.F", given.F), finite("Sigma.D", given.D)
    if B.ndim != 2 or len(B) != d or not 0 < B.shape[1] <= d:
        raise BadData(f"Sigma.B has shape {B.shape}; it must be ({d}, k) with k from 1 to {d}")
    k = B.shape[1]
    if F.shape != (m, k, k):
        raise BadData(f"Sigma.F has shape {F.shape}; it must be ({m}, {k}, {k})")
    if D.shape != (d,) or D.min() <= 0:
        raise BadData(f"Sigma.D must be {d} positive variances")
    for i in range(m):
        _check_symmetric(f"Sigma.F[{i}]", F[i])
        _check_semidefinite(f"Sigma.F[{i}]", F[i])
    return FactorCovariance(B, F, D)


def _terminal(terminal: Any, m: int, d: int) -> Terminal | None:
    if terminal is None:
        return None
    if all(hasattr(terminal, name) for name in ("A", "b", "c")):
        A, b, c = terminal.A, terminal.b, terminal.c
    elif isinstance(terminal, tuple | list) and len(terminal) == 3:
        A, b, c = terminal
    else:
        raise BadData("terminal must be (A, b, c), the reward -theta'A theta/2 + b'theta + c at the end")
    parts = []
    for name, value, shape in (("A", A, (d, d)), ("b", b, (d,)), ("c", c, ())):
        given = finite(f"terminal.{name}", value)
        try:
            parts.append(np.array(np.broadcast_to(given, (m, *shape))))
        except ValueError:
            raise BadData(
                f"terminal.{name} has shape {given.shape}; it must be {(m, *shape)} or {shape}"
            ) from None
    _check_symmetric("terminal.A", parts[0]) if parts[0].any() else None
    return Terminal(*parts)


def _limits(limits: Any, d: int) -> tuple[PlanSet | None, Floats, Floats]:
    """Return a plan set where limits are more than a box, and the box."""
    if limits is None:
        return None, np.full(d, -np.inf), np.full(d, np.inf)
    if isinstance(limits, PlanSet):
        if limits.n != d:
            raise BadData(f"limits are of {limits.n} assets, and alpha has {d}")
        low, high = np.array(limits.lower[0]), np.array(limits.upper[0])
        box = limits.net == (-np.inf, np.inf) and not limits.groups and limits.gross is None
        return (None if box and not limits.limited and not limits.mixed_integer else limits), low, high
    if isinstance(limits, tuple | list) and len(limits) == 2:
        low, high = numbers("limits", limits[0]), numbers("limits", limits[1])
    else:
        size = numbers("limits", limits)
        if np.any(size <= 0):
            raise BadData(
                f"limits is {size.min():g}; give the largest size of a position, above 0, or (low, high)"
            )
        low, high = -size, size
    if low.shape not in ((), (d,)) or high.shape not in ((), (d,)):
        raise BadData(f"limits must be one number, (low, high) of one number or {d} each, or a PlanSet")
    low, high = np.array(np.broadcast_to(low, (d,))), np.array(np.broadcast_to(high, (d,)))
    if np.any(low >= high):
        k = int(np.argmax(low >= high))
        raise BadData(f"limits of asset {k} are {low[k]:g} to {high[k]:g}: low must be below high")
    return None, low, high


def _factors(factors: Factors | Mapping[str, ArrayLike], m: int, d: int) -> Factors:
    if isinstance(factors, Mapping):
        if set(factors) != set(Factors._fields):
            raise BadData(
                f"factors must have {', '.join(Factors._fields)}, not {', '.join(map(str, factors))}"
            )
        parts: tuple[Any, ...] = tuple(factors[name] for name in Factors._fields)
    else:
        given: Any = factors
        parts = tuple(given) if isinstance(given, tuple | list) else ()
        if len(parts) != len(Factors._fields):
            raise BadData(f"factors must be Factors({', '.join(Factors._fields)})")
    B = finite("factors.B", parts[0])
    if B.ndim not in (2, 3) or B.shape[-2] != d:
        raise BadData(f"factors.B has shape {B.shape}; it must be ({m}, {d}, k) or ({d}, k)")
    k = B.shape[-1]
    found = []
    for name, value, shape in zip(Factors._fields, parts, ((d, k), (k, k), (k,), (k, k)), strict=True):
        given = finite(f"factors.{name}", value)
        if given.shape not in (shape, (m, *shape)):
            raise BadData(f"factors.{name} has shape {given.shape}; it must be {(m, *shape)} or {shape}")
        found.append(np.array(np.broadcast_to(given, (m, *shape))))
    _check_symmetric("factors.S", found[3]) if found[3].any() else None
    for i in range(m):
        _check_semidefinite(f"factors.S[{i}]", found[3][i])
    return Factors(*found)
