"""One instance: drawn from its own seed, given to the product by one route, judged."""

from __future__ import annotations

import random
import tempfile
import warnings
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import cvxpy

import proofolio as pf
from tests.fuzzing.claims import Case, case_steps, claim_of, drawn_case
from tests.fuzzing.exact import Limit
from tests.fuzzing.generator import SCALES, audited, free_integers, solved
from tests.fuzzing.judges import Report, Wrong, judge_audit, judge_claim, judge_solution, judge_tightened
from tests.fuzzing.problem import Problem, ordinary
from tests.fuzzing.routes import ROUTES, fits, lp_text, model_of, mps_text
from tests.fuzzing.shrinker import problem_steps, shrunk

__all__ = ["Instance", "drawn", "examined", "reproduction", "smallest"]

PROBLEMS: dict[str, Callable[[random.Random, str], Problem]] = {
    "audit": audited,
    "solve": solved,
    "free": free_integers,
}
SECONDS = 5.0  # the time limit that the product is given for one instance
AUDIT_ROUTES = ("program", "lp", "mps", "pyomo")  # CVXPY does not keep the names of rows


@dataclass(frozen=True)
class Instance:
    """What is asked of the product."""

    kind: str
    problem: Problem | Case
    route: str = "program"
    solver: str | None = None
    confirm: str = "auto"
    seconds: float = SECONDS


def drawn(kind: str, seed: int, index: int) -> Instance:
    """Draw one instance; the same three arguments give the same one."""
    rng = random.Random(f"{kind}:{seed}:{index}")
    if kind == "claim":
        return Instance(kind, drawn_case(rng))
    problem = PROBLEMS[kind](rng, rng.choice(SCALES))
    routes = AUDIT_ROUTES if kind == "audit" else ("lp", "mps") if kind == "free" else ROUTES
    route = rng.choice([r for r in routes if fits(problem, r)])
    named = (None, "scip") if problem.indicators or problem.ordered else (None, "scip", "highs")
    return Instance(kind, problem, route, None if kind == "audit" else rng.choice(named))


def examined(instance: Instance, limit: Limit | None = None) -> Report:
    """Ask the product and judge what it says; what it raises and should not is a wrong word too."""
    with tempfile.TemporaryDirectory() as folder, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            report = asked(instance, Path(folder), limit)
        except pf.UnsupportedProgram as error:
            report = Report(
                Counter({"unsupported": 1}), notes=[Wrong("unsupported", "model", str(error), "")]
            )
        except pf.BadData as error:
            report = Report(Counter({"refused": 1}))
            report.wrong.append(Wrong("refused", "model", str(error), "a model that can be read"))
        except Exception as error:  # noqa: BLE001 - whatever is raised is a finding
            report = Report(Counter({"crash": 1}))
            report.wrong.append(Wrong("crash", "model", f"{type(error).__name__}: {error}", "an answer"))
    if ordinary(instance.problem):
        report.counts.update({f"ordinary {name}": count for name, count in report.counts.items()})
    return report


def asked(instance: Instance, folder: Path, limit: Limit | None) -> Report:
    problem = instance.problem
    if isinstance(problem, Case):
        proof = pf.prove(claim_of(problem), time_limit=instance.seconds)
        return judge_claim(problem, proof.verdict, proof.reason)
    model = model_of(problem, instance.route, folder)
    if instance.kind == "audit":
        audit = pf.audit(model, big_m=list(problem.big_m) or None, time_limit=instance.seconds)
        report = judge_audit(problem, audit, set(problem.big_m), limit)
        if instance.route != "pyomo" and any(row.suggested_big_m is not None for row in audit.rows):
            tightened = judge_tightened(problem, pf.tighten(model, found=audit), limit)
            report.counts.update(tightened.counts)
            report.wrong += tightened.wrong
        return report
    solution = pf.solve(model, solver=instance.solver, confirm=instance.confirm, time_limit=instance.seconds)
    return judge_solution(problem, solution, point_of(problem, solution, model), limit=limit)


def point_of(problem: Problem, solution: Any, model: Any) -> Mapping[str, float] | None:
    """Return the values by name; columns that a route leaves out (no row and no cost has them) get a bound's."""
    if solution.x is None:
        return None
    if isinstance(model, cvxpy.Problem):
        found = {v.name(): float(v.value) for v in model.variables()}
    else:
        found = dict(zip(solution.program.column_names, map(float, solution.x), strict=True))
    return {
        c.name: found.get(c.name, 0.0 if c.semi else min(max(0.0, c.lower), c.upper)) for c in problem.columns
    }


def smallest(instance: Instance, word: str, seconds: float = 60.0) -> Instance:
    """Return a small instance of which the same word is wrong, through a file where that fails too."""

    def fails(changed: Instance) -> bool:
        problem = changed.problem
        if isinstance(problem, Case):
            return any(w.word == word for w in examined(changed).wrong)
        if not fits(problem, changed.route) or any(c.lower > c.upper for c in problem.columns):
            return False
        return any(w.word == word for w in examined(changed).wrong)

    steps: Any = case_steps if isinstance(instance.problem, Case) else problem_steps
    for route in () if instance.kind == "claim" else ("lp", "mps"):
        if instance.route not in ("lp", "mps") and fails(replace(instance, route=route)):
            instance = replace(instance, route=route)
    problem = shrunk(instance.problem, steps, lambda p: fails(replace(instance, problem=p)), seconds)
    return replace(instance, problem=problem)


def reproduction(instance: Instance) -> str:
    """Return commands that show what the product says of an instance."""
    problem = instance.problem
    if isinstance(problem, Case) or instance.route not in ("lp", "mps"):
        return (
            "python - <<'END'\nfrom math import inf\n"
            "from tests.fuzzing.claims import Case\n"
            "from tests.fuzzing.instances import Instance, examined\n"
            "from tests.fuzzing.problem import Column, Indicator, Ordered, Problem, Row\n"
            f"report = examined({instance!r})\nprint(report.counts, *report.wrong, sep='\\n')\nEND"
        )
    name = f"smallest.{instance.route}"
    text = lp_text(problem) if instance.route == "lp" else mps_text(problem)
    if instance.kind == "audit":
        options = "".join(f" --big-m {row}" for row in problem.big_m if row in {r.name for r in problem.rows})
        command = f"audit {name}{options} --json"
    else:
        solver = f" --solver {instance.solver}" if instance.solver else ""
        command = (
            f"solve {name}{solver} --confirm {instance.confirm} --time-limit {instance.seconds:g} --json"
        )
    return f"cat > {name} <<'END'\n{text}END\nproofolio {command}"
