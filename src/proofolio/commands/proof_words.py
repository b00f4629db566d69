"""Proofs as a table for people and as a document for programs."""

from __future__ import annotations

import textwrap
from collections.abc import Mapping, Sequence
from fractions import Fraction
from typing import TYPE_CHECKING, Any

from proofolio.commands.refutation import direction, explained, plain_number

if TYPE_CHECKING:
    from proofolio.commands.prove import Judged

__all__ = ["document", "leaves", "show"]

VERDICTS = ("proved", "refuted", "undecided")
COLOURS = {"proved": "green", "refuted": "red", "undecided": "yellow"}
SHOWN = 5


def document(found: Sequence[Judged], interrupted: bool) -> dict[str, Any]:
    """Return the JSON document of `proofolio prove`."""
    summary: dict[str, Any] = {v: sum(one.proof.verdict == v for one in found) for v in VERDICTS}
    summary["seconds"] = sum(one.seconds for one in found)
    whole: dict[str, Any] = {"claims": [_claim(one) for one in found], "summary": summary}
    return whole | {"interrupted": True} if interrupted else whole


def _claim(one: Judged) -> dict[str, Any]:
    proof, strong = one.proof, one.strength
    witness = None
    if proof.witness is not None:
        witness = {
            "direction": proof.witness.direction,
            "values": _numbers(proof.witness.values),
            "auxiliary": _numbers(proof.witness.auxiliary),
        }
    return {
        "name": proof.name,
        "lowering": proof.lowering,
        "verdict": proof.verdict,
        "delta": None if proof.delta is None else float(proof.delta),
        "witness": witness,
        "sharp": strong.sharp if strong is not None else None,
        "ideal": strong.ideal if strong is not None else None,
        "certificates": _leaves(one),
        "seconds": one.seconds,
        "total": proof.total,
        "reason": proof.reason,
        "file": str(one.file) if one.file is not None else None,
        "not_sharp_along": _numbers(strong.direction) if strong is not None else {},
        "fractional_vertex": _numbers(strong.vertex) if strong is not None else {},
    }


def _numbers(values: Mapping[str, Fraction]) -> dict[str, Any]:
    return {name: plain_number(value) for name, value in values.items()}


def _leaves(one: Judged) -> int:
    return 0 if one.proof.certificates is None else leaves(one.proof.certificates.document)


def leaves(proof: Mapping[str, Any]) -> int:
    """Return how many cases a document settles, each by certificates of its own."""
    if proof.get("verdict") == "refuted":
        tree = proof["refutation"].get("tree")
        return 1 if tree is None else 1 + _cases(tree)
    trees = [tree for part in proof.get("parts", []) for kind in part.values() for tree in kind]
    return sum(_cases(tree) for tree in trees)


def _cases(tree: Mapping[str, Any]) -> int:
    below = [*tree.get("cases", []), *tree.get("facets", [])]
    below += [tree[side] for side in ("inside", "beyond") if side in tree]
    return sum(map(_cases, below)) if below or "cases" in tree or "facets" in tree else 1


# -------------------------------------------------------------------------- shown
def show(found: Sequence[Judged]) -> None:
    """Print the table, what is refuted in words, and one line about all."""
    from rich.table import Table

    from proofolio.commands.console import answer_console

    console = answer_console()
    wide = console.width >= 100
    table = Table(box=None, pad_edge=False, padding=(0, 2 if wide else 1, 0, 0), header_style="bold")
    table.add_column("claim", overflow="fold")
    table.add_column("lowering", overflow="fold")
    table.add_column("verdict", no_wrap=True)
    table.add_column("delta", justify="right", no_wrap=True)
    table.add_column("sharp", no_wrap=True)
    table.add_column("ideal", no_wrap=True)
    table.add_column("certificates" if wide else "certif.", justify="right", no_wrap=True)
    table.add_column("seconds", justify="right", no_wrap=True)
    for together in _grouped(found):
        table.add_row(*_line(together))
    console.print(table)
    refuted = [one for one in found if one.proof.verdict == "refuted"]
    for one in refuted[:SHOWN]:
        console.print()
        _show_refuted(console, one)
    if len(refuted) > SHOWN:
        console.print(f"\nand {len(refuted) - SHOWN} more (--json has every point)")
    for one in found:
        if one.proof.verdict == "undecided":
            said = f"\nundecided  {_title(one)}: {one.proof.reason}"
            console.print(said, markup=False, soft_wrap=True)
    console.print(f"\n{_all_in_all(found)}", markup=False)


def _grouped(found: Sequence[Judged]) -> list[list[Judged]]:
    """Return proofs of one formulation over several families together, and everything else alone."""
    groups: dict[Any, list[Judged]] = {}
    for k, one in enumerate(found):
        together = not one.asked.spec and one.proof.verdict == "proved"
        key = (one.asked.formulation, one.proof.lowering) if together else k
        groups.setdefault(key, []).append(one)
    return list(groups.values())


def _line(together: Sequence[Judged]) -> list[str]:
    from rich.markup import escape

    first = together[0]
    title = first.proof.name if len(together) == 1 else f"{first.asked.formulation}, {len(together)} bounds"
    verdict = first.proof.verdict
    deltas = [one.proof.delta for one in together if one.proof.delta is not None]
    return [
        escape(title),
        escape(first.proof.lowering),
        f"[{COLOURS[verdict]}]{verdict}[/]",
        "" if not deltas else "0" if max(deltas) == 0 else f"{float(max(deltas)):.0e}",
        _worst([one.strength.sharp for one in together if one.strength is not None]),
        _worst([one.strength.ideal for one in together if one.strength is not None]),
        str(sum(map(_leaves, together))) if first.proof.certificates is not None else "",
        f"{sum(one.seconds for one in together):.2f}",
    ]


def _worst(values: Sequence[bool | None]) -> str:
    if not values:
        return ""
    return "no" if False in values else "?" if None in values else "yes"


def _title(one: Judged) -> str:
    where = f" from {one.asked.spec}" if one.asked.spec else ""
    lowering = f" ({one.proof.lowering})" if one.proof.lowering else ""
    return f"{one.proof.name}{lowering}{where}"


def _show_refuted(console: Any, one: Judged) -> None:
    from rich.markup import escape

    said = f"{escape(_title(one))} {direction(one.proof)}:"
    console.print(f"[red]refuted[/]  {said}", soft_wrap=True)
    for what, words in explained(one.asked.claim, one.proof):
        width = min(console.width, 110)
        lines = textwrap.wrap(words, width - 11, break_long_words=False, break_on_hyphens=False)
        for k, line in enumerate(lines):
            console.print(f"  {what if k == 0 else '':<9}{line}", markup=False, soft_wrap=True)


def _all_in_all(found: Sequence[Judged]) -> str:
    counts = [(sum(one.proof.verdict == v for one in found), v) for v in VERDICTS]
    said = ", ".join(f"{n} {v}" for n, v in counts if n) or "nothing was looked at"
    unknown = any(
        one.strength is not None and None in (one.strength.sharp, one.strength.ideal) for one in found
    )
    several = any(len(together) > 1 for together in _grouped(found))
    notes = ["of several bounds the worst is shown"] if several else []
    notes += ["?: no counterexample found, and no proof"] if unknown else []
    return f"{said}{f' ({chr(59).join(notes)})' if notes else ''}.".replace(";", "; ")
