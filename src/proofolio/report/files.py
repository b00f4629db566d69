"""The files of a report: written whole or not at all, and never over a file of somebody else's."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from proofolio.cli.output import plain
from proofolio.errors import BadData
from proofolio.report.page import GENERATOR

__all__ = ["WRITER", "folder_for", "write_document", "write_page"]


WRITER = "written_by"
PROOFOLIO = "proofolio"
_MARKS = (GENERATOR, f'{{\n  "{WRITER}": "{PROOFOLIO}"')
_HEAD = 2000


def folder_for(out: Path, names: Sequence[str]) -> None:
    """Make the folder of a report, and refuse, before any work is done, files in it that are not ours.

    Parameters
    ----------
    out : Path
    names : sequence of str
        Of the files that will be written there.

    Raises
    ------
    BadData
        When the folder cannot be made, or holds a file of such a name that no report of proofolio is.
    """
    try:
        out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise BadData(f"the folder {out} cannot be made: {error.strerror}; choose another --out.") from None
    for name in names:
        _require_ours(out / name)


def write_page(path: Path, page: str) -> None:
    """Write a page made by `proofolio.report.page.page`; an unfinished one is never seen under its name.

    Raises
    ------
    BadData
        When the file cannot be written, or one is there that is not ours.
    """
    _write(path, page)


def write_document(path: Path, document: Mapping[str, Any]) -> None:
    """Write a JSON document, as `write_page`; its first key says who wrote it."""
    marked = {WRITER: PROOFOLIO, **document}
    _write(path, json.dumps(plain(marked), indent=2, ensure_ascii=False, allow_nan=False) + "\n")


def _write(path: Path, text: str) -> None:
    _require_ours(path)
    unfinished = path.with_name(f"{path.name}.{os.getpid()}.unfinished")
    try:
        try:
            with unfinished.open("x", encoding="utf-8") as file:
                file.write(text)
            unfinished.replace(path)
        except FileExistsError:
            raise
        except BaseException:
            unfinished.unlink(missing_ok=True)
            raise
    except OSError as error:
        raise BadData(f"{path} cannot be written: {error.strerror}.") from None


def _require_ours(path: Path) -> None:
    """Refuse a path at which something stands that no command of ours wrote; an empty file loses nothing."""
    try:
        with path.open("rb") as file:
            head = file.read(_HEAD).decode("utf-8", errors="replace").replace("\r\n", "\n")
    except FileNotFoundError:
        return
    except OSError as error:
        raise BadData(f"{path} cannot be written: {error.strerror}; choose another --out.") from None
    if head and not any(mark in head for mark in _MARKS):
        raise BadData(
            f"{path} is there already and was not written by proofolio; move it away or choose another --out."
        )
