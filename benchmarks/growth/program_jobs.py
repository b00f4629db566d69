"""Regime switching, audits, certificates, proofs and control, each beside its peers, by size."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import replace
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from types import SimpleNamespace
from typing import Any

import numpy as np
import pyomo.environ as pyo

import proofolio as pf
from benchmarks import control
from benchmarks.audit_speed import disjunctions, mbigm_values, needed_big_m, network_design, wrong_answers
from benchmarks.certificates import lot_sizing
from benchmarks.growth.measuring import Job, Limits, Part, Stopped, Task, Verdict
from benchmarks.peers import STOPPED, published, solve_gdp
from proofolio import Claim, check_certificate, save_certificate, solve
from proofolio.errors import BadData
from proofolio.formulations.extrema import maximum, maximum_meaning
from proofolio.interfaces.opening import open_model
from proofolio.solvers.solution import OPTIMAL
from proofolio.verification.audit.auditing import audit
from proofolio.verification.proofs.claim import Box
from proofolio.verification.proofs.proving import prove

__all__ = ["jobs"]

RUN = Limits().run  # seconds: the limit of solvers that take one
GAP, NEARLY = 1e-6, 1e-5  # relative: ours, and where a peer counts as there
RESIDUAL, PLAIN = 1e-12, 1e-5  # of the algebraic equations: ours, and where scipy's integration ends
_PERIODS, _ASSETS = (1, 2, 3, 5, 8, 12, 20, 50, 100, 200, 500), (2, 5, 10, 20, 50, 100, 200, 400)
LOOSE = 1e4  # the M of gdp.bigm whose needed M's the audit finds


def jobs() -> Iterator[Job]:
    """Yield the jobs in which programs are solved, audited or proved."""
    checked = (
        "Weights and regimes are checked against the data, the objective is computed from them, and none is worse "
        "than the best by more than 1e-5 of it; who has no optimum within the limit is stopped."
    )
    for name, title, across, size, grown in (
        ("regime-T", "Regime switching, n = 5, R = 4", "periods T", lambda k: (k, 4), _PERIODS),
        ("regime-R", "Regime switching, n = 5, T = 3", "regimes R", lambda k: (3, k), (3, 4, 5, 6, 8, 12, 16, 24)),
    ):  # fmt: skip
        solvers = {
            who: (lambda k, of=of, size=size: _switching(*size(k), of)) for who, of in _SWITCHING.items()
        }
        yield Job(name, title, across, grown, grown[:2], solvers, checked, tolerance=1e-5)
    yield Job(
        "regime-coupled", "Regime switching with costs, n = 10, R = 4", "periods T", (2, 5, 10, 20, 50, 100, 200),
        (2, 5), {who: partial(_coupled, of) for who, of in _COUPLED.items()}, checked, tolerance=2e-4,
    )  # fmt: skip
    yield Job(
        "audit", "Audit of a plant with two modes", "periods, two M's each", (12, 24, 48, 96, 192, 384, 768), (12, 24),
        {
            "ours, M's with proofs": _needed,
            "ours, whole audit": _audited,
            "gdp.mbigm, M's": _by_mbigm,
        },
        "The M's of all add up to the same to 1e-6, and the checker of certificates alone reads those of the whole "
        "audit.",
        tolerance=1e-6, same=True,
    )  # fmt: skip
    yield Job(
        "audit-rows", "Audit of network design", "rows with an M", (50, 100, 200, 400, 800, 1600, 3200), (50, 100),
        {"ours, whole audit": _network},
        "The checker of certificates, fractions alone, reads that of every row.",
    )  # fmt: skip
    yield Job(
        "certificate", "Certified optimum of lot sizing, 3 items", "periods", (2, 3, 4, 5, 6, 8, 10, 12), (2, 3),
        {who: partial(_certified, who) for who in _CERTIFIED},
        "Optima agree to 1e-6; the checker accepts the certificate, and refuses it for the model with another "
        "objective.",
        tolerance=GAP, same=True,
    )  # fmt: skip
    yield Job(
        "proof", "Proof that rows are the maximum", "terms K", (2, 3, 4, 5, 6, 7, 8), (2, 3),
        {"proving": partial(_proved, "proving"), "checking": partial(_proved, "checking")},
        "The claim is proved sound and complete, its proof passes the checker without a solver, and is refused for a "
        "claim of other bounds.",
    )  # fmt: skip
    for name, title, across, size, grown in (
        ("control-d", "Control, infinite horizon, 3 regimes", "assets d", lambda k: (k, 3), _ASSETS),
        ("control-m", "Control, infinite horizon, 10 assets", "regimes m", lambda k: (10, k), (2, 3, 5, 8, 12, 20)),
    ):  # fmt: skip
        solvers = {
            who: (lambda k, of=of, size=size: of(*size(k)))
            for who, of in (("ours", _riccati), ("scipy RK45", _integrated))
        }
        yield Job(
            name, title, across, grown, grown[:3], solvers,
            f"The algebraic equations of the infinite horizon are missed by {RESIDUAL:g} of what drives them at "
            f"most, by scipy's integration by {PLAIN:g}.",
        )  # fmt: skip


# ---------------------------------------------------------------------- regime switching
def _own(program: pf.RegimeSwitching, gap: float = GAP, **how: Any) -> Any:
    found = program.solve(gap=gap, time_limit=RUN, **how)
    if found.status not in OPTIMAL:
        raise Stopped(f"no optimum in {RUN:g} s")
    return found


def _peer(work: Callable[..., Any], program: pf.RegimeSwitching) -> Any:
    found = work(program, time_limit=RUN)
    known = found.bound is not None and found.objective is not None
    open_still = known and found.objective - found.bound > NEARLY * abs(found.bound)
    if found.status == STOPPED or found.status.startswith("none") or open_still:
        raise Stopped(f"no optimum in {RUN:g} s")
    return found


def _gdp(transformation: str) -> Callable[..., Any]:
    return lambda program, time_limit: solve_gdp(program, transformation, time_limit)


_SWITCHING: dict[str, Callable[[pf.RegimeSwitching], Any]] = {
    "ours, separation": _own,
    "ours, hull, HiGHS": partial(_own, solver="highs", lowering="hull"),
    "published form, SCIP": partial(_peer, published),
    "Pyomo.GDP bigm, SCIP": partial(_peer, _gdp("bigm")),
    "Pyomo.GDP hull, SCIP": partial(_peer, _gdp("hull")),
}
_COUPLED: dict[str, Callable[[pf.RegimeSwitching], Any]] = {
    "ours, path": partial(_own, gap=1e-4, method="path"),
    "hull, HiGHS": partial(_own, gap=1e-4, solver="highs", lowering="hull"),
    "hull, SCIP": partial(_own, gap=1e-4, solver="scip", lowering="hull"),
}


def _switching(T: int, R: int, work: Callable[[pf.RegimeSwitching], Any]) -> Task:
    return _programmed(pf.random_instance(5, T, R, varying=True), work)


def _coupled(work: Callable[[pf.RegimeSwitching], Any], T: int) -> Task:
    return _programmed(pf.random_instance(10, T, 4, varying=True, coupled=True), work)


def _programmed(program: pf.RegimeSwitching, work: Callable[[pf.RegimeSwitching], Any]) -> Task:
    def check(found: Sequence[Any]) -> Verdict:
        answer = found[0]
        if isinstance(answer, pf.RegimeSolution):
            failed = [each.name for each in answer.checks if not each.ok]
            if failed:
                return Verdict(f"fails: {', '.join(failed)}")
            again = program.objective(answer.weights, answer.path)
            if abs(again - answer.objective) > 1e-6 * max(1.0, abs(again)):
                return Verdict(f"its objective is {again:.9g}, and not {answer.objective:.9g}")
            return Verdict("", again)
        return Verdict("" if answer.status == "checked" else answer.status, answer.objective)

    return Task(lambda: [partial(work, program)], check)


# -------------------------------------------------------------------------------- audits
def _written_loosely(periods: int) -> Any:
    loose = disjunctions(periods)
    pyo.TransformationFactory("gdp.bigm").apply_to(loose, bigM=LOOSE)
    return open_model(loose)


def _needed(periods: int) -> Task:
    program = _written_loosely(periods).program
    return Task(lambda: [lambda: needed_big_m(program, lp=True)], lambda found: Verdict("", sum(found[0])))


def _audited(periods: int) -> Task:
    opened = _written_loosely(periods)

    def check(found: Sequence[Any]) -> Verdict:
        wrong = wrong_answers(found[0])
        return Verdict(wrong, sum(max(row.needed[1], 0.0) for row in found[0].rows))

    return Task(lambda: [lambda: audit(opened, tiers=("interval", "lp"))], check)


def _by_mbigm(periods: int) -> Task:
    def run() -> Part:
        return Part(*mbigm_values(disjunctions(periods)))

    return Task(lambda: [run], lambda found: Verdict("", sum(found[0])))


def _network(rows: int) -> Task:
    program = network_design(rows)
    return Task(lambda: [lambda: audit(program)], lambda found: Verdict(wrong_answers(found[0])))


# ------------------------------------------------------------------ certificates, proofs
_CERTIFIED = ("solving", "solving and a second run", "solving and a certificate", "checking the certificate")


def _certified(what: str, periods: int) -> Task:
    program = lot_sizing(items=3, periods=periods)

    def asked(confirm: str, limit: float = RUN) -> Any:
        found = solve(program, confirm=confirm, time_limit=limit)
        wanted = {"none": OPTIMAL, "second": ("verified-optimal",), "certificate": ("certified-optimal",)}
        if found.status not in wanted[confirm]:
            raise Stopped(f"{found.status} after {RUN:g} s")
        return found

    if what != _CERTIFIED[3]:
        confirm = dict(zip(_CERTIFIED, ("none", "second", "certificate"), strict=False))[what]
        return Task(
            lambda: [lambda: asked(confirm)],
            lambda found: Verdict("" if all(c.ok for c in found[0].checks) else "a check fails", found[0].objective),
        )  # fmt: skip
    answer = asked("certificate", 2.0 * RUN)
    folder = TemporaryDirectory()
    file = Path(folder.name) / "certificate.json"
    save_certificate(answer, file)
    other = replace(program, c=program.c + 1.0)

    def check(found: Sequence[Any]) -> Verdict:
        deceived = False
        with suppress(BadData):  # that is how it refuses
            deceived = check_certificate(file, other).ok
        folder.cleanup()
        if not found[0].ok:
            return Verdict("the checker refuses the certificate")
        return Verdict("the checker accepts it for another model" if deceived else "", answer.objective)

    return Task(lambda: [lambda: check_certificate(file, program)], check)


def _claim(K: int, width: float = 1.0) -> Claim:
    low, high = -np.arange(1.0, K + 1.0), width * np.arange(2.0, K + 2.0)
    return Claim(
        lambda model, u: maximum(model, "maximum", u, lowering="big-m"),
        {"u": Box(K, low, high)},
        ("v",),
        maximum_meaning(K, "exact"),
        "maximum",
        "big-m",
    )


def _proved(what: str, K: int) -> Task:
    claim = _claim(K)
    if what == "proving":
        return Task(lambda: [lambda: prove(claim)], lambda found: _proof_holds(found[0], K))
    proof = prove(claim)
    return Task(
        lambda: [lambda: proof.certificates.check(claim)],
        lambda found: Verdict(found[0].reason) if not found[0].ok else _proof_holds(proof, K),
    )


def _proof_holds(proof: Any, K: int) -> Verdict:
    if proof.verdict != "proved" or not proof.certificates.check(_claim(K)).ok:
        return Verdict(f"{proof.verdict}, or its proof does not pass")
    return Verdict("its proof passes for other bounds" if proof.certificates.check(_claim(K, 2.0)).ok else "")


# ------------------------------------------------------------------------------- control
def _riccati(d: int, m: int) -> Task:
    problem = control.market(d, regimes=m)

    def check(found: Sequence[Any]) -> Verdict:
        missed = control.algebraic(problem, found[0])
        return Verdict("" if missed <= RESIDUAL else f"the equations are missed by {missed:.1e}")

    return Task(lambda: [problem.riccati], check)


def _integrated(d: int, m: int) -> Task:
    problem = control.market(d, regimes=m)
    years = control.FAR / float(problem.riccati().speed().min())

    def run() -> Any:
        began = time.process_time()
        try:
            A, b, _ = control.plain(problem, years, "RK45", control.PLAIN, 2.0 * RUN)
        except control.TooLong:
            raise Stopped(f"not there after {time.process_time() - began:.0f} s") from None
        return SimpleNamespace(A=A, b=b)

    def check(found: Sequence[Any]) -> Verdict:
        missed = control.algebraic(problem, found[0])
        return Verdict("" if missed <= PLAIN else f"the equations are missed by {missed:.1e}")

    return Task(lambda: [run], check)
