"""The public names: one list, which `proofolio` and its packages serve on demand.

The list is the stub ``__init__.pyi``, which type checkers read as it stands. A module is imported when one of its
names is first asked for, since Pyomo, CVXPY, the solvers and the forecasts each take a noticeable time to import.
"""

from __future__ import annotations

import ast
import sys
from collections.abc import Callable
from importlib import import_module
from importlib.resources import files
from typing import Any

__all__ = ["HOMES", "served"]


def _read() -> dict[str, str]:
    """Read the module of every public name from the import statements of the stub."""
    stub = files("proofolio").joinpath("__init__.pyi").read_text(encoding="utf-8")
    return {
        alias.name: node.module or ""
        for node in ast.parse(stub).body
        if isinstance(node, ast.ImportFrom)
        for alias in node.names
    }


HOMES = _read()


def served(package: str) -> tuple[Callable[[str], Any], Callable[[], list[str]], list[str]]:
    """Return ``__getattr__``, ``__dir__`` and ``__all__`` of a package: the public names that live in it."""
    homes = {name: home for name, home in HOMES.items() if home.startswith(f"{package}.")}

    def get(name: str) -> Any:
        if name not in homes:
            raise AttributeError(f"module {package!r} has no attribute {name!r}")
        found = getattr(import_module(homes[name]), name)
        setattr(sys.modules[package], name, found)  # asked for once, it is there like any other name
        return found

    names = sorted(homes)
    return get, lambda: names, names
