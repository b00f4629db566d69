"""What the LP reader accepts, with its meaning, and what it refuses, with the line."""

import pytest

from proofolio import BadData, DoubtfulFile, UnsupportedProgram


def lp(rows="c: x + y >= 1", objective="obj: x + y", rest="", sense="Minimize"):
    """Return a file whose objective is line 2 and whose first row is line 4."""
    return f"{sense}\n {objective}\nSubject To\n {rows}\n{rest}\nEnd\n"


MIN = "min x + y"
C = "c: x + y >= 1"
ACCEPTED = {
    # objective
    "no label": (lp(objective="x + y"), [MIN, C]),
    "no objective": (lp(objective=""), ["min 0", C]),
    "label only": (lp(objective="obj:"), ["min 0", C]),
    "constants": (lp(objective="obj: 1.5 + x - 0.5 + y"), [MIN + " + 1", C]),
    "constants as decimals": (lp(objective="obj: x + y + 0.3 - 0.1"), [MIN + " + 0.2", C]),
    "negative constant": (lp(objective="obj: x + y - 3"), [MIN + " - 3", C]),
    "repeated names": (lp(objective="obj: 0.1 x + y + 0.2 x"), ["min 0.3 x + y", C]),
    "maximise": (lp(sense="MAXIMISE"), ["max x + y", C]),
    "max": (lp(sense="max"), ["max x + y", C]),
    "minimum": (lp(sense="Minimum"), [MIN, C]),
    "half a bracket": (lp(objective="obj: x + y + [ x^2 + 4 x * y ] / 2"), ["min x + y + 0.5 x^2 + 2 x*y", C]),
    "minus a bracket": (lp(objective="obj: x - [ y ^ 2 ]/2 + y"), ["min x + y - 0.5 y^2", C]),
    "a factor before a bracket": (lp(objective="obj: 3 [ x^2 ] / 2 + x + y"), ["min x + y + 1.5 x^2", C]),
    "a factor as decimals": (lp(objective="obj: 0.1 [ 6 x^2 ] / 2 + x + y"), ["min x + y + 0.3 x^2", C]),
    "two brackets": (lp(objective="obj: [ x^2 ] / 2 + x + [ y*x ] / 2.0"), ["min x + 0.5 x^2 + 0.5 x*y", C]),
    "both orders of a product": (lp(objective="obj: [ x * y + y * x ] / 2 + x + y"), [MIN + " + x*y", C]),
    # terms
    "touching": (lp("c:2x+3y>=1"), [MIN, "c: 2 x + 3 y >= 1"]),
    "a name like an exponent": (lp("c: x + 3 e1 + y >= 1"), [MIN, "c: x + y + 3 e1 >= 1"]),
    "an exponent": (lp("c: x + 3e1 y >= 1"), [MIN, "c: x + 30 y >= 1"]),
    "a star": (lp("c: 2 * x + 3 y >= 1"), [MIN, "c: 2 x + 3 y >= 1"]),
    "two signs": (lp("c: x + -3 y >= 1"), [MIN, "c: x - 3 y >= 1"]),
    "two minus signs": (lp("c: x - - 3 y >= 1"), [MIN, "c: x + 3 y >= 1"]),
    "numbers without a digit before or after the dot": (lp("c: .5 x + 2. y >= 1"), [MIN, "c: 0.5 x + 2 y >= 1"]),
    "names that begin like infinity": (lp("c: info + nano + infx >= 1"), [MIN, "c: info + nano + infx >= 1"]),
    "zero coefficients": (lp("c: 0 x + 0.0 y >= -1"), [MIN, "c: 0 >= -1"]),
    "a name with every character": (
        lp("c: x + a!\"#$%&'(b),.?@_`{c}|~1 >= 1"),
        [MIN, "c: x + a!\"#$%&'(b),.?@_`{c}|~1 >= 1"],
    ),
    "names with brackets": (lp("c: x[0] + 2 x[1,-2] + f(x)[3]_a >= 1"), [MIN, "c: x[0] + 2 x[1,-2] + f(x)[3]_a >= 1"]),
    "a name with letters of other languages": (lp("größe: x + 2 ñ >= 1"), [MIN, "größe: x + 2 ñ >= 1"]),
    # rows
    "constant on the left": (lp("c: x + 1 <= 4"), [MIN, "c: x <= 3"]),
    "constant as decimals": (lp("c: x + 0.1 <= 0.3"), [MIN, "c: x <= 0.2"]),
    "constant beside two sides": (lp("c: -1 <= x + 1 <= 4"), [MIN, "c: -2 <= x <= 3"]),
    "constant beside infinity": (lp("c: x + 1 <= inf"), [MIN, "c: x free"]),
    "number first": (lp("c: 3 <= x"), [MIN, "c: x >= 3"]),
    "two sides": (lp("c: -5 <= x + y <= 5"), [MIN, "c: -5 <= x + y <= 5"]),
    "two sides downwards": (lp("c: 5 >= x + y >= -5"), [MIN, "c: -5 <= x + y <= 5"]),
    "two sides over lines": (lp("c: -5 <=\n x\n + y <=\n 5"), [MIN, "c: -5 <= x + y <= 5"]),
    "every relation": (
        lp("a: x < 1\n b: x =< 1\n c: x > 1\n d: x => 1\n e: x = 1"),
        [MIN, "a: x <= 1", "b: x <= 1", "c: x >= 1", "d: x >= 1", "e: x = 1"],
    ),
    "infinite sides": (lp("a: x >= -inf\n b: x <= +Infinity\n c: x >= -1e30"), [MIN, "a: x free", "b: x free", "c: x free"]),
    "a right side on a line of its own": (lp("c: x\n + y\n >=\n - 1"), [MIN, "c: x + y >= -1"]),
    "several labelled rows a line": (lp("a: x <= 5 b: y <= 2 c: 1 <= x"), [MIN, "a: x <= 5", "b: y <= 2", "c: x >= 1"]),
    "several rows a line": (lp("x <= 5 y <= 2"), [MIN, "c1: x <= 5", "c2: y <= 2"]),
    "rows that begin with a sign": (lp("- x + y <= 5\n - y <= 2\n + x >= 1"), [MIN, "c1: - x + y <= 5", "c2: - y <= 2", "c3: x >= 1"]),
    "an unnamed row beside c1": (lp("x <= 5\n c1: y <= 2\n x >= 1"), [MIN, "c1_2: x <= 5", "c1: y <= 2", "c3: x >= 1"]),
    "row names that are no column names": (lp("(93): x >= 1\n 7: y >= 1\n a-b: x <= 9"), [MIN, "(93): x >= 1", "7: y >= 1", "a-b: x <= 9"]),
    "a row called as a column": (lp("x: x + y >= 1"), [MIN, "x: x + y >= 1"]),
    "a quadratic row": (lp("q: x + [ x^2 + 3 x * y - y * y ] <= 8"), [MIN, "q: x + x^2 + 3 x*y - y^2 <= 8"]),
    "a factor before a bracket in a row": (lp("q: 2 [ x^2 ] + y - [ y^2 ] <= 8"), [MIN, "q: y + 2 x^2 - y^2 <= 8"]),
    "a bracket and nothing else": (lp("q: [ x ^2 ] <= 8"), [MIN, "q: x^2 <= 8"]),
    "an indicator": (
        lp("i: z = 1 -> x + y <= 3\n z = 0 -> x >= 1", rest="Binary z"),
        [MIN, "i: z = 1 -> x + y <= 3", "c2: z = 0 -> x >= 1", "0 <= z <= 1", "int z"],
    ),
    "no rows": ("Minimize obj: x + y\nSubject To\nEnd\n", [MIN]),
    "no section of rows": ("min x + y end", [MIN]),
    # sections
    "everything on one line": ("min obj: x + y st c: x + y >= 1 bounds x <= 3 gen x end", [MIN, C, "0 <= x <= 3", "int x"]),
    "text behind section words": (
        "Maximize obj: 2 x + y\nSubject To c1: x + y <= 4\nBounds x <= 3\nEnd\n",
        ["max 2 x + y", "c1: x + y <= 4", "0 <= x <= 3"],
    ),
    "other words for sections": (
        "MIN\n x + y\ns.t.\n c: x + y >= 1\nBound\n x <= 2\nInt\n x\nEND",
        [MIN, C, "0 <= x <= 2", "int x"],
    ),
    "such that": ("min x + y\nsuch\n  that c: x + y >= 1\nend", [MIN, C]),
    "comments": ("\\ Maximize\nMinimize \\ st\n obj: x + y\n\\\nst\n c: x \\ + z\n + y >= 1\nEnd \\ more", [MIN, C]),
    "lazy constraints": (lp(rest="Lazy Constraints\n l: x <= 3\n y <= 2"), [MIN, C, "l: x <= 3", "c3: y <= 2"]),
    "Windows": (lp().replace("\n", "\r\n"), [MIN, C]),
    "old Macintosh": (lp().replace("\n", "\r"), [MIN, C]),
    "a byte order mark": (b"\xef\xbb\xbf" + lp().encode(), [MIN, C]),
    "blanks of every kind": (lp().replace(" ", "\t "), [MIN, C]),
    # bounds
    "bounds": (
        lp(rest="Bounds\n x >= 1\n y <= 3\n 1 <= a <= 2\n b = 4\n 7 >= d\n -inf <= e <= 5\n f free\n -1e20 <= g <= 1e20"),
        [MIN, C, "x >= 1", "0 <= y <= 3", "1 <= a <= 2", "b = 4", "0 <= d <= 7", "e <= 5", "f free", "g free"],
    ),
    "several bounds a line": (lp(rest="Bounds x >= 1 y <= 3 -1 <= z <= 1 w free v = 2"), [MIN, C, "x >= 1", "0 <= y <= 3", "-1 <= z <= 1", "w free", "v = 2"]),
    "the last bound counts": (lp(rest="Bounds\n x <= 3\n x >= 1\n x <= 2\n y free\n y >= 0"), [MIN, C, "1 <= x <= 2"]),
    "a negative upper bound": (lp(rest="Bounds x <= -5"), [MIN, C, "0 <= x <= -5"]),
    "sections twice": (lp(rest="Bounds x <= 3\nGen x\nBounds y <= 2\nGen y"), [MIN, C, "0 <= x <= 3", "0 <= y <= 2", "int x y"]),
    "binaries keep bounds inside": (lp(rest="Bounds\n x = 1\nBinaries x y"), [MIN, C, "x = 1", "0 <= y <= 1", "int x y"]),
    "binaries before bounds": (lp(rest="Binaries x\nBounds\n x >= 1"), [MIN, C, "x = 1", "int x"]),
    # semi-continuous and sets
    "semi-continuous": (
        lp(rest="Bounds\n 2 <= x <= 5\nSemi-Continuous\n x"),
        [MIN, C, "x_nonzero_lower: x - 2 x_nonzero >= 0", "x_nonzero_upper: x - 5 x_nonzero <= 0", "0 <= x <= 5", "0 <= x_nonzero <= 1", "int x_nonzero"],
    ),
    "semi-integer": (
        lp(rest="Bounds\n 2 <= x <= 5\nSemi-Integer x"),
        [MIN, C, "x_nonzero_lower: x - 2 x_nonzero >= 0", "x_nonzero_upper: x - 5 x_nonzero <= 0", "0 <= x <= 5", "0 <= x_nonzero <= 1", "int x x_nonzero"],
    ),
    "semi-integer in two lists": (
        lp(rest="Bounds\n 2 <= x <= 5\nGen x\nSemis x"),
        [MIN, C, "x_nonzero_lower: x - 2 x_nonzero >= 0", "x_nonzero_upper: x - 5 x_nonzero <= 0", "0 <= x <= 5", "0 <= x_nonzero <= 1", "int x x_nonzero"],
    ),
    "semi-continuous from zero": (lp(rest="Bounds x <= 5\nSemi x"), [MIN, C, "0 <= x <= 5"]),
    "semi-continuous around zero": (lp(rest="Bounds -1 <= x <= 5\nSemi x"), [MIN, C, "-1 <= x <= 5"]),
    "semi-continuous without end": (
        lp(rest="Bounds x >= 2\nSemi x"),
        [MIN, C, "x_nonzero_in: x_nonzero = 1 -> x >= 2", "x_nonzero_out: x_nonzero = 0 -> x = 0", "0 <= x_nonzero <= 1", "int x_nonzero"],
    ),
    "semi-continuous below zero": (
        lp(rest="Bounds -5 <= x <= -2\nSemi x"),
        [MIN, C, "x_nonzero_lower: x + 5 x_nonzero >= 0", "x_nonzero_upper: x + 2 x_nonzero <= 0", "-5 <= x <= 0", "0 <= x_nonzero <= 1", "int x_nonzero"],
    ),
    "names that are taken": (
        lp("x_nonzero_lower: x + x_nonzero >= 1", rest="Bounds\n 2 <= x <= 5\nSemi x"),
        [
            MIN,
            "x_nonzero_lower: x + x_nonzero >= 1",
            "x_nonzero_2_lower: x - 2 x_nonzero_2 >= 0",
            "x_nonzero_2_upper: x - 5 x_nonzero_2 <= 0",
            "0 <= x <= 5",
            "0 <= x_nonzero_2 <= 1",
            "int x_nonzero_2",
        ],
    ),
    "sets": (
        lp(rest="SOS\n s1: S1:: x:1 y:2\n s2: s2 :: y : 1.5 x : -1e1\n S1:: x:1 y:1"),
        [MIN, C, "s1: S1 x:1 y:2", "s2: S2 y:1.5 x:-10", "sos3: S1 x:1 y:1"],
    ),
    "sets under their kind": (lp(rest="SOS2\n s: S2:: x:1 y:2"), [MIN, C, "s: S2 x:1 y:2"]),
}  # fmt: skip


@pytest.mark.parametrize("case", ACCEPTED)
def test_what_is_accepted_means(case, read_text, spelled):
    text, meaning = ACCEPTED[case]
    assert spelled(read_text(text, ".lp")) == meaning


ONE_NUMBER = "right side must be one number"
REFUSED = {
    # text, line, words
    "nothing": ("", 0, "no line Minimize or Maximize"),
    "no objective": ("st\n x >= 1\nend", 0, "no line Minimize or Maximize"),
    "lp_solve": ("/* a */ max: 3x+2y;\nc1: x+y<=4;\nint x;\n", 0, "it may be lp_solve's format"),
    "no end": ("min x\nst\n x >= 1\n", 0, "no line End"),
    "text before": ("hello\nmin x\nend", 1, "'hello' stands before"),
    "two objectives": ("min x\nmax y\nend", 2, "'max' begins a section that began in line 1"),
    "two sections of rows": (lp(rest="st\n d: x >= 1"), 5, "'st' begins a section"),
    "several objectives": ("Minimize multi-objectives\n o1: x\nend", 1, "several objectives"),
    "a second label": (lp(objective="obj: x + obj2: y"), 2, "':"),
    "a section word as a label": (lp("bin: x >= 1"), 4, "'bin' begins a section: it cannot be a name"),
    "a section word as a label, with a blank": (lp("bin : x >= 1"), 4, "'bin' begins a section: it cannot be a name"),
    "a section word as a name": (lp("c: x + st >= 1"), 4, "there is 'st' (which begins a section"),
    "a missing sign": (lp("c: x y >= 1"), 4, "a relation such as <= is missing before 'y >= 1'"),
    "a missing sign over lines": (lp("c: x\n y >= 1"), 5, "a relation such as <= is missing before 'y >= 1'"),
    "a missing sign in the objective": (lp(objective="obj: x y"), 2, "'y' is not a term"),
    "two numbers": (lp("c: 2 3 x >= 1"), 4, "missing before '3 x >= 1'"),
    "a thousand": (lp("c: 1_000 x >= 1"), 4, "'1_000' can be read in two ways"),
    "a comma in a number": (lp("c: 1,000 x >= 1"), 4, "after the number 1 stands ',000"),
    "two dots": (lp("c: 1.2.3 x >= 1"), 4, "after the number 1.2 stands"),
    "an exponent cut short": (lp("c: 3e x >= 1"), 4, "'3e' can be read in two ways"),
    "a Fortran exponent": (lp("c: 1.0D0 x >= 1"), 4, "'1.0D0' can be read in two ways"),
    "a hexadecimal number": (lp("c: 0x10 >= 1"), 4, "'0x10' can be read in two ways"),
    "too many signs": (lp("c: x + - - 3 y >= 1"), 4, "a number, a name or a bracket is missing"),
    "a sign at the end": (lp("c: x + >= 1"), 4, "a number, a name or a bracket is missing"),
    "a product": (lp("c: x * y >= 1"), 4, "a product at"),
    "a factor behind": (lp("c: x * 3 >= 1"), 4, "a product at"),
    "a power": (lp(objective="obj: x ^ 2"), 2, "a power at"),
    "a division": (lp("c: x / 2 >= 1"), 4, "a division at"),
    "a division without blanks": (lp("c: x/2 >= 1"), 4, "a division at"),
    "a sum in parentheses": (lp("c: 3 (x + y) >= 1"), 4, "is missing before '(x"),
    "a sum in parentheses alone": (lp("c: (x + y) >= 1"), 4, "is missing before '(x"),
    "a name with an open parenthesis": (lp("c: f(x + y) >= 1"), 4, "'f(x' is not a name: its brackets do not match"),
    "a name with an open bracket": (lp("c: x[0 + y >= 1"), 4, "a bracket without a sign"),
    "a square in a name": (lp("c: x[y^2] >= 1"), 4, "a bracket without a sign"),
    "a semicolon": (lp("c: x >= 1;"), 4, ONE_NUMBER),
    "a hash": (lp("c: x + y >= 1\n# comment"), 5, "'#' begins|is missing before 'comment'"),
    "nan": (lp("c: nan x >= 1"), 4, "'nan' cannot stand here"),
    "an infinite factor": (lp("c: inf x >= 1"), 4, "'inf' cannot stand here"),
    "a nan on the right": (lp("c: x >= nan"), 4, ONE_NUMBER),
    "too large": (lp("c: 1e999 x >= 1"), 4, "'1e999' is too large for a double"),
    "too small": (lp("c: 1e-999 x >= 1"), 4, "'1e-999' is too small for a double"),
    "no relation": (lp("c: x + y"), 6, "a relation such as <= is missing before 'End'"),
    "no right side": (lp("c: x + y >=\nBounds\n x <= 1"), 5, "there is 'Bounds' (which begins a section"),
    "two relations in one": (lp("c: x >= = 1"), 4, ONE_NUMBER),
    "a double equal sign": (lp("c: x == 1"), 4, "a relation such as <= is missing"),
    "a variable on the right": (lp("c: x >= y"), 4, ONE_NUMBER),
    "a term on the right": (lp("c: x >= 2 y"), 4, "stands behind the right side of a row"),
    "a sum on the right": (lp("c: x <= 5 + y"), 4, "stands behind the right side of a row"),
    "a sum on the right with a relation": (lp("c: x <= 5 + y <= 2"), 4, "stands behind the right side of a row"),
    "a name that touches the right side": (lp("c: x >= 2y"), 4, ONE_NUMBER),
    "a third side": (lp("c: 1 <= x <= 3 <= y"), 4, "stands behind the right side of a row"),
    "sides that cross": (lp("c: 1 <= x >= 3"), 4, "do not point the same way"),
    "a side and an equation": (lp("c: 1 <= x = 3"), 4, "do not point the same way"),
    "no variable": (lp("c: 3 <= 4"), 4, "has no variable"),
    "no variable at all": (lp("c: 3 + 2 <= 4"), 4, "has no variable"),
    "an impossible side": (lp("c: x >= inf"), 4, "nothing is > inf"),
    "an infinite equation": (lp("c: x = -inf"), 4, "nothing is = -inf"),
    "two rows of one name": (lp("c: x >= 1\n d: y >= 1\n c: y >= 1"), 6, "two rows are called 'c': the first stands in line 4"),
    "two rows of one name on one line": (lp("c: x >= 1 c: y >= 1"), 4, "two rows are called 'c'"),
    "an implication of two values": (lp("i: z = 2 -> x >= 1"), 4, "stands behind the right side|one number"),
    "an equivalence": (lp("i: z = 1 <-> x >= 1", rest="bin z"), 4, "stands behind the right side|one number"),
    "an indicator that is not binary": (lp("i: z = 1 -> x >= 1"), 4, "'z', which is not binary"),
    "a half bracket in a row": (lp("q: [ x^2 ] / 2 <= 8"), 4, "cannot end with / 2"),
    "a whole bracket in the objective": (lp(objective="obj: [ x^2 ]"), 2, "must end with ] / 2"),
    "another divisor": (lp(objective="obj: [ x^2 ] / 4"), 2, "must end with ] / 2"),
    "a linear term in a bracket": (lp("q: [ x^2 + 3 x ] <= 8"), 4, "'+ 3 x ] <=' is not a quadratic term"),
    "a cube": (lp("q: [ x^3 ] <= 8"), 4, "is not a quadratic term"),
    "a square and a half": (lp("q: [ x^2.5 ] <= 8"), 4, "is not a quadratic term"),
    "a bracket that is not closed": (lp("q: [ x^2 <= 8"), 4, "'<= 8' is not a quadratic term"),
    "an empty bracket": (lp("q: [ ] <= 8"), 4, "the bracket is empty"),
    "a missing sign in a bracket": (lp("q: [ x^2 y^2 ] <= 8"), 4, "a sign is missing before 'y^2"),
    "a bound with a factor": (lp(rest="Bounds\n 2 x <= 10"), 6, "a bound has no factor"),
    "a bound with a sign": (lp(rest="Bounds\n -x <= 10"), 6, "is not a bound"),
    "a bound on a sum": (lp(rest="Bounds\n x + y <= 10"), 6, "a bound of 'x' is missing before '+ y"),
    "a bound by a name": (lp(rest="Bounds\n x <= y"), 6, "must be a number"),
    "a bound without a number": (lp(rest="Bounds\n x <="), 7, "must be a number"),
    "bounds that cross": (lp(rest="Bounds\n 1 <= x >= 3"), 6, "do not point the same way"),
    "an impossible bound": (lp(rest="Bounds\n x <= -1e30"), 6, "nothing is < -inf"),
    "a nan bound": (lp(rest="Bounds\n x <= nan"), 6, "must be a number"),
    "a number in a list": (lp(rest="Generals\n x 3"), 6, "'3' is not a name"),
    "commas in a list": (lp(rest="Generals\n x, y"), 6, "'x,' is not a name"),
    "a sum in a list": (lp(rest="Generals\n x+y"), 6, "is not a name"),
    "general constraints": (lp(rest="General Constraints\n g: r = MAX ( x , y )"), 5, "section General Constraints"),
    "piecewise-linear objectives": (lp(rest="PWLObj\n x: (1, 1)"), 5, "section PWLObj"),
    "a set without a kind": (lp(rest="SOS\n s: x:1 y:2"), 6, "does not begin a special ordered set"),
    "a set of another kind": (lp(rest="SOS1\n s: S2:: x:1"), 6, "section SOS1 holds a set S2"),
    "a set without members": (lp(rest="SOS\n s: S1::"), 7, "has no members"),
    "a member without a weight": (lp(rest="SOS\n s: S1:: x y"), 6, "has no members"),
    "a member twice": (lp(rest="SOS\n s: S1:: x:1 x:2"), 6, "holds x twice"),
    "a weight twice": (lp(rest="SOS\n s: S2:: x:1 y:1"), 6, "holds the weight 1 twice"),
    "a member from nowhere": (lp(rest="SOS\n s: S2:: x:1 u:2"), 6, "'u' stands in a special ordered set"),
    "two sets of one name": (lp(rest="SOS\n s: S2:: x:1\n s: S1:: y:1"), 7, "two special ordered sets are called 's'"),
    "a semi-continuous column without a value": (lp(rest="Bounds\n 3 <= x <= 2\nSemi\n x"), 7, "no value between its bounds 3 and 2"),
}  # fmt: skip


@pytest.mark.parametrize("case", REFUSED)
@pytest.mark.parametrize("ends", ["\n", "\r\n"])
def test_what_is_refused_is_named_with_its_line(case, ends, read_text):
    text, line, words = REFUSED[case]
    with pytest.raises((BadData, UnsupportedProgram)) as caught:
        read_text(text.replace("\n", ends), ".lp")
    said = str(caught.value)
    assert any(part.lower() in said.lower() for part in words.split("|")), said
    assert (f"m.lp, line {line}: " in said) == (line > 0), said
    assert "\n" not in said


WARNED = {
    "user cuts": (lp(rest="User Cuts\n u: x + y >= 1.5\n x - y <= 3"), 5, "left out (2 rows)", [MIN, C]),
    "a binary beyond one": (lp(rest="Bounds\n x <= 10\nBinaries\n x"), 7, "'x' has the bounds 0 and 10", [MIN, C, "0 <= x <= 1", "int x"]),
    "a name that is only listed": (lp(rest="Generals\n x\n xx"), 7, "'xx' stands in no objective", [MIN, C, "int x xx"]),
    "text behind the end": (lp() + "Bounds\n x <= 3\n", 7, "'Bounds x <= 3' stands after End", [MIN, C]),
}  # fmt: skip


@pytest.mark.parametrize("case", WARNED)
def test_what_is_doubtful_is_warned_of_with_its_line(case, read_text, spelled):
    text, line, words, meaning = WARNED[case]
    with pytest.warns(DoubtfulFile) as caught:
        program = read_text(text, ".lp")
    (said,) = [str(w.message) for w in caught]
    assert f"m.lp, line {line}: " in said
    assert words in said
    assert spelled(program) == meaning


def test_user_cuts_that_cannot_be_read_are_refused(read_text):
    with pytest.raises(BadData, match=r"line 7: .*relation"):
        read_text(lp(rest="User Cuts\n u: x + y"), ".lp")


def test_the_name_of_the_model_stands_in_a_comment(read_text):
    assert read_text("\\ Problem name: a plan  \n" + lp(), ".lp").name == "a plan"
    assert read_text(lp(), ".lp").name == "m"


def test_every_long_file_keeps_its_lines(read_text):
    rows = "\n".join(f" r{k}: x{k}\n + y >= {k}" for k in range(2000))
    with pytest.raises(BadData, match="line 4003: "):
        read_text(
            f"min\n obj: y\nst\n{rows}\n wrong: x + + + 1 >= 2\nend\n".replace("x1999\n +", "x1999 +"), ".lp"
        )
