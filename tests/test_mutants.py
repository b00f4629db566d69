"""The runner of `make mutants` on a small package: what it changes, what it finds, and that it writes nothing there."""

import ast
import importlib.util
import json
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
FOLDER = ROOT / "scripts" / "mutants"
SOURCE = '''"""A module."""

from functools import cached_property

LIMIT = 3


def sign(x: int) -> int:
    """Return the sign of a number."""
    if x < 0:
        return -1
    return 1 if x > 0 else 0


def far(x: int, limit: int = 7) -> bool:
    """Whether a number is far out."""
    return x >= limit


class Box:
    """Some numbers."""

    def __init__(self, items: list[int]) -> None:
        self.items = items

    @cached_property
    def total(self) -> int:
        """Their sum, the large ones apart."""
        return sum(x for x in self.items if x <= LIMIT)

    def unused(self) -> int:
        """Return what no test asks for."""
        return 5
'''
TESTS = """
import pytest
from small.numbers import Box, far, sign

def test_sign():
    assert [sign(x) for x in (-1, 0, 1)] == [-1, 0, 1]

def test_far():
    assert far(9)
    assert not far(1)

def test_box():
    assert Box([1, 3, 4, 9]).total == 4
"""

pytest.importorskip("coverage", reason="coverage is not installed")


@pytest.fixture
def mutations():
    spec = importlib.util.spec_from_file_location("mutations", FOLDER / "mutations.py")
    module = importlib.util.module_from_spec(spec)
    sys.modules["mutations"] = module  # its data classes look themselves up
    spec.loader.exec_module(module)
    yield module
    del sys.modules["mutations"]


@pytest.fixture
def tree(tmp_path):
    """A package with a module and its tests, and the runner beside it."""
    package = tmp_path / "src" / "small"
    package.mkdir(parents=True)
    (package / "__init__.py").touch()
    (package / "numbers.py").write_text(SOURCE)
    (tmp_path / "test_numbers.py").write_text(TESTS)
    (tmp_path / "try.py").write_text(
        "import json, sys\n"
        "from pathlib import Path\n"
        f"sys.path[:0] = [{str(FOLDER)!r}, 'src']\n"
        "import pytest\n"
        "from mutations import mutants_of\n"
        "from trying import Trial\n"
        "trial = Trial(mutants_of(Path('src/small/numbers.py').resolve()), 60.0, lambda outcome: None)\n"
        "status = pytest.main(['-q', '-s', '-p', 'no:cacheprovider', 'test_numbers.py'], plugins=[trial])\n"
        "found = [[*o.mutant.key, o.word] for o in trial.outcomes]\n"
        "Path('found.json').write_text(json.dumps([int(status), found]))\n"
    )
    return tmp_path


def test_every_mutant_is_a_module_with_one_line_changed(mutations, tmp_path):
    file = tmp_path / "numbers.py"
    file.write_text(SOURCE)
    found = mutations.mutants_of(file)
    assert len({m.source for m in found}) == len(found)
    for mutant in found:
        ast.parse(mutant.source)
        pairs = list(zip(SOURCE.splitlines(), mutant.source.splitlines(), strict=True))
        assert [k for k, (a, b) in enumerate(pairs, 1) if a != b] == [mutant.line]
        assert mutant.line in mutant.lines
    changes = {m.key for m in found}
    assert ("sign", "if x < 0:", "if (x <= 0):") in changes
    assert ("sign", "if x < 0:", "if (x >= 0):") in changes
    assert ("sign", "return -1", "return (1)") in changes
    assert (
        "far",
        "def far(x: int, limit: int = 7) -> bool:",
        "def far(x: int, limit: int = (8)) -> bool:",
    ) in changes
    assert ("far", "return x >= limit", "return not (x >= limit)") in changes
    assert ("Box.__init__", "self.items = items", "pass") not in changes
    assert ("", "LIMIT = 3", "LIMIT = (4)") in changes
    assert not any("A module" in before for _, before, _ in changes)


def test_mutants_are_killed_where_a_test_sees_them_and_only_there(tree):
    before = {path: path.read_bytes() for path in (tree / "src").rglob("*") if path.is_file()}
    ran = subprocess.run(
        [sys.executable, "-B", "try.py"], cwd=tree, capture_output=True, text=True, timeout=120, check=False
    )
    assert (tree / "found.json").exists(), ran.stdout + ran.stderr
    status, outcomes = json.loads((tree / "found.json").read_text())
    assert status == 0, ran.stdout
    found = {tuple(key): word for *key, word in outcomes}
    assert set(found.values()) == {"killed", "survived"}
    for key, word in found.items():
        function, _, after = key
        if function == "Box.unused":
            assert word == "survived"  # nothing covers it
        elif function == "far":  # 7 itself is not asked for, and neither is 8
            survives = "(x > limit)" in after or "(8)" in after
            assert (word == "survived") is survives, key
        else:
            assert word == "killed", key
    assert {path: path.read_bytes() for path in (tree / "src").rglob("*") if path.is_file()} == before


def test_a_failing_test_ends_the_run(tree):
    (tree / "test_numbers.py").write_text(TESTS + "\ndef test_wrong():\n    assert far(6)\n")
    ran = subprocess.run(
        [sys.executable, "-B", "try.py"], cwd=tree, capture_output=True, text=True, timeout=120, check=False
    )
    status, outcomes = json.loads((tree / "found.json").read_text())
    assert status != 0
    assert outcomes == []
    assert "test_numbers.py::test_wrong" in ran.stdout


def test_an_explanation_that_matches_nothing_is_noticed(mutations, monkeypatch, tmp_path):
    monkeypatch.syspath_prepend(str(FOLDER))
    spec = importlib.util.spec_from_file_location("mutants_command", FOLDER / "__main__.py")
    command = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(command)
    every = [m for name in command.MODULES for m in mutations.mutants_of(command.PACKAGE / name)]
    assert command.Explained(FOLDER / "equivalent.toml").stale(every) == []
    one = every[0]
    file = tmp_path / "equivalent.toml"
    entry = '[[mutant]]\nfile = {}\nfunction = {}\nbefore = {}\nafter = {}\nwhy = "?"\n'
    name = str(one.file.relative_to(command.PACKAGE))
    lines = [
        *(entry.format(*map(json.dumps, (name, *one.key))),),
        entry.format(*map(json.dumps, (name, "f", "a", "b"))),
    ]
    file.write_text("\n".join(lines))
    explained = command.Explained(file)
    assert one in explained
    assert every[1] not in explained
    assert explained.stale(every) == [(name, "f", "a", "b")]
