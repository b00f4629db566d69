"""Records of runs: a file of JSON lines that only grows, and from which the same command goes on."""

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

from proofolio.benchmarking.run import Run
from proofolio.errors import BadData

__all__ = ["FILE", "Records", "read_records"]

FILE = "runs.jsonl"
Record = dict[str, Any]


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
        self._mend()
        self._runs, self._environments = _parsed(self.path)
        text = json.dumps(environment, sort_keys=True)
        self._environment = {"id": hashlib.sha256(text.encode()).hexdigest()[:12], **environment}

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._file.close()

    def missing(self, runs: Iterable[Run]) -> list[Run]:
        """Return the runs that have no record yet."""
        return [run for run in runs if run.key not in self._runs]

    def add(self, run: Run, measured: Mapping[str, Any]) -> Record:
        """Write one record; it is in the file when this returns."""
        if self._environment["id"] not in self._environments:
            self._write({"kind": "environment", **self._environment})
            self._environments[self._environment["id"]] = self._environment
        known = asdict(run)
        del known["source"]
        known["gap_asked"] = known.pop("gap")
        record = {
            "kind": "run",
            "key": run.key,
            "id": run.id,
            "case": run.case,
            **known,
            "environment": self._environment["id"],
            **measured,
        }
        self._write(record)
        self._runs[run.key] = record
        return record

    def of(self, runs: Iterable[Run]) -> list[Record]:
        """Return the records of some runs, those with their environments, in the order of their names."""
        keys = {run.key for run in runs}
        return _sorted([record for key, record in self._runs.items() if key in keys], self._environments)

    def _write(self, record: Mapping[str, Any]) -> None:
        line = json.dumps(_plain(record), ensure_ascii=False, allow_nan=False) + "\n"
        self._file.write(line.encode())
        self._file.flush()

    def _mend(self) -> None:
        """Drop the half line that a benchmark killed while writing has left."""
        self._file.seek(0)
        data = self._file.read()
        whole = data.rfind(b"\n") + 1
        if whole < len(data):
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
    lines = file.read_text(encoding="utf-8").split("\n")
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        try:
            record = json.loads(line)
            if record["kind"] == "environment":
                environments[record["id"]] = record
            else:
                # a later line of the same run takes the place of the earlier one, also in the order
                runs.pop(record["key"], None)
                runs[record["key"]] = record
        except (ValueError, TypeError, KeyError):
            if number == len(lines):
                continue  # being written
            raise BadData(f"{file}, line {number}, is no record of a benchmark") from None
    return runs, environments


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {str(name): _plain(item) for name, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(item) for item in value]
    if hasattr(value, "item"):
        value = value.item()
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value
