r"""A chain of market regimes in continuous time: its generator, and how it is read from a fitted model.

The rates :math:`G_{ij}`, a year, say how fast regime i is left for regime j; every row of G sums to 0, and
:math:`P(t) = e^{Gt}`.
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from functools import cached_property
from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike
from scipy.linalg import expm, logm

from proofolio.arrays import Floats, Integers
from proofolio.errors import BadData, DoubtfulEstimate
from proofolio.models.arguments import finite, number, positive, whole

__all__ = ["RegimeChain"]


ROW_SUM = 1e-9  # of the largest rate: what rounding leaves in the sum of a row
PROBABILITY = 1e-8  # by so much the rows of a fitted transition matrix miss 1
NEVER = 1e-12  # a probability of leaving a regime below this one is none
GENERATOR = 1e-12  # a rate of a logarithm may be so far below 0 and count as 0, relative to the largest
FAR = 0.2  # probabilities over a period that differ by more are another chain's
SINGULAR = 1e-10  # eigenvalues of a transition matrix below this size have no logarithm worth the name
FEW_SWITCHES = 10  # out of a regime: the standard error of its rate is then a third of it
MONTH = 1 / 12  # years
MEMORY = 4e9  # bytes of one array of simulated paths; more is refused

Method = Literal["logarithm", "weighted"]


class RegimeChain:
    r"""A Markov chain of m regimes in continuous time.

    Parameters
    ----------
    generator : array_like, shape (m, m)
        Rates a year, ``generator[i, j]`` from regime i to j; its rows sum to 0.
    names : sequence of str, optional
        Of the regimes; ``"0", "1", ...`` when left out.

    Attributes
    ----------
    generator : ndarray, shape (m, m)
        With rows that sum to 0 as exactly as doubles can.
    names : tuple of str
    method : {"logarithm", "weighted"} or None
        How the generator was read from a transition matrix; None where it was given.
    distance : float or None
        ``max |expm(G / periods_per_year) - P|`` for that matrix P.
    switches : ndarray of int, shape (m, m), or None
        Switches counted in the data, ``switches[i, j]`` from i to j; None where no path of regimes was seen.

    Raises
    ------
    BadData
        For another shape, a negative rate, or a row that does not sum to 0.

    Examples
    --------
    >>> chain = RegimeChain([[-1.0, 1.0], [3.0, -3.0]])
    >>> chain.stationary.round(3).tolist(), chain.mean_length.round(3).tolist()
    ([0.75, 0.25], [1.0, 0.333])
    """

    method: Method | None = None
    distance: float | None = None
    switches: Integers | None = None

    def __init__(self, generator: ArrayLike, names: Sequence[str] | None = None) -> None:
        """Check the rates."""
        G = np.array(finite("generator", generator))
        if G.ndim != 2 or G.shape[0] != G.shape[1] or not G.size:
            raise BadData(f"generator has shape {G.shape}; it must be (m, m), one row and column a regime")
        off = G - np.diag(np.diag(G))
        if off.min() < 0:
            i, j = (int(k) for k in np.argwhere(off < 0)[0])
            raise BadData(f"G[{i},{j}] = {G[i, j]:.6g}: rates between regimes must be >= 0")
        sums, scale = G.sum(axis=1), np.abs(G).max()
        if np.abs(sums).max() > ROW_SUM * scale:
            i = int(np.argmax(np.abs(sums) > ROW_SUM * scale))
            looks = np.abs(sums - 1.0).max() <= PROBABILITY
            raise BadData(
                f"generator row {i} sums to {sums[i]:.6g}, not 0"
                + (": a matrix of probabilities is read by RegimeChain.from_transition" if looks else "")
            )
        self.generator: Floats = off - np.diag(off.sum(axis=1))
        self.generator.setflags(write=False)
        self.names = _names(names, len(G))

    @property
    def m(self) -> int:
        """Regimes."""
        return len(self.generator)

    @cached_property
    def mean_length(self) -> Floats:
        """Mean length of a stay in each regime, years, (m,); infinite for one that is never left."""
        leaving = -np.diag(self.generator)
        return np.asarray(np.divide(1.0, leaving, out=np.full(self.m, np.inf), where=leaving > 0))

    @cached_property
    def stationary(self) -> Floats:
        """Long-run share of the time in each regime, (m,), adding up to 1.

        Raises
        ------
        BadData
            Where it depends on the first regime: two sets of regimes are never left once entered.
        """
        G, m = self.generator, self.m
        scale = max(float(np.abs(G).max()), np.finfo(float).tiny)
        sizes = np.linalg.svd(G.T / scale, compute_uv=False)
        if m > 1 and sizes[-2] < 1e-13 * m:
            raise BadData(
                "the long-run shares depend on the first regime, since some regimes are never left for the "
                "others: connect them or take one part of the chain"
            )
        rows = np.vstack([G.T / scale, np.ones(m)])
        shares = np.linalg.lstsq(rows, np.append(np.zeros(m), 1.0), rcond=None)[0]
        shares = np.maximum(shares, 0.0)
        return np.asarray(shares / shares.sum())

    def transition(self, dt: float) -> Floats:
        """Return the probabilities of the regime `dt` years on, (m, m), a row a present regime."""
        years = number("dt", dt)
        if not 0.0 <= years < np.inf:
            raise BadData(f"dt is {years:g}; give years, 0 or more")
        P = np.maximum(expm(self.generator * years), 0.0)
        return np.asarray(P / P.sum(axis=1, keepdims=True))

    def simulate(
        self,
        paths: int,
        years: float,
        periods_per_year: float,
        seed: int | np.random.Generator = 0,
        *,
        start: int | ArrayLike | None = None,
    ) -> Integers:
        """Return regimes at equally spaced times, (paths, N + 1) with ``N = round(years * periods_per_year)``.

        Parameters
        ----------
        paths : int
        years, periods_per_year : float
        seed : int or numpy Generator
        start : int or array_like, shape (paths,), optional
            First regimes; drawn from `stationary` when left out.
        """
        paths = whole("paths", paths, 1)
        steps_a_year = positive("periods_per_year", periods_per_year)
        N = round(positive("years", years) * steps_a_year)
        rng = seed if isinstance(seed, np.random.Generator) else np.random.default_rng(whole("seed", seed, 0))
        if N < 1:
            raise BadData(f"{years:g} years hold no step of 1/{periods_per_year:g} year: give a longer time")
        require_memory(paths, N, 1)
        found = np.empty((paths, N + 1), dtype=np.intp)
        found[:, 0] = self._first(start, paths, rng)
        steps = np.cumsum(self.transition(1.0 / periods_per_year), axis=1)
        steps[:, -1] = 1.0
        draws = rng.random((N, paths))
        for k in range(N):
            found[:, k + 1] = (draws[k][:, None] >= steps[found[:, k]]).sum(axis=1)
        return found

    def _first(self, start: int | ArrayLike | None, paths: int, rng: np.random.Generator) -> Integers:
        if start is None:
            return np.asarray(rng.choice(self.m, paths, p=self.stationary), dtype=np.intp)
        first = np.asarray(start)
        if first.dtype.kind not in "iu" or first.shape not in ((), (paths,)):
            raise BadData(f"start must be one regime or {paths} of them, counted from 0")
        if first.min() < 0 or first.max() >= self.m:
            wrong = first.min() if first.min() < 0 else first.max()
            raise BadData(f"start holds regime {wrong}; they are numbered 0 to {self.m - 1}")
        return np.broadcast_to(first, (paths,)).astype(np.intp)

    @cached_property
    def standard_error(self) -> Floats | None:
        """Of each rate, about ``rate / sqrt(switches)``, (m, m), a year; infinite where no switch was seen.

        None where no switches were counted. It knows nothing of the error in telling the regimes apart.
        """
        if self.switches is None:
            return None
        rates = self.generator - np.diag(np.diag(self.generator))
        seen = np.where(self.switches > 0, self.switches, 1)
        return np.asarray(
            np.where(self.switches > 0, rates / np.sqrt(seen), np.where(rates > 0, np.inf, 0.0))
        )

    @classmethod
    def from_transition(
        cls,
        P: ArrayLike,
        periods_per_year: float,
        *,
        names: Sequence[str] | None = None,
        switches: ArrayLike | None = None,
    ) -> RegimeChain:
        r"""Return the chain whose transition matrix over one period is P, or close to it.

        The matrix logarithm, times `periods_per_year`, where it is real and no rate between regimes is negative.
        Elsewhere P is no period of any chain in continuous time, and negative rates are spread over their row in
        proportion to the sizes of the others (Israel, Rosenthal & Wei, "Finding generators for Markov chains via
        empirical transition matrices", 2001). `method` says which, `distance` how far its period is from P.

        Parameters
        ----------
        P : array_like, shape (m, m)
            Probabilities, rows that add up to 1.
        periods_per_year : float
            252 for days of trading.
        names : sequence of str, optional
        switches : array_like of int, shape (m, m), optional
            Counted in the data; for `standard_error` and a warning where they are few.

        Warns
        -----
        DoubtfulEstimate
            Where fewer than 10 switches out of a regime were seen, regimes last less than a month on average, or the
            chain's probabilities over a period are more than 0.2 from P.

        Raises
        ------
        BadData
            Where P is no transition matrix, a regime never leaves, or P is singular.
        """
        given = _probabilities(P)
        year = positive("periods_per_year", periods_per_year)
        m = len(given)
        stuck = np.flatnonzero(given.sum(axis=1) - np.diag(given) < NEVER)
        if m > 1 and stuck.size:
            raise BadData(f"regime {stuck[0]} never leaves: its exit rate cannot be estimated")
        if np.abs(np.linalg.eigvals(given)).min() < SINGULAR:
            raise BadData(
                "P is singular, so today's regime says nothing about a part of tomorrow's: use shorter periods "
                "or fewer regimes"
            )
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # logm's own doubts: what it gives is judged by `distance`
            found = np.asarray(logm(given))
        rates = found.real - np.diag(np.diag(found.real))
        scale = float(np.abs(found).max())
        exact = float(np.abs(found.imag).max()) <= GENERATOR * scale and rates.min() >= -GENERATOR * scale
        rates = np.maximum(rates, 0.0) if exact else _weighted(found.real)
        G = (rates - np.diag(rates.sum(axis=1))) * year
        chain = cls(G, names)
        chain.method = "logarithm" if exact else "weighted"
        chain.distance = float(np.abs(expm(G / year) - given).max())
        if switches is not None:
            chain.switches = _counts(switches, m)
        if chain.distance > FAR:
            warnings.warn(
                DoubtfulEstimate(
                    f"P is no period of any chain in continuous time: the nearest rates found give probabilities that "
                    f"are off by up to {chain.distance:.2g}; regimes that alternate need shorter periods"
                ),
                stacklevel=2,
            )
        chain._doubt()
        return chain

    @classmethod
    def from_hmm(
        cls,
        model: Any,
        returns: Any = None,
        *,
        periods_per_year: float = 252.0,
        names: Sequence[str] | None = None,
    ) -> RegimeChain:
        """Return the chain of a fitted hidden Markov model; warnings and errors are those of `from_transition`.

        Parameters
        ----------
        model : RegimeFit, RollingRegimes or a fitted model of hmmlearn
            Anything with a matrix ``transition`` or ``transmat_``.
        returns : array_like or DataFrame, optional
            What it was fitted to: the switches between its likeliest regimes are counted there.
        periods_per_year : float
            252 for daily returns.
        names : sequence of str, optional
        """
        fit = getattr(model, "regime_fit", model)
        P = getattr(fit, "transition", None)
        if P is None:
            P = getattr(fit, "transmat_", None)
        if P is None or callable(P):
            raise BadData(
                f"{type(model).__name__} is no fitted model of regimes: it has neither transition nor transmat_"
            )
        switches = None
        if returns is not None:
            read = getattr(fit, "labels", getattr(fit, "predict", None))
            if not callable(read):
                raise BadData(
                    f"{type(model).__name__} does not say the regimes of returns (labels or predict): leave "
                    "returns out, or give switches to from_transition"
                )
            series = np.asarray(returns, dtype=float) if read is getattr(fit, "predict", None) else returns
            path = read(series[:, None] if isinstance(series, np.ndarray) and series.ndim == 1 else series)
            switches = counted_switches(path, len(np.asarray(P)))
        return cls.from_transition(P, periods_per_year, names=names, switches=switches)

    def _doubt(self) -> None:
        """Warn where the rates are known badly, or are too fast for slow trading."""
        if self.m > 1 and self.mean_length.min() < MONTH:
            i = int(self.mean_length.argmin())
            warnings.warn(
                f"regime {self.names[i]} lasts {self.mean_length[i] * 365:.3g} days on average: regimes that "
                "switch more than once a month are gone before a slow trade is done",
                DoubtfulEstimate,
                stacklevel=3,
            )
        if self.switches is not None and self.m > 1:
            out = self.switches.sum(axis=1)
            if out.min() < FEW_SWITCHES:
                i = int(out.argmin())
                error = f"about {100 / np.sqrt(out[i]):.0f} %" if out[i] else "100 % and more"
                warnings.warn(
                    f"regime {self.names[i]} was left {out[i]} times in the data: the standard error of its "
                    f"exit rate is {error}",
                    DoubtfulEstimate,
                    stacklevel=3,
                )

    def __repr__(self) -> str:
        """Return the size, mean lengths and method."""
        lengths = ", ".join(
            f"{name} {length:.3g}" for name, length in zip(self.names, self.mean_length, strict=True)
        )
        how = "" if self.method is None else f", method {self.method!r}, distance {self.distance:.2g}"
        return f"RegimeChain({self.m} regimes, mean years {lengths}{how})"


def require_memory(paths: int, steps: int, width: int) -> None:
    """Raise BadData where an array of so many numbers is beyond `MEMORY`."""
    size = 8.0 * paths * steps * width
    if size > MEMORY:
        raise BadData(
            f"{paths:,} paths of {steps:,} steps need {size / 1e9:,.3g} GB and more: give fewer paths, fewer years "
            "or longer steps"
        )


def counted_switches(labels: ArrayLike, m: int) -> Integers:
    """Return how often each regime was left for each other one along labels (T,), (m, m)."""
    path = np.asarray(labels)
    counts = np.zeros((m, m), dtype=np.intp)
    np.add.at(counts, (path[:-1], path[1:]), 1)
    np.fill_diagonal(counts, 0)
    return counts


def _weighted(logarithm: Floats) -> Floats:
    """Return rates between regimes that are not negative, from a logarithm with some that are."""
    G = logarithm - np.diag(logarithm.sum(axis=1))  # rows that sum to 0
    off = G - np.diag(np.diag(G))
    lacking = np.maximum(-off, 0.0).sum(axis=1)
    having = np.abs(np.diag(G)) + np.maximum(off, 0.0).sum(axis=1)
    share = np.divide(lacking, having, out=np.zeros(len(G)), where=having > 0)
    return np.asarray(np.maximum(off, 0.0) * np.maximum(1.0 - share, 0.0)[:, None])


def _probabilities(P: ArrayLike) -> Floats:
    given = finite("P", P)
    if given.ndim != 2 or given.shape[0] != given.shape[1] or not given.size:
        raise BadData(f"P has shape {given.shape}; it must be (m, m), one row and column a regime")
    if given.min() < -PROBABILITY:
        i, j = (int(k) for k in np.argwhere(given < -PROBABILITY)[0])
        raise BadData(f"P[{i},{j}] = {given[i, j]:.6g}: probabilities cannot be negative")
    sums = given.sum(axis=1)
    if np.abs(sums - 1.0).max() > PROBABILITY:
        i = int(np.argmax(np.abs(sums - 1.0) > PROBABILITY))
        raise BadData(f"P row {i} sums to {sums[i]:.9g}, not 1")
    positive = np.maximum(given, 0.0)
    return np.asarray(positive / positive.sum(axis=1, keepdims=True))


def _counts(switches: ArrayLike, m: int) -> Integers:
    counts = np.asarray(switches)
    if counts.shape != (m, m) or counts.dtype.kind not in "iu" or counts.min() < 0:
        raise BadData(f"switches must be whole numbers from 0 of shape ({m}, {m})")
    counts = counts.astype(np.intp)
    np.fill_diagonal(counts, 0)
    return counts


def _names(names: Sequence[str] | None, m: int) -> tuple[str, ...]:
    if names is None:
        return tuple(str(i) for i in range(m))
    if isinstance(names, str) or len(names) != m or len(set(names)) != m:
        raise BadData(f"names must be {m} different names, one a regime")
    return tuple(str(name) for name in names)
