"""What `proofolio audit` reads and writes beside the model: solutions, certificates, confirmations."""

from __future__ import annotations

import json
import time
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from proofolio.commands.output import BAD_NEWS, GOOD, print_document, stdout_kept_free
from proofolio.errors import BadData, UnsupportedProgram

if TYPE_CHECKING:
    from proofolio.program.program import Program
    from proofolio.verification.solve import Verified

__all__ = ["check_saved", "confirmed", "read_solution", "require_folder"]

SHOWN = 10


def require_folder(option: str, file: Path | None, suffixes: Sequence[str] = ()) -> None:
    """Refuse, before any work is done, a file that could not be written after it."""
    if file is None:
        return
    if suffixes and not file.name.endswith(tuple(suffixes)):
        raise BadData(f"{option} {file} is not a model file: its name must end in {', '.join(suffixes)}")
    if file.is_dir() or not file.resolve().parent.is_dir():
        why = "it is a folder" if file.is_dir() else "its folder does not exist"
        raise BadData(f"{option} {file} cannot be written: {why}")


def read_solution(file: Path) -> dict[str, float]:
    """Return the values of a JSON file ``{"values": {name: number}}``.

    Raises
    ------
    BadData
        For a file that cannot be read or holds no values.
    """
    try:
        document = json.loads(file.read_text(encoding="utf-8"))
    except OSError as error:
        raise BadData(f"--solution {file} cannot be read: {error.strerror}") from None
    except ValueError as error:
        raise BadData(f"--solution {file} is not JSON: {error}") from None
    values = document.get("values") if isinstance(document, dict) else None
    if not isinstance(values, dict):
        raise BadData(f'--solution {file} holds no values: it must be {{"values": {{"name": number, ...}}}}')
    return values


def confirmed(before: Program, after: Program, time_limit: float | None) -> tuple[dict[str, Any], bool]:
    """Solve two programs and say what became of the optimum, and whether that is good news."""
    from proofolio.commands.console import progress_console
    from proofolio.commands.progress import SolveProgress
    from proofolio.verification.tighten import Confirmation

    answers: list[Verified] = []
    for program, words in ((before, "before tightening"), (after, "after tightening")):
        with SolveProgress(progress_console(), f"confirm, {words}") as progress:
            answers.append(_solved(program, time_limit, progress))
    both = Confirmation(*answers)
    found = {
        "same": both.same,
        "before": _answer(both.before),
        "after": _answer(both.after),
        "faster": both.faster,
    }
    return found, both.after.ok and (both.same or not both.before.ok)


def _solved(program: Program, time_limit: float | None, progress: Any) -> Verified:
    from proofolio.verification.solve import solve_program

    settings = {} if time_limit is None else {"time_limit": time_limit}
    try:
        return solve_program(program, "highs", progress=progress, **settings)
    except UnsupportedProgram:
        return solve_program(program, "scip", progress=progress, **settings)


def _answer(answer: Verified) -> dict[str, Any]:
    return {
        "solver": f"{answer.solution.solver} {answer.solution.version}",
        "status": answer.status,
        "objective": answer.objective,
        "seconds": answer.solution.seconds,
        "nodes": answer.solution.nodes,
    }


def check_saved(folder: Path, model: str, as_json: bool) -> int:
    """Check the certificates in a folder against a model, in exact arithmetic and without a solver."""
    import click

    from proofolio.commands.loader import load_model
    from proofolio.verification.audit_certificates import check_certificates

    started = time.perf_counter()
    with stdout_kept_free():
        found = check_certificates(folder, load_model(model))
    wrong = [one for one in found if not one.ok]
    if as_json:
        keys = ("row", "side", "binary", "verdict", "ok", "reason")
        print_document(
            {
                "model": model,
                "certificates": [{key: getattr(one, key) for key in keys} for one in found],
                "summary": {"hold": len(found) - len(wrong), "fail": len(wrong)},
                "seconds": time.perf_counter() - started,
            }
        )
        return BAD_NEWS if wrong else GOOD
    for one in wrong[:SHOWN]:
        click.echo(f"fails  row {one.row}, {one.side} side, {one.binary} ({one.verdict}): {one.reason}")
    if len(wrong) > SHOWN:
        click.echo(f"and {len(wrong) - SHOWN} more (--json has all)")
    verdicts = [one.verdict for one in found if one.ok]
    kinds = ", ".join(f"{verdicts.count(v)} {v}" for v in dict.fromkeys(verdicts))
    counted = f" ({kinds})" if kinds else ""
    click.echo(f"{len(verdicts)} of {len(found)} certificates hold{counted}, checked without a solver.")
    return BAD_NEWS if wrong else GOOD
