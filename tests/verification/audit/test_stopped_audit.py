"""An audit whose clock runs out at any moment: what it says by then is true, and it contradicts no audit with time."""

import math
import time
from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest

from proofolio import Model, audit, stack
from proofolio.verification.audit.tightening import confirm, tightened
from proofolio.verification.audit.verdicts import FAULT, judge, row_verdict
from proofolio.verification.audit.words import needed_text

ENOUGH, TOO_SMALL = {"tight", "loose", "valid", "redundant", "forcing"}, {"invalid", "binding"}


def mixed():
    """Sides that intervals, linear programs and integer programs decide; one invalid, one dead, one forcing."""
    model = Model()
    x = model.variable("x", 4, lower=0, upper=10)
    z = model.variable("z", 4, binary=True)
    k = model.variable("k", 3, lower=0, upper=3, integer=True)
    model.add("budget", x.sum() <= 12.5)
    model.add("odd", 2 * k[0] + 2 * k[1] + x[3] <= 7)
    model.add("link", x <= np.array([10.0, 6.0, 100.0, 8.0]) * z)
    model.add("whole", 3 * k[0] + 3 * k[1] - k[2] <= 8 + 0.5 * z[0])
    model.add("never", x[0] + x[1] >= 25 - 25 * (1 - z[1]))
    model.add("some", x[2] >= 1)
    model.indicator("implied", z[3], x[0] + x[3] >= 0.5)
    model.minimise(z.sum() - x[0] - 0.5 * x[1] - k[0])
    return model


class Clock:
    """Real time for so many questions, and then the far future."""

    def __init__(self, questions):
        self.questions, self.asked, self.real = questions, 0, time.perf_counter

    def __call__(self):
        self.asked += 1
        return self.real() + (1e6 if self.asked > self.questions else 0.0)


def stopped(model, questions, **options):
    """The audit of a model whose clock runs out after so many questions, and how often it was asked."""
    clock = Clock(questions)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(time, "perf_counter", clock)
        found = audit(model, time_limit=1e3, big_m="whole", **options)
    return found, clock.asked


def contradictions(full, early):
    """What an early audit says that a full one shows to be wrong."""
    found = []
    for a, b in zip(full.rows, early.rows, strict=True):
        if b.needed[0] > a.needed[1] or b.needed[1] < a.needed[0]:
            found.append(f"{b.row}: needed {b.needed} and {a.needed}")
        for some, others in ((ENOUGH, TOO_SMALL), (TOO_SMALL, ENOUGH)):
            if a.verdict in some and b.verdict in others:
                found.append(f"{b.row}: {b.verdict} and {a.verdict}")
        if None not in (a.safe, b.safe) and a.safe is not b.safe:
            found.append(f"{b.row}: safe is {b.safe} and {a.safe}")
        if b.verdict == "undecided" and not b.reason:
            found.append(f"{b.row}: no reason")
    return found


@pytest.fixture(scope="module")
def whole():
    return stopped(mixed(), math.inf)


def test_the_audit_with_time_has_words_of_every_kind(whole):
    words = {row.verdict for row in whole[0].rows}
    assert {"invalid", "loose"} <= words
    assert words & {"dead", "forcing"}


@pytest.mark.parametrize("share", [k / 24 for k in range(24)])
def test_whenever_the_clock_runs_out_nothing_that_is_said_is_wrong(whole, share):
    full, asked = whole
    early, _ = stopped(mixed(), int(share * asked))
    assert len(early.rows) == len(full.rows)
    assert contradictions(full, early) == []


def test_any_choice_of_tiers_says_nothing_else():
    full = audit(mixed(), big_m="whole")
    for tiers in (("interval",), ("lp",), ("mip",), ("lp", "mip"), ("interval", "lp")):
        assert contradictions(full, audit(mixed(), tiers=tiers, big_m="whole")) == []


def test_progress_is_told_every_so_many_candidates_and_cones_are_noted():
    model = Model()
    x, z = model.variable("x", 300, lower=0, upper=7), model.variable("z", 300, binary=True)
    model.add("link", x <= 100 * z)
    model.cone("ball", stack([x[0], x[1]]), 3.0)
    told = []
    found = audit(model, progress=lambda *news: told.append(news), tiers=("interval",))
    assert told == [("interval", 256, 300), ("interval", 300, 300)]
    assert any(note.startswith("1 second-order cones: not judged") for note in found.notes)


def test_quadratic_sides_are_left_to_bounds_and_come_with_no_certificate():
    model = Model()
    x, z = model.variable("x", 2, lower=0, upper=1), model.variable("z", binary=True)
    model.add("round", model.quadratic(np.eye(2), x) <= 0.25 + 5 * z)
    model.add("link", x[0] <= 4 * z)
    model.minimise(x[0] - x[1] + 0.1 * z)
    found = audit(model)
    words = {row.row: row.verdict for row in found.rows}
    assert words["link"] == "loose"
    assert words.get("round", "undecided") in ("loose", "valid", "undecided")  # needed is 1.75 of 5
    assert all(row.safe is None for row in found.rows if row.row == "round")


def test_bounds_and_points_that_contradict_each_other_decide_nothing():
    candidate, finding = audit(mixed(), big_m="whole").judged[0]
    torn = replace(finding, top=Fraction(1), reached=Fraction(5), point={0: Fraction(5)})
    assert judge(candidate, torn) == "undecided"
    row = row_verdict(candidate, torn, [f"c{j}" for j in range(40)], 1e-6, None, False)
    assert row.verdict == "undecided"
    assert row.reason == FAULT
    assert needed_text((-math.inf, -math.inf)) == "none"


def test_a_picture_says_what_is_forced_and_what_leaks():
    model = mixed()
    model.add(
        "cost", model.variable("y", lower=0.05, upper=90000) <= 90000 * model.variable("b", binary=True)
    )
    found = audit(model)
    (axes,) = found.plot().axes
    said = [text.get_text() for text in axes.texts]
    assert ("forced" in said) is any(row.verdict == "forcing" for row in found.rows)
    assert said.count("leaks") == sum(row.safe is False for row in found.rows)


def test_models_without_a_point_end_alike():
    model = Model()
    x = model.variable("x", 2, lower=0, upper=3, integer=True)
    model.add("odd", 2 * x.sum() == 3)
    assert confirm(model, model.copy()).equal
    assert not confirm(model, mixed()).equal


@pytest.mark.parametrize("limit", [6, 7, 9])
def test_a_crowd_of_binaries_is_a_candidate_where_one_makes_a_step_s_difference(limit):
    """2 k + 3 (z0 + z1 + z2) <= limit: without this side 2 k and the other two reach 12, so 15 - limit is needed."""
    model = Model()
    k, z = model.variable("k", lower=0, upper=3, integer=True), model.variable("z", 3, binary=True)
    model.add("crowd", 2 * k + 3 * z.sum() <= limit)
    found = audit(model, big_m="*")
    assert len(found.rows) == 3
    for row in audit(model).rows + found.rows:
        assert row.needed[0] <= 15 - limit <= row.needed[1]
        assert row.verdict not in ENOUGH


def test_a_row_with_two_sides_is_left_as_it_is(tmp_path):
    """-200 <= x - 100 z <= 0 with x at most 7: the upper side is loose, and the lower one uses its coefficient."""
    file = tmp_path / "two.lp"
    file.write_text(
        "min\n obj: x\nst\n link: -200 <= x - 100 z <= 0\n one: x - 50 w <= 0\n"
        "bounds\n x <= 7\nbinaries\n z w\nend\n"
    )
    found = audit(file)
    assert {row.row: row.verdict for row in found.rows if row.side == "upper"} == {
        "link": "loose",
        "one": "loose",
    }
    changed, rows = tightened(found)
    assert [(row.name, row.big_m) for row in rows] == [("one", 7.0)]
    first = list(changed.row_names).index("link")
    assert np.array_equal(changed.A[[first]].toarray(), found.opened.program.A[[first]].toarray())
