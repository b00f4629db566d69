"""The checker on rows that miss by rounding: what a delta excuses, and what none does."""

from dataclasses import replace
from math import ulp

import pytest

from proofolio.verification.proofs.checker import holds
from proofolio.verification.proofs.lines import Line
from proofolio.verification.proofs.questions import cell_generators, sound_question
from proofolio.verification.proofs.statement import DELTA, Statement, parts
from tests.verification.proofs.proofs_by_hand import COPY, EQUAL, SOUND, F, changed, columns


def test_delta_is_what_is_reached_and_at_most_a_billionth():
    """The program's limit is a last digit above the meaning's: .30000000000000004 for .3."""
    written = F("0.30000000000000004")
    close = Statement(
        **columns(("u", "input", 0, 1, False), ("v", "output", None, None, False)),
        rows=(Line({1: F(1), 0: F(-1)}, F(0), written),),
        entries=(((Line({1: F(1), 0: F(-1)}, F(0), F(3, 10)),),),),
    )
    scale = sound_question(close, 0).pieces[0][0].scale
    reached = (written - F(3, 10)) / scale
    unit, minus = str(1 / scale), str(-1 / scale)
    document = {
        "verdict": "proved",
        "delta": str(reached),
        "total": None,
        "parts": [
            {
                "sound": [
                    {
                        "piece": 0,
                        "facets": [
                            {"bound": str(reached), "multipliers": {"0": unit, "1": minus}},
                            {"bound": "0", "multipliers": {"0": minus, "2": minus}},
                        ],
                    }
                ],
                "complete": [{"values": {}, "lift": {}, "multipliers": {"0": {"0": "1"}, "1": {"0": "-1"}}}],
            }
        ],
    }
    assert holds(close, document) == (True, "")
    for stated in ("0", str(2 * reached)):
        assert "the delta it states" in holds(close, changed(document, ("delta",), stated)).reason
    wider = replace(close, rows=(Line({1: F(1), 0: F(-1)}, F(0), written + F(1, 10**12)),))
    assert not holds(wider, document).ok
    # the other way round it is the row that misses on the cell
    other = replace(close, rows=close.entries[0][0], entries=((close.rows,),))
    document = changed(document, (*SOUND, 0, "facets", 0, "bound"), str(-reached))
    size = parts(other)[0].scale({1: F(1), 0: F(-1)})
    missed = (written - F(3, 10)) / size
    document = changed(document, ("delta",), str(missed))
    document = changed(document, (*SOUND, 0, "facets", 0, "bound"), str(-reached * scale / size))
    scaled = [{"0": str(1 / size), "1": str(-1 / size)}, {"0": str(-1 / size), "2": str(-1 / size)}]
    for k in (0, 1):
        document = changed(document, (*SOUND, 0, "facets", k, "multipliers"), scaled[k])
    assert holds(other, document) == (True, "")
    assert "the delta it states" in holds(other, changed(document, ("delta",), "0")).reason


def ulps(k):
    return k * F(ulp(0.3))


def beside(program, meaning, sound, complete, delta, integer=True, **options):
    """v - u at most a number in the program, another in the meaning; b in {0, 1} may stand in both rows."""
    rows = [
        Line({1: F(1), 0: F(-1), 2: -b} if b else {1: F(1), 0: F(-1)}, None, limit)
        for b, limit in (program, meaning)
    ]
    statement = Statement(
        **columns(
            ("u", "input", 0, 1, False), ("v", "output", None, None, False), ("b", "input", 0, 1, integer)
        ),
        rows=(rows[0], Line({2: F(1), 1: F(1)}, None, F(99))),
        entries=(((rows[1], Line({2: F(1), 1: F(1)}, None, F(99))),),),
    )
    part = {"sound": [sound], "complete": [complete]}
    document = {"verdict": "proved", "delta": str(delta), "total": None, "parts": [part]}
    return holds(replace(statement, **options), document)


def inside(bound_):
    """The two facets of the meaning: rows 2 and 3; each follows from its row of the program."""
    leaves = [{"bound": str(bound_), "multipliers": {"0": "1", "2": "-1"}}]
    return {"piece": 0, "facets": [*leaves, {"bound": "0", "multipliers": {"1": "1", "3": "-1"}}]}


FROM_THE_CELL = {"values": {}, "lift": {}, "multipliers": {"0": {"0": "1"}, "1": {"1": "1"}}}
THREE = F(3, 10)


@pytest.mark.parametrize(("k", "fine"), [(0, True), (1, True), (4, True), (5, False)])
def test_rows_may_be_missed_by_what_both_are_rounded_by(k, fine):
    """Two units in the last place for the row of the program, and two for that of the meaning."""
    cases = {"column": 2, "cases": [FROM_THE_CELL] * 2}
    found = beside((0, THREE + ulps(k)), (0, THREE), inside(ulps(k)), cases, ulps(k))
    assert found.ok is fine
    assert fine or "inside the pieces" in found.reason
    found = beside((0, THREE), (0, THREE + ulps(k)), inside(-ulps(k)), cases, ulps(k))
    assert found.ok is fine
    assert fine or "a row fails on a cell" in found.reason


def test_the_worst_case_of_an_integer_counts():
    """With b on, the limit is one unit higher."""
    cases = {"column": 2, "cases": [FROM_THE_CELL] * 2}
    sound = {"column": 2, "cases": [inside(0), inside(ulps(1))]}
    assert beside((ulps(1), THREE), (0, THREE), sound, cases, ulps(1)) == (True, "")
    assert "the delta" in beside((ulps(1), THREE), (0, THREE), sound, cases, 0).reason
    sound = {"column": 2, "cases": [inside(0), inside(-ulps(1))]}
    assert beside((0, THREE), (ulps(1), THREE), sound, cases, ulps(1)) == (True, "")
    assert "the delta" in beside((0, THREE), (ulps(1), THREE), sound, cases, 0).reason
    # and so does that of a cut's halves
    cut = {
        "cut": {"0": "1", "1": "1"},
        "limit": "999",
        "inside": FROM_THE_CELL,
        "beyond": {"empty": {"0": "1", "2": "-1"}},
    }
    cases = {"column": 2, "cases": [cut] * 2}
    assert beside((0, THREE), (ulps(1), THREE), sound, cases, ulps(1)) == (True, "")
    cut = {**cut, "limit": "-999", "inside": {"empty": {"2": "1"}}, "beyond": FROM_THE_CELL}
    assert not beside((0, THREE), (ulps(1), THREE), sound, {"column": 2, "cases": [cut] * 2}, ulps(1)).ok


def test_an_integer_without_values_has_no_cases():
    none = {"column": 2, "cases": []}
    bounds = {"lower": (F(0), None, F(1, 3)), "upper": (F(1), None, F(2, 3))}
    assert beside((0, THREE), (0, F(9)), none, none, 0, **bounds) == (True, "")


@pytest.mark.parametrize(
    ("delta", "fine"), [(DELTA, True), (DELTA + F(1, 10**20), False), (100 * DELTA, False)]
)
def test_no_rounding_excuses_more_than_a_billionth(delta, fine):
    """Limits around 1e9 are rounded by 1e-7, an integer as large takes them back, and the row is of size one."""
    large = 10**9
    limit = F(1, 10) - large
    statement = Statement(
        **columns(("b", "input", large, large, True), ("v", "output", None, None, False)),
        rows=(Line({1: F(1), 0: F(-1)}, None, limit + delta),),
        entries=(((Line({1: F(1), 0: F(-1)}, None, limit),),),),
    )
    leaf = {"values": {}, "lift": {}, "multipliers": {"0": {"0": "1"}}}
    sound = {"piece": 0, "facets": [{"bound": str(delta), "multipliers": {"0": "1", "1": "-1"}}]}
    part = {"sound": [sound], "complete": [{"column": 0, "cases": [leaf]}]}
    found = holds(statement, {"verdict": "proved", "delta": str(delta), "total": None, "parts": [part]})
    assert found.ok is fine
    assert fine or "a delta beyond 1e-9" in found.reason


def test_an_input_at_a_rounded_end_has_outputs():
    """u may be one unit above what the meaning lets it be."""
    narrow = Line({0: F(1)}, None, THREE)
    statement = replace(
        COPY, upper=(THREE + ulps(1), None), rows=(EQUAL, narrow), entries=(((EQUAL, narrow),),)
    )
    size = parts(statement)[0].scale({0: F(1)})
    wide = parts(statement)[0].scale(EQUAL.terms)
    missed = ulps(1) / size
    sound = {
        "piece": 0,
        "facets": [
            {"bound": "0", "multipliers": {"0": str(1 / wide), "2": str(-1 / wide)}},
            {"bound": "0", "multipliers": {"0": str(-1 / wide), "3": str(-1 / wide)}},
            {"bound": "0", "multipliers": {"1": str(1 / size), "4": str(-1 / size)}},
        ],
    }
    leaf = {"values": {}, "lift": {}, "multipliers": {"0": {"0": "1"}, "1": {"0": "-1"}, "2": {"1": "1"}}}
    total = {"piece": 0, "facets": [{"bound": str(missed), "multipliers": {"0": str(-1 / size)}}]}
    document = {
        "verdict": "proved",
        "delta": str(missed),
        "total": True,
        "parts": [{"sound": [sound], "complete": [leaf], "total": [total]}],
    }
    assert holds(statement, document) == (True, "")
    assert "the delta" in holds(statement, {**document, "delta": "0"}).reason


def upward(**options):
    """v at least u, w at least v + 1/10 - z, with z in {0, 1} chosen."""
    rows = (Line({1: F(1), 0: F(-1)}, F(0), None), Line({2: F(1), 1: F(-1), 3: F(1)}, F(1, 10), None))
    statement = Statement(
        **columns(
            ("u", "input", 0, 1, False),
            ("v", "output", None, None, False),
            ("w", "auxiliary", None, None, False),
            ("z", "auxiliary", 0, 1, True),
        ),
        rows=rows,
        entries=(((rows[0],),),),
    )
    return replace(statement, **options)


def test_vertices_may_be_completed_up_to_rounding_and_rays_keep_integers_still():
    sound = {"piece": 0, "facets": [{"bound": "0", "multipliers": {"0": "-1", "2": "-1"}}]}
    short = F(ulp(0.1))

    def found(missing, delta):
        points = [{"2": str(v + F(1, 10) - missing)} for v in (0, 1)]
        (first, second), _ = cell_generators(upward(), upward().entries[0][0], {})
        points = points if first[1] < second[1] else points[::-1]
        leaf = {"values": {"3": "0"}, "points": points, "rays": [{"2": "1"}]}
        part = {"sound": [sound], "complete": [leaf]}
        return holds(upward(), {"verdict": "proved", "delta": str(delta), "total": None, "parts": [part]})

    assert found(F(0), 0) == (True, "")
    assert found(short, short) == (True, "")
    assert found(2 * short, 2 * short) == (True, "")
    assert "the delta" in found(short, 0).reason
    assert "less than its rows ask for" in found(3 * short, 3 * short).reason
