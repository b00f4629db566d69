"""The demo: real prices, market regimes, one program, two lowerings, two solvers, and a wrong M caught."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Protocol

import numpy as np

from proofolio.errors import BadData, ProofolioError, UnsupportedProgram
from proofolio.forecasts import fit_regimes, load_market, load_prices, simple_returns
from proofolio.models import RegimeSwitching
from proofolio.report.demo_case import (
    CaseSettings,
    DemoResult,
    MarketCase,
    Refutation,
    Run,
    agreement,
    market_case,
    market_history,
    small,
)
from proofolio.report.demo_page import regime_page
from proofolio.report.environment import machine, package_versions

__all__ = ["LOWERINGS", "REPORT", "SOLVERS", "Steps", "run_demo"]


REPORT = "report.html"
LOWERINGS = ("hull", "big-m")
SOLVERS = ("highs", "scip")
REGIMES = 3
TIME_LIMIT = 20.0
SAME = 1e-6
STOPPED_BY_USER = "userinterrupt"


class Steps(Protocol):
    """Who is told how far the demo is."""

    def started(self, title: str) -> None:
        """A step begins."""

    def going(self, words: str) -> None:
        """A step has something to say while it runs."""

    def done(self, words: str, seconds: float, ok: bool) -> None:
        """The step is over; `words` say what came of it."""


def run_demo(
    out: str | Path,
    steps: Steps,
    settings: CaseSettings | None = None,
    time_limit: float = TIME_LIMIT,
) -> DemoResult:
    """Run the main job on the bundled prices and write its report.

    Parameters
    ----------
    out : str or Path
        Folder for ``report.html``; made when it does not exist.
    steps : Steps
        Told of each step as it begins and ends.
    settings : CaseSettings, optional
    time_limit : float
        Seconds for each of the four solves.

    Raises
    ------
    BadData
        When the folder cannot be written to.
    """
    started = time.perf_counter()
    folder = _folder(Path(out))
    with _step(steps, "Reading the bundled prices") as say:
        prices, market = load_prices(), load_market()
        say(f"{len(prices):,} days of {prices.shape[1]} stocks and the S&P 500")
    with _step(steps, "Fitting the market's regimes") as say:
        fit = fit_regimes(simple_returns(market), REGIMES)
        history = market_history(market, fit)
        say(
            ", ".join(
                f"{name} {share:.0%} of days" for name, share in zip(history.names, fit.shares, strict=True)
            )
        )
    with _step(steps, "Building the program") as say:
        case = market_case(prices, market, fit, settings)
        p = case.program
        sizes = {lowering: _size(p, lowering) for lowering in LOWERINGS}
        say(f"{p.n} stocks, {p.T} months, {p.R} regimes, {p.R * p.T} binaries")
    with _step(steps, "Checking that both lowerings mean the same") as say:
        baseline = _baseline(case)
        say(f"with each month's likeliest regime both cost {baseline:.6f}")
    runs = tuple(
        _run(case, lowering, solver, time_limit, steps) for lowering in LOWERINGS for solver in SOLVERS
    )
    with _step(steps, "Trying the published bound on M") as say:
        refutation = _refute()
        say(_refuted(refutation), refutation.ok)
    result = DemoResult(
        history=history,
        case=case,
        baseline=baseline,
        sizes=sizes,
        runs=runs,
        agreement=agreement(runs),
        refutation=refutation,
        machine=machine(),
        versions=package_versions(),
        seconds=0.0,
    )
    report = folder / REPORT
    with _step(steps, "Writing the report") as say:
        _write(report, regime_page(result))
        say(f"{report} ({report.stat().st_size / 1000:.0f} kB)")
    return replace(result, files=(str(report),), seconds=time.perf_counter() - started)


class _Say(Protocol):
    def __call__(self, words: str, ok: bool = True) -> None: ...


@contextmanager
def _step(steps: Steps, title: str) -> Iterator[_Say]:
    started = time.perf_counter()
    outcome: list[tuple[str, bool]] = []

    def say(words: str, ok: bool = True) -> None:
        outcome.append((words, ok))

    steps.started(title)
    yield say
    words, ok = outcome[-1]
    steps.done(f"{title}: {words}", time.perf_counter() - started, ok)


def _size(program: RegimeSwitching, lowering: str) -> str:
    built = program.to_program(lowering)
    rows = built.m + len(built.quadratic) + len(built.cones)
    return f"{built.n:,} columns with {int(built.binary.sum())} binaries, {rows:,} rows"


def _baseline(case: MarketCase) -> float:
    """Return the cost of the likeliest path, which every lowering must agree on."""
    followed = case.program.with_path(case.likeliest)
    found = {lowering: followed.solve("highs", lowering=lowering) for lowering in LOWERINGS}
    values = [answer.objective for answer in found.values() if answer.ok and answer.objective is not None]
    if len(values) < len(found) or np.ptp(values) > (SAME + 2e-6) * max(map(abs, values)):
        said = ", ".join(f"{k}: {a.objective} ({a.status})" for k, a in found.items())
        raise BadData(f"the lowerings do not mean the same on one fixed path of regimes ({said})")
    return float(values[0])


def _run(case: MarketCase, lowering: str, solver: str, time_limit: float, steps: Steps) -> Run:
    title = f"Solving {lowering} with {solver}"

    def going(seconds: float, objective: float | None, bound: float | None) -> None:
        known = [f"{w} {v:.6f}" for w, v in (("cost", objective), ("bound", bound)) if v is not None]
        steps.going(f"{title}: {', '.join(known) or 'no plan yet'}")

    started = time.perf_counter()
    with _step(steps, title) as say:
        try:
            answer = case.program.solve(solver, lowering=lowering, time_limit=time_limit, progress=going)
        except ProofolioError as error:
            status = "unsupported" if isinstance(error, UnsupportedProgram) else "failed"
            say(f"{status}: {error}", False)
            return Run(lowering, solver, status, time.perf_counter() - started, message=str(error))
        if STOPPED_BY_USER in answer.message:  # SCIP takes Ctrl-C itself and then returns
            raise KeyboardInterrupt
        cost = (
            "no plan" if answer.objective is None else f"cost {answer.objective:.6f}, gap {small(answer.gap)}"
        )
        wrong = "; ".join(f"{check.name}: {check.detail}" for check in answer.failed)
        say(f"{answer.status} by {answer.made_by}, {cost}" + (f" ({wrong})" if wrong else ""), answer.ok)
        message = wrong or answer.message
        return Run(lowering, solver, answer.status, answer.seconds, answer, message)


def _refute() -> Refutation:
    """Build the counterexample with the published M and let the checks find it out."""
    wrong = RegimeSwitching(Q=np.zeros((2, 3, 3)), c=[[1, 1, 1], [-1, -1, -1]], periods=1)
    answer = wrong.solve("highs", lowering="big-m", big_m="published")
    cut = answer.cut_off
    return Refutation(
        answer.status,
        cut.big_m if cut is not None else None,
        cut.needed if cut is not None else None,
        answer.objective,
        cut.objective if cut is not None else None,
        "; ".join(check.detail for check in answer.failed if check.detail),
    )


def _refuted(found: Refutation) -> str:
    if not found.ok:
        return f"not caught, its status is {found.status}"
    return (
        f"refuted, M = {found.big_m:.3f} where {found.needed_m:.3f} is needed turns the optimum "
        f"{found.optimum:.3f} into {found.claimed:.3f}"
    )


def _folder(out: Path) -> Path:
    try:
        out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise BadData(f"the folder {out} cannot be made: {error.strerror}") from None
    return out


def _write(path: Path, text: str) -> None:
    try:
        path.write_text(text, encoding="utf-8")
    except OSError as error:
        raise BadData(f"{path} cannot be written: {error.strerror}") from None
