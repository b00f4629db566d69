"""The command line as a whole: help, version, and how it ends when something is wrong."""

import subprocess
import sys
from importlib import import_module

import pytest

import proofolio
import proofolio.cli.solve
from proofolio.cli.group import COMMANDS, command_line
from tests.command_line import CliRunner


def run(*arguments):
    return CliRunner().invoke(command_line, list(arguments))


def one_sentence(result):
    (line,) = result.stderr.splitlines()
    assert line.startswith("proofolio: ")
    return line.removeprefix("proofolio: ")


def test_an_unknown_command_is_one_sentence():
    result = run("divine")
    assert result.exit_code == 2
    assert "divine" in one_sentence(result)


def test_a_bug_of_ours_is_a_sentence_and_shows_its_place_on_request(tmp_path, monkeypatch):
    def broken(*_, **__):
        raise RuntimeError("lost")

    monkeypatch.setattr(proofolio.cli.solve, "solve_known", broken)
    model = tmp_path / "model.mps"
    model.write_text("NAME\nROWS\n N cost\nCOLUMNS\n x cost 1\nRHS\nENDATA\n", encoding="utf-8")
    result = run("solve", str(model))
    assert result.exit_code == 1
    assert "RuntimeError: lost" in one_sentence(result)
    monkeypatch.setenv("PROOFOLIO_TRACEBACK", "1")
    assert isinstance(run("solve", str(model)).exception, RuntimeError)


def test_the_demo_leaves_a_report_of_another_program_alone(tmp_path):
    (tmp_path / "report.html").write_text("mine", encoding="utf-8")
    result = run("demo", "--out", str(tmp_path))
    assert result.exit_code == 2
    assert "report.html is there already and was not written by proofolio" in one_sentence(result)
    assert (tmp_path / "report.html").read_text(encoding="utf-8") == "mine"


def test_the_demo_says_when_its_folder_cannot_be_made(tmp_path):
    (tmp_path / "taken").write_text("", encoding="utf-8")
    result = run("demo", "--out", str(tmp_path / "taken"))
    assert result.exit_code == 2
    assert "taken" in one_sentence(result)


@pytest.mark.parametrize("command", sorted(COMMANDS))
def test_help_has_an_example(command):
    result = run(command, "--help")
    assert result.exit_code == 0
    assert f"  proofolio {command}" in result.stdout
    assert "--json" in result.stdout


def test_the_list_of_commands_is_that_of_their_modules():
    listed = run().stdout.partition("Commands:")[2]
    for name, short in COMMANDS.items():
        module = name.replace("-", "_")
        command = getattr(import_module(f"proofolio.cli.{module}"), f"{module}_command")
        assert command.name == name
        assert name in listed
        assert short.endswith(".")
        assert len(short) < 70


def test_version_and_bare_command():
    assert run("--version").stdout == f"proofolio {proofolio.__version__}\n"
    assert "Commands:" in run().stdout


def test_help_imports_nothing_heavy():
    heavy = {"numpy", "pandas", "rich", "highspy", "pyscipopt", "pyomo", "cvxpy"}
    code = f"import sys, proofolio.cli.group; print(sorted({heavy} & set(sys.modules)))"
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout.strip() == "[]"
