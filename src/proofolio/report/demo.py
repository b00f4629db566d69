"""The demo: real prices, market regimes, one program, two lowerings, two solvers, and a wrong M caught."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from typing import Any, Protocol

import numpy as np

from proofolio.errors import BadData, ProofolioError, UnsupportedProgram
from proofolio.forecasts import fit_regimes, load_market, load_prices, simple_returns
from proofolio.models import RegimeSolution, RegimeSwitching
from proofolio.report.demo_case import CaseSettings, History, MarketCase, market_case, market_history
from proofolio.report.environment import machine, package_versions
from proofolio.report.table import Cell, Table
from proofolio.solvers.solution import OPTIMAL, VERIFIED, Check

__all__ = [
    "LOWERINGS",
    "SOLVERS",
    "Agreement",
    "DemoResult",
    "Refutation",
    "Run",
    "Say",
    "Steps",
    "agreement",
    "run_demo",
    "runs_table",
    "small",
    "step",
]


LOWERINGS = ("hull", "big-m")
SOLVERS = ("highs", "scip")
REGIMES = 3
TIME_LIMIT = 20.0  # seconds for each of the four solves: the whole stays below a minute and a half
GOOD = VERIFIED
# Two proven optima may differ by this, relative, beyond what their gaps allow.
AGREE = 1e-6
# Both lowerings on one fixed path differ by no more than AGREE and the two gaps of 1e-6 they are solved to.
SAME_ON_A_PATH = 3e-6
STOPPED_BY_USER = "userinterrupt"


@dataclass(frozen=True, eq=False)
class Run:
    """One lowering given to one solver; without an `answer`, `message` says why."""

    lowering: str
    solver: str
    status: str
    seconds: float
    answer: RegimeSolution | None = None
    message: str = ""

    @property
    def name(self) -> str:
        """Lowering and solver in one word."""
        return f"{self.lowering} · {self.solver}"

    @property
    def ok(self) -> bool:
        """Whether there is an answer and every check holds."""
        return self.status in GOOD

    @property
    def objective(self) -> float | None:
        """The objective found."""
        return self.answer.objective if self.answer is not None else None

    @property
    def bound(self) -> float | None:
        """The proven lower bound."""
        return self.answer.bound if self.answer is not None else None

    @property
    def gap(self) -> float | None:
        """Relative gap; None without an objective and a bound."""
        known = self.answer is not None and self.objective is not None and self.bound is not None
        return self.answer.gap if known and self.answer is not None else None

    @property
    def checks(self) -> tuple[Check, ...]:
        """Every check that was run."""
        return self.answer.checks if self.answer is not None else ()

    @property
    def version(self) -> str:
        """Of the solver; empty when it gave no answer."""
        return self.answer.version if self.answer is not None else ""

    @property
    def method(self) -> str:
        """How the solver found it; empty when it gave no answer."""
        return self.answer.method if self.answer is not None else ""

    @property
    def nodes(self) -> int | None:
        """Nodes of the solver's tree; None when it gave no answer."""
        return self.answer.nodes if self.answer is not None else None

    def document(self) -> dict[str, Any]:
        """Return the run as plain data."""
        return {
            "lowering": self.lowering,
            "solver": self.solver,
            "solver_version": self.version,
            "status": self.status,
            "objective": self.objective,
            "bound": self.bound,
            "gap": self.gap,
            "seconds": self.seconds,
            "nodes": self.nodes,
            "method": self.method,
            "message": self.message,
            "checks": [asdict(check) for check in self.checks],
        }


@dataclass(frozen=True)
class Agreement:
    """Whether all runs found the same optimum, in one sentence."""

    ok: bool
    sentence: str


@dataclass(frozen=True, eq=False)
class Refutation:
    """The published M on a program of two lines: what it claims and what is true.

    Attributes
    ----------
    status : str
        ``claim-wrong`` when the published M was caught.
    big_m, needed_m : float or None
    claimed, optimum : float or None
        The optimum of the program as built with that M, and of the program as meant.
    detail : str
        The sentence of the check that failed.
    """

    status: str
    big_m: float | None
    needed_m: float | None
    claimed: float | None
    optimum: float | None
    detail: str = ""

    @property
    def ok(self) -> bool:
        """Whether the wrong M was caught, with its numbers."""
        return self.status == "claim-wrong" and None not in (
            self.big_m,
            self.needed_m,
            self.claimed,
            self.optimum,
        )

    def document(self) -> dict[str, Any]:
        """Return the refutation as plain data."""
        return {
            "status": self.status,
            "big_m": self.big_m,
            "needed_m": self.needed_m,
            "claimed": self.claimed,
            "optimum": self.optimum,
            "detail": self.detail,
        }


@dataclass(frozen=True, eq=False)
class DemoResult:
    """Everything the demo found.

    Attributes
    ----------
    history : History
    case : MarketCase
    baseline : float
        Cost of following the likeliest regime of every month, at its best weights.
    sizes : mapping from lowering to sentence
        How large each lowering is.
    runs : tuple of Run
    agreement : Agreement
    refutation : Refutation
    machine, versions : mapping
    seconds : float
    """

    history: History
    case: MarketCase
    baseline: float
    sizes: dict[str, str]
    runs: tuple[Run, ...]
    agreement: Agreement
    refutation: Refutation
    machine: dict[str, str]
    versions: dict[str, str | None]
    seconds: float

    @property
    def ok(self) -> bool:
        """Whether every run is verified, all agree, and the wrong M was caught."""
        return all(run.ok for run in self.runs) and self.agreement.ok and self.refutation.ok

    @property
    def best(self) -> RegimeSolution | None:
        """The verified answer with the smallest gap, the first of equals."""
        verified = [run for run in self.runs if run.ok and run.answer is not None]
        return min(verified, key=lambda run: run.gap or 0.0).answer if verified else None

    def document(self) -> dict[str, Any]:
        """Return the document `proofolio demo --json` prints, without the files."""
        return {
            "solves": [run.document() for run in self.runs],
            "agree": self.agreement.ok,
            "agreement": self.agreement.sentence,
            "refuted": self.refutation.document(),
            "seconds": self.seconds,
        }


def agreement(runs: Sequence[Run]) -> Agreement:
    """Return whether all runs found one optimum, as far as each run's own gap allows.

    Two proven optima may differ by the larger of the two gaps plus 1e-6, relative. A run that stopped at its
    time limit must leave the proven optimum between its bound and its objective.
    """
    failed = [run.name for run in runs if not run.ok]
    if failed or not runs:
        return Agreement(False, f"no answer whose checks hold from {', '.join(failed) or 'any run'}")
    proven = [run for run in runs if run.status in OPTIMAL]
    stopped = [f"{run.name} (gap {small(run.gap or 0.0)})" for run in runs if run not in proven]
    if not proven:
        return Agreement(True, f"no run closed its gap within its time limit: {', '.join(stopped)}")
    found = {run: run.objective or 0.0 for run in proven}
    low, high = min(found, key=lambda run: found[run]), max(found, key=lambda run: found[run])
    size = max(abs(found[low]), abs(found[high]), 1e-12)
    allowed = AGREE + max(run.gap or 0.0 for run in proven)
    apart = (found[high] - found[low]) / size
    if apart > allowed:
        return Agreement(
            False,
            f"the runs disagree: {low.name} says {found[low]:.9g} and {high.name} says {found[high]:.9g}, "
            f"{small(apart)} apart where their gaps allow {small(allowed)}",
        )
    for run in runs:
        over = (run.bound if run.bound is not None else -float("inf")) - found[low]
        under = found[low] - (run.objective if run.objective is not None else float("inf"))
        if max(over, under) > allowed * size:
            return Agreement(
                False, f"{run.name} leaves no room for the optimum {found[low]:.9g} of {low.name}"
            )
    these = f"all {len(runs)} runs" if len(proven) == len(runs) else f"{len(proven)} of {len(runs)} runs"
    sentence = (
        f"{these} claim the same optimum, {found[low]:.6f}: they differ by {small(apart)}, relative, and "
        f"their gaps allow {small(allowed)}"
    )
    return Agreement(True, sentence + (f"; stopped at the limit: {', '.join(stopped)}" if stopped else ""))


def small(value: float) -> str:
    """Return a gap or an error to one digit.

    Examples
    --------
    >>> small(2.3e-7), small(0.0)
    ('2e-07', '0')
    """
    return f"{value:.0e}" if value else "0"


def runs_table(runs: Sequence[Run]) -> Table:
    """Return the runs, one a line."""
    head = ("lowering", "solver", "method", "status", "objective", "bound", "gap", "time", "nodes", "checks")
    rows: list[Sequence[Cell]] = [
        (
            run.lowering,
            f"{run.solver} {run.version}",
            run.method,
            (run.status, "good" if run.ok else "bad"),
            _signed(run.objective),
            _signed(run.bound),
            "" if run.gap is None else small(run.gap),
            f"{run.seconds:.2f} s",
            "" if run.nodes is None else str(run.nodes),
            _checks(run),
        )
        for run in runs
    ]
    return Table(head, rows, (4, 5, 6, 7, 8))


def _signed(value: float | None) -> str:
    return "" if value is None else f"{value:.8f}".replace("-", "−", 1)


def _checks(run: Run) -> Cell:
    failed = [check.name for check in run.checks if not check.ok]
    if failed:
        return f"failed: {', '.join(failed)}", "bad"
    return (f"all {len(run.checks)} hold", "good") if run.checks else ("none", "bad")


# ------------------------------------------------------------------------ running
class Steps(Protocol):
    """Receives how far the demo is."""

    def started(self, title: str) -> None:
        """A step begins."""

    def going(self, text: str) -> None:
        """A step has something to say while it runs."""

    def done(self, text: str, seconds: float, ok: bool) -> None:
        """The step is over; `text` is its title and its result."""


def run_demo(
    steps: Steps, settings: CaseSettings | None = None, time_limit: float = TIME_LIMIT
) -> DemoResult:
    """Run the main job on the bundled prices.

    Parameters
    ----------
    steps : Steps
        Hears of each step as it begins and ends.
    settings : CaseSettings, optional
    time_limit : float
        Seconds for each of the four solves.

    Raises
    ------
    BadData
        When the two lowerings differ in their cost of one fixed path.
    """
    started = time.perf_counter()
    with step(steps, "Reading the bundled prices") as say:
        prices, market = load_prices(), load_market()
        say(f"{len(prices):,} days of {prices.shape[1]} stocks and the S&P 500")
    with step(steps, "Fitting the market's regimes") as say:
        fit = fit_regimes(simple_returns(market), REGIMES)
        history = market_history(market, fit)
        say(
            ", ".join(
                f"{name} {share:.0%} of days" for name, share in zip(history.names, fit.shares, strict=True)
            )
        )
    with step(steps, "Building the program") as say:
        case = market_case(prices, market, fit, settings)
        p = case.program
        sizes = {lowering: _size(p, lowering) for lowering in LOWERINGS}
        say(f"{p.n} stocks, {p.T} months, {p.R} regimes, {p.R * p.T} binaries")
    with step(steps, "Checking that both lowerings mean the same") as say:
        baseline = _baseline(case)
        say(f"with each month's likeliest regime both cost {baseline:.6f}")
    runs = tuple(
        _run(case, lowering, solver, time_limit, steps) for lowering in LOWERINGS for solver in SOLVERS
    )
    with step(steps, "Trying the published bound on M") as say:
        refutation = _refute()
        say(_refuted(refutation), refutation.ok)
    return DemoResult(
        history=history,
        case=case,
        baseline=baseline,
        sizes=sizes,
        runs=runs,
        agreement=agreement(runs),
        refutation=refutation,
        machine=machine(),
        versions=package_versions(),
        seconds=time.perf_counter() - started,
    )


class Say(Protocol):
    """Takes the result of a step."""

    def __call__(self, text: str, ok: bool = True) -> None:
        """Say what the step found, and whether that is good news."""


@contextmanager
def step(steps: Steps, title: str) -> Iterator[Say]:
    """Announce a step of the demo, time it, and pass on the result that is said within."""
    started = time.perf_counter()
    outcome: list[tuple[str, bool]] = []

    def say(text: str, ok: bool = True) -> None:
        outcome.append((text, ok))

    steps.started(title)
    yield say
    text, ok = outcome[-1]
    steps.done(f"{title}: {text}", time.perf_counter() - started, ok)


def _size(program: RegimeSwitching, lowering: str) -> str:
    built = program.to_program(lowering)
    rows = built.m + len(built.quadratic) + len(built.cones)
    return f"{built.n:,} columns with {int(built.binary.sum())} binaries, {rows:,} rows"


def _baseline(case: MarketCase) -> float:
    """Return the cost of the likeliest path, which every lowering must agree on."""
    followed = case.program.with_path(case.likeliest)
    found = {lowering: followed.solve("highs", lowering=lowering) for lowering in LOWERINGS}
    values = [answer.objective for answer in found.values() if answer.ok and answer.objective is not None]
    if len(values) < len(found) or np.ptp(values) > SAME_ON_A_PATH * max(map(abs, values)):
        said = ", ".join(f"{k}: {a.objective} ({a.status})" for k, a in found.items())
        raise BadData(
            f"the lowerings differ on one fixed path of regimes ({said}); this is a bug in proofolio, please report it."
        )
    return float(values[0])


def _run(case: MarketCase, lowering: str, solver: str, time_limit: float, steps: Steps) -> Run:
    title = f"Solving {lowering} with {solver}"

    def going(seconds: float, objective: float | None, bound: float | None) -> None:
        known = [f"{w} {v:.6f}" for w, v in (("cost", objective), ("bound", bound)) if v is not None]
        steps.going(f"{title}: {', '.join(known) or 'no plan yet'}")

    started = time.perf_counter()
    with step(steps, title) as say:
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
