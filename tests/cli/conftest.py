"""A folder of models as the working directory, and the command line as a function."""

from pathlib import Path

import pytest

from proofolio.cli.group import command_line
from tests.command_line import CliRunner

MODELS = Path(__file__).with_name("models_for_solve.py")


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """A folder with models.py and a module it imports, as the working directory."""
    (tmp_path / "models.py").write_text(MODELS.read_text(encoding="utf-8"), encoding="utf-8")
    (tmp_path / "neighbour.py").write_text("LEAST = 1\n", encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def run():
    """The command line: arguments in, click's result out."""
    return lambda *arguments: CliRunner().invoke(command_line, [str(a) for a in arguments])


@pytest.fixture
def one_sentence():
    """The only line on stderr, without its prefix, once nothing else was said."""

    def only(result):
        (line,) = result.stderr.splitlines()
        assert line.startswith("proofolio: ")
        assert "Traceback" not in result.output
        return line.removeprefix("proofolio: ")

    return only
