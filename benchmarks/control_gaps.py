"""Control: how far policies are from the best one, at most, and that no path of random problems contradicts it.

``python -m benchmarks control_gaps [--quick] [--rows 1,2] [--no-learned] [--problems 100] [--json FILE]``

The gap table has the rows of `proofolio control --experiment gap` and one of 100 assets, monthly steps for five years.
All policies of a row are on the same paths, of seed 0; how many steps lookahead plans (6, 12 or 24) is chosen on paths
of a stream of its own, with seed 1. Drifts and covariances are assumed ones (models/control/published.py), and for 50
and 100 assets those of a random market of three factors. The learned policy is trained in 200 steps of 128 paths, above
five assets in 60 steps of 32; the table says how long that took, and that there is none without PyTorch. Times are CPU
time of one thread.

The random problems have 1 to 6 assets, 1 to 4 regimes that last from days to decades, costs of speed that are not
diagonal, limits of every kind, linear and fixed costs; policies that are good, and some that are bad on purpose. On
every path the loss must be above the bound, and so must that of the best plan that knows the whole path, which
Clarabel finds (with fixed costs over every pattern of trades). A gap below zero or a missed target counts as failed.
"""

from __future__ import annotations

import argparse
import time
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module
from importlib.util import find_spec
from typing import Any

import numpy as np
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

from benchmarks.control_gap_problems import BAD, KINDS, least_by_clarabel, random_case
from benchmarks.record import Sheet, add_options, keep
from proofolio.errors import Imprecise
from proofolio.models.control.bound import least_losses, long_run_mean, losses_of, regime_paths
from proofolio.models.control.experiments import GAP_ROWS, gap_control
from proofolio.models.control.policies import in_steps
from proofolio.models.control.regime_control import RegimeControl

Floats = NDArray[np.float64]

ROWS = (*GAP_ROWS, (100, 0.002, 0.3, 20))  # assets, linear cost, box, paths
TARGETS = (0.0, 0.5, 0.5, 2.5, 0.5, 1.0)  # per cent, of lookahead with the chosen plan
SEED, CHOICE = 0, 1
PLANS = (6, 12, 24)  # steps of a month
MONTHS = 12.0
MINUTE = 60.0  # in which bound and chosen policy of a row must be there
ZERO = 1e-9  # of the value: what rounding may leave below zero
QUADRATIC = 1e-11  # per cent: the gap where nothing binds, which is exactly zero
TRAINED = ((200, 128), (60, 32))  # steps and paths of the learned policy: up to 5 assets, and above


@dataclass
class Judged:
    """A policy on the paths of a row: its losses, and the seconds it took."""

    name: str
    lost: Floats
    seconds: float
    trained: float = 0.0


def timed(run: Callable[[], Any]) -> tuple[Any, float]:
    """Return an answer and its CPU seconds."""
    began = time.process_time()
    found = run()
    return found, time.process_time() - began


class Row:
    """One problem with its paths and the bound on them."""

    def __init__(self, d: int, l1: float, box: float | None, paths: int) -> None:
        self.control: RegimeControl = gap_control(d, l1, box)
        self.paths = paths
        self.discrete = in_steps(self.control, MONTHS)
        self.z = regime_paths(self.control, self.discrete, paths, SEED, MONTHS)
        self.held = np.zeros((paths, d))
        never = np.full(paths, np.inf)
        (self.least, _), self.seconds = timed(
            lambda: least_losses(self.control, self.discrete, self.z, self.held, never)
        )
        self.first = self.discrete.value(self.held, self.z[:, 0])
        self.upper, self.error = self.mean(self.first - self.least)

    def mean(self, values: Floats) -> tuple[float, float]:
        """Return a mean over the paths and half of its interval."""
        return long_run_mean(values, self.z[:, 0], self.control.chain.stationary)

    def judge(self, policy: Any, trained: float = 0.0) -> Judged:
        """Return the losses of a policy on the paths."""
        lost, seconds = timed(
            lambda: losses_of(self.control, policy, self.discrete, self.z, self.z, self.held)
        )
        return Judged(policy.name, lost, seconds, trained)

    def gap(self, judged: Judged) -> tuple[float, float]:
        """Return the gap of a policy and half of its 95 % interval, per cent."""
        middle, half = self.mean(judged.lost - self.least)
        scale = 100.0 / abs(self.upper)
        return round(middle * scale, 9) + 0.0, half * scale

    def value(self, judged: Judged) -> float:
        """Return the value of a policy."""
        return self.mean(self.first - judged.lost)[0]

    def worst(self, judged: Judged) -> float:
        """Return the least difference on any path, relative to the policy's value."""
        return float((judged.lost - self.least).min()) / abs(self.value(judged))


def gaps(rows: list[int], learned: bool | None) -> tuple[list[Sheet], int]:
    """Return the tables of gaps and how many checks failed; learned is None where there is no PyTorch."""
    each = Sheet(
        "Every policy",
        ("assets", "l1", "box", "paths", "policy", "value", "upper", "gap %", "+-", "least on a path", "s",
         "trained s"),
        [],
    )  # fmt: skip
    short = Sheet(
        "Gaps in per cent of the bound, and targets",
        ("assets, l1, box (paths)", "upper", "one step", "projected", "receding 6, 12, 24", "lookahead 6, 12, 24",
         "chosen", "its gap", "target", "learned (trained)", "bound s", "policy s", "holds"),
        [],
    )  # fmt: skip
    failed = 0
    if learned:
        import_module("torch").set_num_threads(1)
    for number in rows:
        d, l1, box, paths = ROWS[number]
        row = Row(d, l1, box, paths)
        control = row.control
        plans = {H: control.lookahead(H / MONTHS) for H in PLANS}
        chosen: Any = control.choose(list(plans.values()), max(2, paths // 2), CHOICE)
        judged = {"one": row.judge(control.one_step()), "projected": row.judge(control.projected())}
        judged |= {f"receding {H}": row.judge(control.receding(H)) for H in PLANS}
        judged |= {f"lookahead {H}": row.judge(plan) for H, plan in plans.items()}
        if learned:
            steps, training = TRAINED[d > 5]
            policy, seconds = timed(lambda c=control, s=steps, t=training: c.learned(s, t))
            judged["learned"] = row.judge(policy, seconds)
        label = "none" if box is None else f"{box:g}"
        for one in judged.values():
            gap, half = row.gap(one)
            each.rows.append(
                (str(d), f"{l1:g}", label, str(paths), one.name, f"{row.value(one):.5f}",
                 f"{row.upper:.5f} +-{row.error:.5f}", f"{gap:.3f}", f"{half:.3f}", f"{row.worst(one):.1e}",
                 f"{one.seconds:.1f}", f"{one.trained:.0f}" if one.trained else "-")
            )  # fmt: skip
        H = round(chosen.years * MONTHS)
        best = judged[f"lookahead {H}"]
        gap, half = row.gap(best)
        reached = gap <= max(TARGETS[number], QUADRATIC) and row.seconds + best.seconds <= MINUTE
        holds = reached and all(row.worst(one) >= -ZERO for one in judged.values())
        failed += not holds

        def several(name: str, judged: dict[str, Judged] = judged, row: Row = row) -> str:
            return ", ".join(f"{row.gap(judged[f'{name} {H}'])[0]:.2f}" for H in PLANS)

        network, without = judged.get("learned"), "no PyTorch" if learned is None else "not trained"
        short.rows.append(
            (f"{d}, {l1:g}, {label} ({paths})", f"{row.upper:.5f} +-{row.error:.5f}",
             f"{row.gap(judged['one'])[0]:.2f}", f"{row.gap(judged['projected'])[0]:.3g}", several("receding"),
             several("lookahead"), f"H = {H}", f"{gap:.2f} +-{half:.2f}", f"{TARGETS[number]:g}",
             without if network is None else f"{row.gap(network)[0]:.3g} ({network.trained:.0f} s)",
             f"{row.seconds:.1f}", f"{best.seconds:.1f}", "yes" if holds else "NO")
        )  # fmt: skip
        print("  ".join(short.rows[-1]), flush=True)
    return [short, each], failed


def random_problems(count: int, seed: int = 0) -> tuple[Sheet, int]:
    """Return the table of random problems, a line for each kind of limits and costs, and how many failed."""
    sheet = Sheet(
        f"{count} random problems: losses less the bound, in parts of the value",
        ("limits", "problems", "fixed costs", "losses", "least", "least of a good policy", "of a bad one",
         "whole plans", "least above the bound", "mean above the bound", "holds"),
        [],
    )  # fmt: skip
    found: dict[str, list[tuple[bool, dict[str, Floats], Floats]]] = {kind: [] for kind in KINDS}
    for number in range(count):
        kind = KINDS[number % len(KINDS)]
        case = random_case(np.random.default_rng([seed, number]), kind)
        control, discrete = case.control, in_steps(case.control, case.steps_per_year)
        z = regime_paths(
            control, discrete, case.paths, np.random.default_rng([seed, number, 1]), case.steps_per_year
        )
        held = np.broadcast_to(case.start, (case.paths, control.d)).copy()
        least, _ = least_losses(control, discrete, z, held, np.full(case.paths, np.inf))
        first = discrete.value(held, z[:, 0])
        apart = {}
        for policy in case.policies:
            lost = losses_of(control, policy, discrete, z, z, held)
            apart[policy.name] = (lost - least) / max(abs(float((first - lost).mean())), 1e-12)
        whole = np.array([least_by_clarabel(control, discrete, z[p], held[p]) for p in range(2)])
        scale = max(abs(float((first - least).mean())), 1e-12)
        found[kind].append((bool(control.fixed.any()), apart, (whole - least[:2]) / scale))
    failed = 0
    for kind, cases in found.items():
        if not cases:
            continue
        good = np.concatenate([v for _, apart, _ in cases for name, v in apart.items() if name not in BAD])
        bad = np.concatenate([v for _, apart, _ in cases for name, v in apart.items() if name in BAD])
        whole = np.concatenate([above for _, _, above in cases])
        least_of_all = float(min(good.min(), bad.min()))
        holds = least_of_all >= -ZERO and float(whole.min()) >= -ZERO
        failed += not holds
        sheet.rows.append(
            (kind, str(len(cases)), str(sum(fixed for fixed, _, _ in cases)), str(good.size + bad.size),
             f"{least_of_all:.1e}", f"{good.min():.1e}", f"{bad.min():.1e}", str(whole.size), f"{whole.min():.1e}",
             f"{whole.mean():.1e}", "yes" if holds else "NO")
        )  # fmt: skip
    return sheet, failed


def main(arguments: list[str]) -> int:
    """Make the tables, and return how many checks failed."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks control_gaps",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add_options(parser, "two rows and 20 random problems")
    parser.add_argument("--rows", help="numbers of the rows, from 1 (all; 0 for none)")
    parser.add_argument("--no-learned", action="store_true", help="train no policy")
    parser.add_argument("--problems", type=int, default=100, help="random problems (100)")
    asked = parser.parse_args(arguments)
    rows = [0, 2] if asked.quick else list(range(len(ROWS)))
    if asked.rows is not None:
        rows = [int(number) - 1 for number in asked.rows.split(",") if int(number)]
    learned = None if find_spec("torch") is None else not (asked.quick or asked.no_learned)
    sheets, failed = [], 0
    with threadpool_limits(1), warnings.catch_warnings():
        warnings.simplefilter("ignore", Imprecise)
        if rows:
            sheets, failed = gaps(rows, learned)
        count = min(asked.problems, 20) if asked.quick else asked.problems
        if count:
            sheet, more = random_problems(count)
            sheets, failed = [*sheets, sheet], failed + more
    notes = [f"{failed} checks failed."]
    keep("control_gaps", sheets, asked, notes)
    return failed
