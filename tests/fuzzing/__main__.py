"""Look for wrong words: ``python -m tests.fuzzing --seed 1 --seconds 600``, or ``make fuzz SEED=1 SECONDS=600``.

Two processes take turns at audits, solves, the free-integer shape and claims until the counts or the time are used
up. The exit status is 1 when a word was wrong; the smallest input of each kind is then printed.
"""

from __future__ import annotations

import argparse
import random
import sys
import time

from tests.fuzzing.runs import Run, made_small, searched, tasks

COUNTS = {"audit": 5000, "solve": 2000, "free": 400, "claim": 2000}
DECIDED = (("verdicts", "verdict decided"), ("statuses", "status proved"), ("claims", "claim decided"))
SHOWN = 6  # so many kinds of wrong words are made small


def share(part: int, whole: int) -> str:
    return f"{part} of {whole} ({100 * part / whole:.1f} %)" if whole else "none"


def printed(run: Run) -> None:
    for kind in run.done:
        print(f"\n{kind}: {run.done[kind]} instances")
        counts = {name: n for (k, name), n in run.counts.items() if k == kind}
        for name in sorted(counts):
            if not name.startswith("ordinary"):
                ordinary = counts.get(f"ordinary {name}", 0)
                print(f"  {name:32s} {counts[name]:6d}   of ordinary scale {ordinary:6d}")
        for total, part in DECIDED:
            if counts.get(total):
                print(f"  {part}: {share(counts.get(part, 0), counts[total])}", end="; of ordinary scale ")
                print(share(counts.get(f"ordinary {part}", 0), counts.get(f"ordinary {total}", 0)))
        for (k, _), found in sorted(run.notes.items()):
            if k == kind:
                more = ", ".join(f"{kind}:{index}" for index, _ in found[:8])
                print(f"  note, {len(found)} x: {found[0][1]}  [{more}{', ...' * (len(found) > 8)}]")


def shown_small(run: Run) -> None:
    """Print the first wrong words of each kind, and the smallest input found for each."""
    for number, ((kind, word), found) in enumerate(sorted(run.wrong.items(), key=lambda item: len(item[1]))):
        print(f"\nWRONG, {len(found)} x {word} ({kind}), such as")
        for index, one in found[:3]:
            print(f"  {one}  [--seed {run.seed} --only {kind}:{index}]")
        if number >= SHOWN or word in ("died", "never returns"):
            continue
        print(made_small(kind, run.seed, found[0][0], word))


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.fuzzing", description=__doc__)
    parser.add_argument("--seed", type=int, help="of the whole run; a new one by default")
    parser.add_argument("--seconds", type=float, default=float("inf"), help="start no instance after these")
    parser.add_argument("--processes", type=int, default=2)
    parser.add_argument("--only", action="append", help="KIND:INDEX, one instance; repeatable")
    for kind, count in COUNTS.items():
        parser.add_argument(f"--{kind}s", type=int, default=count, help=f"how many (default {count})")
    parser.add_argument("--scale", type=float, default=1.0, help="multiplies all counts")
    options = parser.parse_args(arguments)
    seed = random.SystemRandom().randrange(10**6) if options.seed is None else options.seed
    run = Run(seed)
    print(f"seed {seed}")
    if options.only:
        waiting = [(kind, int(index)) for kind, _, index in (one.partition(":") for one in options.only)]
    else:
        waiting = tasks({kind: round(getattr(options, f"{kind}s") * options.scale) for kind in COUNTS})
    began = time.monotonic()
    searched(run, waiting, options.seconds, options.processes)
    printed(run)
    print(
        f"\n{sum(run.done.values())} of {len(waiting)} instances in {time.monotonic() - began:.0f} s, seed {seed}"
    )
    if run.faults:
        shown_small(run)
        print(f"\n{run.faults} wrong words")
        return 1
    print("No wrong word.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
