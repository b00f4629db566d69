"""Refits of hidden Markov regimes, weekly and daily, beside hmmlearn.

``python -m benchmarks regimes [--assets N] [--years N] [--quick] [--json FILE] [--markdown FILE]``

Weekly: `AssetRegimes` (two regimes of each asset by itself, windows of 1,700 days, a refit every five days) on the
bundled US stocks, in one process and one thread. Daily: `RollingFit` of one series, a window of 2,000 days that slides
by a day. hmmlearn fits cold, up to 200 steps at 1e-4 as ours, from its own start; and warm, the very steps that ours
took from the same start. It is timed on a share of the windows, and its seconds are their mean times all windows.

Checked: the log-likelihood of a warm refit is hmmlearn's after as many steps from the same start, within 1e-6; and no
more than 0.1 below hmmlearn's cold fit in 95 % of the windows looked at.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from hmmlearn.hmm import GaussianHMM
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

from benchmarks.record import Sheet, add_options, keep
from proofolio.forecasts import load_prices, simple_returns
from proofolio.forecasts.hidden_markov import without_zeros
from proofolio.forecasts.regime_fit import RegimeFit
from proofolio.forecasts.regime_kernels import PRIOR
from proofolio.forecasts.rolling_fit import RollingFit
from proofolio.forecasts.views import AssetRegimes

Floats = NDArray[np.float64]
ASSETS, YEARS, DAYS_A_YEAR = 20, 10, 252
WEEKLY_TARGET, DAILY_TARGET = 45.0, 0.5  # seconds in all; milliseconds a refit
DAILY_WINDOW, DAILY_REFITS = 2000, 400
COMPARED = 40  # windows hmmlearn is asked about
SAME, SHORT = 1e-6, 0.1  # nats
COLUMNS = ("what", "solver", "windows", "seconds", "CPU s", "CPU ms a refit", "target", "checked")


def main(arguments: Sequence[str] | None = None) -> int:
    """Print the table; return the number of checks that did not hold."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks regimes")
    parser.add_argument(
        "--assets", type=int, help=f"how many of the {ASSETS} stocks (default: all, 2 with --quick)"
    )
    parser.add_argument("--years", type=int, help=f"of weekly refits (default: {YEARS}, 1 with --quick)")
    add_options(parser, "2 assets, 1 year")
    options = parser.parse_args(arguments)
    assets = options.assets or (2 if options.quick else ASSETS)
    years = options.years or (1 if options.quick else YEARS)
    compared = 6 if options.quick else COMPARED
    returns = simple_returns(load_prices()).to_numpy()[:, :assets]
    with threadpool_limits(1):
        _ = AssetRegimes(window=300, restarts=1).history(returns[:305, :1])  # machine code is loaded
        weekly, weekly_failed = _weekly(returns, years, compared, full=(assets, years) == (ASSETS, YEARS))
        daily, daily_failed = _daily(returns[:, 0], compared, 60 if options.quick else DAILY_REFITS)
    keep("regimes", [Sheet("Refits of hidden Markov regimes", COLUMNS, weekly + daily)], options)
    return weekly_failed + daily_failed


def _weekly(returns: Floats, years: int, compared: int, *, full: bool) -> tuple[list[Sequence[str]], int]:
    """Return the lines of weekly refits, and how many checks failed."""
    regimes, assets = AssetRegimes(), returns.shape[1]
    known = returns[: regimes.window + DAYS_A_YEAR * years]
    wall, cpu, history = _timed(lambda: regimes.history(known))
    what = f"weekly refits of {assets} assets x {years} years"
    each = max(1, len(history.rows) * assets // compared)
    looked = [divmod(i, len(history.rows)) for i in range(each // 2, len(history.rows) * assets, each)]
    windows = [
        (known[:end, asset], 5) for asset, week in looked if (end := int(history.rows[week])) > regimes.window
    ]
    peer = _Peer([_refitted(series, regimes.window, days) for series, days in windows])
    return _lines(what, len(history.rows) * assets, wall, cpu, WEEKLY_TARGET if full else None, None, peer)


def _daily(series: Floats, compared: int, refits: int) -> tuple[list[Sequence[str]], int]:
    """Return the lines of daily refits, and how many checks failed."""
    rolling = _first(series[:DAILY_WINDOW])
    wall, cpu = 0.0, []
    for end in range(DAILY_WINDOW + 1, DAILY_WINDOW + 1 + refits):
        window = series[end - DAILY_WINDOW : end, None]
        taken, busy, _ = _timed(lambda window=window: rolling.update(window, refit=True))
        wall += taken
        cpu.append(busy)
    ends = np.linspace(DAILY_WINDOW + 1, DAILY_WINDOW + refits, compared).astype(int)
    peer = _Peer([_refitted(series[:end], DAILY_WINDOW, 1) for end in ends])
    what = f"daily refit, {DAILY_WINDOW:,} days"
    return _lines(what, refits, wall, sum(cpu), None, 1e3 * float(np.median(cpu)), peer)


def _lines(
    what: str, count: int, wall: float, cpu: float, seconds: float | None, median: float | None, peer: _Peer
) -> tuple[list[Sequence[str]], int]:
    """Return the lines of ours and of hmmlearn's; a target is one of seconds in all, or of the median refit."""
    target = ""
    if seconds is not None:
        target = f"{seconds:g} s {'met' if wall <= seconds else 'met (CPU)' if cpu <= seconds else 'missed'}"
    if median is not None:
        target = f"{DAILY_TARGET:g} ms {'met' if median <= DAILY_TARGET else 'missed'}: median {median:.2f}"
    same, near = peer.apart <= SAME, peer.near >= 0.95
    said = f"{peer.warm} warm ones are hmmlearn's to {peer.apart:.0e}; "
    said += f"{100 * peer.near:.0f} % at most {SHORT:g} below cold"
    rows: list[Sequence[str]] = [
        (
            what,
            "ours, warm",
            f"{count:,}",
            f"{wall:.2f}",
            f"{cpu:.2f}",
            f"{1e3 * cpu / count:.2f}",
            target,
            said,
        )
    ]
    for name, took in (
        ("hmmlearn, cold", peer.cold_seconds),
        ("hmmlearn, warm, our steps", peer.warm_seconds),
    ):
        whole = count * float(np.mean(took))
        share = f"extrapolated from {len(took)} windows"
        rows.append(
            (
                what,
                name,
                f"{len(took)}",
                f"({whole:.0f})",
                f"({whole:.0f})",
                f"{1e3 * whole / count:.1f}",
                "",
                share,
            )
        )
    return rows, (not same) + (not near)


class _Refit:
    """A window, what ours says about it, and where it began: None where it was not a warm fit that was kept."""

    def __init__(self, window: Floats, before: RegimeFit, smoothed: Floats, after: RegimeFit) -> None:
        self.window, self.before, self.smoothed, self.after = window, before, smoothed, after


def _first(series: Floats) -> RollingFit:
    o = AssetRegimes()
    return RollingFit(series[:, None], o.K, "volatility", o.seed, o.restarts, o.tolerance, o.cold_every)


def _refitted(series: Floats, window: int, days: int) -> _Refit:
    """Return the refit of the last window, `days` after the one before it, fitted cold."""
    rolling = _first(series[-window - days : -days])
    before, smoothed = rolling.fit, rolling.smoothed[days]
    rolling.update(series[-window:, None], refit=True, days=days)
    return _Refit(series[-window:, None], before, smoothed, rolling.fit)


class _Peer:
    """hmmlearn on some windows: its seconds, by how much its likelihoods differ, and how often ours is near them."""

    def __init__(self, refits: Sequence[_Refit]) -> None:
        self.cold_seconds, self.warm_seconds = list[float](), list[float]()
        self.apart, self.warm, short = 0.0, 0, []
        for refit in refits:
            print(".", end="", file=sys.stderr, flush=True)
            # hmmlearn's prior on covariances is meant for numbers near 1
            scale = refit.window.std()
            scaled, in_decimals = refit.window / scale, -len(refit.window) * np.log(scale)
            cold = GaussianHMM(2, "full", n_iter=200, tol=1e-4, covars_prior=0.0, random_state=0)
            self.cold_seconds.append(_timed(lambda cold=cold, x=scaled: cold.fit(x))[1])
            short.append(cold.score(scaled) + in_decimals - refit.after.log_likelihood)
            if not refit.after.cold:
                self._resume(refit)
        print(file=sys.stderr)
        self.near = float(np.mean(np.array(short) <= SHORT))

    def _resume(self, refit: _Refit) -> None:
        """Take hmmlearn from where ours began through as many steps."""
        before, after = refit.before, refit.after
        scale = refit.window.std()
        scaled = refit.window / scale
        warm = GaussianHMM(
            2, "full", n_iter=after.iterations, tol=-np.inf, covars_prior=PRIOR * np.eye(1), init_params=""
        )
        warm.startprob_ = without_zeros(refit.smoothed, 1e-3)
        warm.transmat_ = without_zeros(before.transition, 1e-4)
        warm.means_, warm.covars_ = before.means / scale, before.covariances / scale**2
        self.warm_seconds.append(_timed(lambda: warm.fit(scaled))[1])
        likelihood = warm.score(scaled) - len(scaled) * np.log(scale)
        self.apart, self.warm = max(self.apart, abs(likelihood - after.log_likelihood)), self.warm + 1


def _timed(work: Callable[[], Any]) -> tuple[float, float, Any]:
    """Return seconds, CPU seconds and the result."""
    began, cpu = time.perf_counter(), time.process_time()
    found = work()
    return time.perf_counter() - began, time.process_time() - cpu, found


if __name__ == "__main__":
    sys.exit(min(main(), 1))
