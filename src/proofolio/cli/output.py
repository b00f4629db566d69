"""What a command says and where: the answer on stdout, every other sentence on stderr; and its exit statuses."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, redirect_stdout
from io import UnsupportedOperation
from typing import IO, Any

import click

from proofolio.cli.watched import answering
from proofolio.report.files import json_text

__all__ = [
    "BAD_INPUT",
    "BAD_NEWS",
    "GOOD",
    "INTERRUPTED",
    "complain",
    "print_document",
    "say",
    "silence",
    "stdout_kept_free",
]


GOOD, BAD_NEWS, BAD_INPUT, INTERRUPTED = 0, 1, 2, 130


def say(text: str) -> None:
    """Print a line on stdout."""
    answering()
    try:
        click.echo(text)
    except BrokenPipeError:
        silence(sys.stdout)


def print_document(document: Mapping[str, Any]) -> None:
    """Print one JSON document on stdout."""
    say(json_text(document))


def complain(sentence: str) -> None:
    """Print one sentence on stderr, on one line whatever line breaks it came with."""
    try:
        click.echo(f"proofolio: {' '.join(sentence.split())}", err=True)
    except BrokenPipeError:
        silence(sys.stderr)


def silence(stream: IO[str]) -> None:
    """Send to nowhere what else is written to a stream whose reader has left, as in ``proofolio audit m.mps | head``.

    The command goes on, and ends with the exit status that it would have had.
    """
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, stream.fileno())
    os.close(nowhere)


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
