"""A file of records is only ever ours to change, and whatever it holds is said in one sentence."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

import proofolio.benchmarking.runs as run_module
from proofolio.benchmarking import Records, open_suite, plan
from proofolio.benchmarking.records import read_records
from proofolio.errors import BadData

MODEL = """
from beside import N
from proofolio import Model

def least():
    model = Model("least")
    x = model.variable("x", N, 0.0, 1.0)
    model.minimise(x.sum())
    return model.freeze()
"""


@pytest.fixture
def suite(tmp_path):
    def written(n=3, folder="suite", extra=""):
        place = tmp_path / folder
        place.mkdir(exist_ok=True)
        (place / "mine.py").write_text(MODEL)
        (place / "beside.py").write_text(f"from further import M\nN = {n}\n")
        (place / "further.py").write_text(f"M = 1\n{extra}")
        (place / "unused.py").write_text(f"K = {n}\n")
        sys.modules.pop("beside", None)
        sys.modules.pop("further", None)
        return place / "mine.py"

    return written


def keys(file):
    return {run.key for run in plan([open_suite(file)], ["highs"], seeds=2)}


def test_keys_know_what_a_file_imports_and_not_where_it_lies(suite, monkeypatch):
    first = keys(suite())
    assert keys(suite(folder="elsewhere")) == first
    assert keys(suite(n=4, folder="other")) != first
    assert keys(suite(folder="another", extra="L = 2\n")) != first
    monkeypatch.setattr(run_module, "version", lambda _: "0.0.0")
    assert keys(suite()) != first


def test_a_module_that_is_not_imported_changes_nothing(suite):
    file = suite()
    first = keys(file)
    (file.parent / "unused.py").write_text("K = 99\n")
    assert keys(file) == first


@pytest.fixture
def ours(tmp_path, suite):
    """A folder with two records in it."""
    runs = plan([open_suite(suite())], ["highs"], seeds=2)
    with Records(tmp_path / "out", {"machine": "this"}) as records:
        for run in runs:
            records.add(run, {"status": "limit", "message": "", "seconds": 1.0})
    return tmp_path / "out", runs


@pytest.mark.parametrize(
    "data",
    [
        b"a letter\nto someone",
        b"no line end",
        b'{"no": "record"}\n',
        b"\xff\xfe\n",
        b'{"kind": "run"}\n',
        b"\n\n",
    ],
)
def test_a_file_that_is_not_ours_is_left_to_the_byte(tmp_path, data):
    file = tmp_path / "runs.jsonl"
    file.write_bytes(data)
    with pytest.raises(BadData, match="left as it is"):
        Records(tmp_path, {})
    assert file.read_bytes() == data


@pytest.mark.parametrize("cut", [0, 1, 20, 45])
def test_a_first_line_half_written_is_begun_anew(ours, cut):
    folder, runs = ours
    file = folder / "runs.jsonl"
    file.write_bytes(file.read_bytes()[:cut])
    with Records(folder, {}) as records:
        assert records.missing(runs) == list(runs)


def test_a_last_record_that_lacks_only_its_line_end_is_kept(ours):
    folder, runs = ours
    file = folder / "runs.jsonl"
    whole = file.read_bytes()
    file.write_bytes(whole[:-1])
    with Records(folder, {}) as records:
        assert records.missing(runs) == []
    assert file.read_bytes() == whole


def _without(name):
    def damaged(line):
        record = json.loads(line)
        del record[name]
        return json.dumps(record).encode()

    return damaged


@pytest.mark.parametrize(
    ("damage", "words"),
    [
        (_without("id"), "its id is missing"),
        (_without("gap_asked"), "its gap_asked is missing"),
        (lambda line: line.replace(b"limit", b"\xff", 1), "not UTF-8"),
        (lambda line: line.replace(b'"seconds": 1.0', b'"seconds": NaN'), "not JSON"),
        (lambda line: line.replace(b'"seconds": 1.0', b'"seconds": "long"'), "its seconds is no number"),
        (lambda line: b"[" * 100_000, "not JSON"),
        (lambda line: b"[1, 2]", "no kind"),
    ],
)
def test_damaged_lines_are_named_by_both_commands(ours, damage, words):
    folder, _ = ours
    file = folder / "runs.jsonl"
    lines = file.read_bytes().split(b"\n")
    lines[1] = damage(lines[1])
    file.write_bytes(b"\n".join(lines))
    before = file.read_bytes()
    for attempt in (lambda: Records(folder, {}), lambda: read_records(folder)):
        with pytest.raises(BadData, match=f"line 2, .*{words}"):
            attempt()
    assert file.read_bytes() == before


def test_the_commands_say_one_sentence_and_touch_nothing(tmp_path, ours):
    folder, _ = ours
    foreign = tmp_path / "foreign"
    foreign.mkdir()
    (foreign / "runs.jsonl").write_bytes(b"\xff mine")
    mine = tmp_path / "suite" / "mine.py"
    for words in (
        ["bench", str(mine), "--out", str(foreign)],
        ["bench", "compare", str(folder), str(foreign)],
    ):
        done = subprocess.run(
            [sys.executable, "-m", "proofolio", *words], capture_output=True, text=True, check=False
        )
        assert done.returncode == 2
        assert "Traceback" not in done.stderr
        assert len(done.stderr.strip().splitlines()) <= 2
        assert (foreign / "runs.jsonl").read_bytes() == b"\xff mine"


def test_file_names_that_are_no_text_have_names_that_can_be_written(tmp_path):
    name = os.fsdecode(b"m\xe8.mps")
    try:
        (tmp_path / name).write_text("NAME t\nENDATA\n")
    except OSError:
        pytest.skip("this file system takes no such name")
    suite = open_suite(tmp_path)
    assert list(suite.problems) == ["m\\udce8.mps"]
    runs = plan([suite], ["highs"], seeds=1)
    with Records(Path(tmp_path) / "out", {}) as records:
        records.add(runs[0], {"status": "error", "message": f"{name} is empty", "nodes": float("nan")})
    (record,) = read_records(tmp_path / "out")
    assert record["message"].endswith("which is no finite number")
    assert record["nodes"] is None
