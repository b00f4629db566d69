"""Bad input is one sentence on stderr, nothing on stdout, and exit status 2."""

import pytest


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["none.mps"], "none.mps does not exist"),
        (["none.py:build"], "none.py does not exist"),
        (["bad.mps"], "bad.mps, line 1: 'garbage' stands in no section"),
        (["bad.txt"], "bad.txt is not a model file"),
        (["."], ". is a folder"),
        (["models.py"], "write models.py:FUNCTION"),
        (["models.py:absent"], "its functions are cover, small, builder"),
        (["models.py:breaks"], "models.py:breaks raised ZeroDivisionError in line"),
        (["models.py:leaves"], "ended Python (exit status 3)"),
        (["models.py:nothing"], "models.py:nothing returned a NoneType, which is no model"),
        (["models.py:needs"], "models.py:needs needs arguments (n)"),
        (["models.py:number"], "models.py:number is an int, not a function"),
        (["syntax.py:build"], "syntax.py, line 1: "),
        (["imports.py:build"], "imports.py raised ModuleNotFoundError in line 1: "),
        (["no_such_package.models:build"], "no module 'no_such_package.models'"),
        ([":build"], ":build names no model"),
        (["models.py:builder", "--solver", "cplex"], "no solver is named 'cplex': there are auto, highs"),
        (["models.py:builder", "--option", "presolve"], "--option presolve is not of the form KEY=VALUE"),
        (["models.py:builder", "--option", "no_such=1"], "no_such"),
        (["models.py:builder", "--option", "no_such=1", "--solver", "scip"], "no_such"),
        (["models.py:builder", "--gap", "-1"], "gap is -1.0"),
        (["models.py:builder", "--gap", "small"], "--gap"),
        (["models.py:builder", "--time-limit", "0"], "time_limit is 0.0"),
        (["models.py:builder", "--threads", "0"], "threads is 0"),
        (["models.py:builder", "--out", "nowhere/plan.json"], "nowhere/plan.json cannot be written"),
        (["models.py:builder", "--start", "none.json"], "none.json cannot be read"),
        (["models.py:builder", "--start", "bad.txt"], "bad.txt is not JSON"),
        (["models.py:builder", "--start", "list.json"], "list.json holds no values"),
        (["models.py:builder", "--start", "word.json"], "'x[0]' the value 'one'"),
        (["models.py:builder", "--start", "infinite.json"], "'x[0]' the value inf"),
        (["models.py:builder", "--start", "other.json"], "'y'"),
        ([], "MODEL"),
        (["models.py:builder", "--no-such-option"], "--no-such-option"),
    ],
)
def test_bad_input_is_one_sentence_and_status_2(folder, arguments, words, run, one_sentence):
    files = {
        "bad.mps": "garbage",
        "bad.txt": "garbage",
        "syntax.py": "def build(:",
        "imports.py": "import no_such_package",
        "list.json": "[1]",
        "word.json": '{"values": {"x[0]": "one"}}',
        "infinite.json": '{"values": {"x[0]": Infinity}}',
        "other.json": '{"values": {"y": 1}}',
    }
    for name, text in files.items():
        (folder / name).write_text(text, encoding="utf-8")
    for extra in ([], ["--json"]):
        result = run("solve", *arguments, *extra)
        assert result.exit_code == 2
        assert result.stdout == ""
        assert words in one_sentence(result)
