"""The modules that write a program out, found by name when one of them is first used.

A program offers `to_pyomo`, `to_cvxpy` and `write`. The interfaces that do the work stand on the program, so an
import here would go up and close a circle, and Pyomo and CVXPY each take a noticeable time to load. This table is
the one place in which a lower layer names a higher one; a test checks that every entry exists.
"""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from typing import Any

__all__ = ["EXPORTERS", "exporter"]

EXPORTERS = {
    "cvxpy": ("proofolio.interfaces.cvxpy.writing", "to_cvxpy"),
    "file": ("proofolio.interfaces.files.model_files", "write_program"),
    "pyomo": ("proofolio.interfaces.pyomo.writing", "to_pyomo"),
}


def exporter(kind: str) -> Callable[..., Any]:
    """Return the function that writes a program out: ``"pyomo"``, ``"cvxpy"`` or ``"file"``."""
    module, name = EXPORTERS[kind]
    function: Callable[..., Any] = getattr(import_module(module), name)
    return function
