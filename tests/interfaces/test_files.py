import gzip
import json
import warnings
from pathlib import Path

import highspy
import numpy as np
import pyscipopt
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from scipy import sparse
from scipy.optimize import LinearConstraint, milp

from proofolio.errors import BadData, DoubtfulFile, UnsupportedProgram
from proofolio.interfaces.files.model_files import read_program, write_program
from proofolio.program.builder import Builder
from proofolio.program.expression import Expression, between
from proofolio.program.program import Program
from proofolio.program.quadratic import gathered_forms
from proofolio.program.structure import recognise_cones

FORMATS = [".mps", ".lp", ".mps.gz", ".lp.gz"]


def messy_numbers(rng: np.random.Generator, shape) -> np.ndarray:
    return rng.normal(size=shape) * 10.0 ** rng.integers(-4, 5, size=shape)


def random_model(seed: int, quadratic: bool = False, logic: bool = False, maximise: bool = False) -> Builder:
    """Return a model with every kind of bound and row, awkward names and awkward numbers."""
    rng = np.random.default_rng(seed)
    model = Builder(f"case{seed}")
    w = model.variable("w", (2, 3), lower=-1.5, upper=messy_numbers(rng, (2, 3)).clip(0.1))
    free = model.variable("free", 2)
    below = model.variable("below", upper=-0.3)
    fixed = model.variable("fixed", 2, lower=[0.1, -2], upper=[0.1, -2])
    z = model.variable("e1", 2, binary=True)
    count = model.variable("count", 2, lower=[0, -7], integer=True)
    tall = model.variable("tall{a}", lower=-9, upper=-2, integer=True)
    everything = [*w.ravel(), *free, below, *fixed, *z, *count, tall]
    for k in range(4):
        body = sum(
            (float(c) * x for c, x in zip(messy_numbers(rng, len(everything)), everything, strict=True)
             if rng.random() < 0.4),
            start=0.25 * w[0, 0],
        )  # fmt: skip
        low, high = np.sort(messy_numbers(rng, 2))
        model.add(f"row{k}", [body <= high, body >= low, body == low, between(low, body, high)][k])
    model.add("grid", w @ np.array([0.1, 0.2, 0.30000000000000004]) <= [1e-7, 3])
    model.add("pair", between(-0.1, free - 1e-10 * z, 1000.3))
    cost = 0.1 * w.sum() - free[1] + 1e-11 * count[0] + (2.5 if seed % 2 else 0.0)
    if quadratic:
        G = rng.normal(size=(3, 3))
        cost = cost + model.quadratic(G @ G.T, w[0]) * (-1.0 if maximise else 1.0)
        model.add("ball", model.quadratic(G.T @ G / 3, w) + free <= [4.1, 5])
        model.add("shell", model.quadratic(np.diag([1.0, 2]), free) >= 0.1)
    if logic:
        model.indicator("off", z, free <= 0.7, when=0)
        model.indicator("on", z[0], w[1] >= -0.2)
        model.sos1("one", w[0])
        model.sos2("two", w[1], [0.5, 1, 7])
    (model.maximise if maximise else model.minimise)(cost)
    return model


def assert_same(a: Program, b: Program) -> None:
    assert (a.column_names, a.row_names, a.maximise) == (b.column_names, b.row_names, b.maximise)
    assert [(v.name, v.shape) for v in a.variables] == [(v.name, v.shape) for v in b.variables]
    assert (a.A != b.A).nnz == 0
    assert (a.P != b.P).nnz == 0
    assert a.c == b.c
    for field in ("q", "row_lower", "row_upper", "lower", "upper", "integer"):
        np.testing.assert_array_equal(getattr(a, field), getattr(b, field), err_msg=field)
    for left, right in ((a.quadratic, b.quadratic), (a.indicators, b.indicators)):
        names = [[n for block in part.blocks for n in block.element_names()] for part in (left, right)]
        assert names[0] == names[1]
        assert (left.matrix != right.matrix).nnz == 0
        np.testing.assert_array_equal(left.lower, right.lower)
        np.testing.assert_array_equal(left.upper, right.upper)
    for left, right in zip(a.quadratic.forms, b.quadratic.forms, strict=True):
        assert (gathered_forms(left, a.n) != gathered_forms(right, a.n)).nnz == 0
    np.testing.assert_array_equal(a.indicators.binary, b.indicators.binary)
    np.testing.assert_array_equal(a.indicators.on, b.indicators.on)
    for left, right in zip(a.sos, b.sos, strict=True):
        assert (left.name, left.kind) == (right.name, right.kind)
        np.testing.assert_array_equal(left.columns, right.columns)
        np.testing.assert_array_equal(left.weights, right.weights)


@pytest.mark.parametrize("suffix", FORMATS)
@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("maximise", [False, True])
@pytest.mark.parametrize("rich", [False, True])
def test_a_written_program_reads_back_to_the_bit(tmp_path, suffix, seed, maximise, rich, capfd):
    program = random_model(seed, quadratic=rich, logic=rich, maximise=maximise).freeze()
    written = write_program(program, tmp_path / f"model{suffix}")
    again = read_program(written[0])
    assert_same(program, again)
    assert again.name == program.name
    assert capfd.readouterr() == ("", "")


def test_lp_files_get_a_map_of_names_and_mps_files_keep_theirs(tmp_path):
    model = Builder()
    w = model.variable("w", (1, 2))
    model.add("r", w.sum() <= 1)
    model.add("side", between(0, w[0, 0], 1))
    program = model.freeze()
    assert write_program(program, tmp_path / "m.mps") == [tmp_path / "m.mps"]
    assert "w[0,1]" in (tmp_path / "m.mps").read_text()
    assert write_program(program, tmp_path / "m.lp.gz") == [
        tmp_path / "m.lp.gz",
        tmp_path / "m.lp.names.json",
    ]
    found = json.loads((tmp_path / "m.lp.names.json").read_text())
    assert found["variables"] == {"w_0_0": "w[0,0]", "w_0_1": "w[0,1]"}
    assert found["rows"] == {"side_low": "side", "side_high": "side"}


def test_names_no_file_can_spell_survive_through_the_map(tmp_path):
    model = Builder()
    names = [
        "a b",
        "a_b",
        "é",
        "$x",
        "1",
        "end",
        "e5",
        "x[1]",
        "x_1",
        "y:1",
        "a" * 300,
        "a" * 301,
        "free",
        "-",
        "S1",
    ]
    names += [
        "RHS",
        "a$b",
        "a*b",
        "rows",
        "COLUMNS",
        "BOUNDS",
        "x$",
        "*c",
        "MAX",
        "st",
        "Bounds",
        "N",
        "{",
        "<=",
        "3x",
        "SOS",
    ]
    columns = [model.variable(name, lower=k, upper=k + 0.5) for k, name in enumerate(names)]
    model.add("row 1", columns[0] + columns[1] >= 0.1)
    model.add("row_1", columns[0] - columns[2] >= 0.1)
    model.add("side", between(0, columns[3] - columns[4], 1))
    model.add("side_low", columns[3] - columns[4] >= 7)
    model.sos1("an odd set", columns[-1])
    model.minimise(columns[-1])
    for suffix in FORMATS:
        write_program(model.freeze(), tmp_path / f"n{suffix}")
        assert_same(model.freeze(), read_program(tmp_path / f"n{suffix}"))


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.lists(
        st.floats(allow_nan=False, allow_infinity=False, min_value=-1e14, max_value=1e14).filter(
            lambda v: abs(v) > 1e-11
        ),
        min_size=4,
        max_size=4,
    )
)
def test_every_double_survives(tmp_path, values):
    model = Builder()
    x = model.variable("x", 2, lower=min(values[0], values[1]), upper=max(values[0], values[1]))
    model.add("r", values[2] * x[0] + 0.5 * x[1] <= values[3])
    model.add("both", between(min(values[2:]), x.sum(), max(values[2:])))
    model.minimise(values[3] * x[1] + values[0])
    for suffix in (".mps", ".lp"):
        write_program(model.freeze(), tmp_path / f"d{suffix}")
        assert_same(model.freeze(), read_program(tmp_path / f"d{suffix}"))


def scip_optimum(path: Path) -> float:
    scip = pyscipopt.Model()
    scip.hideOutput()
    scip.readProblem(str(path))
    scip.optimize()
    assert scip.getStatus() == "optimal"
    return scip.getObjVal()


def small_model(seed: int, maximise: bool, rich: bool) -> Builder:
    rng = np.random.default_rng(seed)
    model = Builder()
    x = model.variable("x", (2, 2), lower=-1, upper=[[2, 3], [-0.5, 4]])
    n = model.variable("n", 2, lower=-3, upper=5, integer=True)
    z = model.variable("z", binary=True)
    model.add("cover", between(-2, x.sum() + n.sum(), 6.5))
    model.add("tie", x[0] - 2 * n <= 3 * z)
    cost = (rng.normal(size=(2, 2)) * x).sum() + rng.normal() * n.sum() - 0.7 * z + 2.5
    if rich:
        model.add("ball", model.quadratic([[2, 0.5], [0.5, 1]], x[0]) + x[1, 0] <= 4)
        model.indicator("logic", z, x[0] >= 0.25)
        model.sos1("either", x[0])
    (model.maximise if maximise else model.minimise)(cost)
    return model


@pytest.mark.parametrize("suffix", [".mps", ".lp"])
@pytest.mark.parametrize("maximise", [False, True])
@pytest.mark.parametrize("seed", range(3))
def test_other_readers_find_the_same_optimum(tmp_path, suffix, maximise, seed):
    program = small_model(seed, maximise, rich=False).freeze()
    (path, *_) = write_program(program, tmp_path / f"s{suffix}")
    ours = milp(
        program.q,
        integrality=program.integer,
        bounds=(program.lower, program.upper),
        constraints=LinearConstraint(program.A.toarray(), program.row_lower, program.row_upper),
    )
    truth = program.objective(ours.x)
    assert scip_optimum(path) == pytest.approx(truth, abs=1e-6)
    highs = highspy.Highs()
    highs.setOptionValue("output_flag", False)
    highs.readModel(str(path))
    highs.run()
    assert highs.getInfo().objective_function_value == pytest.approx(truth, abs=1e-6)


@pytest.mark.parametrize("maximise", [False, True])
def test_scip_reads_quadratic_rows_indicators_and_sets_alike_from_both_formats(tmp_path, maximise):
    program = small_model(5, maximise, rich=True).freeze()
    found = [scip_optimum(write_program(program, tmp_path / f"r{suffix}")[0]) for suffix in (".mps", ".lp")]
    assert found[0] == pytest.approx(found[1], abs=1e-6)
    plain = small_model(5, maximise, rich=False).freeze()
    assert abs(found[0] - scip_optimum(write_program(plain, tmp_path / "p.mps")[0])) > 1e-3


def scip_model() -> pyscipopt.Model:
    scip = pyscipopt.Model()
    x, y = scip.addVar("x[0]", lb=-3, ub=-1), scip.addVar("y", vtype="I", lb=-2, ub=9)
    z, w = scip.addVar("z", vtype="B"), scip.addVar("w", lb=None)
    scip.addCons(x + 2 * y <= 4, name="plain")
    scip.addCons(x * x + 3 * x * y + w <= 7, name="q")
    scip.addConsIndicator(x + y <= 3, z, name="ind")
    scip.addConsSOS1([x, y, w], [1, 2, 3], name="so1")
    scip.addConsSOS2([x, y, w], [1, 2, 3], name="so2")
    scip.setObjective(0.1 * x + w + 2.5, "maximize")
    return scip


def test_a_file_scip_wrote_is_read_with_its_quadratic_rows_indicators_and_sets(tmp_path, capfd):
    scip_model().writeProblem(str(tmp_path / "scip.mps"), verbose=False)
    capfd.readouterr()
    program = read_program(tmp_path / "scip.mps")
    assert program.maximise
    assert program.c == -2.5
    assert program.row_names == ("plain",)
    assert [b.name for b in program.quadratic.blocks] == ["q"]
    Q = gathered_forms(program.quadratic.forms[0], program.n).toarray()
    i, j = program.column_names.index("x[0]"), program.column_names.index("y")
    assert (Q[i, i], Q[i, j], Q[j, i]) == (1.0, 1.5, 1.5)
    assert program.column_names[program.indicators.binary[0]] == "z"
    assert program.indicators.upper.tolist() == [3.0]
    assert [(s.name, s.kind, s.weights.tolist()) for s in program.sos] == [
        ("so1", 1, [1, 2, 3]),
        ("so2", 2, [1, 2, 3]),
    ]
    assert capfd.readouterr() == ("", "")


LP = r"""\ a comment with Maximize in it
Maximize
 obj: x + 0 y + 0.3 a_1 + [ 2 x^2 - 3 x * y ] / 2 + 7
Subject To
 q: y + 2 x + [ 3 x * y - x ^2 + 2 a_1^2 ] <= 7
 i: z = 1 -> x + y <= 3
 i2: z = 0 -> x +
   y >= 3
 -2 <= x - y <= 3.5
 pure: - [ y^2 ] >= -4
 l: x + y + 1e-11 a_1 >= 0.30000000000000004
Bounds
 y >= -5
 a_1 free
Binaries
 z
Generals
 y
SOS
 s1: S1:: x:1 y:2 a_1:3
 s2: S2:: x:1 y:2
End
"""


def test_every_part_of_an_lp_file_is_read(tmp_path, capfd):
    (tmp_path / "m.lp").write_text(LP)
    program = read_program(tmp_path / "m.lp")
    x, y, a, z = (program.column_names.index(n) for n in ("x", "y", "a_1", "z"))
    assert program.maximise
    assert -program.P[x, x] == 2.0
    assert -program.P[x, y] == -1.5
    assert program.objective(np.eye(4)[x]) == 1 + 1 + 7
    assert program.row_names == ("c4", "l")
    np.testing.assert_array_equal(program.row_lower, [-2.0, 0.30000000000000004])
    np.testing.assert_array_equal(program.row_upper, [3.5, np.inf])
    assert program.A[1, a] == 1e-11
    Q = gathered_forms(program.quadratic.forms[0], 4)
    assert (Q[x, x], Q[x, y], Q[a, a], Q[y, y]) == (-1.0, 1.5, 2.0, 0.0)
    assert gathered_forms(program.quadratic.forms[1], 4)[y, y] == -1.0
    np.testing.assert_array_equal(program.quadratic.upper, [7.0, np.inf])
    np.testing.assert_array_equal(program.quadratic.lower, [-np.inf, -4.0])
    assert program.indicators.on.tolist() == [1, 0]
    assert program.indicators.binary.tolist() == [z, z]
    np.testing.assert_array_equal(program.indicators.lower, [-np.inf, 3.0])
    assert program.lower[[x, y, a, z]].tolist() == [0, -5, -np.inf, 0]
    assert program.integer[[x, y, a, z]].tolist() == [False, True, False, True]
    assert [(s.name, s.kind, s.columns.tolist()) for s in program.sos] == [
        ("s1", 1, [x, y, a]),
        ("s2", 2, [x, y]),
    ]
    assert capfd.readouterr() == ("", "")


MPS = """NAME trap
ROWS
 N cost
 L cap
 E tie
COLUMNS
    MARKER 'MARKER' 'INTORG'
    a cap 1
    b cap 1
    c cap 1
    MARKER 'MARKER' 'INTEND'
    x tie 0.1
    x cost 1
RHS
    RHS cap 4
    RHS cost -1.5
RANGES
    RNG cap 3
    RNG tie -0.5
BOUNDS
 LO BND b 0
 PL BND b
 UP BND c 7
 MI BND x
ENDATA
"""


def test_what_mps_leaves_unsaid(tmp_path):
    (tmp_path / "m.mps").write_text(MPS)
    program = read_program(tmp_path / "m.mps")
    # an integer column without bounds is binary; with any bound it is not
    assert program.upper.tolist() == [1, np.inf, 7, np.inf]
    assert program.lower.tolist() == [0, 0, 0, -np.inf]
    assert program.c == 1.5
    assert list(zip(program.row_lower, program.row_upper, strict=True)) == [(1, 4), (-0.5, 0)]
    assert program.name == "trap"


def test_an_empty_objective_and_free_rows_stay(tmp_path):
    model = Builder()
    x = model.variable("x", 2, upper=3)
    model.add("kept", between(-5, x, 5))
    program = model.freeze()
    program.row_lower[0], program.row_upper[0] = -np.inf, np.inf
    for suffix in FORMATS:
        write_program(program, tmp_path / f"e{suffix}")
        assert_same(program, read_program(tmp_path / f"e{suffix}"))


def test_rows_keep_their_arrays_when_some_are_left_out(tmp_path):
    model = Builder()
    x = model.variable("x", (2, 2))
    mask = np.array([[1.0, 0], [1, 1]])
    model.add("r", mask * x <= 1)
    write_program(model.freeze(), tmp_path / "m.mps")
    (block,) = read_program(tmp_path / "m.mps").rows
    assert (block.name, block.shape, block.positions.tolist()) == ("r", (2, 2), [0, 2, 3])


def test_what_a_file_cannot_hold_is_named(tmp_path):
    model = Builder()
    x = model.variable("x", 3, upper=1)
    model.cone("risk", x[1:], x[0])
    with pytest.raises(UnsupportedProgram, match=r"\.mps.*'risk'.*bound"):
        write_program(model.freeze(), tmp_path / "m.mps")
    big = Builder()
    y = big.variable("y", 2, upper=[1, 1e25])
    with pytest.raises(UnsupportedProgram, match=r"1e\+25.*'y\[1\]'"):
        write_program(big.freeze(), tmp_path / "m.lp")
    big.add("r", y.sum() <= 1)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("suffix", FORMATS)
def test_cones_are_written_as_quadratic_rows_and_recognised_again(tmp_path, suffix):
    model = Builder()
    x, t = model.variable("x", (2, 3), upper=1), model.variable("t", 2, lower=0)
    model.cone("risk", x, t, 2 * t[0])
    model.cone("mixed", x[0] - 0.5, t[1] + 1, 3)
    model.minimise(t.sum() - x.sum())
    program = model.freeze()
    write_program(program, tmp_path / f"c{suffix}")
    again = read_program(tmp_path / f"c{suffix}")
    assert [n for b in again.quadratic.blocks for n in b.element_names()] == ["risk[0]", "risk[1]", "mixed"]
    for point in np.random.default_rng(0).normal(size=(5, program.n)):
        point[program.columns("t")] = np.abs(point[program.columns("t")])
        found = again.quadratic.value(point) - again.quadratic.upper
        wanted = [m[2:] @ m[2:] - m[0] * m[1] for m in program.cones.members(point)]
        np.testing.assert_allclose(found, wanted, atol=1e-12)
    plain = Builder()
    y, s, r = plain.variable("y", 2), plain.variable("s", lower=0), plain.variable("r", lower=0)
    plain.cone("risk", y, s, r)
    write_program(plain.freeze(), tmp_path / f"p{suffix}")
    assert len(recognise_cones(read_program(tmp_path / f"p{suffix}")).cones) == 1


def test_sections_a_program_has_no_place_for_are_refused(tmp_path):
    (tmp_path / "m.mps").write_text(MPS.replace("RHS\n", "GENCONS\n MAX m\nRHS\n", 1))
    with pytest.raises(UnsupportedProgram, match="line 14: there is a section GENCONS"):
        read_program(tmp_path / "m.mps")


BAD = {
    "m.txt": ("", "must end in"),
    "none.mps": (None, "No such file"),
    "garbage.mps": ("garbage here\n", "line 1: .garbage here. stands in no section"),
    "cut.mps": (MPS[:200], "no line ENDATA"),
    "wrong.mps": (MPS.replace(" L cap", " L cup"), "line 8: .cap. is not a row of ROWS"),
    "twice.mps": (MPS.replace("RHS\n", "    x tie 0.2\nRHS\n", 1), "line 14: .* two numbers in row .tie."),
    "tiny.mps": (MPS.replace("x tie 0.1", "x tie 1e-400"), "line 12: .1e-400. is too small for a double"),
    "same.mps": (
        MPS.replace(" E tie", " E cap").replace("tie", "cap"),
        "line 5: two rows are called .cap.",
    ),
    "set.mps": (MPS.replace("ENDATA", "SOS\n S1 s\n    x one\nENDATA"), "line 27: 'one' is not a number"),
    "stray.mps": (MPS.replace("ENDATA", "SOS\n S1 s\n    u 1\nENDATA"), "'u'"),
    "on.mps": (MPS.replace("ENDATA", "INDICATORS\n IF cap a 2\nENDATA"), "'IF cap a 2'"),
    "row.mps": (MPS.replace("ENDATA", "INDICATORS\n IF cup a 1\nENDATA"), "'cup'"),
    "quad.mps": (MPS.replace("ENDATA", "QCMATRIX\n    x x 1\nENDATA"), "names no row"),
    "garbage.lp": ("garbage here\n", "no line Minimize"),
    "row.lp": (
        LP.replace("z = 1 -> x + y <= 3", "z = 1 -> x + y"),
        "line 7: row i: a relation such as <= is missing",
    ),
    "term.lp": (LP.replace("2 a_1^2", "2 a_1^3"), "quadratic term"),
    "set.lp": (LP.replace("x:1 y:2 a_1:3", "x y"), "ordered set"),
    "lost.lp": (LP.replace("s2: S2:: x:1", "s2: S2:: u:1"), "'u'"),
    "broken.lp": (
        "Minimize\n obj: x + + + 2\nSubject To\n c1: x >= >= 3\nEnd\n",
        r"line 2: after .\+ \+. a number",
    ),
}


@pytest.mark.parametrize("name", BAD)
def test_bad_files_are_named_in_one_sentence(tmp_path, name, capfd):
    text, words = BAD[name]
    if text is not None:
        (tmp_path / name).write_text(text)
    with pytest.raises(BadData, match=words) as caught:
        read_program(tmp_path / name)
    assert name in str(caught.value)
    assert "\n" not in str(caught.value)
    assert capfd.readouterr() == ("", "")


def test_rows_without_names(tmp_path):
    (tmp_path / "m.lp").write_text("min\n obj: x + y\nst\n x + y >= 2\n x - y <= 3\nbounds\n x <= 4\nend\n")
    program = read_program(tmp_path / "m.lp")
    assert (program.m, program.row_lower.tolist(), program.row_upper[1]) == (2, [2, -np.inf], 3)


def test_bad_archives_maps_and_places(tmp_path):
    (tmp_path / "m.mps.gz").write_bytes(b"not gzip")
    with pytest.raises(BadData, match="not a whole gzip file"):
        read_program(tmp_path / "m.mps.gz")
    (tmp_path / "m.mps.gz").write_bytes(gzip.compress(MPS.encode())[:-20])
    with pytest.raises(BadData, match="not a whole gzip file"):
        read_program(tmp_path / "m.mps.gz")
    (tmp_path / "m.lp").write_text(LP)
    (tmp_path / "m.lp.names.json").write_text("[]")
    with pytest.raises(BadData, match="not a map of names"):
        read_program(tmp_path / "m.lp")
    (tmp_path / "m.lp.names.json").write_text('{"variables": {"other": "w[0]"}, "rows": {}, "sets": {}}')
    with pytest.raises(BadData, match=r"another model.*'other'"):
        read_program(tmp_path / "m.lp")
    with pytest.raises(BadData, match="cannot be written"):
        write_program(Builder().freeze(), tmp_path / "nowhere" / "m.mps")


def test_a_stale_map_is_replaced(tmp_path):
    first, second = Builder(), Builder()
    first.add("r", first.variable("a b") >= 1)
    second.add("r", second.variable("a_b") >= 1)
    write_program(first.freeze(), tmp_path / "m.mps")
    write_program(second.freeze(), tmp_path / "m.mps")
    assert read_program(tmp_path / "m.mps").column_names == ("a_b",)


def test_an_indicator_needs_a_binary(tmp_path):
    (tmp_path / "m.mps").write_text(MPS.replace("ENDATA", "INDICATORS\n IF tie x 1\nENDATA"))
    with pytest.raises(BadData, match="indicator on 'x', which is not binary"):
        read_program(tmp_path / "m.mps")


@pytest.mark.parametrize("fails", ["write_bytes", "write_text"])
def test_files_are_written_whole_or_not_at_all(tmp_path, monkeypatch, fails):
    first, second = Builder(), Builder()
    first.add("r", first.variable("a b") >= 1)
    second.add("r", second.variable("c d") >= 1)
    write_program(first.freeze(), tmp_path / "m.lp")
    before = {file.name: file.read_bytes() for file in tmp_path.iterdir()}

    def full(self, *_, **__):
        self.touch()
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, fails, full)
    with pytest.raises(BadData, match=r"m\.lp cannot be written: No space left"):
        write_program(second.freeze(), tmp_path / "m.lp")
    monkeypatch.undo()
    assert {file.name: file.read_bytes() for file in tmp_path.iterdir()} == before


PIECES = """
x y z c d obj M RHS BND UP LO FX FR MI BV SC S1 S2 IF NAME ROWS COLUMNS RANGES BOUNDS QUADOBJ QCMATRIX INDICATORS SOS
ENDATA OBJSENSE MAX min max st subject to such that bounds gen bin semi sos end free inf nan 'MARKER' 'INTORG' 'INTEND'
c: S1:: x:1 -> <= >= = + - * / ^ ^2 [ ] ( ) : ; , . / 2 1 0.5 1e400 1e-400 1_0 0x1 N L G E
"""
BLANKS = [" ", "    ", "\n", "\n ", "\r\n", "\t", "\\", "*", "\xa0", "\u2028", "\x0c", "\ud800"]


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.sampled_from([*PIECES.split(), *BLANKS]), max_size=25), st.booleans(), st.booleans())
def test_no_text_breaks_a_reader(tmp_path, pieces, begun, blanks):
    text = (" " if blanks else "").join(pieces)
    for suffix, before, after in (
        (".mps", MPS.partition("RHS\n")[0], "\nENDATA\n"),
        (".lp", LP.partition("Bounds\n")[0], "\nend\n"),
    ):
        file = tmp_path / f"t{suffix}"
        file.write_bytes((before * begun + text + after * begun).encode("utf-8", "surrogatepass"))
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DoubtfulFile)
            try:
                said = str(read_program(file))
            except (BadData, UnsupportedProgram) as error:
                said = str(error)
        assert said.startswith((str(file), "Program("))
        assert "\n" not in said


@pytest.mark.parametrize("suffix", [".mps", ".lp"])
def test_large_files_are_read_whole(tmp_path, suffix):
    rng = np.random.default_rng(0)
    model = Builder()
    x = model.variable("x", 2000, upper=rng.uniform(1, 9, 2000))
    matrix = sparse.csr_array(sparse.random(2000, 2000, density=0.01, random_state=rng))
    model.add("r", Expression(matrix, np.zeros(2000), model) <= rng.normal(size=2000))
    model.minimise(x.sum())
    (file, *_) = write_program(model.freeze(), tmp_path / f"m{suffix}")
    found = read_program(file).A
    assert found.nnz == 40_000
    np.testing.assert_array_equal(found.sum(axis=1), matrix.sum(axis=1))
    np.testing.assert_array_equal(np.sort(found.data), np.sort(matrix.data))
