"""What would be ignored is refused, in one sentence that names it and says what to do."""

import numpy as np
import pytest

from proofolio import MaxTerm, RegimeSwitching
from proofolio.errors import BadData

C = [[1.0, 1.0, 1.0], [-1.0, -1.0, -1.0]]
TERM = MaxTerm(0, -1, [1.0, 0.0, 0.0], 0.0, 0.5)


def declare(**options):
    return RegimeSwitching(np.zeros((2, 3, 3)), C, **{"periods": 2, **options})


SOLVES = {
    "M without a lowering": (
        {"big_m": "published"}, "'hull', the lowering when none is named, has no M for big_m to set: name lowering"
    ),
    "numbers without a lowering": ({"big_m": 0.5}, "no M for big_m to set"),
    "a tier without a lowering": ({"big_m": "lp"}, "no M for big_m to set"),
    "M of the hull": ({"lowering": "hull", "big_m": [[9.0]]}, "lowering 'hull' has no M"),
    "M of indicators": ({"solver": "scip", "lowering": "indicator", "big_m": 0.5}, "lowering 'indicator' has no M"),
    "a tier of indicators": ({"solver": "scip", "lowering": "indicator", "big_m": "mip"}, "'indicator' has no M"),
    "published M of indicators": (
        {"solver": "scip", "lowering": "indicator", "big_m": "published"}, "'indicator' has no M"
    ),
    "no tier": (
        {"lowering": "big-m", "big_m": "nonsense"}, "big_m is 'nonsense'; give numbers, or one of 'interval', 'lp'"
    ),
    "no tier without a lowering": ({"big_m": "nonsense"}, "big_m is 'nonsense'"),
    "no rule for pairs": ({"lowering": "multiple-big-m", "big_m": "published"}, "big_m is 'published'"),
    "lowering": ({"lowering": "foo"}, "no lowering 'foo': name one of hull, big-m"),
    "solver": ({"solver": "gurobi"}, "no solver is named 'gurobi': there are highs, scip"),
    "solver of a lowering": ({"solver": "gurobi", "lowering": "hull"}, "no solver is named 'gurobi'"),
}  # fmt: skip


@pytest.mark.parametrize("name", SOLVES)
@pytest.mark.parametrize("method", ["auto", "whole"])
def test_solve_refuses_what_it_would_ignore(name, method):
    arguments, said = SOLVES[name]
    with pytest.raises(BadData, match=said) as found:
        declare().solve(method=method, **arguments)
    assert "\n" not in str(found.value)


ROADS = {
    "solver": {"solver": "scip"},
    "lowering": {"lowering": "hull"},
    "big_m": {"big_m": "published"},
    "options": {"options": {"zzz": 1}},
    "start": {"start": "x"},
}


@pytest.mark.parametrize("name", ROADS)
@pytest.mark.parametrize(("method", "options"), [("separation", {}), ("path", {"switch_cost": 0.1})])
def test_roads_that_build_nothing_refuse_what_is_about_a_form(method, options, name):
    program = declare(**options)
    with pytest.raises(
        BadData, match=f"method='{method}' builds no form.*would ignore {name}: leave that out"
    ):
        program.solve(method=method, **ROADS[name])
    with pytest.raises(BadData, match="no solver is named 'gurobi'"):
        program.solve("gurobi", method=method)
    answer = program.solve(method=method, seed=1, gap=1e-6, threads=1)
    assert answer.objective == pytest.approx(-2.0, abs=1e-6)


@pytest.mark.parametrize("build", ["model", "to_program", "to_pyomo", "to_cvxpy"])
def test_the_builders_refuse_the_same(build):
    for arguments, said in (
        ({"big_m": "published"}, "no M for big_m"),
        ({"lowering": "hull", "big_m": 1.0}, "no M for big_m"),
        ({"lowering": "foo"}, "no lowering 'foo'"),
        ({"lowering": "big-m", "big_m": "Interval"}, "big_m is 'Interval'"),
    ):
        with pytest.raises(BadData, match=said):
            getattr(declare(), build)(**arguments)


def test_what_has_an_effect_is_taken():
    assert declare().solve(lowering="big-m", big_m="lp").objective == pytest.approx(-2.0, abs=1e-6)
    assert declare().solve(big_m="interval").objective == pytest.approx(-2.0, abs=1e-6)  # the default, said
    indefinite = RegimeSwitching(-np.eye(3)[None].repeat(2, 0), C, periods=1)  # Big-M when nothing is named
    assert indefinite.solve("scip", big_m=[[9.0], [9.0]]).objective == pytest.approx(-2.0, abs=1e-6)
    with_maximum = declare(maxima=[TERM], exact=True)  # whose rows have an M of the published rule
    assert with_maximum.solve("scip", "indicator", "published").objective == pytest.approx(-2.0, abs=1e-6)


@pytest.mark.parametrize("periods", [True, False, 2.0, "2"])
def test_periods_is_a_whole_number(periods):
    with pytest.raises(BadData, match=f"periods is {periods!r}; it must be a whole number"):
        declare(periods=periods)
