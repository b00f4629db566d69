"""What the MPS reader accepts, with its meaning, and what it refuses, with the line."""

import pytest

from proofolio import BadData, DoubtfulFile, UnsupportedProgram, read_program


def mps(
    bounds="",
    more="",
    rows=" N obj\n L c\n",
    columns="    x obj 1 c 1\n    y obj 1 c 1\n",
    rhs="    RHS c 4\n",
    ranges="",
    head="NAME t\n",
    integer=False,
    end="ENDATA\n",
):
    """Return a file: ROWS is line 2, its rows 3 and 4, COLUMNS 5, x and y 6 and 7, RHS 8 and 9, what follows 10."""
    if integer:
        columns = f"    M 'MARKER' 'INTORG'\n{columns}    M 'MARKER' 'INTEND'\n"
    parts = [head, "ROWS\n", rows, "COLUMNS\n", columns, "RHS\n", rhs]
    parts += [f"RANGES\n{ranges}"] if ranges else []
    parts += [f"BOUNDS\n{bounds}\n"] if bounds else []
    return "".join([*parts, f"{more}\n" if more else "", end])


MIN = "min x + y"
C = "c: x + y <= 4"
FIXED = """NAME          my model
ROWS
 N  my cost
 L  cap one
 E  a b
COLUMNS
    x 1       my cost            1.0   cap one            1.0
    x 1       a b               -1.5
    y 2       cap one            2.0   a b                1.0
RHS
    my rhs    cap one            4.0   a b               -0.5
BOUNDS
 UP my bound  x 1                3.0
 FR my bound  y 2
ENDATA
"""
NO_SET = """NAME          t
ROWS
 N  obj
 L  a b
COLUMNS
    x         obj                1.0   a b                1.0
RHS
              a b                4.0
BOUNDS
 UP           x                  3.0
ENDATA
"""
ACCEPTED = {
    "plain": (mps(), [MIN, C]),
    "no right side": (mps(rhs=""), [MIN, "c: x + y <= 0"]),
    "no RHS section": (mps().replace("RHS\n    RHS c 4\n", ""), [MIN, "c: x + y <= 0"]),
    "one pair a line": (mps(columns="    x obj 1\n    x c 1\n    y c 1\n    y obj 1\n"), [MIN, C]),
    "not indented": ("NAME t\nROWS\nN obj\nL c\nCOLUMNS\nx obj 1 c 1\ny c 1\nRHS\nRHS c 4\nBOUNDS\nUP B x 2\nENDATA", ["min x", C, "0 <= x <= 2"]),
    "kinds in lower case": (mps(rows=" n obj\n l c\n"), [MIN, C]),
    "tabs": (mps().replace("    ", "\t"), [MIN, C]),
    "Windows": (mps().replace("\n", "\r\n"), [MIN, C]),
    "old Macintosh": (mps().replace("\n", "\r"), [MIN, C]),
    "a byte order mark": (b"\xef\xbb\xbf" + mps().encode(), [MIN, C]),
    "comments and empty lines": (mps(head="* hello\n\nNAME t\n* ROWS\n"), [MIN, C]),
    "text behind the end": (mps() + "RHS\n    RHS c 9\n", [MIN, C]),
    "names with anything": (
        mps().replace("x", "x[0,-1]").replace(" c", " 9:<=*"),
        ["min x[0,-1] + y", "9:<=*: x[0,-1] + y <= 4"],
    ),
    "a column called RHS": (mps(columns="    RHS obj 1 c 1\n    y obj 1 c 1\n"), ["min RHS + y", "c: RHS + y <= 4"]),
    "Fortran": (mps(columns="    x obj 1.0D0 c 1d+0\n    y obj 0.1D1 c 100E-2\n"), [MIN, C]),
    "other rows of kind N": (
        mps(rows=" N obj\n L c\n N o2\n", columns="    x obj 1 c 1\n    y obj 1 c 1\n    y o2 7\n", rhs="    RHS c 4 o2 3\n"),
        [MIN, C],
    ),
    "no objective": (mps(rows=" L c\n", columns="    x c 1\n    y c 1\n"), ["min 0", C]),
    "a constant": (mps(rhs="    RHS obj -7 c 4\n"), [MIN + " + 7", C]),
    "a right side without a set": (mps(rhs="    c 4\n"), [MIN, C]),
    "two right sides a line without a set": (mps(rhs="    c 4 obj 2\n"), [MIN + " - 2", C]),
    "an infinite right side": (mps(rhs="    RHS c 1e30\n"), [MIN, "c: x + y free"]),
    "an infinite right side in words": (mps(rhs="    RHS c +Inf\n"), [MIN, "c: x + y free"]),
    "a tiny number": (mps(columns="    x obj 1 c 1e-14\n    y obj 1 c 1\n"), [MIN, "c: 1e-14 x + y <= 4"]),
    "zeros": (mps(columns="    x obj 0 c 0\n    y obj 1 c -0.0\n"), ["min y", "c: 0 <= 4"]),
    # sense
    "maximise on the line": (mps(head="NAME t\nOBJSENSE MAX\n"), ["max x + y", C]),
    "maximise on the next line": (mps(head="NAME t\nOBJSENSE\n    MAXIMIZE\n"), ["max x + y", C]),
    "maximise on the next line, not indented": (mps(head="NAME t\nOBJSENSE\nmaximise\n"), ["max x + y", C]),
    "maximise in a long word on the line": (mps(head="NAME t\nOBJSENSE MAXIMIZE\n"), ["max x + y", C]),
    "minimise": (mps(head="NAME t\nOBJSENSE\n  MIN\n"), [MIN, C]),
    "maximise with a constant": (mps(head="OBJSENSE MAX\n", rhs="    RHS c 4 obj 2\n"), ["max x + y - 2", C]),
    "a comment that says what the section says": (mps(head="*SENSE:Maximize\nOBJSENSE MAX\n"), ["max x + y", C]),
    "a comment that says minimise": (mps(head="*SENSE:Minimize\n"), [MIN, C]),
    "the objective by name": (
        mps(head="OBJNAME\n    o2\n", rows=" N obj\n L c\n N o2\n", columns="    x obj 1 c 1\n    y o2 1 c 1\n"),
        ["min y", C],
    ),
    # ranges
    **{
        f"a range of {width} on {kind}": (
            mps(rows=f" N obj\n {kind} c\n", ranges=f"    RNG c {width}\n"), [MIN, f"c: {meaning}"]
        )
        for kind, width, meaning in (
            ("L", 3, "1 <= x + y <= 4"),
            ("L", -3, "1 <= x + y <= 4"),
            ("G", 3, "4 <= x + y <= 7"),
            ("G", -3, "4 <= x + y <= 7"),
            ("E", 3, "4 <= x + y <= 7"),
            ("E", -3, "1 <= x + y <= 4"),
            ("E", 0, "x + y = 4"),
            ("L", 0, "x + y = 4"),
        )
    },
    "ranges before right sides": (mps().replace("RHS\n    RHS", "RANGES\n    c 1\nRHS\n    RHS"), [MIN, "c: 3 <= x + y <= 4"]),
    # bounds: each from the readers' common ground
    **{
        f"{'integer' if integer else 'continuous'} {bounds!r}": (mps(bounds, integer=integer), [MIN, C, *meaning])
        for integer, bounds, meaning in (
            (False, " UP B x 5", ["0 <= x <= 5"]),
            (False, " UP B x 0", ["x = 0"]),
            (False, " LO B x 2", ["x >= 2"]),
            (False, " LO B x -2\n UP B x -1", ["-2 <= x <= -1"]),
            (False, " UP B x -1\n LO B x -2", ["-2 <= x <= -1"]),
            (False, " LO B x 0\n UP B x -1", ["0 <= x <= -1"]),
            (False, " FX B x 0.5", ["x = 0.5"]),
            (False, " FR B x", ["x free"]),
            (False, " FR B x 0", ["x free"]),
            (False, " MI B x", ["x free"]),
            (False, " MI B x\n UP B x 3", ["x <= 3"]),
            (False, " UP B x 3\n MI B x", ["x <= 3"]),
            (False, " PL B x", []),
            (False, " UP B x 1e20", []),
            (False, " UP B x Infinity", []),
            (False, " LO B x -inf", ["x free"]),
            (False, " BV B x", ["0 <= x <= 1", "int x"]),
            (False, " BV B x 1", ["0 <= x <= 1", "int x"]),
            (False, " LI B x 2", ["x >= 2", "int x"]),
            (False, " UI B x 7", ["0 <= x <= 7", "int x"]),
            (False, " LO B x 2\n LO B x 2.0", ["x >= 2"]),
            (False, " UP x 5\n FR y", ["0 <= x <= 5", "y free"]),
            (False, " FR y 0\n BV x", ["0 <= x <= 1", "y free", "int x"]),
            (False, " up B x 5", ["0 <= x <= 5"]),
            (True, "", ["0 <= x <= 1", "0 <= y <= 1", "int x y"]),
            (True, " UP B x 5", ["0 <= x <= 5", "0 <= y <= 1", "int x y"]),
            (True, " LO B x 0", ["0 <= y <= 1", "int x y"]),
            (True, " LO B x 2", ["x >= 2", "0 <= y <= 1", "int x y"]),
            (True, " PL B x", ["0 <= y <= 1", "int x y"]),
            (True, " MI B x", ["x free", "0 <= y <= 1", "int x y"]),
            (True, " FR B x", ["x free", "0 <= y <= 1", "int x y"]),
            (True, " UP B x 0", ["x = 0", "0 <= y <= 1", "int x y"]),
            (True, " LI B x 2", ["x >= 2", "0 <= y <= 1", "int x y"]),
        )
    },
    "semi-continuous": (
        mps(" LO B x 2\n SC B x 5"),
        [MIN, C, "x_nonzero_lower: x - 2 x_nonzero >= 0", "x_nonzero_upper: x - 5 x_nonzero <= 0", "0 <= x <= 5", "0 <= x_nonzero <= 1", "int x_nonzero"],
    ),
    "semi-continuous, its lower bound later": (
        mps(" SC B x 5\n LO B x 2"),
        [MIN, C, "x_nonzero_lower: x - 2 x_nonzero >= 0", "x_nonzero_upper: x - 5 x_nonzero <= 0", "0 <= x <= 5", "0 <= x_nonzero <= 1", "int x_nonzero"],
    ),
    "semi-integer": (
        mps(" LO B x 2\n SI B x 5"),
        [MIN, C, "x_nonzero_lower: x - 2 x_nonzero >= 0", "x_nonzero_upper: x - 5 x_nonzero <= 0", "0 <= x <= 5", "0 <= x_nonzero <= 1", "int x x_nonzero"],
    ),
    "semi-continuous from zero": (mps(" SC B x 5"), [MIN, C, "0 <= x <= 5"]),
    "semi-continuous without end": (
        mps(" LO B x 2\n SC B x 1e30"),
        [MIN, C, "x_nonzero_in: x_nonzero = 1 -> x >= 2", "x_nonzero_out: x_nonzero = 0 -> x = 0", "0 <= x_nonzero <= 1", "int x_nonzero"],
    ),
    # quadratic parts and logic
    "QUADOBJ": (mps(more="QUADOBJ\n    x x 2\n    y x 3"), ["min x + y + x^2 + 3 x*y", C]),
    "QUADOBJ, the other triangle": (mps(more="QUADOBJ\n    x x 2\n    x y 3"), ["min x + y + x^2 + 3 x*y", C]),
    "QSECTION": (mps(more="QSECTION obj\n    x x 2\n    x y 3"), ["min x + y + x^2 + 3 x*y", C]),
    "QSECTION without a name": (mps(more="QSECTION\n    x x 2\n    x y 3"), ["min x + y + x^2 + 3 x*y", C]),
    "QMATRIX": (mps(more="QMATRIX\n    x x 2\n    x y 3\n    y x 3"), ["min x + y + x^2 + 3 x*y", C]),
    "a quadratic objective that is maximised": (mps(head="OBJSENSE MAX\n", more="QUADOBJ\n    x x -2"), ["max x + y - x^2", C]),
    "QCMATRIX": (mps(more="QCMATRIX c\n    x x 2\n    x y 3\n    y x 3"), [MIN, "c: x + y + 2 x^2 + 6 x*y <= 4"]),
    "QCMATRIX as SCIP writes squares": (mps(more="QCMATRIX c\n    x x 0.5\n    x x 0.5"), [MIN, "c: x + y + x^2 <= 4"]),
    "an indicator": (
        mps(" BV B x", more="INDICATORS\n IF c x 1"), [MIN, "c: x = 1 -> x + y <= 4", "0 <= x <= 1", "int x"]
    ),
    "an indicator on a marked column": (
        mps(integer=True, more="INDICATORS\n IF c x 0"),
        [MIN, "c: x = 0 -> x + y <= 4", "0 <= x <= 1", "0 <= y <= 1", "int x y"],
    ),
    "sets": (mps(more="SOS\n S1 s\n    x 1\n    y 1\n S2 u\n    y 2\n    x 1.5"), [MIN, C, "s: S1 x:1 y:1", "u: S2 y:2 x:1.5"]),
    "sets with words between": (mps(more="SOS\n S1 SOS s 5\n    SOS x:1\n    SOS y:2"), [MIN, C, "s: S1 x:1 y:2"]),
    "sets under their kind": (mps(more="SOS2\n S2 s\n    x 1\n    y 2"), [MIN, C, "s: S2 x:1 y:2"]),
    "a member called S1": (
        mps(columns="    S1 obj 1 c 1\n    y obj 1 c 1\n", more="SOS\n S1 s\n    S1 1\n    y 2"),
        ["min S1 + y", "c: S1 + y <= 4", "s: S1 S1:1 y:2"],
    ),
    "lazy rows": (mps(rows=" N obj\n L c\nLAZYCONS\n G l\n", columns="    x obj 1 c 1\n    x l 1\n    y obj 1 c 1\n", rhs="    RHS c 4 l 1\n"), [MIN, C, "l: x >= 1"]),
    # fixed format
    "fixed, with blanks in names": (FIXED, ["min x 1", "cap one: x 1 + 2 y 2 <= 4", "a b: - 1.5 x 1 + y 2 = -0.5", "0 <= x 1 <= 3", "y 2 free"]),
    "fixed, without names of sets": (NO_SET, ["min x", "a b: x <= 4", "0 <= x <= 3"]),
    "fixed markers": (
        FIXED.replace("    x 1       my", "    M1        'MARKER'                 'INTORG'\n    x 1       my", 1).replace(
            "    y 2 ", "    M1        'MARKER'                 'INTEND'\n    y 2 ", 1
        ),
        ["min x 1", "cap one: x 1 + 2 y 2 <= 4", "a b: - 1.5 x 1 + y 2 = -0.5", "0 <= x 1 <= 3", "y 2 free", "int x 1"],
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", ACCEPTED)
def test_what_is_accepted_means(case, read_text, spelled):
    text, meaning = ACCEPTED[case]
    assert spelled(read_text(text, ".mps")) == meaning


REFUSED = {
    # text, line, words
    "nothing": ("", 0, "no line ROWS"),
    "no end": (mps(end=""), 0, "no line ENDATA"),
    "no columns": ("ROWS\n N obj\nENDATA\n", 0, "no line COLUMNS"),
    "text before": ("hello there\n" + mps(), 1, "'hello there' stands in no section"),
    "data before": ("    x 1\n" + mps(), 1, "'x 1' stands in no section"),
    "a section twice": (mps(more="RHS\n    RHS c 3"), 10, "section RHS stands twice: it began in line 8"),
    "an unknown section": (mps(more="FOO"), 10, "'FOO' does not fit its section"),
    "general constraints": (mps(more="GENCONS\n MAX m"), 10, "section GENCONS, which a Program has no place for"),
    "cones": (mps(more="CSECTION k 0 QUAD\n    x"), 10, "section CSECTION"),
    "an unknown sense": (mps(head="OBJSENSE\n  MAYBE\n"), 2, "'MAYBE' does not fit its section"),
    "an unknown kind": (mps(rows=" N obj\n K c\n"), 4, "'K c' does not fit its section"),
    "a row without a name": (mps(rows=" N obj\n L\n"), 4, "'L' does not fit its section"),
    "a row with two names": (mps(rows=" N obj\n L c d\n"), 4, "'L c d' does not fit its section"),
    "two rows of one name": (mps(rows=" N obj\n L c\n G c\n"), 5, "two rows are called 'c'"),
    "a row that is none": (mps(columns="    x obj 1 d 1\n"), 6, "'d' is not a row of ROWS"),
    "a number missing": (mps(columns="    x obj\n"), 6, "'x obj' does not fit its section"),
    "a number missing in the second pair": (mps(columns="    x obj 1 c\n"), 6, "does not fit its section"),
    "a number that is none": (mps(columns="    x obj one\n"), 6, "'one' is not a number"),
    "a thousand": (mps(columns="    x obj 1_000\n"), 6, "'1_000' is not a number"),
    "a hexadecimal number": (mps(columns="    x obj 0x10\n"), 6, "'0x10' is not a number"),
    "digits of other languages": (mps(columns="    x obj \uff11\n"), 6, "is not a number"),
    "nan": (mps(columns="    x obj nan\n"), 6, "'nan' is not a finite number"),
    "infinity": (mps(columns="    x obj 1 c -inf\n"), 6, "'-inf' is not a finite number"),
    "too large": (mps(columns="    x obj 1e400\n"), 6, "'1e400' is too large for a double"),
    "too small": (mps(columns="    x obj 1e-400\n"), 6, "'1e-400' is too small for a double"),
    "a column that goes on": (mps(columns="    x obj 1\n    y obj 1\n    x c 1\n"), 8, "column 'x' goes on after another column"),
    "a place twice": (mps(columns="    x c 1\n    x c 2\n"), 7, "column 'x' has two numbers in row 'c'"),
    "a place twice in the objective": (mps(columns="    x obj 1 obj 2\n"), 6, "column 'x' has two numbers in row 'obj'"),
    "an unknown marker": (mps(columns="    M 'MARKER' 'SOSORG'\n"), 6, "a marker 'INTORG' or 'INTEND'"),
    "a marker twice": (mps(columns="    M 'MARKER' 'INTORG'\n    M 'MARKER' 'INTORG'\n"), 7, "where none can be"),
    "an end without a beginning": (mps(columns="    M 'MARKER' 'INTEND'\n"), 6, "where none can be"),
    "a right side twice": (mps(rhs="    RHS c 4 c 5\n"), 9, "row 'c' has two right-hand sides"),
    "a right side of no row": (mps(rhs="    RHS d 4\n"), 9, "'d' is not a row of ROWS"),
    "a right side that is no number": (mps(rhs="    RHS c x\n"), 9, "'x' is not a number"),
    "a nan right side": (mps(rhs="    RHS c NaN\n"), 9, "'NaN' is not a finite number"),
    "an infinite right side of the wrong sign": (mps(rhs="    RHS c -1e30\n"), 9, "row 'c' of kind L can have no right-hand side -1e30"),
    "an infinite equation": (mps(rows=" N obj\n E c\n", rhs="    RHS c 1e30\n"), 9, "row 'c' of kind E can have no"),
    "two sets of right sides": (mps(rhs="    R1 c 4\n    R2 obj 5\n"), 10, "section RHS holds two sets, 'R1' and 'R2'"),
    "a range twice": (mps(ranges="    R c 4 c 5\n"), 11, "row 'c' has two ranges"),
    "a range of the objective": (mps(ranges="    R obj 4\n"), 11, "'obj' is an objective (kind N)"),
    "a range of an infinite side": (mps(rhs="    RHS c 1e30\n", ranges="    R c 4\n"), 11, "has a range and no finite"),
    "an unknown bound": (mps(" UB B x 5"), 11, "'UB B x 5' does not fit its section"),
    "a bound without a number": (mps(" UP B x"), 11, "'x' is not a number|'B' is not a column"),
    "a bound of no column": (mps(" UP B z 5"), 11, "'z' is not a column of COLUMNS"),
    "a free bound of no column": (mps(" FR B z"), 11, "'B' is not a column of COLUMNS"),
    "a bound that is no number": (mps(" UP B x y"), 11, "'y' is not a number"),
    "a nan bound": (mps(" UP B x nan"), 11, "'nan' is not a finite number"),
    "an impossible bound": (mps(" UP B x -1e30"), 11, "column 'x' cannot have the bound -1e30"),
    "an impossible lower bound": (mps(" LO B x 1e30"), 11, "column 'x' cannot have the bound 1e30"),
    "two sets of bounds": (mps(" UP B1 x 4\n UP B2 y 5"), 12, "section BOUNDS holds two sets, 'B1' and 'B2'"),
    "a side twice": (mps(" LO B x 2\n LO B x 3"), 12, "the lower bound of column 'x' is set twice, to 2 and 3"),
    "a binary with another end": (mps(" BV B x\n UP B x 4"), 12, "the upper bound of column 'x' is set twice, to 1 and 4"),
    "semi-continuous without a number": (mps(" SC B x"), 11, "'x' is not a number|'B' is not a column"),
    "semi-continuous to zero": (mps(" SC B x 0"), 11, "the upper limit of the semi-continuous column 'x' is 0"),
    "semi-continuous without a value": (mps(" LO B x 7\n SC B x 5"), 12, "no value between its bounds 7 and 5"),
    "both halves of QUADOBJ": (mps(more="QUADOBJ\n    x y 3\n    y x 3"), 12, "the pair 'y', 'x' twice"),
    "half of QMATRIX": (mps(more="QMATRIX\n    x y 3"), 10, "section QMATRIX is not symmetric"),
    "half of QCMATRIX": (mps(more="QCMATRIX c\n    x y 3\n    y x 2"), 10, "section QCMATRIX is not symmetric"),
    "two quadratic objectives": (mps(more="QUADOBJ\n    x x 3\nQMATRIX\n    x x 3"), 12, "sections QUADOBJ and QMATRIX"),
    "QSECTION of a row": (mps(more="QSECTION c\n    x x 3"), 10, "not for 'c'"),
    "QCMATRIX of nothing": (mps(more="QCMATRIX\n    x x 3"), 10, "section QCMATRIX names no row"),
    "QCMATRIX of no row": (mps(more="QCMATRIX d\n    x x 3"), 10, "'d' is not a row of ROWS"),
    "QCMATRIX of the objective": (mps(more="QCMATRIX obj\n    x x 3"), 10, "'obj' is an objective (kind N)"),
    "QCMATRIX twice": (mps(more="QCMATRIX c\n    x x 3\nQCMATRIX c\n    x x 3"), 12, "row 'c' has two sections QCMATRIX"),
    "a quadratic term without a number": (mps(more="QUADOBJ\n    x x"), 11, "'x x' does not fit its section"),
    "a quadratic term of no column": (mps(more="QUADOBJ\n    x z 1"), 11, "'z' is not a column of COLUMNS"),
    "an indicator of two": (mps(" BV B x", more="INDICATORS\n IF c x 2"), 13, "'IF c x 2' does not fit its section"),
    "an indicator of no row": (mps(" BV B x", more="INDICATORS\n IF d x 1"), 13, "'d' is not a row of ROWS"),
    "an indicator that is not binary": (mps(more="INDICATORS\n IF c x 1"), 4, "an indicator on 'x', which is not binary"),
    "two indicators": (mps(" BV B x", more="INDICATORS\n IF c x 1\n IF c x 0"), 14, "row 'c' has two indicators"),
    "an implied quadratic row": (mps(" BV B x", more="QCMATRIX c\n    x x 1\nINDICATORS\n IF c x 1"), 4, "quadratic and implied"),
    "a set of another kind": (mps(more="SOS1\n S2 s\n    x 1"), 11, "S1 and the name of a set"),
    "a member before its set": (mps(more="SOS\n    x 1"), 11, "S1 or S2 and the name of a set"),
    "a member twice": (mps(more="SOS\n S1 s\n    x 1\n    x 2"), 13, "holds column 'x' twice"),
    "a weight twice": (mps(more="SOS\n S2 s\n    x 1\n    y 1"), 13, "holds the weight 1 twice"),
    "a member from nowhere": (mps(more="SOS\n S1 s\n    z 1"), 12, "'z' is not a column of COLUMNS"),
    "two sets of one name": (mps(more="SOS\n S1 s\n    x 1\n S2 s\n    y 1"), 13, "two special ordered sets are called 's'"),
    "an objective by a name that is none": (mps(head="OBJNAME\n    o2\n"), 1, "'o2' is not a row of kind N"),
    "fixed, with a typing error": (FIXED.replace("cap one            4.0", "cap two            4.0"), 11, "'cap two' is not a row of ROWS"),
    "blanks in names, not in columns": (mps().replace("x obj", "x 1 obj"), 6, "'x 1 obj 1 c 1' does not fit its section"),
}  # fmt: skip


@pytest.mark.parametrize("case", REFUSED)
@pytest.mark.parametrize("ends", ["\n", "\r\n"])
def test_what_is_refused_is_named_with_its_line(case, ends, read_text):
    text, line, words = REFUSED[case]
    with pytest.raises((BadData, UnsupportedProgram)) as caught:
        read_text(text.replace("\n", ends), ".mps")
    said = str(caught.value)
    assert any(part in said for part in words.split("|")), said
    assert (f"m.mps, line {line}: " in said) == (line > 0), said
    assert "\n" not in said


WARNED = {
    "a comment about the sense": (mps(head="*SENSE:Maximize\nNAME t\n"), 1, "it is minimised", [MIN, C]),
    "a negative upper bound": (mps(" UP B x -3"), 11, "read as minus infinity", [MIN, C, "x <= -3"]),
    "a negative upper bound of an integer": (
        mps(" UI B x -3"), 11, "read as minus infinity", [MIN, C, "x <= -3", "int x"]
    ),
    "user cuts": (
        mps(rows=" N obj\n L c\nUSERCUTS\n G u\nLAZYCONS\n G l\n", columns="    x obj 1 c 1\n    x u 1 l 2\n    y obj 1 c 1\n"),
        5,
        "left out (1 row)",
        [MIN, C, "l: 2 x >= 0"],
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", WARNED)
def test_what_is_doubtful_is_warned_of_with_its_line(case, read_text, spelled):
    text, line, words, meaning = WARNED[case]
    with pytest.warns(DoubtfulFile) as caught:
        program = read_text(text, ".mps")
    (said,) = [str(w.message) for w in caught]
    assert f"m.mps, line {line}: " in said
    assert words in said
    assert spelled(program) == meaning


@pytest.mark.parametrize(
    ("line", "name"),
    [("NAME", "m"), ("NAME  a plan", "a plan"), ("NAME plan FREE", "plan"), ("name plan", "plan"), ("NAME FREE", "FREE")],
)  # fmt: skip
def test_the_name_of_the_model(line, name, read_text):
    assert read_text(mps(head=f"{line}\n"), ".mps").name == name


def test_a_range_is_added_to_its_side_as_decimals_are(tmp_path):
    """0.1 + 0.7 is 0.8, and not the 0.7999999999999999 of floating point."""
    file = tmp_path / "range.mps"
    file.write_text(
        "NAME r\nROWS\n N obj\n G g\n L l\n E e\nCOLUMNS\n x obj 1 g 1\n x l 1 e 1\n"
        "RHS\n RHS g 0.1 l 0.8\n RHS e 0.8\nRANGES\n RNG g 0.7 l 0.7\n RNG e -0.7\nENDATA\n"
    )
    program = read_program(file)
    assert program.row_lower.tolist() == [0.1, 0.1, 0.1]
    assert program.row_upper.tolist() == [0.8, 0.8, 0.8]
