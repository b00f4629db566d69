"""A seeded share of the fuzz in every run of the suite, all of it with ``--full``; and the oracle held to the truth."""

import itertools
import random
from collections import Counter
from dataclasses import replace
from fractions import Fraction
from types import SimpleNamespace

import numpy as np
import pytest

import proofolio as pf
from tests.fuzzing.__main__ import DECIDED
from tests.fuzzing.claims import Case, box_row, drawn_case, truth_of
from tests.fuzzing.exact import Exact, optimum
from tests.fuzzing.generator import convex, free_integers, solved
from tests.fuzzing.instances import Instance, drawn, examined, reproduction, smallest
from tests.fuzzing.judges import judge_audit, judge_solution, judge_tightened
from tests.fuzzing.problem import Column, Indicator, Ordered, Problem, Row, exact_of, ordinary
from tests.fuzzing.routes import ROUTES, fits, model_of, program_of
from tests.fuzzing.runs import Run, searched, tasks

SHARE = {"audit": 60, "solve": 60, "free": 5, "claim": 30}
FULL = {"audit": 5000, "solve": 2000, "free": 400, "claim": 2000}


def fractions(*values):
    return [Fraction(v) for v in values]


# ------------------------------------------------------------------------------ the oracle against enumeration


@pytest.mark.parametrize("seed", range(40))
def test_the_oracle_finds_what_enumeration_finds(seed):
    rng = random.Random(seed)
    n, m = 3, 3
    lower, upper = [rng.randint(-3, 0) for _ in range(n)], [rng.randint(1, 3) for _ in range(n)]
    rows = [({j: Fraction(rng.randint(-4, 4)) for j in range(n)}, rng.randint(-6, 2)) for _ in range(m)]
    cost = fractions(*(rng.randint(-5, 5) for _ in range(n)))
    exact = Exact(
        fractions(*lower),
        fractions(*upper),
        [True] * n,
        cost,
        Fraction(0),
        [(t, None, Fraction(b)) for t, b in rows],
    )
    points = [
        p
        for p in itertools.product(*(range(a, b + 1) for a, b in zip(lower, upper, strict=True)))
        if all(sum(v * p[j] for j, v in t.items()) <= b for t, b in rows)
    ]
    answer = optimum(exact)
    best = min((sum(c * v for c, v in zip(cost, p, strict=True)) for p in points), default=None)
    assert answer.value == best
    assert answer.status == ("infeasible" if best is None else "optimal")


@pytest.mark.parametrize("seed", range(30))
def test_the_oracle_proves_its_continuous_optima_by_their_corners(seed):
    rng = random.Random(seed)
    rows = [
        ({0: Fraction(rng.randint(-9, 9), 7), 1: Fraction(rng.randint(-9, 9))}, rng.randint(-5, 9))
        for _ in range(3)
    ]
    cost = fractions(rng.randint(-5, 5), rng.randint(-5, 5))
    exact = Exact(
        fractions(-2, -1),
        fractions(3, 4),
        [False] * 2,
        cost,
        Fraction(0),
        [(t, None, Fraction(b)) for t, b in rows],
    )
    lines = [(t[0], t[1], Fraction(b)) for t, b in rows]
    lines += [(Fraction(1), Fraction(0), v) for v in fractions(-2, 3)] + [
        (Fraction(0), Fraction(1), v) for v in fractions(-1, 4)
    ]
    corners = []
    for (a, b, r), (c, d, s) in itertools.combinations(lines, 2):
        determinant = a * d - b * c
        if determinant:
            x = ((r * d - b * s) / determinant, (a * s - r * c) / determinant)
            if exact.holds(x):
                corners.append(exact.value(x))
    assert optimum(exact).value == min(corners, default=None)


def test_the_oracle_knows_unbounded_integers():
    x = Exact(fractions(0), [None], [True], fractions(-1))
    assert optimum(x).status == "unbounded"
    # x = y + 1/2 has no integer point, though its relaxation is unbounded: the search does not end
    gap = Exact(
        [None, None],
        [None, None],
        [True, True],
        fractions(-1, 0),
        Fraction(0),
        [({0: Fraction(1), 1: Fraction(-1)}, Fraction(1, 2), Fraction(1, 2))],
    )
    assert optimum(gap).status == "unknown"


def test_the_oracle_minimises_squares_over_integers_and_rows():
    # (x - 1.4)^2 + (y - 0.7)^2 over integers with x + y <= 1: (1, 0) costs .16 + .49
    exact = Exact(
        fractions(0, 0), fractions(5, 5), [True] * 2, [Fraction(-14, 5), Fraction(-7, 5)], Fraction(49, 20)
    )
    exact.quadratic = {(0, 0): Fraction(2), (1, 1): Fraction(2)}
    exact.rows = [({0: Fraction(1), 1: Fraction(1)}, None, Fraction(1))]
    assert optimum(exact).value == Fraction(65, 100)
    # continuous: the nearest point of x + y <= 1 is (.85, .15)
    exact.integer = [False, False]
    assert optimum(exact).point == (Fraction(17, 20), Fraction(3, 20))


def test_the_oracle_branches_on_what_is_no_row():
    x, y = Column("x", 0, 4, cost=-1), Column("y", 0, 3, cost=-1)
    assert optimum(exact_of(Problem((x, y)))).value == -7
    assert optimum(exact_of(Problem((x, y), ordered=(Ordered("s", 1, ("x", "y")),)))).value == -4
    z = Column("z", 0, 1, True, cost=2)
    only = Indicator("z", 0, Row("k", (("x", 1.0), ("y", 1.0)), upper=4.5))
    assert optimum(exact_of(Problem((x, y, z), indicators=(only,)))).value == -5
    three = tuple(Column(name, 0, 1, cost=c) for name, c in (("a", -5.0), ("b", -1.0), ("c", -5.0)))
    assert optimum(exact_of(Problem(three, ordered=(Ordered("s", 2, ("a", "b", "c")),)))).value == -6
    semi = Column("x", 2, 10, cost=1, semi=True)
    row = Row("r", (("x", 1.0), ("y", 1.0)), lower=1.0)
    semi_too = Column("y", 3, 10, cost=1, semi=True)
    assert optimum(exact_of(Problem((semi, semi_too), (row,)))).value == 2


# ------------------------------------------------------------------------------ routes, shrinker, judges


@pytest.mark.parametrize("route", ROUTES)
def test_every_route_means_the_same_model(route, tmp_path):
    compared = 0
    for seed in range(40):
        problem = (convex if seed % 4 == 0 else solved)(random.Random(seed), "ordinary")
        truth = optimum(exact_of(problem))
        if truth.status != "optimal" or not fits(problem, route):
            continue
        program = model_of(problem, route, tmp_path)
        point = {c.name: float(v) for c, v in zip(problem.columns, truth.point, strict=True)}
        if route in ("lp", "mps"):
            program = pf.read_program(program)
        elif route == "pyomo":
            for name, v in point.items():
                getattr(program, name).set_value(v, skip_validation=True)
            value = program.objective()
        elif route == "cvxpy":
            for v in program.variables():
                v.save_value(np.array(point[v.name()]))
            value = program.objective.value
        if route in ("program", "lp", "mps"):
            more = {
                n: 1.0 * (point[n.removesuffix("_nonzero")] != 0)
                for n in program.column_names
                if n not in point
            }
            x = program.point(point | more)
            value = program.objective(x)
            A = program.A @ x
            assert (A <= program.row_upper + 1e-6).all()
            assert (A >= program.row_lower - 1e-6).all()
            assert program.integer.sum() == sum(c.integer for c in problem.columns) + len(more)
        expected = float(truth.value) * (-1 if problem.maximise else 1)
        assert value == pytest.approx(expected, rel=1e-9, abs=1e-9)
        compared += 1
    assert compared > 5


def test_the_shrinker_keeps_what_matters(monkeypatch):
    problem = drawn("audit", 5, 11).problem
    wrong = Column("guilty", -3.14159, 3.7, cost=12.345)
    problem = replace(problem, columns=(*problem.columns, wrong))

    def examine(instance):
        guilty = any(c.name == "guilty" and c.cost > 10 for c in instance.problem.columns)
        return SimpleNamespace(wrong=[SimpleNamespace(word="tight")] if guilty else [])

    monkeypatch.setattr("tests.fuzzing.instances.examined", examine)
    small = smallest(Instance("audit", problem, "program"), "tight").problem
    assert [c.name for c in small.columns] == ["guilty"]
    assert small.rows == ()
    assert small.columns[0].cost == 12.0
    assert small.columns[0].lower == 0


def said(**changes):
    row = {
        "row": "m", "binary": "b", "side": "upper", "off_value": 1, "big_m": 5.0, "needed": (3.0, 3.0),
        "verdict": "loose", "safe": True, "suggested_big_m": 3.0, "witness": None, "reason": "",
    }  # fmt: skip
    return SimpleNamespace(rows=[SimpleNamespace(**(row | changes))])


SWITCHED = Problem(
    (Column("x", 0.0, 3.0, cost=-1.0), Column("b", 0.0, 1.0, True, 1.0)),
    (Row("m", (("x", 1.0), ("b", -5.0)), upper=0.0),),
)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({}, set()),
        ({"verdict": "tight"}, {"tight"}),
        ({"verdict": "forcing"}, {"forcing"}),
        ({"verdict": "dead"}, {"dead"}),
        ({"verdict": "redundant"}, {"redundant"}),
        ({"verdict": "binding"}, {"binding"}),
        ({"verdict": "valid"}, set()),
        ({"verdict": "undecided"}, set()),
        ({"needed": (3.1, 5.0)}, {"lo"}),
        ({"needed": (2.0, 2.9)}, {"hi"}),
        ({"needed": (np.nextafter(3.0, 9), 3.5)}, {"lo by a rounding"}),
        ({"suggested_big_m": 2.9}, {"suggested_big_m"}),
        ({"big_m": 4.0}, {"big_m"}),
        ({"row": "n"}, {"candidate"}),
    ],
)
def test_every_untrue_word_of_an_audit_is_seen(changes, words):
    report = judge_audit(SWITCHED, said(**changes), set())
    assert {w.word for w in report.wrong} == words


def test_an_m_too_small_is_known_from_one_that_is_a_rounding_short():
    def with_m(m):
        return replace(SWITCHED, rows=(Row("m", (("x", 1.0), ("b", -m)), upper=0.0),))

    one_short = float(np.nextafter(3.0, 0))
    assert not judge_audit(with_m(one_short), said(verdict="tight", big_m=one_short), set()).wrong
    assert judge_audit(with_m(2.9999), said(verdict="tight", big_m=2.9999), set()).wrong
    assert not judge_audit(with_m(2.9999), said(verdict="invalid", big_m=2.9999), {"m"}).wrong
    assert judge_audit(with_m(2.9999), said(verdict="invalid", big_m=2.9999), set()).wrong
    cut = said(
        verdict="binding", big_m=2.0, witness={"x": 2.5, "b": 1.0}, needed=(2.5, 3.0), suggested_big_m=None
    )
    assert not judge_audit(with_m(2.0), cut, set()).wrong
    cut.rows[0].witness["x"] = 3.5
    assert {w.word for w in judge_audit(with_m(2.0), cut, set()).wrong} == {"witness"}


def test_a_tightening_that_cuts_off_the_optimum_is_seen():
    def with_m(m):
        return pf.tighten(program_of(replace(SWITCHED, rows=(Row("m", (("x", 1.0), ("b", -m)), upper=0.0),))))

    assert not judge_tightened(SWITCHED, with_m(3.0)).wrong
    assert [w.word for w in judge_tightened(SWITCHED, with_m(2.5)).wrong] == ["tighten"]


def test_a_leak_that_pays_is_not_safe():
    # min y + 1000 b, y <= 90000 b, y >= .05: b = 1e-6 lets .09 through where 1000.05 is true
    trickle = Problem(
        (Column("y", 0.05, 90000.0, cost=1.0), Column("b", 0.0, 1.0, True, 1000.0)),
        (Row("m", (("y", 1.0), ("b", -90000.0)), upper=0.0),),
    )
    # (the side is dead too: nothing is left of y with b = 0)
    right = {"verdict": "dead", "big_m": 90000.0, "needed": (9e4, 9e4), "suggested_big_m": None}
    report = judge_audit(trickle, said(**right), set())
    assert [w.word for w in report.wrong] == ["safe"]
    assert "0.05" in report.wrong[0].right
    assert not judge_audit(trickle, said(**right, safe=False), set()).wrong
    # a row that lets through no more than a tolerance of what it is for is no leak
    assert not judge_audit(SWITCHED, said(), set()).wrong


ANSWER = {"status": "certified-optimal", "objective": -2.0, "bound": -2.0}


@pytest.mark.parametrize(
    ("changes", "x", "words"),
    [
        ({}, (3.0, 1.0), set()),
        ({"status": "solver-optimal", "objective": 0.0, "bound": 0.0}, (0.0, 0.0), set()),
        ({"status": "verified-optimal", "objective": 0.0, "bound": 0.0}, (0.0, 0.0), {"verified-optimal"}),
        ({"objective": -1.9999, "bound": -1.9999}, (2.9999, 1.0), {"certified-optimal", "bound"}),
        ({"bound": -1.9}, (3.0, 1.0), {"bound"}),
        ({"status": "solver-optimal"}, (3.0, 0.0), {"solver-optimal"}),
        ({"status": "infeasible"}, (3.0, 1.0), {"infeasible"}),
        ({"status": "unbounded"}, (3.0, 1.0), {"unbounded"}),
        ({"status": "solver-infeasible"}, (3.0, 1.0), set()),
        ({"status": "limit"}, (3.0, 1.0), set()),
    ],
)
def test_every_untrue_word_of_a_solution_is_seen(changes, x, words):
    solution = SimpleNamespace(**(ANSWER | changes))
    report = judge_solution(SWITCHED, solution, {"x": x[0], "b": x[1]})
    assert {w.word for w in report.wrong} == words


def test_an_instance_comes_back_from_its_seed():
    assert drawn("solve", 3, 4) == drawn("solve", 3, 4)
    assert drawn("solve", 3, 4) != drawn("solve", 3, 5)
    problems = [drawn("solve", 1, k).problem for k in range(60)]
    assert 10 < sum(map(ordinary, problems)) < 50
    instance = Instance("audit", SWITCHED, "lp")
    assert "x - 5.0 b <= 0.0" in reproduction(replace(instance, problem=replace(SWITCHED, big_m=("m",))))
    assert "examined(Instance(" in reproduction(replace(instance, route="pyomo"))


# ------------------------------------------------------------------------------ claims


def half_of_the_larger(m: float, top: float = 3.0) -> Case:
    """v = max(u0, u1) over [0, 3] x [1, 2] with M = m for u1, and an output bound."""
    rows = (
        Row("a", (("v", 1.0), ("u0", -1.0)), lower=0.0),
        Row("b", (("v", 1.0), ("u1", -1.0)), lower=0.0),
        Row("c", (("v", 1.0), ("u0", -1.0), ("b0", -2.0)), upper=0.0),
        Row("d", (("v", 1.0), ("u1", -1.0), ("b0", m)), upper=m),
    )
    pieces = (
        (Row("e", (("v", 1.0), ("u0", -1.0)), 0.0, 0.0), Row("o", (("u0", 1.0), ("u1", -1.0)), lower=0.0)),
        (Row("e", (("v", 1.0), ("u1", -1.0)), 0.0, 0.0), Row("o", (("u0", 1.0), ("u1", -1.0)), upper=0.0)),
    )
    return Case((Column("u0", 0.0, 3.0), Column("u1", 1.0, 2.0)), Column("v", 1.0, top), 1, rows, pieces)


def test_the_truth_of_claims_by_hand():
    right = truth_of(half_of_the_larger(2.0))
    assert (right.unsound, right.incomplete, right.rounding) == (0, 0, 0)
    # u0 = 3, u1 = 1 needs M = 2: with 1.5 the point v = 3 misses its row by a half
    assert truth_of(half_of_the_larger(1.5)).incomplete == Fraction(1, 2)
    assert truth_of(half_of_the_larger(1.5)).unsound == 0
    # an output bound of 2.5 cuts v = 3 by a half as well
    assert truth_of(half_of_the_larger(2.0, 2.5)).incomplete == Fraction(1, 2)
    # without the row of u0, v may exceed u0 and u1 by as much as its bound lets it
    loose = half_of_the_larger(2.0)
    loose = replace(loose, rows=(*loose.rows[:2], loose.rows[3]))
    assert truth_of(loose).unsound > 0
    assert truth_of(loose).incomplete == 0
    # a binary that only rounding keeps from being 1 is no untruth; one that is kept by a thousandth is
    for factor, untrue in ((1 - 2**-53, False), (0.999, True)):
        row = Row("one", (("b0", factor),), 1.0, 1.0)
        fixed = truth_of(
            Case(
                (Column("u0", 0.0, 1.0),),
                Column("v", 0.0, 1.0),
                1,
                (row,),
                ((box_row(Column("v", 0.0, 1.0)),),),
            )
        )
        assert fixed.incomplete == 1
        assert bool(fixed.untrue) is untrue
    mutants = [truth_of(drawn_case(random.Random(k))) for k in range(60)]
    wrong = [t for t in mutants if t is not None and t.untrue]
    assert 10 < len(wrong) < 50


# ------------------------------------------------------------------------------ the product


def all_words(kinds, seed, full):
    run = Run(seed)
    if full:
        searched(run, tasks(kinds), float("inf"), 2)
    else:
        for kind, k in tasks(kinds):
            run.take(kind, k, examined(drawn(kind, seed, k)))
    return run


@pytest.mark.parametrize(
    "kind",
    [
        "audit",
        "claim",
        "free",
        "solve",
    ],
)
def test_no_word_is_wrong(kind, request):
    full = request.config.getoption("full")
    run = all_words({kind: (FULL if full else SHARE)[kind]}, 2026, full)
    assert not [f"{one} [{kind}:{index}]" for found in run.wrong.values() for index, one in found]
    counts = Counter({name: n for (_, name), n in run.counts.items()})
    part, whole = {"audit": DECIDED[0], "claim": DECIDED[2]}.get(kind, DECIDED[1])[::-1]
    least = 0.95 if full else 0.9  # one model more or less says nothing about a small share
    assert counts[f"ordinary {part}"] >= least * counts[f"ordinary {whole}"] > 0


def test_the_shape_of_free_integers_is_the_one_that_solvers_get_wrong():
    problem = free_integers(random.Random(1))
    assert optimum(exact_of(problem)).status == "optimal"
    assert sum(c.integer for c in problem.columns) == 3


@pytest.mark.parametrize(("kind", "seed", "index"), [("audit", 1936, 709), ("solve", 1936, 1289)])
def test_what_was_wrong_once_stays_right(kind, seed, index):
    """An M rounded outward as a double, short as the decimal it prints as; a cut divided by a vanishing number."""
    assert not examined(drawn(kind, seed, index)).wrong
