"""Objectives and rows of LP files taken at once say what they say a term at a time; so do errors."""

import random
import warnings
from dataclasses import asdict
from math import inf

import pytest

from proofolio import ProofolioError
from proofolio.interfaces.files import lp_at_once, lp_reader
from proofolio.interfaces.files.lp_words import SECTION, heads
from proofolio.interfaces.files.words import Words

TEXT = r"""\ a comment
Minimize
 obj: + 2 x + .5 y_1 - z
 - -3.25 a.b + 1.5e-3 u + 4 - 1
Subject To
 c1: x + y_1 >= 2
 c2: - 2 x
   + 3 z[0,1] - 1e2 z[0,2] <= - 4.5
 c3: +2 v -x +y_1 =
  0.30000000000000004
 c4: w(1) + 7 w{2} =< 1e30
 c5: x => -1e25
Bounds
 x <= 5
 -1e30 <= a.b <= 2.5
 y_1 free
 -inf <= z <= -0.1
 v = 1e-3
 u >= -7
Generals
 y_1
End
"""
WORDS = ["+", "-", "2", "x", "+2x", "2x", "2 x", "c1:", "c9:", ":", "<=", ">=", "= 3", "=>", "5", "-5", "- 5", "- -5",
    "inf", "free", "end", "st", "[ x ^ 2 ]", "[", "]", "^", "*", "2 * x", "x y",
    "a:b:", "x[1]", "x[1", "a,", "(a", "f(a", "a)",
    "b}", "1e400", "1d5", "1_0", "nan", "\\ said", "\n", "<= 4\n x", "x = 1 -> x", "0", "-x", "+-x", "-<", "1e-400",
    "é", "-> ", "==", "<5", "/ 2", "-1 <= x", "max", "Max:", "x:", "obj", "bounds"]  # fmt: skip


def outcome(text):
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        try:
            found = asdict(lp_reader.read_lp(text, "t.lp"))
        except ProofolioError as error:
            found = str(error)
    return found, sorted(str(w.message) for w in said)


def one_at_a_time(text, monkeypatch):
    with monkeypatch.context() as patch:
        patch.setattr(lp_at_once, "sum_of", lambda *_: None)
        patch.setattr(lp_at_once, "rows_of", lambda *_: None)
        patch.setattr(lp_at_once, "bounds_of", lambda *_: None)
        return outcome(text)


def changed(text, rng):
    """The text with one thing changed that a file may have, for better or worse."""
    words = text.split(" ")
    k = rng.randrange(len(words))
    what = rng.randrange(4)
    if what == 0:
        words.insert(k, rng.choice(WORDS))
    elif what == 1:
        words[k] = rng.choice(WORDS)
    elif what == 2:
        del words[k]
    else:
        j = rng.randrange(len(words))
        words[k], words[j] = words[j], words[k]
    return " ".join(words)


@pytest.mark.parametrize("seed", range(400))
def test_many_terms_at_a_time_are_read_as_one_at_a_time(seed, monkeypatch):
    rng = random.Random(seed)
    text = TEXT
    for _ in range(rng.randrange(3)):
        text = changed(text, rng)
    assert outcome(text) == one_at_a_time(text, monkeypatch)


def test_a_whole_file_is_taken_at_once(monkeypatch):
    monkeypatch.setattr(
        lp_reader._Reader, "_expression", lambda *_, **__: pytest.fail("a sum was read by itself")
    )
    monkeypatch.setattr(
        lp_reader._Reader, "_take", lambda *_, **__: pytest.fail("a bound was read by itself")
    )
    found = lp_reader.read_lp(TEXT, "t.lp")
    assert found.columns == ["x", "y_1", "z", "a.b", "u", "z[0,1]", "z[0,2]", "v", "w(1)", "w{2}"]
    assert found.cost == [2.0, 0.5, -1.0, 3.25, 1.5e-3, 0.0, 0.0, 0.0, 0.0, 0.0]
    assert found.constant == 3.0
    assert found.lower == [0.0, -inf, -inf, -inf, -7.0, 0.0, 0.0, 1e-3, 0.0, 0.0]
    assert found.upper == [5.0, inf, -0.1, 2.5, inf, inf, inf, 1e-3, inf, inf]
    assert found.rows == ["c1", "c2", "c3", "c4", "c5"]
    assert found.row_lines == [6, 7, 9, 11, 12]
    assert found.row_lower == [2.0, -inf, 0.30000000000000004, -inf, -inf]
    assert found.row_upper == [inf, -4.5, 0.30000000000000004, inf, inf]
    assert list(zip(*found.entries, strict=True)) == [(0, 0, 1.0), (0, 1, 1.0), (1, 0, -2.0), (1, 5, 3.0),
        (1, 6, -100.0), (2, 7, 2.0), (2, 0, -1.0), (2, 1, 1.0), (3, 8, 1.0), (3, 9, 7.0), (4, 0, 1.0)]  # fmt: skip


@pytest.mark.parametrize("seed", range(200))
def test_sections_begin_where_the_grammar_says(seed):
    rng = random.Random(seed)
    words = ["max", "Minimise", "x", "subject\n to", "such  that", "s.t.", "St", "st.", "stx", "bound", "boundx", "gen",
        "int", "Binaries", "semi-continuous", "semi", "sos2", "sos3", "end", "xend", "user  cuts", "user",
        "lazy constraints", "general constraints", "maximum", "maxi", "s.t", "to", "S"]  # fmt: skip
    text = rng.choice(["", " ", "\n"]).join(
        w + rng.choice([" ", "\n", "\t", ""]) for w in rng.choices(words, k=30)
    )
    expected = [head.span() for head in SECTION.finditer(text)]
    assert [head.span() for head in heads(text, Words.of(text))] == expected


@pytest.mark.parametrize(
    "objective",
    ["a<b: x + y", "a>: x", "a:: x", "a:b: x", "x[1:2]: y", "x[a:b] + y", "+x[1:2]", "x[:] + x"],
)
@pytest.mark.parametrize("more", ["", "+ [ y ^ 2 ] / 2"])  # a square is read a term at a time
def test_what_is_no_label_of_an_objective_is_refused(objective, more):
    with pytest.raises(ProofolioError, match="line 2: "):
        lp_reader.read_lp(f"Minimize\n {objective} {more}\nSubject To\n c1: x + y >= 1\nEnd\n", "t.lp")


@pytest.mark.parametrize("objective", ["o: x[1:2] + y", "+ x[1:2] + y", "o[1]: x", "o : x", "x + y", ""])
@pytest.mark.parametrize("more", ["", "+ [ y ^ 2 ] / 2"])
def test_labels_of_an_objective_are_read(objective, more):
    found = lp_reader.read_lp(f"Minimize\n {objective} {more}\nSubject To\n c1: x + y >= 1\nEnd\n", "t.lp")
    assert found.cost[found.columns.index("x")] == (1.0 if objective.endswith(("x", "x + y")) else 0.0)
