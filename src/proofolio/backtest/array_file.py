"""Data classes of arrays in .npz files, written whole or not at all."""

from __future__ import annotations

import zipfile
import zlib
from dataclasses import MISSING, fields
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
from numpy.lib.npyio import NpzFile

__all__ = ["read_arrays", "write_arrays"]

T = TypeVar("T")


def write_arrays(path: Path, record: Any) -> None:
    """Write the fields of a data class (arrays, numbers, texts; None is left out) to an .npz file.

    The file appears under its name only when it is complete: an interrupted run leaves no half of one.
    """
    values = {f.name: getattr(record, f.name) for f in fields(record)}
    unfinished = path.with_name(f"{path.name}.unfinished")
    with unfinished.open("wb") as file:
        arrays: dict[str, Any] = {name: np.asarray(v) for name, v in values.items() if v is not None}
        np.savez(file, **arrays)
    unfinished.replace(path)


def read_arrays(path: Path, kind: type[T]) -> T | None:
    """Return what `write_arrays` wrote, or None: no such file, not to be read, or of something else than a `kind`."""
    try:
        # Opened here: of a broken file numpy would leave its own handle open.
        with path.open("rb") as file:
            found = np.load(file, allow_pickle=False)
            if not isinstance(found, NpzFile):  # a lone array
                return None
            with found:
                values = {name: found[name] for name in found.files}
    except (OSError, ValueError, EOFError, KeyError, NotImplementedError, zipfile.BadZipFile, zlib.error):
        return None
    known = fields(kind)  # type: ignore[arg-type]  # T is a data class
    needed = {f.name for f in known if f.default is MISSING and f.default_factory is MISSING}
    if not needed <= set(values) <= {f.name for f in known if f.init}:
        return None
    return kind(**{name: value.item() if value.ndim == 0 else value for name, value in values.items()})
