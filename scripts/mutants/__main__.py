"""Mutation tests of the exact checkers: for every small mistake in their code some test has to fail.

    python scripts/mutants                        all modules of the list
    python scripts/mutants --only exact/trees.py --share 0.1 --seed 3

Prints every mutant that no test kills, with its line before and after, then a table. The exit status is 1 where fewer
than 95 % of the mutants that `equivalent.toml` does not explain are found, or where an entry of it matches nothing.
"""

from __future__ import annotations

import argparse
import os
import random
import sys
import tomllib
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import pytest
from mutations import Mutant, mutants_of
from trying import Outcome, Trial

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
PACKAGE = ROOT / "src/proofolio/verification"
# What a certificate rests on, as the docstring of `proofolio.verification.exact` lists it.
MODULES = (
    "exact/certificate.py",
    "exact/trees.py",
    "exact/rays.py",
    "exact/elimination.py",
    "exact/vertices.py",
    "audit/checker.py",
    "proofs/checker.py",
    "proofs/questions.py",
    "proofs/statement.py",
    "proofs/lines.py",
)
# The tests of these modules alone. Those of whole proofs and audits kill hardly any mutant more, in ten times the time.
TESTS = tuple(
    f"tests/verification/{name}.py"
    for name in (
        *(f"exact/test_{part}" for part in ("certificate", "polyhedra", "rays")),
        "certified/test_trees",
        "audit/test_checker",
        *(f"proofs/test_checker{part}" for part in ("", "_refutations", "_rounding", "_quadratic")),
        *(f"proofs/test_{part}" for part in ("lines", "questions", "statement")),
    )
)
FLOOR = 95.0  # per cent


class Explained:
    """The mutants that change no answer, and why: `equivalent.toml`."""

    def __init__(self, file: Path) -> None:
        entries = tomllib.loads(file.read_text())["mutant"] if file.exists() else []
        self.entries = {
            (entry["file"], entry["function"], entry["before"], after): entry["why"]
            for entry in entries
            for after in ([entry["after"]] if isinstance(entry["after"], str) else entry["after"])
        }

    @staticmethod
    def key(mutant: Mutant) -> tuple[str, str, str, str]:
        """What an entry is found by: no line number, so that it lasts when other lines move."""
        return (str(mutant.file.relative_to(PACKAGE)), *mutant.key)

    def __contains__(self, mutant: Mutant) -> bool:
        return self.key(mutant) in self.entries

    def stale(self, mutants: Sequence[Mutant]) -> list[tuple[str, str, str, str]]:
        """Return the entries of the mutants' modules that match none of them."""
        keys = {self.key(mutant) for mutant in mutants}
        return [key for key in self.entries if key not in keys]


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; return its exit status."""
    options = _options().parse_args(arguments)
    files = [PACKAGE / name for name in MODULES]
    every = [mutant for file in files for mutant in mutants_of(file)]
    explained = Explained(HERE / "equivalent.toml")
    stale = explained.stale(every)
    for file, function, before, after in stale:
        print(f"equivalent.toml explains a mutant that is none: {file} {function}: {before} => {after}")

    asked = [m for m in every if not options.only or any(part in str(m.file) for part in options.only)]
    drawn = random.Random(options.seed)
    tried = [m for m in asked if drawn.random() < options.share]
    left = [m for m in tried if options.explained or m not in explained]
    trial = Trial(left, options.seconds, _Progress(len(left)))
    status = _session(trial, options.tests or TESTS)
    if status or len(trial.outcomes) < len(left):
        print("The tests could not be run: run them alone to see why.", file=sys.stderr)
        return 2

    known = {outcome.mutant: outcome for outcome in trial.outcomes}
    survivors = [o for o in known.values() if o.word == "survived" and o.mutant not in explained]
    for outcome in sorted(survivors, key=lambda o: (o.mutant.file, o.mutant.line)):
        _show(outcome)
    for mutant in [m for m in tried if m in explained and m in known and known[m].word != "survived"]:
        print(f"equivalent.toml explains a mutant that {known[mutant].test or 'a time limit'} finds:")
        _show(known[mutant])
    score = _table(tried, known, explained)
    return 1 if stale or score < FLOOR else 0


def _options() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python scripts/mutants", description=__doc__.splitlines()[0])
    parser.add_argument("--only", action="append", help="part of the name of a module; may be repeated")
    parser.add_argument("--share", type=float, default=1.0, help="share of the mutants, drawn at random")
    parser.add_argument("--seed", type=int, default=0, help="of the draw")
    parser.add_argument("--seconds", type=float, default=60.0, help="of tests for one mutant, at most")
    parser.add_argument("--tests", action="append", help=f"what pytest collects (default {' '.join(TESTS)})")
    parser.add_argument("--explained", action="store_true", help="try those that are explained as well")
    return parser


def _session(trial: Trial, tests: Sequence[str]) -> int:
    """Run pytest with the trial in place of its loop; everything it writes goes into the trial's folder."""
    sys.dont_write_bytecode = True
    os.environ["PYTHONDONTWRITEBYTECODE"] = "1"
    os.environ["HYPOTHESIS_STORAGE_DIRECTORY"] = str(trial.scratch)
    os.chdir(ROOT)
    source = str(ROOT / "src")  # the tree that the mutants are made of, whatever is installed
    sys.path.insert(0, source)
    os.environ["PYTHONPATH"] = source
    switches = ["-q", "-q", "--capture=no", "-p", "no:cacheprovider", "--hypothesis-seed=0"]
    return int(pytest.main([*switches, *tests], plugins=[trial]))


class _Progress:
    """One line a hundred mutants."""

    def __init__(self, total: int) -> None:
        self.total, self.words = total, Counter[str]()

    def __call__(self, outcome: Outcome) -> None:
        self.words[outcome.word] += 1
        done = self.words.total()
        if done % 100 == 0 or done == self.total:
            counts = ", ".join(f"{count} {word}" for word, count in sorted(self.words.items()))
            print(f"{done} of {self.total}: {counts}", file=sys.stderr, flush=True)


def _show(outcome: Outcome) -> None:
    mutant = outcome.mutant
    print(f"{mutant.file.relative_to(ROOT)}:{mutant.line} {mutant.function} {outcome.word} {outcome.test}")
    print(f"  - {mutant.before}\n  + {mutant.after}")


def _table(tried: Sequence[Mutant], known: dict[Mutant, Outcome], explained: Explained) -> float:
    """Print what became of the mutants of each module; return the score of all, explained ones apart."""
    columns = ("mutants", "killed", "timed out", "survived", "explained")
    print(f"\n{'module':24}" + "".join(f"{name:>11}" for name in columns) + f"{'score':>9}{'raw':>9}")
    total: Counter[str] = Counter()
    for file in dict.fromkeys(mutant.file for mutant in tried):
        counts: Counter[str] = Counter()
        for mutant in (m for m in tried if m.file == file):
            counts["mutants"] += 1
            counts["explained" if mutant in explained else known[mutant].word] += 1
        total += counts
        _line(str(file.relative_to(PACKAGE)), counts, columns)
    _line("all", total, columns)
    return _score(total)


def _line(name: str, counts: Counter[str], columns: Sequence[str]) -> None:
    found = counts["killed"] + counts["timed out"]
    raw = 100 * found / max(counts["mutants"], 1)
    print(f"{name:24}" + "".join(f"{counts[c]:11}" for c in columns) + f"{_score(counts):8.1f}%{raw:8.1f}%")


def _score(counts: Counter[str]) -> float:
    return 100 * (counts["killed"] + counts["timed out"]) / max(counts["mutants"] - counts["explained"], 1)


if __name__ == "__main__":
    raise SystemExit(main())
