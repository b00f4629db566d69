"""A file of views: sentences, how they are believed, and the plan that follows them."""

from __future__ import annotations

import tomllib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from proofolio.backtesting.view_strategies import ViewControl
from proofolio.errors import BadData, did_you_mean
from proofolio.forecasts.views.asset_regimes import AssetRegimes
from proofolio.forecasts.views.stated_views import Views

__all__ = ["EXAMPLE_VIEWS", "GivenViews", "read_views", "views_of"]


GivenViews = Views | ViewControl | str | Path | None

EXAMPLE_VIEWS = """\
# What is expected. A share in brackets is the view's own confidence; otherwise `confidence` says it.
views = [
    "AAPL - GE = 4 % a year",
    "XOM = 8 % a year (30 %)",
    "0.5 JPM + 0.5 BAC - KO = 2 % a year",
]
confidence = "calibrated"    # read from the regimes of the assets; or "sigmoid", "cdf", or a share like 0.5

# Everything below is optional, and these are the defaults.
eta = 1.0                    # of the sigmoid: its steepness,
scale = "view"               # and its unit; or "error", "published"
delta = 2.5                  # risk aversion of the market: the prior is delta Sigma w
tau = 0.05                   # uncertainty of the prior; moves covariances, not means
risk = "posterior"           # the covariance of plans; "prior" is Sigma as it is
covariance_days = 360        # days behind Sigma
# half_life = 63.0           # days in which a day's weight in Sigma halves; without it all count alike

[regimes]
window = 1700                # days of each fit
threshold = 0.975            # least probability at which a regime is believed
refit = 5                    # days from one fit to the next
stale = "keep"               # or "mix", "unconditional": what is used once the belief is older than
stale_after = 13             # so many weeks

[plan]
horizon = 1                  # weeks
gamma_risk = 1.25
gamma_trade = 1.0            # times the costs below; 1 is as charged
half_spread_bps = 2.5
asymmetry_bps = 0.0          # what buying costs more than selling, halved
impact = 1.0                 # b of the square-root law; 0 for none
volume = 1e9                 # money traded in each asset a day: an assumption
value = 1e6                  # money held
lower = 0.0                  # the least weight, and
upper = 1.0                  # the largest
ahead = false                # whether each week of a plan has a posterior of its own
lag = 52                     # weeks: how old the confidences of views-placebo are
"""
BELIEF = ("confidence", "eta", "scale", "delta", "tau", "risk", "covariance_days", "half_life")
REGIMES = ("window", "threshold", "refit", "stale", "stale_after")
PLAN = (
    "horizon", "gamma_risk", "gamma_trade", "ahead", "lag", "impact", "volume", "value", "lower", "upper",
)  # fmt: skip
IN_BPS = {"half_spread_bps": "half_spread", "asymmetry_bps": "asymmetry"}


def read_views(path: str | Path, assets: Sequence[str]) -> ViewControl:
    """Return the strategy that a TOML file of views declares.

    Raises
    ------
    BadData
        When the file cannot be read, or a key, sentence or value is none of those in `EXAMPLE_VIEWS`.
    """
    try:
        with Path(path).open("rb") as file:
            given = tomllib.load(file)
    except OSError as error:
        raise BadData(f"{path} cannot be read: {error.strerror}.") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise BadData(f"{path} is not TOML: {error}.") from None
    _known(given, ("views", *BELIEF, "regimes", "plan"), str(path))
    sentences = given.get("views")
    if not isinstance(sentences, list) or not sentences or not all(isinstance(s, str) for s in sentences):
        raise BadData(
            f'{path}: views is {sentences!r}; give a list of sentences, views = ["A - B = 4 % a year"].'
        )
    tables = {name: given.get(name, {}) for name in ("regimes", "plan")}
    for name, table in tables.items():
        if not isinstance(table, dict):
            raise BadData(f"{path}: {name} is {table!r}; write it as a table, [{name}].")
    _known(tables["regimes"], REGIMES, f"{path}: [regimes]")
    _known(tables["plan"], (*PLAN, *IN_BPS), f"{path}: [plan]")
    options = {name: given[name] for name in BELIEF if name in given}
    options |= {name: value for name, value in tables["plan"].items() if name in PLAN}
    try:
        views = Views.parse(sentences, assets)
        options |= {IN_BPS[name]: 1e-4 * value for name, value in tables["plan"].items() if name in IN_BPS}
        return ViewControl.of(views, regimes=AssetRegimes(**tables["regimes"]), **options)
    except BadData as error:
        raise BadData(f"{path}: {error}") from None
    except TypeError:
        raise BadData(
            f"{path}: a value has the wrong kind; compare it with the example of docs/views.md."
        ) from None


def views_of(given: GivenViews, assets: Sequence[str]) -> Views | ViewControl | None:
    """Return views as they are, or those of a file."""
    return read_views(given, assets) if isinstance(given, str | Path) else given


def _known(table: dict[str, Any], names: Sequence[str], where: str) -> None:
    for name in table:
        if name not in names:
            raise BadData(
                f"{where} has a key {name!r}{did_you_mean(name, names)}; the keys are {', '.join(names)}."
            )
