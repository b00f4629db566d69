"""Claims beside what another run says, whatever that is: words no stronger than what was shown, also without time."""

import json
from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest

from proofolio import BadData, Model, UnsupportedProgram, check_certificate, save_certificate, solve
from proofolio.solvers.limits import Deadline
from proofolio.solvers.solution import Solution
from proofolio.verification.certified import confirming
from proofolio.verification.certified.confirming import confirm
from proofolio.verification.certified.optimum import exact_program
from proofolio.verification.certified.vipr import vipr_text
from proofolio.verification.exact.certificate import digest
from proofolio.verification.solving import confirmed

F = Fraction


def odd(scale=1.0):
    """2 x0 + 2 x1 = 3 in whole numbers: nothing."""
    model = Model()
    x = model.variable("x", 2, lower=0, upper=3, integer=True)
    model.add("odd", 2 * scale * x.sum() == 3 * scale)
    return model.freeze()


def knapsack():
    model = Model()
    x = model.variable("x", 3, binary=True)
    model.add("room", np.array([3, 4, 2]) @ x <= 6)
    model.maximise(np.array([4.1, 5.2, 2.5]) @ x)
    return model.freeze()


def rising():
    model = Model()
    x, k = model.variable("x", lower=0), model.variable("k", lower=0, integer=True)
    model.add("together", 3 * k - 2 * x <= 1)
    model.maximise(k)
    return model.freeze()


def bowl():
    model = Model()
    x = model.variable("x", 2, lower=-5, upper=5, integer=True)
    model.minimise(model.quadratic(np.eye(2), x) - 3.3 * x.sum())
    return model.freeze()


def claim(program, status, x=None):
    values = None if x is None else np.asarray(x, dtype=float)
    objective = None if x is None else program.objective(values)
    return Solution(program, status, objective, None, values, 0.1, "highs", "0")


def rivals(monkeypatch, *found):
    monkeypatch.setattr(confirming, "second_runs", lambda *_: (("a rival", f) for f in found))


def asked(program, made, how="second", seconds=20.0):
    return confirm(program, made, how, 1e-6, Deadline.after(seconds))


def test_nothing_is_said_where_nothing_was_asked_or_no_time_is_left():
    program = knapsack()
    made = claim(program, "optimal", [0, 1, 1])
    assert asked(program, made, "none").word == "solver"
    for how in ("auto", "second"):
        found = asked(program, made, how, 0.0)
        assert found.word == "solver"
        assert found.reason
    answer = solve(program, confirm="none")
    late = confirmed(program, answer, "auto", 1e-6, Deadline.after(0.0))
    assert (late.status, late.message) == ("solver-optimal", "no time was left to confirm it")


def test_a_rival_that_gives_up_confirms_nothing(monkeypatch):
    program = odd()
    rivals(monkeypatch, claim(program, "limit"))
    found = asked(program, claim(program, "solver-infeasible"))
    assert found.word == "solver"
    assert "a rival did not finish (limit)" in found.reason
    rivals(monkeypatch)
    assert asked(program, claim(program, "solver-infeasible")).word == "solver"


def test_a_rival_that_says_the_opposite_refutes(monkeypatch):
    program = odd()
    rivals(monkeypatch, claim(program, "unbounded"))
    assert asked(program, claim(program, "solver-infeasible")).word == "refuted"
    rivals(monkeypatch, claim(program, "infeasible"))
    assert asked(program, claim(program, "solver-infeasible")).word == "verified"


def test_two_runs_about_numbers_beyond_their_tolerances_verify_nothing(monkeypatch):
    program = odd(1e-12)
    rivals(monkeypatch, claim(program, "infeasible"))
    found = asked(program, claim(program, "solver-infeasible"))
    assert found.word == "solver"
    assert "both may be wrong" in found.reason


def test_a_point_that_is_none_refutes_nothing(monkeypatch):
    program = odd()
    rivals(monkeypatch, claim(program, "feasible", [1, 1]))
    found = asked(program, claim(program, "solver-infeasible"))
    assert found.word == "solver"
    assert "by its tolerances" in found.reason


def test_a_certificate_says_one_thing():
    program = knapsack()
    best = solve(program, confirm="certificate").certificate
    none = solve(odd(), confirm="certificate").certificate
    ray = solve(rising(), confirm="certificate").certificate
    for proof, made in ((best, program), (none, odd()), (ray, rising())):
        assert proof.holds(exact_program(made))
    assert not replace(best, bound=None).holds(exact_program(program))
    assert not replace(none, value=F(1)).holds(exact_program(odd()))
    assert not replace(none, ray={0: F(1)}).holds(exact_program(odd()))
    assert not replace(none, bound=F(1)).holds(exact_program(odd()))
    assert not replace(ray, bound=F(1)).holds(exact_program(rising()))


@pytest.mark.parametrize(("build", "what"), [(rising, "there is no limit"), (bowl, "quadratic parts")])
def test_vipr_files_hold_linear_optima(build, what):
    answer = solve(build(), confirm="certificate")
    assert answer.certificate is not None
    with pytest.raises(UnsupportedProgram, match=what):
        vipr_text(exact_program(build()), answer.certificate, build().column_names)


def test_a_certificate_is_checked_against_its_own_file_and_reads_numbers_as_decimals(tmp_path):
    file = save_certificate(solve(knapsack(), confirm="certificate"), tmp_path / "answer.json")
    assert check_certificate(file).ok
    document = json.loads(file.read_text()) | {"numbers": "binary"}
    file.write_text(json.dumps(document | {"digest": digest(document)}))
    with pytest.raises(BadData, match="reads numbers as 'binary'"):
        check_certificate(file)
