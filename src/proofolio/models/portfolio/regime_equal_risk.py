r"""Equal risk contributions that lean towards the assets the regimes favour.

The risk budgets follow from what is believed of the regimes,

.. math::
    b_i \propto 1 + \kappa\, s_i, \qquad
    s_i = d_i \sum_k q_k\, p_k\, \mathrm{clip}\Bigl(\frac{\mu_{k,i}}{\sigma_{k,i}} \sqrt{P},\ -c,\ c\Bigr),

and the covariance is that of the mixture. q is the filtered probability of each regime, the fraction is the asset's
Sharpe ratio within the window in that regime, P the periods of a year, and the dampings are

.. math::
    p_k = \frac{\ell_k}{\ell_k + h},\quad \ell_k = \frac{1}{1 - P_{kk}}; \qquad
    d_i = \Bigl(\frac{\text{volatility of the calmest cluster}}{\text{volatility of the cluster of } i}\Bigr)^{\delta} :

a regime that is soon over, and an asset whose mean is known badly because it moves much, get less of a say.
:math:`\kappa = 0` is plain ERC.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from proofolio.arrays import Floats, Integers
from proofolio.brief import brief
from proofolio.errors import BadData
from proofolio.models.arguments import finite, not_negative, whole
from proofolio.models.portfolio.risk_budgeting import equal_risk, read_covariance

__all__ = ["RegimeEqualRisk", "volatility_clusters"]


SURE = 1e-9  # of probabilities that should add up to 1


def volatility_clusters(volatility: ArrayLike, count: int) -> Integers:
    """Return the cluster of each asset, 0 the calmest: the volatilities, sorted, are cut at their widest ratios.

    Parameters
    ----------
    volatility : array_like, shape (n,)
        Positive.
    count : int
        How many clusters; fewer where fewer assets differ.

    Examples
    --------
    >>> volatility_clusters([0.2, 0.03, 0.05, 0.22], 2)
    array([1, 0, 0, 1])
    """
    size = finite("volatility", volatility)
    if size.ndim != 1 or not np.all(size > 0.0):
        raise BadData("volatility must be one positive number for each asset")
    count = whole("count", count, 1)
    order = np.argsort(size, kind="stable")
    steps = np.diff(np.log(size[order]))
    widest = np.argsort(-steps, kind="stable")[: count - 1]
    starts = np.zeros(size.size, dtype=np.intp)
    starts[widest[steps[widest] > 0.0] + 1] = 1
    clusters = np.empty(size.size, dtype=np.intp)
    clusters[order] = np.cumsum(starts)
    return clusters


class RegimeEqualRisk:
    r"""Risk budgets from regime scores, and the weights that meet them.

    Parameters
    ----------
    kappa : float
        How far a score of 1 lifts a budget; 0 is plain ERC.
    clip : float
        c: the most a Sharpe ratio counts for. With `kappa` it must leave every budget positive: kappa * clip < 1.
    periods_per_year : float
        P, 252 for daily returns.
    persistence : float
        h, in periods: a regime expected to last as long counts half. 0 leaves this damping out.
    volatility_damping : float
        :math:`\delta`, 0 (left out) to 1.
    clusters : int
        Of volatility.

    Raises
    ------
    BadData
        Naming the argument.

    Examples
    --------
    >>> import numpy as np
    >>> model = RegimeEqualRisk(kappa=0.5, clip=1.0, periods_per_year=1)
    >>> means, covariances = [[0.1, 0.0], [-0.3, 0.0]], [np.diag([0.04, 0.01]), np.diag([0.16, 0.01])]
    >>> model.budgets([0.9, 0.1], means, covariances).round(4)
    array([0.5429, 0.4571])
    >>> model.weights([0.9, 0.1], means, covariances).round(4)
    array([0.2972, 0.7028])
    """

    __repr__ = brief

    def __init__(
        self,
        kappa: float = 0.5,
        *,
        clip: float = 1.0,
        periods_per_year: float = 252.0,
        persistence: float = 0.0,
        volatility_damping: float = 0.0,
        clusters: int = 3,
    ) -> None:
        self.kappa = not_negative("kappa", kappa)
        self.clip = not_negative("clip", clip)
        self.periods_per_year = not_negative("periods_per_year", periods_per_year)
        self.persistence = not_negative("persistence", persistence)
        self.volatility_damping = not_negative("volatility_damping", volatility_damping)
        self.clusters = whole("clusters", clusters, 1)
        if self.kappa * self.clip >= 1.0:
            raise BadData(
                f"kappa * clip is {self.kappa * self.clip:g}; it must be below 1, or a budget could vanish"
            )
        if self.volatility_damping > 1.0:
            raise BadData(f"volatility_damping is {volatility_damping:g}; it must be from 0 to 1")

    def scores(
        self,
        probabilities: ArrayLike,
        means: ArrayLike,
        covariances: ArrayLike,
        transition: ArrayLike | None = None,
    ) -> Floats:
        """Return the score of each asset, within -clip and clip; arguments as for `weights`."""
        q, mu, sigma = _regimes(probabilities, means, covariances)
        volatility = np.sqrt(np.diagonal(sigma, axis1=1, axis2=2))
        sharpe = np.clip(mu / volatility * np.sqrt(self.periods_per_year), -self.clip, self.clip)
        scores: Floats = (q * self._lasting(transition, q.size)) @ sharpe * self._calm(q, mu, sigma)
        return scores

    def budgets(
        self,
        probabilities: ArrayLike,
        means: ArrayLike,
        covariances: ArrayLike,
        transition: ArrayLike | None = None,
    ) -> Floats:
        """Return the risk budgets, positive and adding up to 1; arguments as for `weights`."""
        raised = 1.0 + self.kappa * self.scores(probabilities, means, covariances, transition)
        scaled: Floats = raised / raised.sum()
        return scaled

    def weights(
        self,
        probabilities: ArrayLike,
        means: ArrayLike,
        covariances: ArrayLike,
        transition: ArrayLike | None = None,
        covariance: ArrayLike | None = None,
    ) -> Floats:
        r"""Return the long-only, unlevered weights whose risk contributions are the budgets.

        Parameters
        ----------
        probabilities : array_like, shape (K,)
            Filtered: of today's regime given what was seen until today.
        means : array_like, shape (K, n)
            Of the returns in each regime, in the window.
        covariances : array_like, shape (K, n, n)
        transition : array_like, shape (K, K), optional
            Needed with `persistence`.
        covariance : array_like, shape (n, n), optional
            Used instead of the mixture's :math:`\sum_k q_k (\Sigma_k + (\mu_k - \mu)(\mu_k - \mu)')`.

        Raises
        ------
        BadData
            Naming the argument and the shape or property it needs.
        """
        b = self.budgets(probabilities, means, covariances, transition)
        if covariance is None:
            covariance = _mixture(*_regimes(probabilities, means, covariances))
        return equal_risk(covariance, b)

    def _lasting(self, transition: ArrayLike | None, K: int) -> Floats:
        if not self.persistence:
            return np.ones(K)
        if transition is None:
            raise BadData("persistence needs the transition matrix: give transition, shape (K, K)")
        P = finite("transition", transition)
        if P.shape != (K, K) or np.any(P < 0.0) or np.any(np.abs(P.sum(axis=1) - 1.0) > SURE):
            raise BadData(f"transition must be ({K}, {K}), from 0, with rows that add up to 1")
        # 1 / (1 + h (1 - p)) is l / (l + h), and 1 for a regime that is never left
        damping: Floats = 1.0 / (1.0 + self.persistence * (1.0 - np.diagonal(P)))
        return damping

    def _calm(self, q: Floats, mu: Floats, sigma: Floats) -> Floats:
        if not self.volatility_damping:
            return np.ones(mu.shape[1])
        volatility = np.sqrt(np.diagonal(_mixture(q, mu, sigma)))
        cluster = volatility_clusters(volatility, self.clusters)
        count = np.bincount(cluster)
        of_each = np.bincount(cluster, weights=volatility) / count
        damping: Floats = (of_each[0] / of_each[cluster]) ** self.volatility_damping
        return damping


def _regimes(
    probabilities: ArrayLike, means: ArrayLike, covariances: ArrayLike
) -> tuple[Floats, Floats, Floats]:
    q, mu = finite("probabilities", probabilities), finite("means", means)
    if q.ndim != 1 or not q.size or np.any(q < 0.0) or abs(float(q.sum()) - 1.0) > SURE:
        raise BadData("probabilities must be one number from 0 for each regime, adding up to 1")
    if mu.ndim != 2 or mu.shape[0] != q.size or not mu.shape[1]:
        raise BadData(f"means have shape {mu.shape}; they must be ({q.size}, n)")
    sigma = read_covariance(covariances)
    if sigma.shape != (q.size, mu.shape[1], mu.shape[1]):
        raise BadData(
            f"covariances have shape {sigma.shape}; they must be ({q.size}, {mu.shape[1]}, {mu.shape[1]})"
        )
    return q, mu, sigma


def _mixture(q: Floats, mu: Floats, sigma: Floats) -> Floats:
    apart = mu - q @ mu
    mixed: Floats = np.tensordot(q, sigma, axes=1) + (q[:, None] * apart).T @ apart
    return mixed
