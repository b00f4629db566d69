"""What is kept of the curves, as JSON holds it, and its tables: exponents, and every point."""

from __future__ import annotations

import os
import time
from collections.abc import Mapping, Sequence
from typing import Any

from benchmarks.growth.fitting import Fit, fitted
from benchmarks.growth.measuring import Curve, Job, Limits
from benchmarks.record import machine
from proofolio.report.table import Cell, Table

__all__ = ["FLOOR", "exponents_table", "is_ours", "markdown", "points_table", "record_of", "right_points"]

FLOOR = 0.1  # megabytes: less cannot be told from what the allocator keeps
EXPONENTS = (
    "solver", "time grows by", "from size", "memory grows by", "largest size", "ms there", "MB there", "x ours",
    "remarks",
)  # fmt: skip


def record_of(
    jobs: Sequence[tuple[Job, Sequence[Curve]]], limits: Limits, command: str, seconds: float
) -> dict[str, Any]:
    """Return everything that the tables and the page show, as JSON holds it."""
    return {
        "benchmark": "growth",
        "command": command,
        "date": time.strftime("%Y-%m-%d", time.gmtime()),
        "machine": machine(),
        "load": [round(each, 1) for each in os.getloadavg()],
        "seconds": round(seconds),
        "limits": limits._asdict(),
        "jobs": [
            {
                "name": job.name,
                "title": job.title,
                "across": job.across,
                "checked": job.checked,
                "curves": [_curve(curve) for curve in curves],
            }
            for job, curves in jobs
        ],
    }


def _curve(curve: Curve) -> dict[str, Any]:
    right = curve.right
    fits = {
        "time": fitted([(point.size, point.seconds) for point in right]),
        "memory": fitted([(point.size, point.megabytes) for point in right if point.megabytes >= FLOOR]),
    }
    return {
        "solver": curve.solver,
        "points": [
            {
                "size": point.size,
                "seconds": float(f"{point.seconds:.4g}"),
                "megabytes": round(point.megabytes, 2),
                "runs": point.runs,
                "wrong": point.wrong,
                "value": point.value,
            }
            for point in curve.points
        ],
        "ended_at": curve.ended_at,
        "ended": curve.ended,
        **{what: None if fit is None else fit._asdict() for what, fit in fits.items()},
    }


def right_points(curve: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """Return the points of a record's curve that may be drawn."""
    return [point for point in curve["points"] if not point["wrong"]]


def is_ours(job: Mapping[str, Any], curve: Mapping[str, Any]) -> bool:
    """Return whether a curve is one of ours: of a job without peers all are."""
    names = [each["solver"] for each in job["curves"]]
    return curve["solver"].startswith("ours") or not any(name.startswith("ours") for name in names)


def _first_of_ours(job: Mapping[str, Any]) -> dict[int, float]:
    """Return the seconds of the first curve of ours by size; empty for a job without peers."""
    for curve in job["curves"]:
        if curve["solver"].startswith("ours"):
            return {point["size"]: point["seconds"] for point in right_points(curve)}
    return {}


def exponents_table(job: Mapping[str, Any]) -> Table:
    """Return the exponents of a job's curves, what its largest size takes, and remarks."""
    ours = _first_of_ours(job)
    rows: list[list[Cell]] = []
    for curve in job["curves"]:
        right = right_points(curve)
        last = right[-1] if right else None
        common = [point for point in right if point["size"] in ours]
        times = figure(common[-1]["seconds"] / ours[common[-1]["size"]]) if common else ""
        if common and common[-1] is not last:
            times += f" at {common[-1]['size']}"
        fit, remembered = (None if curve[what] is None else Fit(**curve[what]) for what in ("time", "memory"))
        rows.append(
            [
                curve["solver"],
                fit.text() if fit else "",
                str(fit.first) if fit else "",
                remembered.text() if remembered else "",
                str(last["size"]) if last else "none",
                figure(1e3 * last["seconds"]) if last else "",
                _megabytes(last["megabytes"]) if last else "",
                times,
                "; ".join(_remarks(curve, fit, remembered)),
            ]
        )
    return Table(EXPONENTS, rows, range(1, 8))


def _remarks(curve: Mapping[str, Any], fit: Fit | None, remembered: Fit | None) -> list[str]:
    said = []
    if fit is not None and fit.doubt:
        said.append(fit.doubt)
    if remembered is not None and remembered.doubt:
        said.append(f"memory: {remembered.doubt}")
    wrong = [point for point in curve["points"] if point["wrong"]]
    if wrong:
        sizes = ", ".join(str(point["size"]) for point in wrong)
        said.append(f"not drawn at {sizes}: {wrong[0]['wrong']}")
    if curve["ended"]:
        said.append(f"stopped at {curve['ended_at']}: {curve['ended']}")
    return said


def points_table(job: Mapping[str, Any], what: str) -> Table:
    """Return every point of a job, milliseconds (what = "seconds") or "megabytes", solvers side by side."""
    sizes = sorted({point["size"] for curve in job["curves"] for point in curve["points"]})
    sizes += sorted({c["ended_at"] for c in job["curves"] if c["ended"]} - set(sizes))
    rows = [
        [str(size), *(_cell(curve, size, what) for curve in job["curves"])] for size in sorted(set(sizes))
    ]
    head = (job["across"], *(curve["solver"] for curve in job["curves"]))
    return Table(head, rows, range(len(head)))


def _cell(curve: Mapping[str, Any], size: int, what: str) -> Cell:
    for point in curve["points"]:
        if point["size"] == size:
            if point["wrong"]:
                return "wrong", "bad"
            return figure(1e3 * point[what]) if what == "seconds" else _megabytes(point[what])
    return "stopped" if curve["ended"] and size == curve["ended_at"] else ""


def _megabytes(amount: float) -> str:
    return figure(amount) if amount >= FLOOR else f"< {FLOOR:g}"


def figure(amount: float) -> str:
    """Return a number of three digits, without exponents.

    Examples
    --------
    >>> figure(0.01234), figure(5.0), figure(12345.6)
    ('0.0123', '5', '12,346')
    """
    return f"{amount:,.0f}" if amount >= 100 else f"{amount:.3g}"


def markdown(record: Mapping[str, Any]) -> str:
    """Return the tables of a record as Markdown."""
    lines = ["# Growth", "", how(record), "", made_on(record)]
    for job in record["jobs"]:
        lines += ["", f"## {job['title']}", "", f"What grows: {job['across']}. {job['checked']}"]
        lines += ["", exponents_table(job).markdown()]
        lines += ["", "Milliseconds of CPU:", "", points_table(job, "seconds").markdown()]
        lines += ["", "Megabytes:", "", points_table(job, "megabytes").markdown()]
    return "\n".join(lines) + "\n"


def how(record: Mapping[str, Any]) -> str:
    """Say in a few sentences what was measured."""
    limits = record["limits"]
    return (
        "CPU time of one thread, the median of several runs (of one, where it takes more than a second); what a "
        "solver sets up once is not in it. Memory is the most that set-up and runs held above what the process "
        f"held with libraries and data loaded; less than {FLOOR:g} MB cannot be told apart. Exponents are fitted by "
        "least squares in logarithms to the upper part of a curve, sizes above the geometric middle and at least "
        "four, with their standard error. Every answer is checked, and one that is wrong is not drawn. A curve "
        f"stops where a run takes more than {limits['run']:g} s or would, going on as it did, or the whole curve "
        f"more than {limits['curve']:g} s."
    )


def made_on(record: Mapping[str, Any]) -> str:
    """Say when, on what and how a record was made."""
    load = ", ".join(f"{each:g}" for each in record["load"])
    return (
        f"{record['machine']} Made on {record['date']} in {record['seconds']} s by `{record['command']}`; load "
        f"averages at the end {load}."
    )
