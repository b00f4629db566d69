"""Lines of COLUMNS taken many at a time say what they say one at a time, and so does what is wrong with them."""

import random
import warnings
from dataclasses import asdict

import numpy as np
import pytest

from proofolio import Model, ProofolioError, read_program, write_program
from proofolio.interfaces.files import mps_reader, mps_sides

COLUMNS = """    MARKER 'MARKER' 'INTORG'
    a obj 1 c 2
    a d 3
    b obj -1 c 0.5
    MARKER 'MARKER' 'INTEND'
    x c 1.5D0 obj 2
    y d -2 c 1e-3
    z obj 4
    u other 7
"""


def text(columns):
    rows = " N obj\n N other\n L c\n G d\n"
    return f"NAME t\nROWS\n{rows}COLUMNS\n{columns}RHS\n    RHS c 4 d -9\nBOUNDS\n UP BND b 3\nENDATA\n"


def outcome(columns):
    try:
        return asdict(mps_reader.read_mps(text(columns), "t.mps"))
    except ProofolioError as error:
        return str(error)


def changed(lines, rng):
    """Lines with one thing changed that a file may have, for better or worse."""
    lines = list(lines)
    k = rng.randrange(len(lines))
    words = lines[k].split()
    what = rng.randrange(9)
    if what == 0:
        lines.insert(k, rng.choice(["", "* a comment", "  ", "    \t", lines[k]]))
    elif what == 1:
        words[rng.randrange(len(words))] = rng.choice(
            ["a", "x", "c", "d", "obj", "other", "nan", "1e999", "7", "-"]
        )
        lines[k] = "    " + " ".join(words)
    elif what == 2:
        lines[k] = "    " + " ".join([*words, "d"])
    elif what == 3:
        lines[k] = "    " + " ".join(words[:-1])
    elif what == 4:
        rng.shuffle(lines)
    elif what == 5:
        lines[k] = lines[k].strip()
    elif what == 6:
        del lines[k]
    elif what == 7:
        lines[k] = lines[k].replace("    ", "\t").replace("MARKER", "marker")
    else:
        lines.insert(k, "    M 'MARKER' " + rng.choice(["'INTORG'", "'INTEND'", "'other'"]))
    return lines


@pytest.mark.parametrize("seed", range(200))
def test_many_lines_at_a_time_are_read_as_one_at_a_time(seed, monkeypatch):
    rng = random.Random(seed)
    lines = COLUMNS.splitlines()
    for _ in range(rng.randrange(3)):
        lines = changed(lines, rng)
    columns = "".join(f"{line}\n" for line in lines)
    many = outcome(columns)
    with monkeypatch.context() as patch:
        patch.setattr(mps_reader, "stretch_of", lambda *_: None)
        one = outcome(columns)
    assert many == one


def test_a_whole_file_is_taken_many_lines_at_a_time(monkeypatch):
    monkeypatch.setattr(mps_reader._Reader, "_column", lambda *_: pytest.fail("a line was read by itself"))
    found = mps_reader.read_mps(text(COLUMNS), "t.mps")
    assert found.columns == ["a", "b", "x", "y", "z", "u"]
    assert found.cost == [1.0, -1.0, 2.0, 0.0, 4.0, 0.0]
    assert found.integer == [True, True, False, False, False, False]
    assert sorted(zip(*found.entries, strict=True)) == [
        (0, 0, 2.0), (0, 1, 0.5), (0, 2, 1.5), (0, 3, 1e-3), (1, 0, 3.0), (1, 3, -2.0)
    ]  # fmt: skip


@pytest.mark.parametrize("names", [["w[0]", "w[1]", "w[2]"], ["w[0]", "w[02]", "w[1]"], ["w[1]", "w[0]", "w[2]"],
    ["w[0,0]", "w[0,1]", "w[2]"], ["w[٢]", "w[1]", "v"], ["w[99999999999999999999]", "w[0]", "w"],
    ["w[0]", "v", "w[1]"], ["w[]", "w[-1]", "[0]"]])  # fmt: skip
def test_names_are_kept_whatever_array_they_look_like(names, tmp_path):
    model = Model()
    for name in names:
        model.add(f"r{name}", model.variable(name, lower=0) >= 1)
    model.minimise(0.0)
    written = model.freeze()
    write_program(written, tmp_path / "model.mps")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        found = read_program(tmp_path / "model.mps")
    assert found.column_names == tuple(names)
    assert found.row_names == tuple(f"r{name}" for name in names)
    assert np.array_equal(found.A.toarray(), written.A.toarray())


BOUNDS = """ UP BND b 3
 LO BND x -2.5
 UP BND x 1e20
 FX BND y 0.1
 FR BND z
 MI BND a
 BV BND u
"""


def bounds_text(bounds):
    return text(COLUMNS).replace(" UP BND b 3\n", bounds)


def whole_outcome(given):
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        try:
            found = asdict(mps_reader.read_mps(given, "t.mps"))
        except ProofolioError as error:
            found = str(error)
    return found, [str(w.message) for w in said]


def one_at_a_time(given, monkeypatch):
    with monkeypatch.context() as patch:
        for module, name in (
            (mps_reader, "rows_of"), (mps_reader, "stretch_of"), (mps_sides, "sides_of"), (mps_sides, "bounds_of")
        ):  # fmt: skip
            patch.setattr(module, name, lambda *_: None)
        return whole_outcome(given)


@pytest.mark.parametrize("seed", range(300))
def test_many_bounds_at_a_time_are_read_as_one_at_a_time(seed, monkeypatch):
    rng = random.Random(seed)
    lines = BOUNDS.splitlines()
    for _ in range(rng.randrange(3)):
        k = rng.randrange(len(lines))
        words = lines[k].split()
        what = rng.randrange(6)
        if what == 0:
            words[:1] = [
                rng.choice(["UP", "LO", "FX", "FR", "MI", "PL", "BV", "LI", "UI", "SC", "SI", "up", "XX"])
            ]
        elif what == 1:
            words[-1:] = [rng.choice(["0", "-1", "nan", "inf", "-inf", "1e400", "x", "b", "7", "1.5D0"])]
        elif what == 2:
            words[1:2] = [rng.choice(["OTHER", "x", "BND"])]
        elif what == 3:
            words = words[: rng.randrange(1, 4)]
        elif what == 4:
            words = [*words, rng.choice(["1", "x"])]
        else:
            lines.insert(rng.randrange(len(lines)), rng.choice([lines[k], "* a comment", "", " "]))
            continue
        lines[k] = " " + " ".join(words)
    given = bounds_text("".join(f"{line}\n" for line in lines))
    assert whole_outcome(given) == one_at_a_time(given, monkeypatch)


ROWS, RHS = " N obj\n N other\n L c\n G d\n", "    RHS c 4 d -9\n    RHS obj -3.5\n"


@pytest.mark.parametrize("seed", range(300))
def test_many_rows_and_sides_at_a_time_are_read_as_one_at_a_time(seed, monkeypatch):
    rng = random.Random(seed)
    pieces = [ROWS.splitlines(), RHS.splitlines()]
    for _ in range(rng.randrange(3)):
        lines = rng.choice(pieces)
        k = rng.randrange(len(lines))
        words = lines[k].split()
        what = rng.randrange(5)
        if what == 0 and words:
            words[rng.randrange(len(words))] = rng.choice(
                ["N", "E", "L", "l", "c", "d", "obj", "x", "RHS", "1e30", "-1e30", "inf", "nan", "5", "0.1"]
            )
        elif what == 1:
            words = words[: rng.randrange(1, 5)]
        elif what == 2:
            words = [*words, rng.choice(["c", "1", "x"])]
        else:
            lines.insert(rng.randrange(len(lines)), rng.choice([lines[k], "* a comment", "", " ", " E e"]))
            continue
        lines[k] = " " + " ".join(words)
    rows, sides = ("".join(f"{line}\n" for line in lines) for lines in pieces)
    given = text(COLUMNS).replace(ROWS, rows).replace("    RHS c 4 d -9\n", sides)
    assert whole_outcome(given) == one_at_a_time(given, monkeypatch)


def test_rows_and_sides_are_taken_at_once(monkeypatch):
    for name in ("_row", "_rhs"):
        monkeypatch.setattr(mps_reader._Reader, name, lambda *_: pytest.fail("a line was read by itself"))
    found = mps_reader.read_mps(text(COLUMNS).replace("    RHS c 4 d -9\n", RHS), "t.mps")
    assert (found.rows, found.row_lines, found.constant) == (["c", "d"], [5, 6], 3.5)
    assert (found.row_lower, found.row_upper) == ([-np.inf, -9.0], [4.0, np.inf])


def test_all_bounds_are_taken_at_once(monkeypatch):
    monkeypatch.setattr(mps_reader._Reader, "_bound", lambda *_: pytest.fail("a line was read by itself"))
    found = mps_reader.read_mps(bounds_text(BOUNDS), "t.mps")
    assert found.lower == [-np.inf, 0.0, -2.5, 0.1, -np.inf, 0.0]
    assert found.upper == [np.inf, 3.0, np.inf, 0.1, np.inf, 1.0]
    assert found.integer == [True, True, False, False, False, True]


@pytest.mark.parametrize("between", ["* a comment\n", "\n"])
@pytest.mark.parametrize("columns", ["    x {} 1\n", "    w c 3\n    x {} 1\n"])
@pytest.mark.parametrize("row", ["c", "obj"])
def test_a_column_that_goes_on_behind_a_comment_has_one_number_in_a_row(between, columns, row):
    said = outcome(f"{columns.format(row)}{between}    x {row} 2\n    x d 1\n")
    assert "column 'x' has two numbers in" in said
    assert "two numbers" not in str(outcome(f"{columns.format(row)}{between}    x d 2\n"))
