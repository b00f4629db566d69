"""A run: what is built, who solves it and how; and the plan of all runs of some suites."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields
from fnmatch import fnmatchcase
from functools import cached_property
from importlib.metadata import version
from itertools import product
from typing import Any

from proofolio.benchmarking.problems import Problem
from proofolio.benchmarking.suite import Suite
from proofolio.errors import BadData
from proofolio.verification.certified.confirming import CONFIRM
from proofolio.verification.solving import confirm_budget

__all__ = ["Run", "hard_limit", "plan"]


# Seconds of the hard limit that do not grow with the solver's: to build and check what is solved in no time.
LEAST_HARD = 10.0


def hard_limit(time_limit: float, confirm: str = "none") -> float:
    """Return the seconds after which a run is killed: room to build, check and confirm beside the solver's own limit.

    Examples
    --------
    >>> hard_limit(60.0), hard_limit(60.0, "second")
    (130.0, 254.0)
    """
    confirming = 0.0 if confirm == "none" else 2.0 * confirm_budget(confirm, time_limit)
    return 2.0 * time_limit + LEAST_HARD + confirming


@dataclass(frozen=True)
class Run:
    """One solve of one case.

    Attributes
    ----------
    suite, problem : str
    source, digest : str
        The file or folder of the suite, and a hash of what the problem is read from.
    params : dict
        The case's arguments.
    solver : str
        The name of a solver, or one of the names in the problem's own `solvers`.
    version : str
        Of the solver.
    seed, permutation : int
        The solver's random seed, and the shuffle of rows and columns (0: as written).
    gap : float
        Relative gap at which to stop.
    time_limit, hard_limit : float
        Seconds: the solver's limit, and when the process is killed.
    memory_limit : float
        Megabytes of the process, of which about 150 are in use before it begins.
    options : dict
        The solver's own options.
    confirm : {"none", "auto", "second", "certificate"}
        How an answer is confirmed once the clock has stopped (see `proofolio.solve`).
    """

    suite: str
    source: str
    problem: str
    digest: str
    params: dict[str, Any]
    solver: str
    version: str = ""
    seed: int = 0
    permutation: int = 0
    gap: float = 1e-6
    time_limit: float = 60.0
    hard_limit: float = 130.0
    memory_limit: float = 4096.0
    options: dict[str, Any] = field(default_factory=dict)
    confirm: str = "none"

    @property
    def case(self) -> str:
        """The program that is solved, whoever solves it."""
        inside = ",".join(f"{name}={value}" for name, value in self.params.items())
        return f"{self.suite}/{self.problem}" + (f"[{inside}]" if inside else "")

    @property
    def id(self) -> str:
        """The run as text: the same in two sets of records for runs that may be compared."""
        return f"{self.case} {self.solver} seed={self.seed} permutation={self.permutation}"

    @cached_property
    def key(self) -> str:
        """A hash of everything that decides the outcome, proofolio's version too; where the files lie does not."""
        known = {name: value for name, value in asdict(self).items() if name != "source"}
        known["proofolio"] = version("proofolio")
        text = json.dumps(known, sort_keys=True, ensure_ascii=True)
        return hashlib.sha256(text.encode()).hexdigest()[:20]

    def to_json(self) -> str:
        """Return the run as a line of JSON."""
        return json.dumps(asdict(self))

    @classmethod
    def from_json(cls, text: str | bytes) -> Run:
        """Return the run of a line."""
        known = json.loads(text)
        return cls(**{f.name: known[f.name] for f in fields(cls)})


def plan(
    suites: Iterable[Suite],
    solvers: Sequence[str] | None = None,
    formulations: Sequence[str] = (),
    seeds: int = 3,
    permutations: int | None = None,
    quick: bool = False,
    confirm: str = "none",
    **limits: float,
) -> list[Run]:
    """Return every run of some suites, case by case.

    Parameters
    ----------
    suites : iterable of Suite
    solvers : sequence of str, optional
        Names of solvers, a problem's own ones too; all by default.
    formulations : sequence of str
        Patterns: only problems, constructs and lowerings that match one.
    seeds : int
        Seed k comes with permutation k, unless `permutations` is given: then every seed with each.
    permutations : int, optional
    quick : bool
        Only the cases that a problem calls quick.
    confirm : {"none", "auto", "second", "certificate"}
        How answers are confirmed, outside their time. Problems with solvers of their own do without.
    **limits
        gap, time_limit, hard_limit, memory_limit of `Run`.

    Raises
    ------
    BadData
        For an unknown solver, and for filters that leave nothing.
    """
    opened = list(suites)
    if seeds < 1 or (permutations is not None and permutations < 1):
        raise BadData("seeds and permutations must be at least 1")
    if confirm not in CONFIRM:
        raise BadData(f"confirm is {confirm!r}; it must be one of {', '.join(CONFIRM)}")
    limits.setdefault("hard_limit", hard_limit(limits.get("time_limit", Run.time_limit), confirm))
    known = {name for suite in opened for name in (*suite.solvers, *_own_solvers(suite))}
    for name in solvers or ():
        if name not in known:
            raise BadData(f"no solver is named {name!r}: there are {', '.join(sorted(known))}")
    shuffles = _shuffles(seeds, permutations)
    settings = {**limits, "confirm": confirm}
    runs = [run for suite in opened for run in _of(suite, solvers, formulations, shuffles, quick, settings)]
    if not runs:
        raise BadData("nothing is left to run: no problem fits the solvers and formulations asked for")
    if len({run.id for run in runs}) < len(runs):
        raise BadData("two suites have one name and problems alike: run them one at a time")
    return runs


def _shuffles(seeds: int, permutations: int | None) -> list[tuple[int, int]]:
    if permutations is None:
        return [(k, k) for k in range(seeds)]
    return list(product(range(seeds), range(permutations)))


def _own_solvers(suite: Suite) -> Iterator[str]:
    return (solver for problem in suite.problems.values() for solver in problem.solvers)


def _of(
    suite: Suite,
    solvers: Sequence[str] | None,
    formulations: Sequence[str],
    shuffles: Sequence[tuple[int, int]],
    quick: bool,
    settings: Mapping[str, Any],
) -> Iterator[Run]:
    for problem in suite.problems.values():
        offered = problem.solvers or tuple(suite.solvers)
        asked = [name for name in offered if solvers is None or name in solvers]
        for case in problem.cases(quick):
            if formulations and not _named(problem, case, formulations):
                continue
            # a problem's own solver is given a seed, and there is no program to shuffle
            tried = shuffles if not problem.solvers else sorted({(seed, 0) for seed, _ in shuffles})
            for name, (seed, permutation) in product(asked, tried):
                entry = suite.solvers.get(name)
                yield Run(
                    suite=suite.name,
                    source=str(suite.source.resolve()),
                    problem=problem.name,
                    digest=suite.digests[problem.name],
                    params=case,
                    solver=name,
                    version=entry.version if entry is not None and not problem.solvers else "",
                    seed=seed,
                    permutation=permutation,
                    **settings,
                )


def _named(problem: Problem, case: dict[str, Any], patterns: Sequence[str]) -> bool:
    names = [problem.name, *(str(case[k]) for k in ("lowering", "construct") if k in case)]
    return any(fnmatchcase(name, pattern) for name in names for pattern in patterns)
