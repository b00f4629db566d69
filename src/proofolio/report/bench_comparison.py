"""Two benchmarks side by side, in words: what got slower, lost, gained or wrong."""

from __future__ import annotations

from proofolio.benchmarking.comparison import Comparison
from proofolio.report.bench_words import Grid, ratio_words

__all__ = ["change_grid", "comparison_sentences", "moved_grid"]


def change_grid(found: Comparison) -> Grid:
    """Return the changes of times, the slowest first."""
    rows = [
        (c.suite, c.problem or "all", c.way, c.verdict, ratio_words(c.ratio), str(c.ratio.runs))
        for c in found.changes
    ]
    bad = tuple((k, 3) for k, c in enumerate(found.changes) if c.verdict == "slower")
    head = ("suite", "problem", "way", "verdict", "second over first (95 % interval)", "runs")
    return Grid(head, tuple(rows), (5,), bad)


def moved_grid(found: Comparison) -> Grid:
    """Return the runs whose status changed for the worse or the better."""
    before = {a["id"]: a for a, _ in (*found.lost, *found.gained)}
    rows = [("wrong", r["id"], "", r["status"], str(r.get("message") or "")) for r in found.wrong]
    for word, pairs in (("lost", found.lost), ("gained", found.gained)):
        rows += [
            (word, b["id"], before[a["id"]]["status"], b["status"], str(b.get("message") or ""))
            for a, b in pairs
        ]
    return Grid(
        ("", "run", "first", "second", "why"), tuple(rows), (), tuple((k, 0) for k in range(len(found.wrong)))
    )


def comparison_sentences(found: Comparison) -> list[str]:
    """Return what is to be known before any table: how many runs, and why times may be hard to compare."""
    words = [f"{found.both} runs in both"]
    if found.only_first or found.only_second:
        words.append(f"{found.only_first} only in the first and {found.only_second} only in the second")
    counts = {w: sum(c.verdict == w for c in found.changes) for w in ("slower", "faster", "same", "too few")}
    said = ", ".join(
        f"{n} {w if w != 'too few' else 'with too few cases to say'}" for w, n in counts.items() if n
    )
    sentences = [f"{'; '.join(words)}."]
    if said:
        sentences.append(f"Ways on problems: {said}.")
    sentences.append(
        f"{len(found.lost)} lost, {len(found.gained)} gained, {len(found.wrong)} claims that no longer hold."
    )
    return sentences + [f"Beware: {note}." for note in found.notes]
