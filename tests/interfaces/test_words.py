"""Words of a text as arrays say what the words say one at a time."""

import random

import numpy as np
import pytest

from proofolio.interfaces.files.words import Words

PIECES = ["a", "b1", "x[0,1]", "longer_than_eight", "longer_than_nine", "same_but_for_its_very_end_1",
    "same_but_for_its_very_end_2", "1.5", "-", "y" * 256]  # fmt: skip


def some(rng, count=40):
    words = [rng.choice(PIECES) for _ in range(count)]
    gaps = [rng.choice([" ", "\t", "\n", "  ", " \n ", "\n\n"]) for _ in words]
    return words, "".join(a + b for a, b in zip(gaps, words, strict=True)) + rng.choice(["", "\n", " "])


@pytest.mark.parametrize("seed", range(50))
def test_words_are_cut_out_compared_and_looked_up(seed):
    rng = random.Random(seed)
    expected, text = some(rng)
    words = Words.of(text)
    assert words.texts() == expected
    assert [n for n in words.per_line().tolist() if n] == [
        n for n in map(len, map(str.split, text.split("\n"))) if n
    ]
    assert [text.count("\n", 0, k) for k in words.lines()] == list(range(text.count("\n") + 1))
    assert words.changes().tolist() == [k == 0 or w != expected[k - 1] for k, w in enumerate(expected)]
    word = rng.choice(PIECES)
    assert words.are(word).tolist() == [w == word for w in expected]
    first, which = words.distinct()
    assert words[first].texts() == list(dict.fromkeys(expected))
    assert [words[first].texts()[k] for k in which] == expected
    names = rng.sample(PIECES, 6)
    assert words.places(Words.of_names(names)).tolist() == [
        names.index(w) if w in names else -1 for w in expected
    ]


@pytest.mark.parametrize("text", ["é", "a\x0bb", "a\x1cb", "a\0b", "y" * 257])
def test_what_is_not_plain_is_left_to_the_readers(text):
    assert Words.of(text) is None


def test_names_are_words_each():
    assert Words.of_names(["a b"]) is None
    assert Words.of_names(["a", ""]) is None
    assert Words.of_names(["a", "b"]).texts() == ["a", "b"]
    assert Words.of_names([]).texts() == []


def test_numbers_are_those_that_python_reads_bit_for_bit():
    rng = random.Random(1)
    words = ["0", "-0", "+0.0", "0.1", "-.5", "5.", "+7", "123456789012345", "999999999999999.", "0.30000000000000004",
        "1e-3", "9007199254740993", "0.000000000000001", "1e400"]  # fmt: skip
    words += [f"{rng.choice(['', '+', '-'])}{rng.randrange(10 ** rng.randrange(1, 16))}" for _ in range(2000)]
    words += [
        f"{rng.randrange(10 ** rng.randrange(1, 9))}.{rng.randrange(10**k):0{k}}"
        for k in (rng.randrange(1, 12) for _ in range(4000))
    ]
    words += [repr(rng.uniform(-1e3, 1e3)) for _ in range(500)]
    asked = []

    def read(word):
        asked.append(word)
        return float(word)

    found = Words.of("\n".join(words)).numbers(read)
    assert np.array_equal(found, [float(word) for word in words])
    assert not np.any(np.signbit(found[:3]))
    assert {"1e-3", "1e400", "9007199254740993", "0.30000000000000004"} <= {*asked}
    assert not any(sum(map(str.isdigit, word)) <= 15 and "e" not in word for word in asked)


@pytest.mark.parametrize("word", ["-", ".", "+.", "1.2.3", "1-2", "--1", "1_0", "x", "1,5"])
def test_what_is_no_number_is_asked_about(word):
    def read(given):
        assert given == word
        raise ValueError("no number")

    with pytest.raises(ValueError, match="no number"):
        Words.of(f"1 {word} 2").numbers(read)
