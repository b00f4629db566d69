"""The files of a report: each is written whole or not at all, and never over a file of another program."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from proofolio.errors import BadData
from proofolio.report.page import GENERATOR
from proofolio.whole_files import write_whole

__all__ = [
    "json_text",
    "make_folder",
    "plain",
    "write_document",
    "write_markdown",
    "write_page",
    "write_picture",
    "write_tables",
]


# What the first characters of a file of ours hold, whichever command wrote it.
WRITER, PROOFOLIO = "written_by", "proofolio"
MARKDOWN_MARK = "<!-- written by proofolio -->"
MARKS = (GENERATOR, f'{{\n  "{WRITER}": "{PROOFOLIO}"', MARKDOWN_MARK)
TABLES = "tables.json"  # lists the CSV files of ours in a folder
HEAD_BYTES = 2000  # every mark stands within them


def make_folder(out: Path, names: Sequence[str]) -> None:
    """Make the folder of a report, and refuse, before any work is done, files in it that are not ours.

    Parameters
    ----------
    out : Path
    names : sequence of str
        Of the files that will be written there.

    Raises
    ------
    BadData
        When the folder cannot be made, or holds a file of such a name that no command of ours wrote.
    """
    try:
        out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise BadData(f"the folder {out} cannot be made: {error.strerror}; choose another --out.") from None
    for name in names:
        _require_ours(out / name)


def write_page(path: Path, page: str, *, named: bool = False) -> None:
    """Write a page made by `proofolio.report.page.page`; an unfinished one is never seen under its name.

    Parameters
    ----------
    path : Path
    page : str
    named : bool
        Whether the user named this file, and not a folder: then it is written over whatever is there.

    Raises
    ------
    BadData
        When the file cannot be written, or was written by another program and is not `named`.
    """
    _write(path, page, named)


def write_markdown(path: Path, text: str) -> None:
    """Write Markdown, as `write_page`; its first line says who wrote it."""
    _write(path, f"{MARKDOWN_MARK}\n\n{text}", named=False)


def write_picture(path: Path, svg: str) -> None:
    """Write an SVG file, as `write_page`; its first line says who wrote it."""
    _write(path, f"{MARKDOWN_MARK}\n{svg}\n", named=False)


def write_document(path: Path, document: Mapping[str, Any], *, named: bool = False) -> None:
    """Write a JSON document, as `write_page`; unless the user named the file, its first key says who wrote it."""
    _write(path, json_text(document if named else {WRITER: PROOFOLIO, **document}) + "\n", named)


def write_tables(folder: Path, tables: Mapping[str, Any]) -> list[Path]:
    """Write tables of pandas as CSV files in a folder, and return where they are.

    A CSV has no room for a mark: a list of the files that are ours stands beside them, and one that is not on it is
    not written over.

    Parameters
    ----------
    folder : Path
    tables : mapping of DataFrame
        By name; what no file can be called becomes ``_``.

    Raises
    ------
    BadData
        When the folder or a file cannot be written, or a file of such a name was written by another program.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise BadData(f"the folder {folder} cannot be made: {error.strerror}; choose another.") from None
    listed = folder / TABLES
    ours = _tables_listed(listed)
    places = {name: folder / f"{re.sub(r'[^A-Za-z0-9_.-]', '_', name)}.csv" for name in tables}
    if len(set(places.values())) < len(places):
        raise BadData(f"the tables {', '.join(tables)} would share a file; name the strategies more plainly.")
    for place in places.values():
        if place.exists() and place.name not in ours:
            raise BadData(
                f"{place} is there already and was not written by proofolio; move it away or choose another folder."
            )
    write_document(listed, {"tables": sorted(ours | {place.name for place in places.values()})})
    for name, place in places.items():
        _write(place, tables[name].to_csv(lineterminator="\n"), named=True)
    return list(places.values())


def _tables_listed(path: Path) -> set[str]:
    """Return the names of the files of ours in a folder, from the list beside them."""
    _require_ours(path)
    try:
        return {str(name) for name in json.loads(path.read_text(encoding="utf-8"))["tables"]}
    except FileNotFoundError:
        return set()
    except (OSError, ValueError, KeyError, TypeError):
        raise BadData(f"{path} cannot be read; move it away or choose another folder.") from None


def json_text(document: Mapping[str, Any]) -> str:
    """Return a document as JSON; see `plain`."""
    return json.dumps(plain(document), indent=2, ensure_ascii=False, allow_nan=False)


def plain(value: Any) -> Any:
    """Return data that JSON can hold: infinities as ``"inf"`` and ``"-inf"``, NaN as null, numpy as Python.

    Examples
    --------
    >>> plain({"gap": float("inf"), "values": (1, float("nan"))})
    {'gap': 'inf', 'values': [1, None]}
    """
    if isinstance(value, Mapping):
        return {str(name): plain(item) for name, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(item) for item in value]
    if hasattr(value, "item"):
        value = value.item()
    if isinstance(value, float) and not math.isfinite(value):
        return None if math.isnan(value) else ("inf" if value > 0 else "-inf")
    return value


def _write(path: Path, text: str, named: bool) -> None:
    if not named:
        _require_ours(path)
    elif path.exists() and not path.is_file():  # /dev/stdout, a pipe: nothing to rename over
        _write_through(path, text)
        return
    try:
        write_whole(path, text)
    except OSError as error:
        raise BadData(f"{path} cannot be written: {error.strerror}.") from None


def _write_through(path: Path, text: str) -> None:
    try:
        path.write_text(text, encoding="utf-8")
    except OSError as error:
        raise BadData(f"{path} cannot be written: {error.strerror}.") from None


def _require_ours(path: Path) -> None:
    """Refuse a path at which a file of another program stands; an empty file loses nothing."""
    try:
        with path.open("rb") as file:
            head = file.read(HEAD_BYTES).decode("utf-8", errors="replace").replace("\r\n", "\n")
    except FileNotFoundError:
        return
    except OSError as error:
        raise BadData(f"{path} cannot be written: {error.strerror}; choose another --out.") from None
    if head and not any(mark in head for mark in MARKS):
        raise BadData(
            f"{path} is there already and was not written by proofolio; move it away or choose another --out."
        )
