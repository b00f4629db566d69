"""Files that were misread or refused once, each with its right answer, and files of the same kinds."""

import gzip

import pytest

from proofolio import BadData, solve
from proofolio.cli.group import command_line
from proofolio.interfaces.files.model_files import read_program
from tests.command_line import CliRunner

# name: suffix, text, solver, optimum, values that matter
CASES = {
    "a constant on the left of a row": (
        ".lp",
        "Maximize\n obj: x\nSubject To\n c1: x + 1 <= 4\nEnd\n",
        3.0,
        {"x": 3.0},
    ),
    "constants on the left of three rows": (
        ".lp",
        "Maximize\n obj: x + y + z\nSubject To\n c1: 2 + x - 0.5 <= 4\n c2: y - 1 = 1\n -1 <= z + 2 <= 3\nEnd\n",
        2.5 + 2 + 1,
        {"x": 2.5, "y": 2.0, "z": 1.0},
    ),
    "a factor before a bracket in a row": (
        ".lp",
        "Maximize\n obj: x\nSubject To\n q1: y + 2 [ x^2 ] <= 8\nBounds\n y >= 0\nEnd\n",
        2.0,
        {},
    ),
    "a factor before a bracket in the objective": (
        ".lp",
        "Minimize\n obj: - 6 x + 3 [ x^2 ] / 2\nSubject To\n c1: x + y >= 1\nBounds\n x <= 40\n y <= 5\nEnd\n",
        -6.0,
        {"x": 2.0},
    ),
    "minus a bracket that is maximised": (
        ".lp",
        "Maximize\n obj: 6 x - 3 [ x^2 ] / 2 + 1\nSubject To\n c1: x + y >= 1\nBounds\n x <= 40\n y <= 5\nEnd\n",
        7.0,
        {"x": 2.0},
    ),
    "line ends of Windows, words in lower case, no line end at the end": (
        ".lp",
        "\\ a comment\r\nminimize\r\n-x - 2y\r\nst\r\nx + y <= 1\r\nbin\r\nx\r\ny\r\nend",
        -2.0,
        {"x": 0.0, "y": 1.0},
    ),
    "text behind section words": (
        ".lp",
        "Maximize obj: 2 x + y\nSubject To c1: x + y <= 4\nBounds x <= 3\nEnd\n",
        7.0,
        {"x": 3.0, "y": 1.0},
    ),
    "an unnamed row beside c1": (
        ".lp",
        "Maximize\n obj: x + y\nSubject To\n x <= 5\n c1: y <= 2\n r: -1 <= x - y <= 3\nEnd\n",
        7.0,
        {"x": 5.0, "y": 2.0},
    ),
    "names with brackets": (
        ".lp",
        ("\\ Model LP_test\n\\ LP format - for model browsing\nMaximize\n  3 x[0] + 5 x[1]\nSubject To\n R0: x[0] <= 4\n"
        " R1: 2 x[1] <= 12\n R2: 3 x[0] + 2 x[1] <= 18\nBounds\nEnd\n"),
        36.0,
        {"x[0]": 2.0, "x[1]": 6.0},
    ),
    "lazy constraints": (
        ".lp",
        "Maximize\n obj: x\nSubject To\n c: x <= 5\nLazy Constraints\n l: x <= 3\nEnd\n",
        3.0,
        {"x": 3.0},
    ),
    "lazy constraints in MPS": (
        ".mps",
        ("NAME t\nOBJSENSE MAX\nROWS\n N obj\n L c\nLAZYCONS\n L l\nCOLUMNS\n    x obj 1 c 1\n    x l 1\nRHS\n"
        "    RHS c 5 l 3\nENDATA\n"),
        3.0,
        {"x": 3.0},
    ),
    "semi-continuous": (
        ".lp",
        "Minimize\n obj: x + 3 y\nSubject To\n c1: x + y >= 1.5\nBounds\n 2 <= x <= 5\n y <= 10\nSemi-Continuous\n x\nEnd\n",
        2.0,
        {"x": 2.0, "y": 0.0},
    ),
    "semi-continuous in MPS": (
        ".mps",
        ("NAME          SC\nROWS\n N  COST\n G  C1\nCOLUMNS\n    X         COST         1   C1   1\n"
        "    Y         COST         3   C1   1\nRHS\n    RHS       C1           1.5\nBOUNDS\n LO BND       X            2\n"
        " SC BND       X            5\nENDATA\n"),
        2.0,
        {"X": 2.0, "Y": 0.0},
    ),
    "two semi-continuous columns": (
        ".lp",
        "Minimize\n obj: x + y\nSubject To\n c: x + y >= 1\nBounds\n 2 <= x <= 10\n 3 <= y <= 10\nSemi-Continuous\n x y\nEnd\n",
        2.0,
        {"x": 2.0, "y": 0.0},
    ),
    "a semi-continuous column that stays at zero": (
        ".lp",
        "Minimize\n obj: x + 1.1 y\nSubject To\n c: x + y >= 1\nBounds\n 2 <= x <= 10\nSemi-Continuous\n x\nEnd\n",
        1.1,
        {"x": 0.0, "y": 1.0},
    ),
    "a semi-integer column": (
        ".lp",
        "Minimize\n obj: x + 3 y\nSubject To\n c: x + y >= 2.5\nBounds\n 2 <= x <= 10\nSemi-Integer\n x\nEnd\n",
        3.0,
        {"x": 3.0, "y": 0.0},
    ),
    "QSECTION": (
        ".mps",
        ("NAME          QSEC\nROWS\n N  COST\n G  C1\nCOLUMNS\n    X         COST        -4   C1   1\n"
        "    Y         COST        -6   C1   1\nRHS\n    RHS       C1           1\nQSECTION COST\n    X         X            2\n"
        "    Y         Y            2\nENDATA\n"),
        -13.0,
        {"X": 2.0, "Y": 3.0},
    ),
    "Fortran's exponents": (
        ".mps",
        ("NAME          DEXP\nROWS\n N  COST\n G  C1\nCOLUMNS\n    X         COST         1.0D0   C1   1.0D0\nRHS\n"
        "    RHS       C1           2.0D0\nENDATA\n"),
        2.0,
        {"X": 2.0},
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", CASES)
def test_the_right_answer_is_found(case, tmp_path):
    suffix, text, optimum, values = CASES[case]
    file = tmp_path / f"m{suffix}"
    file.write_bytes(text.encode())
    answer = solve(str(file))
    assert answer.ok
    # HiGHS takes 1.999999 for a semi-continuous 2 at its default tolerance
    assert answer.objective == pytest.approx(optimum, rel=1e-6, abs=1e-6)
    for name, value in values.items():
        assert answer.values[name] == pytest.approx(value, abs=2e-5), name


def test_semi_continuous_without_end_needs_indicators(tmp_path):
    file = tmp_path / "m.lp"
    file.write_text("min x + 3 y\nst\n c: x + y >= 1.5\nbounds\n x >= 2\nsemi\n x\nend\n")
    assert solve(str(file), "scip").objective == pytest.approx(2.0)


def test_small_archives_do_not_fill_the_memory(tmp_path):
    text = "min x\nst\n c: x >= 1\nend\n"
    file = tmp_path / "m.lp.gz"
    file.write_bytes(gzip.compress((text + " " * 3_000_000).encode()))
    assert file.stat().st_size < 10_000
    assert read_program(file).m == 1
    assert read_program(file, max_size=3_000_000 + len(text)).m == 1
    with pytest.raises(BadData, match=r"m\.lp\.gz holds more than 1,000,000 bytes of text.*--max-size"):
        read_program(file, max_size=1_000_000)
    (tmp_path / "m.lp").write_text(text)
    with pytest.raises(BadData, match="more than 5 bytes"):
        read_program(tmp_path / "m.lp", max_size=5)


@pytest.mark.parametrize("command", ["solve", "audit"])
def test_the_command_line_takes_a_size(command, tmp_path):
    file = tmp_path / "m.lp"
    file.write_text("min x\nst\n c: x >= 1\nend\n")
    for size, status in (("22", 2), ("1k", 0), ("0.5M", 0), ("2GB", 0), ("much", 2), ("0", 2)):
        result = CliRunner().invoke(command_line, [command, str(file), "--max-size", size])
        assert result.exit_code == status, (size, result.output)
        assert ("--max-size" in result.stderr) == (status == 2)


def test_the_command_line_says_what_is_doubtful_on_stderr(tmp_path):
    file = tmp_path / "m.mps"
    file.write_text("*SENSE:Maximize\nROWS\n N o\n G c\nCOLUMNS\n    x o 1 c 1\nRHS\n    R c 1\nENDATA\n")
    result = CliRunner().invoke(command_line, ["solve", str(file), "--json"])
    assert result.exit_code == 0
    assert f"proofolio: warning: {file}, line 1: " in result.stderr
    assert result.stdout.startswith("{")


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-be", "utf-32"])
def test_files_of_two_bytes_a_letter_are_refused(encoding, tmp_path):
    (tmp_path / "m.lp").write_bytes("min x\nst\n c: x >= 1\nend\n".encode(encoding))
    with pytest.raises(BadData, match=r"UTF-8|not a text file"):
        read_program(tmp_path / "m.lp")


def test_names_in_an_old_encoding_are_kept(tmp_path):
    (tmp_path / "m.lp").write_bytes(b"min b\xf6rse\nst\n c: b\xf6rse >= 1\nend\n")
    (name,) = read_program(tmp_path / "m.lp").column_names
    assert name.encode("utf-8", "surrogateescape") == b"b\xf6rse"
