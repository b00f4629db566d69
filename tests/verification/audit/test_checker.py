"""The checker of an audit's certificates against the words' definitions, on rows whose needed M is known."""

import itertools
import random
from fractions import Fraction
from math import ulp

import pytest

from proofolio.verification.audit.checker import checked, read_tree, written_tree
from proofolio.verification.exact.certificate import digest
from proofolio.verification.exact.trees import Branch, Leaf, Split

F = Fraction
HALF = F(1, 2)
VERDICTS = ("tight", "loose", "valid", "binding", "invalid", "redundant", "forcing", "dead")


def system(rows, boxes, integer=(1,)):
    """Columns x, y, ... with boxes; rows by name as (terms, low, high)."""
    return {
        "columns": ["x", "y", "z"][: len(boxes)],
        "integer": list(integer),
        "rows": [
            {
                "name": name,
                "terms": [[j, str(a)] for j, a in terms.items()],
                "low": None if low is None else str(low),
                "high": None if high is None else str(high),
            }
            for name, (terms, low, high) in rows.items()
        ],
        "lower": [None if low is None else str(low) for low, _ in boxes],
        "upper": [None if high is None else str(high) for _, high in boxes],
    }


def check(book, entry, candidate=None):
    """What the checker says of one certificate."""
    candidate = {"certified": True, "declared": entry.get("declared", False)} | (candidate or {})
    side = {key: entry.get(key) for key in ("row", "binary", "side")} | candidate
    sealed = entry | {"digest": digest(entry)}
    found = checked({"system": book, "candidates": [side], "certificates": [sealed]})
    return found[0]


class Row:
    """A row ``a x + d y <= rhs`` (or >=) with x in a box and y binary; what it means, by the definitions."""

    def __init__(self, a, d, rhs, box, side):
        self.a, self.d, self.rhs, self.box, self.side = F(a), F(d), F(rhs), tuple(map(F, box)), side
        sign = 1 if side == "upper" else -1
        self.sign = sign
        # as a row <=: where y is `off` there is room for `off_room`, on the other side for `on_room`
        rooms = {y: sign * self.rhs - sign * self.d * y for y in (0, 1)}
        self.off = max(rooms, key=lambda y: rooms[y])
        self.on_room = rooms[1 - self.off]
        self.M = rooms[self.off] - self.on_room
        self.best = max(self.box, key=lambda x: sign * self.a * x)
        self.top = sign * self.a * self.best
        self.needed = self.top - self.on_room

    @property
    def book(self):
        low, high = (None, self.rhs) if self.side == "upper" else (self.rhs, None)
        return system({"r": ({0: self.a, 1: self.d}, low, high)}, [self.box, (F(0), F(1))])

    def entry(self, verdict, point=True):
        """A certificate of a verdict that proves as much as can be proved."""
        entry = {"row": "r", "binary": "y", "side": self.side, "verdict": verdict}
        entry |= {"off_value": self.off, "big_m": str(self.M)}
        if verdict in ("tight", "loose", "valid", "redundant"):
            entry |= {"bound": str(self.top), "multipliers": {}}
        if verdict == "redundant":
            entry |= {"bound_on": str(self.top), "multipliers_on": {}, "empty_on": False}
        if verdict in ("binding", "invalid"):
            entry |= {"declared": verdict == "invalid"}
        if verdict not in ("redundant", "forcing", "dead") and point:
            at = {"0": str(self.best), "1": str(self.off)}
            entry |= {"point": {j: v for j, v in at.items() if v != "0"}, "reached": str(self.top)}
        if verdict in ("forcing", "dead"):
            entry |= {"bound": str(self.top), "multipliers": {}}
        if verdict == "dead":
            entry |= {"point": {"0": str(self.best), "1": str(1 - self.off)}}
        return entry

    def allows(self, verdict, point):
        """Whether a verdict is the word for the row."""
        enough = self.needed <= self.M
        near = self.needed > 0 and self.M <= F(101, 100) * self.needed
        loose = self.M > F(101, 100) * self.needed
        return {
            "tight": enough and near and point,
            "loose": enough and loose,
            "valid": enough and not loose and not (near and point),
            "binding": not enough and point,
            "invalid": not enough and point,
            "redundant": enough and self.needed <= 0,
            "forcing": False,
            "dead": False,
        }[verdict]


def drawn_rows():
    rng = random.Random(1)
    for _ in range(60):
        low = F(rng.randint(-3, 1), rng.choice((1, 2)))
        box = (low, low + rng.randint(0, 4))
        side = rng.choice(("upper", "lower"))
        yield Row(
            rng.choice((-2, -1, 1, 3)), rng.choice((-9, -4, -1, 1, 2, 5)), rng.randint(-4, 9), box, side
        )
    yield Row(1, HALF, 4, (0, 4), "upper")
    yield Row(1, -HALF, 4, (0, 4), "lower")
    yield Row(1, 0, 4, (0, 4), "upper")  # an M of zero, and zero is needed
    yield Row(1, 0, 4, (0, 3), "upper")
    yield Row(1, -4, 2, (0, 2), "upper")  # with y on, x reaches the side
    # needed M of 4, and M around it
    for M, side, flip in itertools.product(
        (3, 4, F(403, 100), F(404, 100), F(405, 100), 5), ("upper", "lower"), (0, 1)
    ):
        sign = 1 if side == "upper" else -1
        d = -sign * M if not flip else sign * M
        yield Row(sign, d, 0 if not flip else sign * M, (0, 4), side)


@pytest.mark.parametrize("point", [True, False])
def test_a_certificate_holds_where_its_verdict_is_the_word_for_its_row(point):
    held = dict.fromkeys(VERDICTS, 0)
    for row in drawn_rows():
        for verdict in VERDICTS:
            found = check(row.book, row.entry(verdict, point))
            assert found.ok is row.allows(verdict, point), (vars(row), verdict, found.reason)
            assert (found.row, found.side, found.binary, found.verdict) == ("r", row.side, "y", verdict)
            assert (found.reason == "") is found.ok
            held[verdict] += found.ok
    assert all(held[v] for v in ("loose", "redundant"))
    assert all((held[v] > 0) is point for v in ("tight", "binding", "invalid"))


FOUR = Row(1, -4, 0, (0, 4), "upper")  # x <= 4 y with x in [0, 4]


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"off_value": 0}, "its off-value or M"),
        ({"big_m": "5"}, "its off-value or M"),
        ({"bound": "5"}, "its proof does not give its bound"),
        ({"bound": "3"}, "its proof does not give its bound"),
        ({"multipliers": {"0": "1"}}, "its proof does not give its bound"),  # the row itself is freed
        ({"point": {"0": "4"}}, "does not satisfy the rest"),  # y is on
        ({"point": {"0": "5", "1": "1"}}, "does not satisfy the rest"),
        ({"point": {"0": "4", "1": "1", "2": "1"}}, "does not satisfy the rest"),  # no such column
        ({"point": {"0": "4", "1": "1", "-1": "0"}}, "does not satisfy the rest"),
        ({"point": {"0": "3", "1": "1"}}, "does not reach what it says"),
        ({"reached": "3"}, "does not reach what it says"),
        ({"point": {"0": "3", "1": "1"}, "reached": "3"}, "its numbers say valid"),
        ({"row": "s"}, "cannot be read: KeyError"),
        ({"side": "lower"}, "no such side"),
        ({"binary": "x"}, "no such side"),
        ({"verdict": "loose"}, "its numbers say tight"),
        ({"verdict": "best"}, "its numbers say tight"),
        ({"more": 1}, "its field 'more' does not belong"),
        ({"empty_on": True}, "its field 'empty_on' does not belong"),
        ({"big_m": "x"}, "cannot be read: ValueError"),
        ({"bound": "1/0"}, "cannot be read: ZeroDivisionError"),
        ({"multipliers": []}, "cannot be read"),
    ],
)
def test_what_a_certificate_says_wrongly_is_named(change, reason):
    assert check(FOUR.book, FOUR.entry("tight")).ok
    found = check(FOUR.book, FOUR.entry("tight") | change)
    assert not found.ok
    assert reason in found.reason


def test_numbers_beyond_doubles_are_no_crash():
    """A point may be so large that its unit in the last place is no number; two columns cancel in the row."""
    rows = {"r": ({0: F(1), 1: F(-4), 2: HALF}, None, F(0))}
    book = system(rows, [(None, F(4)), (F(0), F(1)), (None, None)])
    large = 10**400 + 1
    entry = FOUR.entry("binding")
    entry |= {"point": {"0": str(4 - large), "1": "1", "2": str(2 * large + 9)}, "reached": str(4 + F(9, 2))}
    found = check(book, entry)
    assert "cannot be read: OverflowError" in found.reason


def test_fields_may_not_be_missing():
    entry = FOUR.entry("tight")
    for key in ("row", "binary", "side", "verdict", "off_value", "big_m", "bound", "multipliers", "reached"):
        found = check(FOUR.book, {k: v for k, v in entry.items() if k != key}, {"row": "r"})
        assert not found.ok


@pytest.mark.parametrize(
    ("box", "integer", "fits"),
    [
        ((0, 1), (1,), True),
        ((0, 0), (1,), True),
        ((1, 1), (1,), True),
        ((F(1, 4), F(3, 4)), (1,), True),
        ((0, 1), (), False),
        ((0, 2), (1,), False),
        ((-1, 1), (1,), False),
        ((None, 1), (1,), False),
        ((0, None), (1,), False),
        ((0, F(5, 4)), (1,), False),
        ((F(-1, 4), 1), (1,), False),
    ],
)
def test_a_binary_is_an_integer_between_zero_and_one(box, integer, fits):
    book = system({"r": ({0: F(1), 1: F(-4)}, None, F(0))}, [(F(0), F(4)), box], integer)
    found = check(book, FOUR.entry("tight"))
    assert found.ok is fits
    assert fits or "not a binary variable" in found.reason


def test_points_are_integer_where_the_model_is():
    book = system({"r": ({0: F(1), 1: F(-4)}, None, F(0))}, [(F(0), F(9, 2)), (F(0), F(1))], (0, 1))
    entry = FOUR.entry("binding") | {"point": {"0": "9/2", "1": "1"}, "reached": "9/2"}
    assert "does not satisfy" in check(book, entry).reason
    book["integer"] = [1]
    assert check(book, entry).ok


# ------------------------------------------------------------------ rounding
@pytest.mark.parametrize(("ulps", "enough"), [(0, True), (1, True), (4, True), (5, False), (50, False)])
def test_m_may_be_short_by_four_units_in_its_last_place(ulps, enough):
    step = F(ulp(3.5))
    row = Row(1, -(4 - ulps * step), 0, (0, 4), "upper")
    assert check(row.book, row.entry("tight")).ok is enough
    assert check(row.book, row.entry("binding")).ok is not enough
    assert check(row.book, row.entry("valid", point=False)).ok is enough


@pytest.mark.parametrize(("by", "enough"), [(F(0), True), (F(1), True), (F(4), True), (F(5), False)])
def test_the_unit_is_that_of_the_largest_number(by, enough):
    """The side is 1000.5: its unit counts, not the one of M."""
    step = F(ulp(1000.5))
    row = Row(1, -(4 - by * step), F(2001, 2), (0, 0), "upper")
    row = Row(1, -(4 - by * step), F(2001, 2), (0, F(2001, 2) + 4), "upper")
    assert check(row.book, row.entry("tight")).ok is enough


def test_terms_of_integers_lend_nothing_and_others_up_to_a_limit():
    """x + a z <= 4 y: the point's term a z is large, and cancels in the bound by z's box."""

    def found(z, by, integer=(1,), a=1):
        step = F(ulp(float(abs(a * z))))
        M = 4 + a * z - by * step
        rows = {"r": ({0: F(1), 1: -M, 2: F(a)}, None, F(0))}
        book = system(rows, [(F(0), F(4)), (F(0), F(1)), (F(0), z)], integer)
        entry = FOUR.entry("tight") | {
            "big_m": str(M),
            "bound": str(4 + a * z),
            "point": {"0": "4", "1": "1", "2": str(z)},
            "reached": str(4 + a * z),
        }
        return check(book, entry).ok

    assert found(F(1, 2), 0)
    assert found(F(10001, 2), 4)
    assert not found(F(10001, 2), 5)


def test_the_units_that_a_term_lends_are_limited():
    """x + u / 2 - v / 2 <= M y with u = v: terms of the point that cancel lend at most 1024 times M's unit."""

    def found(large, by, half=HALF):
        M = F(4) - by
        rows = {
            "r": ({0: F(1), 1: -M, 2: half, 3: -half}, None, F(0)),
            "same": ({2: F(1), 3: F(-1)}, F(0), F(0)),
        }
        book = system(rows, [(F(0), F(4)), (F(0), F(1)), (None, None), (None, None)])
        book["columns"] = ["x", "y", "u", "v"]
        entry = FOUR.entry("tight") | {
            "big_m": str(M),
            "multipliers": {"1": str(half)},
            "point": {"0": "4", "1": "1", "2": str(large), "3": str(large)},
        }
        return check(book, entry).ok

    unit = F(ulp(3.5))
    assert found(F(5), 4 * unit)
    assert not found(F(5), 5 * unit)
    assert found(F(5), 4 * F(ulp(2.5)))
    large = F(2**12) + 1  # a term of 2048.5
    term = F(ulp(2048.5))
    assert found(large, 4 * term)
    assert not found(large, 5 * term)
    assert not found(large, 5 * unit, half=F(1))  # integers times integers lend nothing
    assert found(F(515, 2), 4 * F(ulp(257.5)), half=F(1))
    huge = F(2**40) + 1
    assert found(huge, 4 * 1024 * unit)
    assert not found(huge, 4 * 1024 * unit + unit)


# ------------------------------------------------------------------ empty systems
def test_forcing_is_that_no_point_is_left_where_the_row_is_off():
    rows = {"r": ({0: F(1), 1: F(-4)}, None, F(0)), "s": ({0: F(1), 1: F(-5)}, None, F(-3))}
    book = system(rows, [(F(3), F(4)), (F(0), F(1))])  # y = 1: x <= 2; y = 0: x <= -3
    entry = FOUR.entry("forcing") | {"multipliers": {"1": "1"}}
    off = entry | {"bound": "-1"}
    assert check(book, off).ok  # -3 - 3 + 5 = -1
    assert not check(book, entry | {"bound": "-2"}).ok
    assert "no point satisfies the rest" in check(book, entry | {"multipliers": {}, "bound": "0"}).reason
    # s alone leaves x = 2 where x may be 2: a bound of zero is no contradiction
    reached = system(rows, [(F(2), F(4)), (F(0), F(1))])
    assert not check(reached, off | {"bound": "0"}).ok
    # the row itself does not count
    assert not check(book, off | {"multipliers": {"0": "1"}, "bound": "1"}).ok


def test_dead_is_that_the_row_leaves_nothing_where_it_is_on():
    row = Row(1, -4, -1, (0, 9), "upper")  # on, y = 0: x <= -1
    entry = row.entry("dead") | {"multipliers": {"0": "1"}, "bound": "-1", "point": {"0": "2"}}
    assert check(row.book, entry).ok
    assert "the model with the binary on" in check(row.book, entry | {"bound": "-2"}).reason
    assert not check(row.book, entry | {"multipliers": {}, "bound": "0"}).ok
    assert "binary on exactly" in check(row.book, entry | {"point": {"0": "10"}}).reason
    assert not check(row.book, entry | {"point": {"0": "2", "1": "1"}}).ok  # that is off
    alive = Row(1, -4, 0, (0, 9), "upper")
    assert not check(alive.book, entry | {"bound": "0"}).ok


def test_redundant_may_be_that_nothing_is_left_where_the_row_is_on():
    rows = {"r": ({0: F(1), 1: F(-4)}, None, F(0)), "s": ({0: F(-1), 1: F(-9)}, None, F(-5))}  # y = 0: x >= 5
    book = system(rows, [(F(0), F(4)), (F(0), F(1))])
    entry = FOUR.entry("redundant") | {"multipliers_on": {"1": "1"}, "bound_on": "-1", "empty_on": True}
    assert check(book, entry).ok
    assert "with the binary on" in check(book, entry | {"empty_on": False}).reason
    assert "with the binary on" in check(book, entry | {"empty_on": 1}).reason
    assert "with the binary on" in check(book, entry | {"multipliers_on": {}}).reason
    assert not check(FOUR.book, entry | {"multipliers_on": {}, "bound_on": "0"}).ok
    # what is left there is nothing, however large the bound: on, x <= -3, and a fifth of s proves it
    rows["r"] = ({0: F(1), 1: F(-4)}, None, F(-3))
    below = system(rows, [(F(0), F(0)), (F(0), F(1))])
    fifth = {"bound": "0", "multipliers": {}, "multipliers_on": {"1": "1/5"}, "bound_on": "-1"}
    assert check(below, entry | fifth).ok
    short = book | {"rows": [book["rows"][0] | {"terms": [[0, "1"], [1, "-3"]]}, book["rows"][1]]}
    assert "never binds" in check(short, entry | {"big_m": "3"}).reason


# ------------------------------------------------------------------ trees
def test_a_tree_proves_what_multipliers_do_not():
    """2 z <= 3 over integers: x <= 2 z is at most 2, the relaxation says 3."""
    rows = {
        "r": ({0: F(1), 1: F(-2)}, None, F(0)),
        "s": ({0: F(1), 2: F(-2)}, None, F(0)),
        "half": ({2: F(2)}, None, F(3)),
    }
    book = system(rows, [(F(1), F(9)), (F(0), F(1)), (F(0), F(5))], (1, 2))
    tree = written_tree((Branch(2, 1, 1, 2), Leaf({1: F(1)}, False), Leaf({2: F(1)}, True)))
    entry = Row(1, -2, 0, (0, 2), "upper").entry("tight")
    del entry["multipliers"]
    entry |= {"tree": tree, "point": {"0": "2", "1": "1", "2": "1"}}
    assert check(book, entry).ok
    assert not check(book, entry | {"bound": "3"}).ok
    assert not check(book, entry | {"tree": tree[:2]}).ok
    # that nothing is left: z at least 3/2 and at most 3/2
    rows["half"] = ({2: F(2)}, F(3), F(3))
    book = system(rows, [(F(0), F(9)), (F(0), F(1)), (F(0), F(5))], (1, 2))
    gone = written_tree((Branch(2, 1, 1, 2), Leaf({2: F(-1)}, True), Leaf({2: F(1)}, True)))
    forcing = {k: entry[k] for k in ("row", "binary", "side", "off_value", "big_m")}
    forcing |= {"verdict": "forcing", "bound": "-1", "tree": gone}
    assert check(book, forcing).ok
    assert not check(book, forcing | {"bound": "-2"}).ok
    assert not check(book, forcing | {"tree": written_tree((Leaf({}, False),))}).ok
    assert not check(book, forcing | {"tree": written_tree((Leaf({}, False),)), "bound": "0"}).ok


def test_trees_survive_their_document():
    tree = (Branch(3, -2, 1, 2), Split({0: 1, 4: -2}, 5, 3, 4), Leaf({0: F(1, 3)}, True), Leaf({}, False))
    assert read_tree(written_tree(tree)) == tree
    assert read_tree([["2", "1", "3", "4"]]) == (Branch(2, 1, 3, 4),)


# ------------------------------------------------------------------ the list of candidates
def test_certificates_are_of_candidates_and_candidates_have_certificates():
    entry = FOUR.entry("tight")
    sealed = entry | {"digest": digest(entry)}
    side = {"row": "r", "binary": "y", "side": "upper", "certified": True, "declared": False}

    def found(candidates, certificates):
        return checked({"system": FOUR.book, "candidates": candidates, "certificates": certificates})

    assert [c.ok for c in found([side], [sealed])] == [True]
    twice = found([side], [sealed, sealed])
    assert [c.ok for c in twice] == [True, False]
    assert "the second one of it" in twice[1].reason
    assert [c.ok for c in found([side | {"certified": False}], [sealed])] == [False]
    (lost,) = found([side], [])
    assert (lost.row, lost.side, lost.binary, lost.verdict, lost.ok) == ("r", "upper", "y", "", False)
    assert lost.reason == "it is missing"
    assert found([side | {"certified": False}], []) == ()
    for key, other in (("row", "s"), ("side", "lower"), ("binary", "z")):
        assert [c.ok for c in found([side | {key: other}], [sealed])] == [False, False]
    # a certificate that does not hold is not said twice
    (wrong,) = found([side], [sealed | {"digest": "0"}])
    assert wrong.reason == "its fields are not those that were saved"
    (stranger,) = found([], [sealed | {"digest": "0"}])
    assert stranger.reason == "its fields are not those that were saved"


def test_the_declaration_is_that_of_the_candidate():
    row = Row(1, -3, 0, (0, 4), "upper")
    for verdict, declared in (("binding", False), ("invalid", True)):
        entry = row.entry(verdict)
        assert check(row.book, entry).ok
        swapped = check(row.book, entry, {"declared": not declared})
        assert not swapped.ok
        assert "declared otherwise" in swapped.reason
        without = {key: value for key, value in entry.items() if key not in ("point", "reached")}
        assert check(row.book, without).reason == "its point is not cut off"
        other = entry | {"declared": not declared}
        assert "does not fit its declaration" in check(row.book, other).reason
