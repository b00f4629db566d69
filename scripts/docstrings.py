"""Checks that docstrings name only what is there: the parameters of a signature, the attributes of a class.

    python scripts/docstrings.py

A docstring may leave out what its first sentence says; what it names has to exist. Sections are read by griffe, which
reads them for the site as well.
"""

from __future__ import annotations

import ast
import logging
import sys
from collections.abc import Iterator
from pathlib import Path
from textwrap import dedent

import griffe

SOURCE = Path(__file__).resolve().parents[1] / "src"
Section = griffe.DocstringSectionKind


def faults(item: griffe.Object) -> Iterator[str]:
    """Yield what the docstring of an object, and of all below it, names wrongly."""
    if isinstance(item, griffe.Function | griffe.Class) and item.docstring is not None:
        where = f"{item.relative_filepath}:{item.lineno}: {item.path}"
        for section in item.docstring.parse("numpy", warnings=False):
            if section.kind in (Section.parameters, Section.other_parameters):
                known = {parameter.name.lstrip("*") for parameter in item.parameters}
                what = "parameter"
            elif section.kind is Section.attributes and isinstance(item, griffe.Class):
                known = item.all_members.keys() | _set_on_self(item)
                what = "attribute"
            else:
                continue
            for name in (name.strip(" *") for entry in section.value for name in entry.name.split(",")):
                if name not in known:
                    yield f"{where} has no {what} {name!r}, which its docstring names"
    for member in item.members.values():
        if isinstance(member, griffe.Module | griffe.Class | griffe.Function):
            yield from faults(member)


def _set_on_self(item: griffe.Class) -> set[str]:
    """Return what a class sets on ``self``, also several at once, which griffe does not see."""
    return {
        node.attr
        for node in ast.walk(ast.parse(dedent(item.source)))
        if isinstance(node, ast.Attribute)
        and isinstance(node.ctx, ast.Store)
        and ast.unparse(node.value) == "self"
    }


def main(source: Path = SOURCE, package: str = "proofolio") -> int:
    """Print every fault of a package; return the exit status."""
    logging.disable()  # griffe's remarks about other things
    found = list(faults(griffe.load(package, search_paths=[source])))
    for fault in found:
        print(fault)
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
