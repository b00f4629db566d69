"""The command: a folder of models, a file of functions, suites by name, and two benchmarks compared."""

import json
from pathlib import Path

import numpy as np
import pytest

import proofolio as pf
from proofolio.benchmarking import open_suite, plan
from proofolio.benchmarking.benchmark import benchmark
from proofolio.cli.group import command_line
from proofolio.cli.progress import CountProgress
from proofolio.errors import BadData
from tests.command_line import CliRunner

MODELS = """
import cvxpy as cp
import pyomo.environ as pyo
import proofolio as pf


def in_pyomo():
    m = pyo.ConcreteModel()
    m.x = pyo.Var(range(3), domain=pyo.Binary)
    m.room = pyo.Constraint(expr=2 * m.x[0] + 3 * m.x[1] + 4 * m.x[2] <= 6)
    m.worth = pyo.Objective(expr=3 * m.x[0] + 4 * m.x[1] + 5 * m.x[2], sense=pyo.maximize)
    return m


def in_cvxpy():
    x = cp.Variable(3, name="x", boolean=True)
    return cp.Problem(cp.Minimize(cp.sum_squares(x - 0.4)), [cp.sum(x) >= 2])


def as_program():
    model = pf.Model("sos")
    x = model.variable("x", 3, 0.0, 1.0)
    model.sos1("one", x)
    model.minimise(-(x * [1.0, 3.0, 2.0]).sum())
    return model.freeze()


def needs_more(n):
    return None


def _private():
    raise RuntimeError
"""


def bench(*arguments):
    return CliRunner().invoke(command_line, ["bench", *map(str, arguments)])


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    place = tmp_path_factory.mktemp("user")
    (place / "models").mkdir()
    for k in range(10):
        rng = np.random.default_rng(k)
        model = pf.Model(f"m{k}")
        x = model.variable("x", 8, binary=True)
        model.add("room", (rng.uniform(1, 2, 8) * x).sum() <= 6)
        model.minimise(-(rng.uniform(1, 2, 8) * x).sum())
        pf.write_program(model.freeze(), place / "models" / f"m{k}.mps")
    (place / "mine.py").write_text(MODELS)
    return place


def test_ten_mps_files_without_any_option(folder, monkeypatch):
    monkeypatch.chdir(folder)
    result = bench("models")
    assert result.exit_code == 0, result.output
    assert "Every claim held: 60 were made in 60 runs." in result.stdout
    assert "models: 30 programs every solver can take" in result.stdout
    for name in ("report.html", "report.md", "runs.jsonl"):
        assert (folder / "bench-models" / name).stat().st_size > 0
    first = [(folder / "bench-models" / n).read_bytes() for n in ("report.html", "report.md", "runs.jsonl")]
    assert bench("models").exit_code == 0  # all is there already: nothing is run, nothing changes
    assert first == [
        (folder / "bench-models" / n).read_bytes() for n in ("report.html", "report.md", "runs.jsonl")
    ]
    compared = bench("compare", "bench-models", "bench-models", "--json")
    assert compared.exit_code == 0, compared.output
    assert json.loads(compared.stdout)["both"] == 60


def test_a_users_functions_whatever_they_return(folder, monkeypatch):
    monkeypatch.chdir(folder)
    result = bench("mine.py", "--seeds", "1", "--solvers", "highs,scip", "--json", "--out", "mine")
    assert result.exit_code == 0, result.output
    document = json.loads(result.stdout)
    assert {"out", "runs", "by_status", "table"} <= set(document)
    assert document["runs"] == 6
    assert len(document["cases"]) == 6
    assert {c["solver"]: c["objective"] for c in document["cases"] if c["case"] == "mine/in_pyomo"} == {
        "highs": pytest.approx(8.0),
        "scip": pytest.approx(8.0),
    }
    assert document["by_status"] == {"unsupported": 1, "solver-optimal": 5}  # HiGHS takes no SOS
    lines = [json.loads(line) for line in (folder / "mine" / "runs.jsonl").read_text().splitlines()]
    runs = {(r["problem"], r["solver"]): r for r in lines if r["kind"] == "run"}
    assert runs["in_pyomo", "scip"]["objective"] == pytest.approx(8.0)
    assert runs["in_cvxpy", "highs"]["objective"] == pytest.approx(0.36 + 0.36 + 0.16)
    assert runs["as_program", "scip"]["objective"] == pytest.approx(-3.0)
    assert runs["as_program", "highs"]["status"] == "unsupported"


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["nowhere"], "nowhere does not exist"),
        (["models", "--solvers", "cplex"], "no solver is named 'cplex'"),
        (["mine.py", "--formulations", "hull"], "nothing is left to run"),
        (["empty.py"], "holds no benchmark"),
        (["broken.py"], "line 1"),
        (["compare", "models", "models"], "holds no records"),
    ],
)
def test_input_that_cannot_be_used_is_one_sentence(folder, monkeypatch, arguments, words):
    monkeypatch.chdir(folder)
    (folder / "empty.py").write_text("x = 1\n")
    (folder / "broken.py").write_text("def f(:\n")
    result = bench(*arguments)
    assert result.exit_code == 2
    assert words in result.stderr
    assert result.stderr.count("\n") == 1
    assert result.stdout == ""


def test_a_claim_that_does_not_hold_is_bad_news(folder, monkeypatch):
    monkeypatch.chdir(folder)
    planted = Path(__file__).parents[1] / "benchmarking" / "planted.py"
    result = bench(planted, "--solvers", "highs,no-point", "--seeds", "1", "--out", "lies", "--json")
    assert result.exit_code == 1
    document = json.loads(result.stdout)
    assert document["by_status"] == {"claim-wrong": 4, "solver-optimal": 4}
    assert len(document["wrong"]) == 4


def test_list_shows_suites_problems_and_solvers(folder, monkeypatch):
    monkeypatch.chdir(folder)
    result = bench("mine.py", "--list")
    assert result.exit_code == 0
    for word in ("in_pyomo", "in_cvxpy", "as_program", "highs", "scip"):
        assert word in result.stdout
    assert "needs_more" not in result.stdout
    assert "_private" not in result.stdout


def test_a_wheel_has_no_suites_to_list_and_says_so(monkeypatch):
    monkeypatch.setattr("proofolio.cli.bench.find_suites", dict)
    listed = bench("--list")
    assert listed.exit_code == 0
    assert "scip" in listed.stdout
    assert "there are no suites here" in listed.stderr
    document = json.loads(bench("--list", "--json").stdout)
    assert document["suites"] == []
    assert {"highs", "scip"} <= document["solvers"].keys()
    assert bench("--quick").exit_code == 2


def test_a_folder_of_models_comes_before_a_suite_of_its_name(folder, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "audit").mkdir()
    (tmp_path / "audit" / "m.mps").write_bytes((folder / "models" / "m0.mps").read_bytes())
    (tmp_path / "peers").mkdir()
    assert set(open_suite("audit").problems) == {"m.mps"}
    with pytest.raises(BadData, match="no model file"):
        open_suite("./peers")


def test_help_of_the_command_and_of_compare_has_examples():
    for arguments in (["--help"], ["compare", "--help"]):
        result = bench(*arguments)
        assert result.exit_code == 0
        assert "proofolio bench" in result.stdout.partition("Example")[2]


READS = """
from pathlib import Path

import proofolio as pf


def some():
    model = pf.Model("some")
    x = model.variable("x", 2, 0.0, 10.0)
    model.add("row", x.sum() >= float((Path(__file__).parent / "data.txt").read_text()))
    model.minimise(x[0] + 2 * x[1])
    return model


def other():
    model = pf.Model("other")
    x = model.variable("x", 2, 0.0, 10.0)
    model.minimise(x.sum())
    return model
"""


def test_runs_of_changed_data_are_done_again_and_only_those(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "reads.py").write_text(READS)
    objectives = []
    for text in ("5", "5", "7"):
        (tmp_path / "data.txt").write_text(text)
        result = bench("reads.py", "--solvers", "highs", "--seeds", "2", "--json")
        assert result.exit_code == 0, result.output
        document = json.loads(result.stdout)
        assert document["runs"] == 4
        assert document["notes"] == []  # no seed is to blame
        objectives.append({c["case"]: c["objective"] for c in document["cases"]}["reads/some"])
    assert objectives == pytest.approx([5.0, 5.0, 7.0])
    lines = [json.loads(line) for line in (tmp_path / "bench-reads" / "runs.jsonl").read_text().splitlines()]
    done = [r["problem"] for r in lines if r["kind"] == "run"]
    assert (done.count("some"), done.count("other")) == (4, 2)


class _Console:
    """What `CountProgress` asks of a console."""

    def __init__(self, is_terminal):
        self.is_terminal, self.lines = is_terminal, []

    def print(self, line, **_):
        self.lines.append(line)


def test_what_has_begun_is_shown_at_once_on_a_terminal_and_not_in_a_pipe(monkeypatch):
    shown = []
    monkeypatch.setattr(CountProgress, "_shown", lambda self, *news: shown.append(news))
    piped = _Console(False)
    CountProgress(piped, "bench").running("s/p highs", 0, 3)
    assert (shown, piped.lines) == ([], [])
    CountProgress(_Console(True), "bench").running("s/p highs", 0, 3)
    assert shown == [("s/p highs", 0, 3)]


def test_each_run_is_named_when_it_begins(folder, tmp_path):
    """Begun before it has ended: the news of the first run come before any record."""
    runs = plan([open_suite(str(folder / "models"))], ("highs",), (), 1, time_limit=5.0)[:2]
    news = []
    benchmark(
        runs,
        tmp_path,
        progress=lambda what, done, total: news.append(("ended", what.split(": ")[0], done, total)),
        running=lambda what, done, total: news.append(("begun", what, done, total)),
    )
    names = [f"{run.case} highs" for run in runs]
    assert news == [
        ("begun", names[0], 0, 2),
        ("ended", names[0], 1, 2),
        ("begun", names[1], 1, 2),
        ("ended", names[1], 2, 2),
    ]
