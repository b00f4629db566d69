"""The command that measures which way is chosen: it forces either way, and writes what it measured."""

from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

from benchmarks import step_sizes
from benchmarks.step_choices import CHOICES, Choice, replaced, timed
from proofolio import compiled
from proofolio.models.control import finite
from proofolio.models.portfolio import risk_budgeting


def test_every_choice_names_a_constant_that_is_there():
    for choice in CHOICES:
        assert set(choice.quick) <= set(choice.sizes)
        if choice.module is not None:
            present = choice.present()
            assert min(choice.sizes) <= present <= max(choice.sizes), choice.name
            text = Path(choice.module.__file__).read_text(encoding="utf-8")
            assert f"\n{choice.constant} = {getattr(choice.module, choice.constant)}" in text


def test_either_way_is_forced_and_the_constant_comes_back():
    seen = []
    choice = next(each for each in CHOICES if each.constant == "FEW")
    before = finite.FEW
    watched = choice._replace(make=lambda size: lambda: seen.append(size <= finite.FEW))
    timed(watched, 8, step_sizes.without_machine_code, 0.0)
    assert set(seen[::2]) == {True}
    assert set(seen[1::2]) == {False}
    assert before == finite.FEW


def test_numpy_is_forced_where_machine_code_is_the_choice():
    seen = []
    choice = Choice(
        "one", "machine code", "numpy", (1,), (1,), lambda size: lambda: seen.append(compiled.active())
    )
    before = compiled.active()
    timed(choice, 1, step_sizes.without_machine_code, 0.0)
    assert set(seen[::2]) == {before}
    assert set(seen[1::2]) == {False}
    assert compiled.active() == before


def test_both_ways_give_the_same_weights():
    choice = next(each for each in CHOICES if each.constant == "ALONE")
    before, found = risk_budgeting.ALONE, []
    for within in choice.ways(step_sizes.without_machine_code):
        with within():
            found.append(choice.make(30)())
    assert np.abs(found[0] - found[1]).max() < 1e-9
    assert before == risk_budgeting.ALONE


@pytest.mark.parametrize(
    ("times", "size", "chosen", "good"),
    [((1.0, 1.0), 10, "first", "yes"), ((1.2, 1.0), 10, "first", "no"), ((1.0, 1.2), 20, "then", "no")],
)
def test_a_way_that_loses_more_than_a_tenth_is_named(times, size, chosen, good):
    *_, name, said = step_sizes._compared(*times, size <= 15, ("first", "then"))
    assert (name, said) == (chosen, good)


def test_a_constant_is_written_and_one_that_is_missing_is_named(tmp_path):
    module = ModuleType("made_up")
    module.__file__ = str(tmp_path / "made_up.py")
    Path(module.__file__).write_text("OTHER = 7\nFEW = 16  # why\n", encoding="utf-8")
    replaced(module, "FEW", 18)
    assert Path(module.__file__).read_text(encoding="utf-8") == "OTHER = 7\nFEW = 18  # why\n"
    with pytest.raises(SystemExit, match="NONE"):
        replaced(module, "NONE", 1)


@pytest.mark.skipif(not compiled.active(), reason="it builds machine code, and numba is not installed")
def test_a_constant_in_machine_code_is_forced_in_processes_of_their_own(tmp_path):
    choice = next(each for each in CHOICES if each.built)
    before = getattr(choice.module, choice.constant)
    log = tmp_path / "seen"

    def make(size):
        def job():
            with log.open("a", encoding="utf-8") as file:
                file.write("first\n" if size <= getattr(choice.module, choice.constant) else "then\n")

        return job

    timed(choice._replace(make=make), 20, step_sizes.without_machine_code, 0.0)
    assert set(log.read_text(encoding="utf-8").split()) == {"first", "then"}
    assert getattr(choice.module, choice.constant) == before
