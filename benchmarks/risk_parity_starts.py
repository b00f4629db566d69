"""Risk parity with all starts beside the best of 20 SLSQP runs, in random cases.

``python -m benchmarks risk_parity_starts [--cases N] [--seed S] [--returns FILE] [--starts all|erc] [--json FILE]
[--markdown FILE] [--quick]``

A case draws n from 3 to 10, gamma_trade from .001 to 1 (log-uniform), H = 1 or in one of ten cases 3, holdings, and
covariances of a random factor model, or of a window of 250 days of random columns of the returns. Half of the cases
have rules: caps and floors of weights, one or two groups. SLSQP has trades split into bought and sold, and begins at
the holdings, at 1/n, at the ERC, and at 17 random weights, half of them near the edges of the simplex.

A case is worse when our objective is above SLSQP's best by more than 1e-6 of it. "disagree" counts the cases in which
SLSQP's own ends differ by more than that. An end of SLSQP counts when it misses no rule by more than 1e-9.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.mpc_data import read_returns
from benchmarks.record import machine
from benchmarks.risk_parity_peers import slsqp
from proofolio.errors import BadData
from proofolio.models.portfolio.plan_set import Group
from proofolio.models.portfolio.risk_budgeting import equal_risk
from proofolio.models.portfolio.risk_parity import RiskParity

Floats = NDArray[np.float64]
WORSE = 1e-6  # relative
MISSED = 1e-9
RUNS = 20
WINDOW = 250
SOME = 10  # a line of progress after so many cases


class Case:
    """One random program and its day."""

    def __init__(self, seed: tuple[int, int], returns: Floats | None) -> None:
        rng = self.rng = np.random.default_rng(seed)
        n = int(rng.integers(3, 11))
        H = 3 if rng.random() < 0.1 else 1
        if returns is not None:
            n = min(n, returns.shape[1])
        sigma = [_covariance(rng, n, returns) for _ in range(H)]
        self.sigma = np.array(sigma)
        self.w0 = rng.dirichlet(np.full(n, rng.choice([0.3, 1.0, 3.0])))
        self.gamma = float(10.0 ** rng.uniform(-3.0, 0.0))
        self.rules = bool(rng.random() < 0.5)
        self.program = self._program(n, H)

    def _program(self, n: int, H: int) -> RiskParity:
        rng = self.rng
        if not self.rules:
            return RiskParity(n, H, self.gamma)
        while True:
            upper = rng.uniform(1.2 / n, 1.0, n) if rng.random() < 0.5 else 1.0
            lower = rng.uniform(0.0, 0.5 / n, n) if rng.random() < 0.3 else 0.0
            groups = []
            for _ in range(int(rng.integers(0, 3))):
                members = rng.choice(n, int(rng.integers(1, n)), replace=False)
                middle, width = rng.uniform(0.1, 0.9), rng.uniform(0.05, 0.4)
                groups.append(
                    Group([int(i) for i in members], max(0.0, middle - width), min(1.0, middle + width))
                )
            try:
                program = RiskParity(n, H, self.gamma, lower=lower, upper=upper, groups=groups)
            except BadData:
                continue
            if program.plan_set.reachable(self.w0):
                return program


def _covariance(rng: np.random.Generator, n: int, returns: Floats | None) -> Floats:
    if returns is not None:
        first = int(rng.integers(0, len(returns) - WINDOW))
        columns = rng.choice(returns.shape[1], n, replace=False)
        found: Floats = np.cov(returns[first : first + WINDOW, columns].T)
        return found
    k = int(rng.integers(1, 4))
    loadings = rng.standard_normal((n, k)) + rng.uniform(-0.5, 1.0)
    volatility = 10.0 ** rng.uniform(-2.5, -1.5, n)
    own = np.diag(rng.uniform(0.05, 1.0, n))
    made: Floats = (loadings @ loadings.T + own) * np.outer(volatility, volatility)
    return made


def allowed_end(case: Case, start: Floats) -> tuple[Floats, float]:
    """Return the weights (H, n) SLSQP ends at and by how much they miss a rule."""
    W = slsqp(case.program, case.sigma, case.w0, start, 1e-13)
    if not np.all(np.isfinite(W)):
        return W, np.inf
    trades = np.abs(np.diff(W, axis=0, prepend=case.w0[None]))
    return W, case.program.plan_set.violation(W, trades)


def run(case: Case, starts: str) -> dict[str, Any]:
    """Return what both came to."""
    program, rng = case.program, case.rng
    began = time.process_time()
    step = program.stepper(starts=starts).solve(case.sigma, case.w0)
    ours = time.process_time() - began
    n = program.n
    begins = [case.w0, np.full(n, 1.0 / n), equal_risk(case.sigma[0])]
    begins += [rng.dirichlet(np.full(n, 1.0 if k % 2 else 0.3)) for k in range(RUNS - len(begins))]
    began, values = time.process_time(), []
    with np.errstate(all="ignore"):
        for begin in begins:
            W, missed = allowed_end(case, begin)
            if missed <= MISSED:
                value = program.objective(W, case.sigma, case.w0)
                values += [value] if np.isfinite(value) else []
    theirs = time.process_time() - began
    best = min(values, default=np.inf)
    return {
        "n": n, "H": program.H, "gamma_trade": case.gamma, "rules": case.rules, "ours": step.objective, "slsqp": best,
        "excess": (step.objective - best) / max(abs(best), 1e-12), "counted": len(values), "ok": step.ok,
        "disagree": bool(values) and max(values) > best * (1.0 + WORSE) + 1e-12, "begun": step.begun,
        "starts": step.starts, "elsewhere": step.elsewhere, "seconds": ours, "slsqp_seconds": theirs,
    }  # fmt: skip


def summary(records: list[dict[str, Any]]) -> dict[str, Any]:
    """Return the counts over all cases."""
    excess = np.array([record["excess"] for record in records])
    worse = excess > WORSE
    return {
        "cases": len(records),
        "with rules": sum(record["rules"] for record in records),
        "worse": int(worse.sum()),
        "worse with rules": sum(bool(w) and r["rules"] for w, r in zip(worse, records, strict=True)),
        "worst excess": float(excess.max()),
        "better": int((excess < -WORSE).sum()),
        "disagree": sum(record["disagree"] for record in records),
        "starts that ended elsewhere": sum(record["elsewhere"] for record in records),
        "starts": sum(record["starts"] for record in records),
        "not ok": sum(not record["ok"] for record in records),
        "CPU seconds": round(sum(record["seconds"] for record in records), 3),
        "SLSQP CPU seconds": round(sum(record["slsqp_seconds"] for record in records), 3),
    }


def main(arguments: list[str]) -> int:
    """Run the cases, and return how many came out worse."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks risk_parity_starts",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--cases", type=int, default=200)
    parser.add_argument("--first", type=int, default=0, metavar="N", help="begin at this case")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument(
        "--returns", type=Path, metavar="FILE", help="daily returns, by date; their windows' covariances"
    )
    parser.add_argument("--starts", choices=("all", "erc"), default="all")
    parser.add_argument("--quick", action="store_true", help="20 cases")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write summary and records to this file")
    asked = parser.parse_args(arguments)
    returns = None if asked.returns is None else read_returns(str(asked.returns))
    records: list[dict[str, Any]] = []
    for number in range(asked.first, asked.first + (20 if asked.quick else asked.cases)):
        record = {"case": number, **run(Case((asked.seed, number), returns), asked.starts)}
        records.append(record)
        if record["excess"] > WORSE or not record["ok"]:
            print({name: record[name] for name in ("case", "n", "H", "gamma_trade", "rules", "excess", "ok")})
        if len(records) % SOME == 0:
            found = summary(records)
            print(
                f"{len(records)} cases, {found['worse']} worse, worst excess {found['worst excess']:.1e}",
                file=sys.stderr,
            )
            _write(asked, records)
    _write(asked, records)
    found = summary(records)
    print(json.dumps(found, indent=1))
    return int(found["worse"])


def _write(asked: argparse.Namespace, records: list[dict[str, Any]]) -> None:
    if asked.json is not None:
        kept = {
            "benchmark": "risk_parity_starts",
            "machine": machine(),
            "seed": asked.seed,
            "starts": asked.starts,
            "returns": None if asked.returns is None else asked.returns.name,
            "summary": summary(records),
            "cases": records,
        }
        asked.json.write_text(json.dumps(kept) + "\n", encoding="utf-8")
