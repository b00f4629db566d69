"""Steps of the MPC and of risk parity, ERC, hidden Markov regimes and backtests, each beside its peers, by size."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from itertools import count
from typing import Any

import numpy as np
import pandas as pd
from hmmlearn.hmm import GaussianHMM
from numpy.typing import NDArray

import proofolio as pf
from benchmarks import mpc_peers, risk_parity_peers
from benchmarks.growth.measuring import Job, Task, Verdict
from benchmarks.mpc import Asked
from benchmarks.mpc_data import WINDOW, Day, days, synthetic_returns
from proofolio.backtesting.backtests import Context
from proofolio.backtesting.costs import LinearCost
from proofolio.backtesting.forecasts import ForecastPlan
from proofolio.backtesting.market import Market
from proofolio.backtesting.simulator import simulate
from proofolio.backtesting.strategies import strategies_named
from proofolio.backtesting.tasks import TaskRunner
from proofolio.forecasts.hidden_markov import fit_regimes
from proofolio.forecasts.rolling_fit import RollingFit
from proofolio.forecasts.views import AssetRegimes

__all__ = ["jobs", "likelihood"]

Floats = NDArray[np.float64]
GAMMA_RISK, GAMMA_TRADE, COST = 5.0, 1e-3, 0.001
DAYS = 3  # forecasts of different days, so that no solver is asked the same twice running
VIOLATION = 1e-5  # of budget and bounds, as a plan came
SAME = 1e-7  # relative, of two ways to compute one number
CONTRIBUTION = 1e-3  # of a budget: what conic solvers come to by default
DEAD = 1e-6
REFITS = 5
COMPARED = 20  # days of a backtest whose plans are compared
FEW, ALL = 10, 5  # assets where periods grow, periods where assets grow


def jobs() -> Iterator[Job]:
    """Yield the jobs in which weights or forecasts are computed."""
    for name, title, across, size in (
        ("mpc-n", f"MPC step, H = {ALL}", "assets n", lambda k: (k, ALL)),
        ("mpc-H", f"MPC step, n = {FEW}", "periods H", lambda k: (FEW, k)),
    ):
        grown = (5, 10, 20, 35, 50, 70, 100, 140, 200) if name == "mpc-n" else (1, 2, 4, 8, 15, 30, 60)
        yield Job(
            name, title, across, grown, grown[:4], _at(_mpc, size, _MPC_SOLVERS),
            "Budget and bounds hold to 1e-5, and the objective, computed from the weights as they came, is no "
            "worse than the best of all solvers by more than a thousandth; of ours the gap is also proved to be "
            "below 1e-6.",
            tolerance=1e-3,
        )  # fmt: skip
    for name, title, across, size in (
        ("risk-parity-n", f"Risk-parity step, H = {ALL}", "assets n", lambda k: (k, ALL)),
        ("risk-parity-H", f"Risk-parity step, n = {FEW}", "periods H", lambda k: (FEW, k)),
    ):
        grown = (5, 10, 20, 35, 50, 70, 100) if name == "risk-parity-n" else (1, 2, 4, 8, 15, 30, 60)
        yield Job(
            name, title, across, grown, grown[:3], _at(_risk_parity, size, _RISK_PARITY_SOLVERS),
            "Budget and bounds hold to 1e-5, no asset is dead, and the objective, computed from the weights as "
            "they came, is no worse than the best of all solvers by more than a thousandth.",
            tolerance=1e-3,
        )  # fmt: skip
    yield Job(
        "erc", "ERC of one covariance", "assets n", (5, 10, 20, 50, 100, 200, 500, 1000), (5, 10, 20, 50),
        _erc_solvers(),
        "Risk contributions are computed from the covariance and the weights: each is 1/n to a thousandth of it, "
        "ours to 1e-9.",
    )  # fmt: skip
    yield Job(
        "hmm-T", "Hidden Markov model, 2 regimes", "days T", (250, 500, 1000, 2000, 4000, 8000, 16000),
        (250, 500, 1000), _at(_hmm, lambda k: (k, 2), _HMM_SOLVERS),
        "The log-likelihood stated is that of a plain forward recursion with the parameters found, and of cold "
        "fits none is below the best by more than a ten-thousandth.",
        tolerance=1e-4,
    )  # fmt: skip
    yield Job(
        "hmm-K", "Hidden Markov model, 2,000 days", "regimes K", (2, 3, 4, 5, 6, 8), (2, 3),
        _at(_hmm, lambda k: (2000, k), _HMM_SOLVERS),
        "As above, a hundredth below the best being allowed: with many regimes fits end at different local optima.",
        tolerance=1e-2,
    )  # fmt: skip
    for name, title, across, size in (
        ("backtest-days", f"Backtest of the MPC, n = {FEW}, H = {ALL}", "days", lambda k: (FEW, k)),
        ("backtest-n", f"Backtest of the MPC over 50 days, H = {ALL}", "assets n", lambda k: (k, 50)),
    ):
        grown = (25, 50, 100, 200, 400, 800, 1600) if name == "backtest-days" else (5, 10, 20, 35, 50)
        yield Job(
            name, title, across, grown, grown[:2], _at(_backtest, size, _backtest_solvers()),
            f"Every day of ours is answered and proved; on the first {COMPARED} days what is traded is the first "
            "row of a plan whose objective is no worse than cvxportfolio's for the same forecasts and holdings, "
            "and theirs no worse than ours by more than a hundredth in all.",
            tolerance=1e-2,
        )  # fmt: skip


def _at(make: Any, size: Any, solvers: Mapping[str, Any]) -> dict[str, Callable[[int], Task]]:
    """Return what makes the task of a size, for each solver: `size` turns the one number into those of the task."""
    return {name: lambda k, of=of: make(*size(k), of) for name, of in solvers.items()}


# ---------------------------------------------------------------------------------- MPC
def _own_step(model: pf.MeanVariance) -> Any:
    stepper = model.stepper()

    def plan(mean: Floats, covariance: Floats, w0: Floats) -> Floats | None:
        step = stepper.solve(mean, covariance, w0)
        return step.W if step.ok else None

    return plan


_MPC_SOLVERS: dict[str, Callable[[pf.MeanVariance], Any]] = {
    "ours": _own_step,
    "PIQP direct": lambda model: mpc_peers.plain(model, "piqp"),
    "OSQP direct": lambda model: mpc_peers.plain(model, "osqp"),
    "CVXPY, Clarabel": lambda model: mpc_peers.through_cvxpy(model, "CLARABEL"),
}


def _mpc(n: int, H: int, solver: Callable[[pf.MeanVariance], Any]) -> Task:
    model, w0 = pf.MeanVariance(n, H, GAMMA_RISK, GAMMA_TRADE), np.full(n, 1.0 / n)
    given = list(days(synthetic_returns(n, WINDOW + DAYS), H, DAYS))

    def setup() -> list[Callable[[], Any]]:
        plan = solver(model)
        return [partial(plan, day.mean, day.covariance, w0) for day in given]

    def check(plans: Sequence[Any]) -> Verdict:
        value = 0.0
        for day, W in zip(given, plans, strict=False):
            if W is None:
                return Verdict("no plan, or one that is not proved")
            missed = _missed(W)
            if missed > VIOLATION:
                return Verdict(f"budget or bounds are missed by {missed:.1e}")
            value += _objective(day, W, w0)
        return Verdict("", -value / len(plans))

    return Task(setup, check)


def _missed(W: Floats) -> float:
    return float(max(np.abs(W.sum(axis=1) - 1.0).max(), -W.min()))


def _objective(day: Day, W: Floats, w0: Floats) -> float:
    trades = np.abs(np.diff(np.vstack([w0, W]), axis=0)).sum()
    risk = np.einsum("ti,tij,tj", W, day.covariance, W)
    return float((day.mean * W).sum() - GAMMA_RISK * risk - GAMMA_TRADE * trades)


# ------------------------------------------------------------------------- risk parity
def _own_parity(program: pf.RiskParity) -> Any:
    stepper = program.stepper(starts="erc")

    def solve(sigma: Floats, w0: Floats) -> Floats | None:
        step = stepper.solve(sigma, w0)
        return step.W if step.ok else None

    return solve


def _slsqp(program: pf.RiskParity) -> Any:
    return lambda sigma, w0: risk_parity_peers.slsqp_plain(program, sigma, w0, pf.equal_risk(sigma))


def _sca(program: pf.RiskParity) -> Any:
    sca = risk_parity_peers.CvxpySca(program)
    return lambda sigma, w0: sca.solve(sigma, w0, pf.equal_risk(sigma))


_RISK_PARITY_SOLVERS: dict[str, Callable[[pf.RiskParity], Any]] = {
    "ours": _own_parity,
    "SLSQP from the ERC": _slsqp,
    "CVXPY SCA from the ERC": _sca,
}


def _risk_parity(n: int, H: int, solver: Callable[[pf.RiskParity], Any]) -> Task:
    program, w0 = pf.RiskParity(n, H, GAMMA_TRADE), np.full(n, 1.0 / n)
    given = list(days(synthetic_returns(n, WINDOW + DAYS), H, DAYS))

    def setup() -> list[Callable[[], Any]]:
        solve = solver(program)
        return [partial(solve, day.covariance, w0) for day in given]

    def check(plans: Sequence[Any]) -> Verdict:
        value = 0.0
        for day, W in zip(given, plans, strict=False):
            if W is None:
                return Verdict("a check of the step does not hold")
            missed = _missed(W)
            if missed > VIOLATION or W.min() <= DEAD:
                return Verdict(
                    f"budget or bounds are missed by {missed:.1e}, the least weight is {W.min():.1e}"
                )
            value += program.objective(W, day.covariance, w0)
        return Verdict("", value / len(plans))

    return Task(setup, check)


# --------------------------------------------------------------------------------- ERC
def _erc_solvers() -> dict[str, Callable[[int], Task]]:
    known = {
        "ours": (pf.equal_risk, 1e-9),
        "skfolio": (risk_parity_peers.skfolio_budgets(), CONTRIBUTION),
        "riskparityportfolio": (risk_parity_peers.riskparityportfolio_budgets(), CONTRIBUTION),
        "riskparityportfolio to 1e-12": (
            risk_parity_peers.riskparityportfolio_budgets(tol=1e-12, maxiter=2000),
            CONTRIBUTION,
        ),
    }
    return {name: partial(_erc, of, allowed) for name, (of, allowed) in known.items() if of is not None}


def _erc(solve: Callable[[Floats], Floats], allowed: float, n: int) -> Task:
    rng = np.random.default_rng(n)
    loads = 0.01 * rng.standard_normal((n, 5)) + np.array([0.01, 0, 0, 0, 0])
    sigma = loads @ loads.T + np.diag(rng.uniform(0.005, 0.03, n) ** 2)

    def check(found: Sequence[Any]) -> Verdict:
        w = np.asarray(found[0])
        shares = w * (sigma @ w) / (w @ sigma @ w)
        error = n * float(np.abs(shares - 1.0 / n).max())
        if error <= allowed and abs(w.sum() - 1.0) <= SAME and w.min() > 0.0:
            return Verdict("")
        return Verdict(f"a risk contribution is {error:.1e} of 1/n away")

    return Task(lambda: [lambda: solve(sigma)], check)


# ------------------------------------------------------------------ hidden Markov model
def likelihood(initial: Floats, transition: Floats, means: Floats, variances: Floats, x: Floats) -> float:
    """Return the log-likelihood of a Gaussian hidden Markov model of one series, by the plain forward recursion."""
    densities = np.exp(-0.5 * (x[:, None] - means) ** 2 / variances) / np.sqrt(2.0 * np.pi * variances)
    ahead, nats = initial, 0.0
    for density in densities:
        joint = ahead * density
        total = joint.sum()
        nats, ahead = nats + float(np.log(total)), (joint / total) @ transition
    return nats


def _series(T: int, K: int) -> Floats:
    rng = np.random.default_rng((T, K))
    state, found = 0, np.empty(T)
    for t in range(T):
        state = int(rng.integers(K)) if rng.random() < 0.02 else state
        found[t] = 5e-4 - 3e-4 * state + 0.004 * 1.9**state * rng.standard_normal()
    return found


def _checked_fit(x: Floats, said: float, *parameters: Floats) -> str:
    nats = likelihood(*parameters, x)
    return "" if abs(nats - said) <= SAME * abs(nats) else f"its likelihood is {nats:.6f}, and not {said:.6f}"


def _of_fit(x: Floats, fit: Any) -> str:
    return _checked_fit(
        x, fit.log_likelihood, fit.initial, fit.transition, fit.means[:, 0], fit.covariances[:, 0, 0]
    )


def _own_cold(T: int, K: int) -> Task:
    x = _series(T, K)

    def check(found: Sequence[Any]) -> Verdict:
        return Verdict(_of_fit(x, found[0]), -found[0].log_likelihood)

    return Task(lambda: [lambda: fit_regimes(x, K, restarts=1, max_iterations=200)], check)


def _own_warm(T: int, K: int) -> Task:
    whole, o = _series(T + 400, K), AssetRegimes()

    def setup() -> list[Callable[[], Any]]:
        rolling = RollingFit(whole[:T, None], K, "volatility", o.seed, o.restarts, o.tolerance, o.cold_every)
        ends = count(T + 1)

        def refit() -> Any:
            end = next(ends)
            rolling.update(whole[end - T : end, None], refit=True)
            return end, rolling.fit

        return [refit] * REFITS

    def check(found: Sequence[Any]) -> Verdict:
        wrong = (_of_fit(whole[end - T : end], fit) for end, fit in found)
        return Verdict(next(filter(None, wrong), ""))

    return Task(setup, check)


def _hmmlearn(T: int, K: int) -> Task:
    x = _series(T, K)
    scale = x.std()

    def fit() -> Any:
        # its prior on covariances is meant for numbers near 1
        model = GaussianHMM(K, "full", n_iter=200, tol=1e-4, covars_prior=0.0, random_state=0)
        return model.fit(x[:, None] / scale)

    def check(found: Sequence[Any]) -> Verdict:
        model = found[0]
        said = float(model.score(x[:, None] / scale)) - T * float(np.log(scale))
        variances = model.covars_[:, 0, 0] * scale**2
        wrong = _checked_fit(
            x, said, model.startprob_, model.transmat_, model.means_[:, 0] * scale, variances
        )
        return Verdict(wrong, -said)

    return Task(lambda: [fit], check)


def _hmm(T: int, K: int, task: Callable[[int, int], Task]) -> Task:
    return task(T, K)


_HMM_SOLVERS: dict[str, Callable[[int, int], Task]] = {
    "ours, cold": _own_cold,
    "ours, a day later": _own_warm,
    "hmmlearn, cold": _hmmlearn,
}


# ---------------------------------------------------------------------------- backtests
def _backtest_solvers() -> dict[str, str]:
    found = {"ours, forecasts and plans": "both", "ours, plans": "plans"}
    return found | ({"cvxportfolio, plans": "peer"} if mpc_peers.cvxportfolio_found() else {})


def _backtest(n: int, D: int, what: str) -> Task:
    names = [f"A{i}" for i in range(n)]
    returns = synthetic_returns(n, WINDOW + D)
    dates = pd.bdate_range("2000-01-03", periods=len(returns))
    market = Market.from_returns(pd.DataFrame(returns, index=dates, columns=names), 0.0)
    plan = ForecastPlan(driving=(0, 1), window=WINDOW)
    (strategy,) = strategies_named(
        ("mpo",), market.names, horizon=ALL, gamma_risk=GAMMA_RISK, gamma_trade=GAMMA_TRADE
    )

    def book() -> Any:
        return plan.book(market, "regimes", ALL, WINDOW, len(dates), TaskRunner())

    def traded(forecasts: Any) -> Any:
        context = Context(market, WINDOW, len(dates), regimes=forecasts)
        return simulate(context.market, strategy, LinearCost(COST), start=WINDOW, forecasts=forecasts)

    known = book()
    model = pf.MeanVariance(n, ALL, GAMMA_RISK, GAMMA_TRADE)

    def asked(run: Any, d: int) -> Asked:
        at = known.at(WINDOW - 1 + d, ALL)
        return Asked(Day(at.mean, at.covariance, returns[WINDOW + d]), run.weights[d] - run.trades[d], 0.0)

    if what == "peer":
        run = traded(known)
        problems = [asked(run, d) for d in range(D)]

        def setup() -> list[Callable[[], Any]]:
            step = mpc_peers.through_cvxportfolio(model, problems)
            return [lambda: [step(each.day.mean, each.day.covariance, each.w0) for each in problems]]

        def check(found: Sequence[Any]) -> Verdict:
            return _plans_worth(problems, found[0][:COMPARED])

        return Task(setup, check)

    def check_own(found: Sequence[Any]) -> Verdict:
        run, stepper = found[0], model.stepper()
        wrong = int(run.unanswered.sum() + run.unproved.sum())
        if wrong:
            return Verdict(f"{wrong} days are unanswered or not proved")
        problems = [asked(run, d) for d in range(min(D, COMPARED))]
        plans = [stepper.solve(each.day.mean, each.day.covariance, each.w0).W for each in problems]
        apart = max(float(np.abs(W[0] - run.weights[d]).max()) for d, W in enumerate(plans))
        if apart > VIOLATION:
            return Verdict(f"weights are {apart:.1e} away from those of the plan")
        return _plans_worth(problems, plans)

    run_own = (lambda: traded(book())) if what == "both" else (lambda: traded(known))
    return Task(lambda: [run_own], check_own)


def _plans_worth(problems: Sequence[Asked], plans: Sequence[Any]) -> Verdict:
    value = 0.0
    for each, W in zip(problems, plans, strict=False):
        if W is None or _missed(W) > 1e2 * VIOLATION:
            return Verdict("a day has no plan that keeps budget and bounds to 1e-3")
        inside = np.maximum(W, 0.0)
        value += _objective(each.day, inside / inside.sum(axis=1, keepdims=True), each.w0)
    return Verdict("", -value)
