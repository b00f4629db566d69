"""Files that are written whole or not at all: a temporary file beside the place, then a rename."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

__all__ = ["whole_file", "write_whole"]


@contextmanager
def whole_file(path: Path) -> Iterator[Path]:
    """Give a place to write to; it becomes the file when all went well, and is gone otherwise.

    A link stays one: what it leads to is replaced.
    """
    target = path.resolve()
    unfinished = target.with_name(f".{target.name}.{os.getpid()}.unfinished")
    try:
        yield unfinished
        unfinished.replace(target)
    finally:
        unfinished.unlink(missing_ok=True)


def write_whole(path: Path, text: str) -> None:
    """Write text in UTF-8; an `OSError` leaves what stood there."""
    with whole_file(path) as place:
        place.write_text(text, encoding="utf-8")
