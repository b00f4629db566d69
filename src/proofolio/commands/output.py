"""What a command says and where: the answer on stdout, progress and errors on stderr."""

from __future__ import annotations

import json
import math
import os
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, redirect_stdout
from io import UnsupportedOperation
from pathlib import Path
from typing import Any

import click

from proofolio.errors import BadData

__all__ = [
    "BAD_INPUT",
    "BAD_NEWS",
    "GOOD",
    "INTERRUPTED",
    "complain",
    "plain",
    "print_document",
    "stdout_kept_free",
    "write_json",
]

GOOD, BAD_NEWS, BAD_INPUT, INTERRUPTED = 0, 1, 2, 130


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


def print_document(document: Mapping[str, Any]) -> None:
    """Print one JSON document on stdout."""
    click.echo(json.dumps(plain(document), indent=2, ensure_ascii=False, allow_nan=False))


def write_json(path: Path, document: Mapping[str, Any]) -> None:
    """Write a JSON document to a file.

    Raises
    ------
    BadData
        When the file cannot be written.
    """
    text = json.dumps(plain(document), indent=2, ensure_ascii=False, allow_nan=False)
    try:
        path.write_text(text + "\n", encoding="utf-8")
    except OSError as error:
        raise BadData(f"{path} cannot be written: {error.strerror}") from None


def complain(sentence: str) -> None:
    """Say one sentence on stderr, whatever line breaks the words came with."""
    click.echo(f"proofolio: {' '.join(sentence.split())}", err=True)


@contextmanager
def stdout_kept_free() -> Iterator[None]:
    """Send to stderr whatever is printed meanwhile, by a user's model or by a solver's own C code."""
    with redirect_stdout(sys.stderr):
        try:
            out, err = sys.__stdout__.fileno(), sys.__stderr__.fileno()  # type: ignore[union-attr]
            kept = os.dup(out)
        except (AttributeError, OSError, UnsupportedOperation):  # closed, or replaced in a test or notebook
            yield
            return
        try:
            os.dup2(err, out)
            yield
        finally:
            os.dup2(kept, out)
            os.close(kept)
