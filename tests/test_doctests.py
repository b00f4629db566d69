"""The examples in the docstrings of the installed package run and print what they say."""

import doctest
import importlib
from pathlib import Path
from types import ModuleType

import pytest

import proofolio

PACKAGE = Path(proofolio.__file__).parent


def module_names() -> list[str]:
    """Every module of the package but `__main__`, which would run the command line."""
    names = []
    for file in sorted(PACKAGE.rglob("*.py")):
        parts = ("proofolio", *file.relative_to(PACKAGE).with_suffix("").parts)
        names.append(".".join(parts[:-1] if parts[-1] == "__init__" else parts))
    return [name for name in names if not name.endswith(".__main__")]


def run_examples(module: ModuleType) -> tuple[int, str]:
    """How many examples ran, and what went wrong in words (empty when nothing did)."""
    report: list[str] = []
    runner = doctest.DocTestRunner(verbose=False, optionflags=doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE)
    for case in doctest.DocTestFinder(exclude_empty=True).find(module):
        runner.run(case, out=report.append)
    return runner.tries, "".join(report)


@pytest.mark.parametrize("name", module_names())
def test_module_imports_and_its_examples_hold(name):
    _, wrong = run_examples(importlib.import_module(name))
    assert not wrong, wrong


def test_a_wrong_example_is_caught():
    module = ModuleType("wrong", "One and one.\n\n>>> 1 + 1\n3\n")
    tries, wrong = run_examples(module)
    assert tries == 1
    assert "Expected:\n    3\nGot:\n    2" in wrong
