"""A name for a piece of work made of all that decides its result."""

from __future__ import annotations

import hashlib
from dataclasses import fields, is_dataclass
from importlib.metadata import version
from typing import Any

import numpy as np

from proofolio.errors import BadData

__all__ = ["digest"]

# Raised when the same inputs would give another result or another file.
FORMAT = 2


def digest(*parts: Any) -> str:
    """Return 32 hexadecimal digits that differ when any part differs.

    Parts are numbers, texts, None, numpy arrays, dataclasses (all their fields count, and their class), and
    tuples, lists and dictionaries of these. The package's version counts too.

    Raises
    ------
    BadData
        When a part is anything else: what cannot be compared must not be taken for the same.

    Examples
    --------
    >>> digest(1, "a") == digest(1, "a"), digest(1, "a") == digest(1, "b"), digest("1") == digest(1)
    (True, False, False)
    """
    hashed = hashlib.sha256(f"{FORMAT} {version('proofolio')}".encode())
    _feed(hashed, parts)
    return hashed.hexdigest()[:32]


def _feed(hashed: Any, part: Any) -> None:
    if isinstance(part, np.ndarray):
        hashed.update(f"array {part.dtype.str} {part.shape} ".encode())
        hashed.update(np.ascontiguousarray(part).tobytes())
    elif is_dataclass(part) and not isinstance(part, type):
        hashed.update(f"{type(part).__module__}.{type(part).__qualname__}(".encode())
        for f in fields(part):
            hashed.update(f"{f.name}=".encode())
            _feed(hashed, getattr(part, f.name))
        hashed.update(b")")
    elif isinstance(part, (tuple, list)):
        hashed.update(f"({len(part)} ".encode())
        for item in part:
            _feed(hashed, item)
        hashed.update(b")")
    elif isinstance(part, dict):
        _feed(hashed, sorted(part.items()))
    elif part is None or isinstance(part, (bool, int, float, str, np.generic)):
        hashed.update(f"{type(part).__name__} {part!r};".encode())
    else:
        raise BadData(f"a {type(part).__name__} cannot be part of a digest; use a dataclass of plain values.")
