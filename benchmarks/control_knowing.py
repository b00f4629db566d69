"""Control: what not knowing the regime costs, and how little five years of data say about regimes of five years.

``python -m benchmarks control_knowing [--quick] [--json FILE] [--markdown FILE]``

The first table bounds one policy twice on the same paths of five years: it knows the regime, or it sees the
probabilities of a filter that knows the parameters and the returns so far. The second counts what histories of the
published generator hold, where every regime is known as it is; the third fits a hidden Markov model to simulated daily
prices, as `RegimeControl.fit` does. Drifts and covariances are assumed ones (models/control/published.py).
"""

from __future__ import annotations

import argparse
import warnings
from typing import Any

import numpy as np
import pandas as pd
from threadpoolctl import threadpool_limits

from benchmarks.record import Sheet, add_options, keep
from proofolio.errors import BadData, DoubtfulEstimate, Imprecise
from proofolio.models.control.filtering import simulated_returns
from proofolio.models.control.published import ASSETS, published_chain, published_control
from proofolio.models.control.regime_control import RegimeControl

YEARS, DAYS, SEED = 5.0, 252.0, 0
# speed of the regimes, linear cost, box, steps a year, policy
CASES: tuple[tuple[float, float, float | None, float], ...] = (
    (1.0, 0.0, None, DAYS),
    (5.0, 0.0, None, DAYS),
    (25.0, 0.0, None, DAYS),
    (1.0, 0.002, None, 12.0),
    (1.0, 0.002, 1.0, 12.0),
    (1.0, 0.01, 0.5, 12.0),
)


def filters(paths: int, cases: int) -> tuple[Sheet, int]:
    """Return what a filter loses against known regimes, on the same paths."""
    sheet = Sheet(
        "Known and filtered regimes on the same paths of five years",
        ("regimes last, years", "l1", "box", "steps a year", "paths", "policy", "bound", "known", "filtered",
         "lost, % of known", "+-", "gap known %", "gap filtered %"),
        [],
    )  # fmt: skip
    failed = 0
    for speed, l1, box, steps in CASES[:cases]:
        control = published_control(speed=speed, l1=l1, limits=box, horizon=YEARS)
        policy: Any = control.one_step() if control.linear_quadratic else control.lookahead(1.0)
        known = control.bound(policy, paths, SEED, steps)
        seen = control.bound(policy, paths, SEED, steps, filtered=True)
        apart = seen.per_path - known.per_path
        half = 1.96 * float(apart.std(ddof=1)) / np.sqrt(paths)
        failed += seen.gap < known.gap or abs(seen.upper - known.upper) > 1e-9 * known.upper
        sheet.rows.append(
            (f"{5 / speed:g}", f"{l1:g}", "none" if box is None else f"{box:g}", f"{steps:g}", str(paths),
             known.policy, f"{known.upper:.5f}", f"{known.value:.5f}", f"{seen.value:.5f}",
             f"{100 * (known.value - seen.value) / known.value:.2f}", f"{100 * half / known.value:.2f}",
             f"{100 * known.gap:.2f}", f"{100 * seen.gap:.2f}")
        )  # fmt: skip
    return sheet, failed


def histories(count: int) -> Sheet:
    """Return what is known of the exit rates after so many years in which every regime was seen as it is."""
    sheet = Sheet(
        f"{count} histories of regimes of five years, every day's regime known",
        ("years", "switches", "a regime never left, % of histories", "error of exit rates, median %",
         "said: 1 / root of switches, median %", "fewer than 10 switches out of some regime, %"),
        [],
    )  # fmt: skip
    chain = published_chain()
    true = -np.diag(chain.generator)
    for years in (5, 10, 20, 50):
        z = chain.simulate(count, years, 52.0, SEED)
        left = np.stack([((z[:, :-1] == i) & (z[:, 1:] != i)).sum(1) for i in range(chain.m)], axis=1)
        stayed = np.stack([(z[:, :-1] == i).sum(1) / 52.0 for i in range(chain.m)], axis=1)
        rate = np.divide(
            left, stayed, out=np.zeros(left.shape), where=stayed > 0
        )  # never left: no rate, all wrong
        said = np.divide(1.0, np.sqrt(left), out=np.full(left.shape, np.inf), where=left > 0)
        sheet.rows.append(
            (str(years), f"{left.sum(1).mean():.1f}", f"{100 * (left == 0).any(1).mean():.0f}",
             f"{100 * np.median(np.abs(rate / true - 1.0)):.0f}", f"{100 * np.median(said):.0f}",
             f"{100 * (left < 10).any(1).mean():.0f}")
        )  # fmt: skip
    return sheet


def fits(count: int) -> Sheet:
    """Return what a fit to five years of simulated daily prices finds, history by history."""
    sheet = Sheet(
        "Fits to five years of daily prices",
        ("history", "true switches", "regimes in it", "switches found", "mean lengths found, years",
         "errors of exit rates said, %", "own means kept, %", "warnings"),
        [],
    )  # fmt: skip
    control = published_control()
    for seed in range(count):
        z = control.chain.simulate(1, YEARS, DAYS, seed)[:, :-1]
        returns = simulated_returns(control, z, DAYS, seed)[0]
        prices = 100.0 * np.vstack([np.ones(len(ASSETS)), np.cumprod(1.0 + returns, axis=0)])
        dates = pd.bdate_range("2015-01-01", periods=len(prices))
        true = f"{int((np.diff(z[0]) != 0).sum())}", f"{len(np.unique(z))}"
        with warnings.catch_warnings(record=True) as said:
            warnings.simplefilter("always", DoubtfulEstimate)
            try:
                fitted = RegimeControl.fit(pd.DataFrame(prices, dates, list(ASSETS)), 3)
            except BadData as refused:
                sheet.rows.append((str(seed), *true, "-", "-", "-", "-", f"refused: {refused}"))
                continue
        found: Any = fitted.calibration
        table = found.table()
        error = 100.0 * table["error of exit rate"] / table["exit rate"]
        sheet.rows.append(
            (str(seed), *true, f"{table['switches'].sum():.0f}",
             ", ".join(f"{x:.2g}" for x in table["mean length"]), ", ".join(f"{x:.0f}" for x in error),
             ", ".join(f"{100 * x:.0f}" for x in table["own mean kept"]), str(len(said)))
        )  # fmt: skip
    return sheet


def main(arguments: list[str]) -> int:
    """Make the tables, and return how many checks failed."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks control_knowing",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add_options(parser, "few paths, one case and one fit")
    asked = parser.parse_args(arguments)
    with threadpool_limits(1), warnings.catch_warnings():
        warnings.simplefilter("ignore", Imprecise)
        lost, failed = filters(20 if asked.quick else 200, 1 if asked.quick else len(CASES))
        sheets = [lost, histories(50 if asked.quick else 400), fits(1 if asked.quick else 8)]
    keep("control_knowing", sheets, asked, [f"{failed} checks failed."])
    return failed
