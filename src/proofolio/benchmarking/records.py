"""Records of runs: what was measured, made fit to be written, in a file of JSON lines that only grows.

A benchmark that was stopped goes on from its records.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import math
from collections.abc import Iterable, Mapping
from dataclasses import asdict
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from proofolio.benchmarking.runs import Run
from proofolio.benchmarking.suite import encodable
from proofolio.errors import BadData
from proofolio.solvers.solution import OPTIMAL

__all__ = ["FILE", "Records", "fit", "plain", "read_records"]


FILE = "runs.jsonl"
Record = dict[str, Any]
# How the first line of every file of records begins.
OURS = b'{"kind": "environment", "id": "'
TEXTS = ("key", "id", "case", "suite", "problem", "solver", "status", "environment")
NEEDED: dict[str, type | tuple[type, ...]] = {
    **dict.fromkeys(TEXTS, str),
    "params": dict,
    "seed": int,
    "permutation": int,
    "gap_asked": (int, float),
    "time_limit": (int, float),
}
# Characters of a message that are kept.
LONGEST = 2000
# A whole number beyond it is no float, and no count that a solver could have reached.
LARGEST = 1e300
NUMBERS = (
    "seconds",
    "cpu_seconds",
    "build_seconds",
    "check_seconds",
    "confirm_seconds",
    "objective",
    "bound",
    "allowance",
    "nodes",
    "gap",
    "integral",
    "load",
    "memory_before",
    "memory_peak",
    "runs_before",
    "columns",
    "rows",
    "integers",
)


class Records:
    """The records of a folder, open for more; only one benchmark at a time may write there.

    Parameters
    ----------
    folder : Path
        Made when it does not exist; the records are its file ``runs.jsonl``.
    environment : mapping
        What the new records are made on: written once, before the first of them.

    Raises
    ------
    BadData
        When the folder cannot be written, another benchmark is writing there, or the file holds something else.
    """

    def __init__(self, folder: Path, environment: Mapping[str, Any]) -> None:
        self.path = folder / FILE
        try:
            folder.mkdir(parents=True, exist_ok=True)
            self._file = self.path.open("a+b")
        except OSError as error:
            raise BadData(f"{folder} cannot be written: {error.strerror}") from None
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            self._file.close()
            raise BadData(
                f"{folder} is in use by another benchmark: wait for it, or choose another --out"
            ) from None
        try:
            self._mend()
            self._runs, self._environments = _parsed(self.path)
        except BaseException:
            self._file.close()
            raise
        known = plain(environment)
        text = json.dumps(known, sort_keys=True)
        self._environment = {"id": hashlib.sha256(text.encode()).hexdigest()[:12], **known}

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._file.close()

    def missing(self, runs: Iterable[Run]) -> list[Run]:
        """Return the runs that have no record yet."""
        return [run for run in runs if run.key not in self._runs]

    def program(self, run: Run) -> str:
        """Return the hash of the program that the record of a run is of; empty without one."""
        return str(self._runs.get(run.key, {}).get("program") or "")

    def add(self, run: Run, measured: Mapping[str, Any]) -> Record:
        """Write one record; it is in the file when this returns."""
        if self._environment["id"] not in self._environments:
            self._write({"kind": "environment", **self._environment})
            self._environments[self._environment["id"]] = self._environment
        known = asdict(run)
        del known["source"]
        known["gap_asked"] = known.pop("gap")
        record: Record = {
            "kind": "run",
            "key": run.key,
            "id": run.id,
            "case": run.case,
            **known,
            "environment": self._environment["id"],
            **fit(measured),
        }
        record = plain(record)
        self._write(record)
        self._runs[run.key] = record
        return record

    def of(self, runs: Iterable[Run]) -> list[Record]:
        """Return the records of some runs, those with their environments, in the order of their names."""
        keys = {run.key for run in runs}
        return _sorted([record for key, record in self._runs.items() if key in keys], self._environments)

    def _write(self, record: Mapping[str, Any]) -> None:
        line = json.dumps(record, ensure_ascii=False, allow_nan=False) + "\n"
        self._file.write(line.encode())
        self._file.flush()

    def _mend(self) -> None:
        """Drop the half line that a benchmark killed while writing has left; nothing of a file that is not ours.

        Raises
        ------
        BadData
            When the file does not begin as a file of records does.
        """
        self._file.seek(0)
        data = self._file.read()
        if data[: len(OURS)] != OURS[: len(data)]:
            raise BadData(
                f"{self.path} was not written by `proofolio bench`, and is left as it is: choose another --out"
            )
        whole = data.rfind(b"\n") + 1
        if whole < len(data):
            if _is_whole(data[whole:]):  # only its end is missing, as an editor may leave it
                self._file.write(b"\n")
                self._file.flush()
            else:
                self._file.truncate(whole)
        self._file.seek(0, 2)


def read_records(place: str | Path) -> list[Record]:
    """Return the records of a folder or file, the last of each run, in the order of their names.

    Raises
    ------
    BadData
        When there are none.
    """
    path = Path(place)
    file = path / FILE if path.is_dir() else path
    if not file.is_file():
        raise BadData(f"{place} holds no records: give a folder that `proofolio bench --out` wrote")
    runs, environments = _parsed(file)
    latest = {record["id"]: record for record in runs.values()}
    if not latest:
        raise BadData(f"{file} holds no record of a run")
    return _sorted(list(latest.values()), environments)


def _sorted(records: list[Record], environments: Mapping[str, Record]) -> list[Record]:
    found = [{**r, "environment": environments.get(r["environment"], {})} for r in records]
    return sorted(found, key=lambda record: (record["id"], record["key"]))


def _parsed(file: Path) -> tuple[dict[str, Record], dict[str, Record]]:
    runs: dict[str, Record] = {}
    environments: dict[str, Record] = {}
    try:
        lines = file.read_bytes().split(b"\n")
    except OSError as error:
        raise BadData(f"{file} cannot be read: {error.strerror}") from None
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        try:
            record = _record(line)
        except ValueError as error:
            if number == len(lines):
                continue  # being written
            raise BadData(f"{file}, line {number}, is no record of a benchmark: {error}") from None
        if record["kind"] == "environment":
            environments[record["id"]] = record
        else:
            # a later line of the same run takes the place of the earlier one, also in the order
            runs.pop(record["key"], None)
            runs[record["key"]] = record
    return runs, environments


def _record(line: bytes) -> Record:
    """Return the record of a line; a ValueError says what it lacks."""
    try:
        record = json.loads(line.decode("utf-8"), parse_constant=_no_number)
    except UnicodeDecodeError:
        raise ValueError("its bytes are not UTF-8") from None
    except (ValueError, RecursionError):
        raise ValueError("it is not JSON") from None
    if not isinstance(record, dict) or record.get("kind") not in ("environment", "run"):
        raise ValueError("it has no kind")
    needed = NEEDED if record["kind"] == "run" else {"id": str}
    for name, kinds in needed.items():
        if not isinstance(record.get(name), kinds):
            raise ValueError(
                f"its {name} is missing or of another kind than this version of proofolio writes"
            )
    if record["kind"] == "run":
        for name in NUMBERS:
            if not isinstance(record.get(name), (int, float, type(None))):
                raise ValueError(f"its {name} is no number")
        if record["status"] in OPTIMAL and record.get("seconds") is None:
            raise ValueError("it is of a solved run and has no seconds")
        if "confirm" not in record and record["status"] in OPTIMAL:
            # of before 0.2.0, when an optimum that one solver claims was called verified
            record["status"] = "solver-optimal"
    found: Record = plain(record)
    return found


def _is_whole(line: bytes) -> bool:
    try:
        _record(line)
    except ValueError:
        return False
    return True


def _no_number(text: str) -> float:
    raise ValueError(f"{text} is no number")


def plain(value: Any) -> Any:
    """Return a value as JSON can hold it; a number that is not finite is None, and other objects are their text."""
    if isinstance(value, Mapping):
        return {encodable(str(name)): plain(item) for name, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(item) for item in value]
    if isinstance(value, str):
        return encodable(str(value))
    if value is None or isinstance(value, bool):
        return value
    if hasattr(value, "item"):
        try:
            value = value.item()
        except Exception:  # noqa: BLE001  # a solver's object may raise anything, as may its text below
            return None
    if isinstance(value, int):
        return int(value) if abs(value) <= LARGEST else None
    if isinstance(value, float):
        return float(value) if math.isfinite(value) else None
    try:
        return encodable(str(value))
    except Exception:  # noqa: BLE001  # as above
        return type(value).__name__


def fit(measured: Mapping[str, Any]) -> dict[str, Any]:
    """Return what was measured of a run as it may be recorded.

    A value in the place of a number that is no finite number becomes None, and the run an ``error`` that names it:
    the rest of such an answer cannot be trusted. A message is cut to 2,000 characters.
    """
    found: dict[str, Any] = plain(measured)
    wrong = [name for name in NUMBERS if measured.get(name) is not None and not _number(found[name])]
    if wrong:
        found |= dict.fromkeys(wrong)
        said = encodable(_text(measured[wrong[0]]))
        found |= {"status": "error", "message": f"it gives {said} for {wrong[0]}, which is no finite number"}
    message = found.get("message", "")
    found["message"] = _cut(message if isinstance(message, str) else _text(message))
    return found


def _number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def _cut(text: str) -> str:
    return text if len(text) <= LONGEST else f"{text[: LONGEST - 4]} ..."


def _text(value: Any) -> str:
    try:
        return repr(value)[:60]
    except Exception:  # noqa: BLE001  # as above: also an integer too long to be written
        return f"a {type(value).__name__}"
