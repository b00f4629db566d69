"""What a model or a forecaster says of itself in one line: its options, arrays by their shape, defaults left out."""

from __future__ import annotations

import inspect
import reprlib
from collections.abc import Iterable, Mapping
from html import escape
from typing import Any

import numpy as np

__all__ = ["brief", "facts", "first_few", "number_of"]


LONGEST, VALUE = 240, 48  # characters of the line, and of one value in it
MISSING = object()


def brief(thing: Any) -> str:
    """Return a class's name and the options that differ from their defaults; a class has ``__repr__ = brief``.

    Options are the parameters of the constructor that are kept under their own name.

    Examples
    --------
    >>> from proofolio import Box
    >>> Box(3, [0, 1, 2], 5), Box((2, 2), 0, np.ones((2, 2)))
    (Box(shape=3, lower=[0, 1, 2], upper=5), Box(shape=(2, 2), lower=0, upper=array (2, 2)))
    """
    said = []
    for name, parameter in inspect.signature(type(thing)).parameters.items():
        value = getattr(thing, name, MISSING)
        if value is MISSING or _same(value, parameter.default):
            continue
        said.append(f"{name}={_value(value)}")
    line = f"{type(thing).__name__}({', '.join(said)})"
    return line if len(line) <= LONGEST else f"{line[: LONGEST - 5]}, ...)"


def number_of(count: int, noun: str) -> str:
    """Return a count with its noun, in the plural unless there is one: "1 row", "2 rows"."""
    return f"{count} {noun}{'' if count == 1 else 's'}"


def _same(value: Any, default: Any) -> bool:
    if value is default:
        return True
    if isinstance(value, np.ndarray):
        return isinstance(default, (int, float)) and bool((value == default).all())
    return (
        isinstance(value, (bool, int, float, str, tuple))
        and type(value) is type(default)
        and value == default
    )


def _value(value: Any) -> str:
    if isinstance(value, np.generic):
        value = value.item()
    if isinstance(value, float):
        return f"{value:g}"
    shape = getattr(value, "shape", None)
    if isinstance(shape, tuple):
        kind = "array" if isinstance(value, np.ndarray) else type(value).__name__
        return f"{kind} {shape}"
    if callable(value) and hasattr(value, "__qualname__"):
        return str(value.__qualname__).rpartition(".")[2]
    said = repr(value) if len(reprlib.repr(value)) <= VALUE else ""
    if said and len(said) <= VALUE and " at 0x" not in said:
        return said
    if isinstance(value, Mapping):
        return f"{{{first_few(value, 4)}}}"
    if isinstance(value, (tuple, list)):
        return f"{len(value)} of {type(value[0]).__name__}"
    return type(value).__name__ if " at 0x" in reprlib.repr(value) else reprlib.repr(value)[:VALUE]


def first_few(names: Iterable[object], count: int = 3, of: int | None = None) -> str:
    """Return the first names, and an ellipsis where there are more: `of` in all, or as many as are given.

    Examples
    --------
    >>> first_few("abcd"), first_few("abc"), first_few(["near"], of=7), first_few([])
    ('a, b, c, ...', 'a, b, c', 'near, ...', '')
    """
    known = [str(name) for name in names]
    shown = known[:count]
    return ", ".join(shown) + (", ..." if (len(known) if of is None else of) > len(shown) else "")


def facts(named: Mapping[str, object]) -> str:
    """Return names and values as a small HTML table of two columns, for a notebook.

    Examples
    --------
    >>> facts({"gap": 0.5})
    '<table><tr><th scope="row">gap</th><td>0.5</td></tr></table>'
    """
    rows = (f'<tr><th scope="row">{escape(k)}</th><td>{escape(str(v))}</td></tr>' for k, v in named.items())
    return f"<table>{''.join(rows)}</table>"
