"""A posterior with the names of its assets and views, which shows itself."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from textwrap import shorten
from typing import TYPE_CHECKING, Any, Literal, Self

import numpy as np
import pandas as pd

from proofolio.arrays import Floats
from proofolio.forecasts.views.formulas import Posterior

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["ViewPosterior"]


@dataclass(frozen=True, eq=False)
class ViewPosterior:
    """What a prior and views together say, per period of the plan.

    Attributes
    ----------
    mean, prior : (n,) Series
        Expected simple returns per period after and before the views.
    covariance : (n, n) DataFrame
        Of the returns per period: S, or Sigma with ``risk="prior"``.
    confidence : (m,) Series
        0 to 1.
    pull : (m,) Series
        Share of the way from the prior to its value that each view's combination has moved.
    residual : (m,) Series
        ``v - P mean``, per period.
    surprise : Series
        Theil's ``statistic``, its ``degrees`` of freedom and ``p`` value; see `posterior`.
    evidence : DataFrame
        A row a view: its ``value`` and, where confidences were read from regimes, ``r_hat`` and its standard
        ``error`` (all in basis points a row of the returns, a day), the ``age`` of the belief in decisions, and
        whether an asset's regimes have ``collapsed``.
    periods : float
        Periods of the plan in a year.
    rows_a_year : float
        Rows of the returns in a year.
    rank : int
        Views that say something of their own.
    dropped : tuple of str
        Views of confidence 0.
    repaired : bool
        Whether certain views repeat one another; they agree.
    arrays : Posterior
        The same without names, and the variances of the views' errors.
    """

    mean: pd.Series
    covariance: pd.DataFrame
    confidence: pd.Series
    prior: pd.Series
    pull: pd.Series
    residual: pd.Series
    surprise: pd.Series
    evidence: pd.DataFrame
    periods: float
    rows_a_year: float
    rank: int
    dropped: tuple[str, ...]
    repaired: bool
    arrays: Posterior = field(repr=False)
    P: pd.DataFrame = field(repr=False)

    @classmethod
    def named(
        cls,
        found: Posterior,
        *,
        assets: Sequence[str],
        views: Sequence[str],
        P: Floats,
        v: Floats,
        confidence: Floats,
        prior: Floats,
        Sigma: Floats,
        risk: Literal["posterior", "prior"],
        periods: float,
        evidence: Mapping[str, Floats] | None,
        rows_a_year: float,
    ) -> Self:
        """Put names on the arrays."""
        index = pd.Index(list(views), name="view")

        def of_view(values: Floats, name: str) -> pd.Series:
            return pd.Series(values, index=index, name=name)

        said = {"value": 1e4 * v * periods / rows_a_year}
        if evidence is not None:
            said["r_hat"], said["error"] = 1e4 * evidence["r_hat"], 1e4 * evidence["error"]
            said["age"], said["collapsed"] = evidence["age"].astype(np.intp), evidence["collapsed"]
        covariance = found.covariance if risk == "posterior" else Sigma
        return cls(
            mean=pd.Series(found.mean, index=list(assets), name="mean"),
            covariance=pd.DataFrame(covariance, index=list(assets), columns=list(assets)),
            confidence=of_view(confidence, "confidence"),
            prior=pd.Series(prior, index=list(assets), name="prior"),
            pull=of_view(found.pull, "pull"),
            residual=of_view(found.residual, "residual"),
            surprise=pd.Series(
                {"statistic": found.surprise, "degrees": float(found.rank), "p": found.surprise_p},
                name="surprise",
            ),
            evidence=pd.DataFrame(said, index=index),
            periods=periods,
            rows_a_year=rows_a_year,
            rank=found.rank,
            dropped=tuple(views[i] for i in found.dropped),
            repaired=found.repaired,
            arrays=found,
            P=pd.DataFrame(P, index=index, columns=list(assets)),
        )

    def table(self) -> pd.DataFrame:
        """Return the views, a row each: what they claim, how far they are believed, and how far they moved."""
        shown = self.evidence.add_suffix(" (bp)").rename(
            columns={"age (bp)": "age", "collapsed (bp)": "collapsed"}
        )
        shown.insert(1, "prior (bp)", 1e4 * (self.P.to_numpy() @ self.prior.to_numpy()) * self._to_rows)
        shown.insert(2, "posterior (bp)", 1e4 * (self.P.to_numpy() @ self.mean.to_numpy()) * self._to_rows)
        return shown.assign(confidence=self.confidence, pull=self.pull)

    def assets(self) -> pd.DataFrame:
        """Return the assets, a row each: prior, posterior and their difference in % a year, and the volatility."""
        yearly = 100.0 * self.periods
        volatility = 100.0 * np.sqrt(np.diagonal(self.covariance.to_numpy()) * self.periods)
        return pd.DataFrame(
            {
                "prior (% a year)": yearly * self.prior,
                "posterior (% a year)": yearly * self.mean,
                "change": yearly * (self.mean - self.prior),
                "volatility (% a year)": volatility,
            }
        )

    def sentences(self) -> list[str]:
        """Return a line a view: what it claims, what the regimes say, how far it is believed, and how far it moved."""
        lines = []
        for name, row in self.table().iterrows():
            said = f"claims {row['value (bp)']:+.2f} bp"
            if "r_hat (bp)" in row:
                said += f", the regimes say {row['r_hat (bp)']:+.2f} (standard error {row['error (bp)']:.1f}"
                said += f", {row['age']:.0f} weeks old" if row["age"] else ""
                said += ", no regimes found)" if row["collapsed"] else ")"
            moved = (
                "" if np.isnan(row["pull"]) else f"; it has moved {row['pull']:.0%} of the way from the prior"
            )
            lines.append(f"{name}: {said}; confidence {row['confidence']:.2f}{moved}")
        return lines

    def document(self) -> dict[str, Any]:
        """Return the views, the assets and Theil's test, as JSON holds them."""
        return {
            "periods_per_year": self.periods,
            "views": [
                {"view": str(name), **row}
                for name, row in zip(self.table().index, self.table().to_dict("records"), strict=True)
            ],
            "assets": [{"asset": str(name), **row} for name, row in self.assets().to_dict("index").items()],
            "surprise": self.surprise.to_dict(),
            "rank": self.rank,
            "dropped": list(self.dropped),
        }

    def plot(self) -> Figure:
        """Draw prior and posterior of every asset, and of every view beside its value, in % a year."""
        from proofolio.forecasts.views.picture import posterior_chart  # matplotlib is slow to import

        return posterior_chart(self.prior, self.mean, self.P, self.residual, self.periods)

    def to_frame(self) -> pd.DataFrame:
        """Return `assets`: a row an asset."""
        return self.assets()

    @property
    def _to_rows(self) -> float:
        """Periods of the plan in a row of the returns."""
        return self.periods / self.rows_a_year

    def __repr__(self) -> str:
        surprise = f"surprise {self.surprise['statistic']:.3g} (p = {self.surprise['p']:.2g})"
        views = shorten("; ".join(map(str, self.pull.index)) or "none", 160, placeholder=" ...")
        return f"{type(self).__name__}({len(self.mean)} assets, {self.periods:g} periods a year; {surprise}; {views})"

    def __str__(self) -> str:
        """Return the tables of views and assets."""
        lines = [self.table().round(3).to_string()] if len(self.pull) else ["no views"]
        text = (
            f"Posterior of {len(self.pull)} views on {len(self.mean)} assets, {self.periods:g} periods a year"
        )
        surprise = f"surprise {self.surprise['statistic']:.3g} (p = {self.surprise['p']:.2g})"
        dropped = [f"dropped: {', '.join(self.dropped)}"] if self.dropped else []
        return "\n".join([f"{text}; {surprise}", *lines, *dropped, self.assets().round(2).to_string()])

    def _repr_html_(self) -> str:
        from proofolio.charts.figures import image  # matplotlib is slow to import

        surprise = f"surprise {self.surprise['statistic']:.3g} (p = {self.surprise['p']:.2g})"
        return (
            f"<p>Posterior of {len(self.pull)} views on {len(self.mean)} assets, {self.periods:g} periods a year; "
            f"{surprise}</p>{self.table().round(3).to_html()}{self.assets().round(2).to_html()}{image(self.plot())}"
        )
