"""The one HiGHS session: small coefficients, signs of multipliers and rays, interrupts, and nothing on stdout."""

import os
import signal
import subprocess
import sys
import threading
import time
from fractions import Fraction

import numpy as np
import pytest
from scipy import sparse

from proofolio import Model
from proofolio.errors import BadData, SolverFailure
from proofolio.solvers.highs.session import Session
from proofolio.verification.audit.auditing import audit
from proofolio.verification.audit.relaxation import Relaxation
from proofolio.verification.exact.certificate import System
from proofolio.verification.proofs.small_lp import SmallLP

INF = np.inf


def session_of(cost, box, A, sides, **options):
    session = Session(options)
    made = sparse.csr_array(np.atleast_2d(np.asarray(A, dtype=float)))
    session.load(*(np.asarray(cost, float), tuple(np.asarray(b, float) for b in box), made),
                 tuple(np.asarray(s, float) for s in sides))  # fmt: skip
    return session


def with_a_tiny_coefficient(tiny, big_m=4.2):
    """A link x <= M y, with x <= 3.5 + tiny z besides and z up to 1 / tiny: a whole x reaches 4."""
    model = Model()
    x = model.variable("x", lower=0, upper=50, integer=True)
    y = model.variable("y", binary=True)
    z = model.variable("z", lower=0, upper=1.0 / tiny)
    model.add("cap", x - tiny * z <= 3.5)
    model.add("link", x <= big_m * y)
    model.minimise(y - x)
    return model.freeze()


@pytest.mark.parametrize("tiny", [1e-9, 1e-10, 1e-11, 1e-12, 1e-13])
def test_what_an_audit_says_is_needed_holds_the_truth_whatever_the_size_of_a_coefficient(tiny):
    (row,) = audit(with_a_tiny_coefficient(tiny)).rows
    low, high = row.needed
    assert low <= 4.0 <= high
    assert high <= 4.5 + 1e-6
    assert row.verdict not in ("invalid", "binding")


@pytest.mark.parametrize("tiny", [1e-9, 1e-10, 1e-11, 1e-12, 1e-13])
def test_the_bounds_of_the_audits_relaxation_are_those_of_rationals(tiny):
    program = with_a_tiny_coefficient(tiny)
    relaxation = Relaxation(program)
    link = 1
    found = relaxation.maximise(np.array([0]), np.ones(1), freed=(link, "upper"))
    truth = Fraction("3.5") + Fraction(str(tiny)) * Fraction(float(program.upper[2]))
    assert found.status == "optimal"
    assert found.value == pytest.approx(float(truth), rel=1e-9)
    assert found.duals[0] == pytest.approx(1.0)  # in the row's own unit, whatever it was multiplied by
    answer, bound = relaxation.maximise_integer(np.array([0]), np.ones(1), (link, "upper"), {}, 10.0)
    assert bound >= 4.0 - 1e-9
    assert answer.value == pytest.approx(4.0)
    # a side that is changed is changed in the same unit
    again = relaxation.maximise(np.array([0]), np.ones(1), freed=(link, "upper"), boxes={2: (0.0, 0.0)})
    assert again.value == pytest.approx(3.5)
    capped = relaxation.maximise(np.array([0]), np.ones(1), freed=(0, "upper"), cap=2.0)
    assert capped.value <= 4.2 + 1e-9


def test_a_small_system_keeps_its_small_coefficients():
    tiny, one = Fraction(1, 10**13), Fraction(1)
    rows = ({0: one, 1: -tiny},)
    system = System(rows, (None,), (Fraction(7, 2),), (Fraction(0),) * 2, (Fraction(50), Fraction(10**13)))
    lp = SmallLP(system)
    question = lp.question()
    answer = lp.maximise({0: one}, question)
    assert answer.value == pytest.approx(4.5)
    assert lp.certify({0: one}, question, answer, Fraction(9, 2)) is not None


@pytest.mark.parametrize("seed", range(20))
def test_multipliers_are_positive_at_lower_sides_and_prove_the_bound(seed):
    rng = np.random.default_rng(seed)
    m, n = 5, 4
    A = rng.standard_normal((m, n)) * np.where(rng.random((m, n)) < 0.3, 1e-11, 1.0)
    inside = rng.uniform(-1, 1, n)
    body = A @ inside
    sides = body - rng.random(m), np.where(rng.random(m) < 0.5, INF, body + rng.random(m))
    box, cost = (np.full(n, -3.0), np.full(n, 3.0)), rng.standard_normal(n)
    session = session_of(cost, box, A, sides)
    assert session.solve() == "optimal"
    y, r, x = session.row_duals(), session.reduced_costs(), session.point()
    np.testing.assert_allclose(cost, A.T @ y + r, atol=1e-8)
    assert np.all(y[np.isinf(sides[1])] >= -1e-9)
    assert session.bound(box) <= session.value + 1e-9
    assert session.bound(box) == pytest.approx(session.value, abs=1e-7)
    assert cost @ x == pytest.approx(session.value)


@pytest.mark.parametrize("presolve", ["on", "off", "choose"])
@pytest.mark.parametrize("seed", range(10))
def test_a_dual_ray_proves_that_nothing_fits(seed, presolve):
    rng = np.random.default_rng(seed)
    A = rng.standard_normal((4, 3))
    A[3] = A[0] + A[1]
    A[2, 0] = 1e-13  # makes the session scale, or loosen, a row
    low, high = np.array([-INF, -INF, -5.0, 2.5]), np.array([1.0, 1.0, 5.0, INF])
    box = np.full(3, -4.0), np.full(3, 4.0)
    session = session_of(np.zeros(3), box, A, (low, high), presolve=presolve)
    assert session.solve_decided() == "infeasible"
    y = session.dual_ray()
    y = y / np.abs(y).max()
    sides = np.where(y > 1e-9, low, np.where(y < -1e-9, high, 0.0))
    pull = A.T @ np.where(np.abs(y) > 1e-9, y, 0.0)
    assert y @ sides > np.maximum(pull * box[0], pull * box[1]).sum() + 1e-9


def test_rows_come_and_go_with_what_was_dropped_from_them():
    session = session_of([-1.0, 0.0], ([0, 0], [50, 1e14]), np.zeros((0, 2)), ([], []))
    box = np.zeros(2), np.array([50.0, 1e14])
    for upper, best in ((3.5, 13.5), (20.0, 30.0)):
        row = sparse.csr_array(np.array([[1.0, -1e-13]]))
        session.add_rows(row, (np.array([-INF]), np.array([upper])), box, np.ones(1))
        assert session.solve() == "optimal"
        assert -session.value == pytest.approx(best)
        session.change_row(0, -INF, upper + 1.0)
        assert session.solve() == "optimal"
        assert -session.value == pytest.approx(best + 1.0)
        session.delete_rows(np.array([0]))
    assert session.rows == 0
    assert session.solve() == "optimal"
    assert -session.value == pytest.approx(50.0)


def test_what_highs_cannot_take_is_refused():
    with pytest.raises(BadData, match="no option named"):
        Session({"nonsense": 1})
    with pytest.raises(BadData, match="does not take"):
        Session({"mip_rel_gap": "wide"})
    with pytest.raises(SolverFailure, match="HiGHS refused"):
        session_of([1.0], ([0], [1]), [[1e16]], ([0], [1]))


def hard(n=60, m=4):
    """A market split: HiGHS branches on it for far longer than any test waits."""
    rng = np.random.default_rng(1)
    A = rng.integers(0, 100, (m, n)).astype(float)
    b = np.floor(A.sum(1) / 2)
    session = Session()
    slack = np.hstack([A, np.eye(m), -np.eye(m)])
    cost = np.concatenate([np.zeros(n), np.ones(2 * m)])
    box = np.zeros(n + 2 * m), np.concatenate([np.ones(n), np.full(2 * m, 1e4)])
    session.load(cost, box, sparse.csr_array(slack), (b, b), np.arange(n + 2 * m) < n)
    return session


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGALRM])
def test_a_signal_ends_the_run_with_what_its_handler_raises(number):
    class Stopped(BaseException):
        pass

    def stop(*_):
        raise Stopped

    before = signal.signal(number, stop)
    try:
        session = hard()
        session.listen()
        timer = threading.Timer(0.5, os.kill, (os.getpid(), number))
        timer.start()
        started = time.perf_counter()
        with pytest.raises(Stopped):
            session.solve(30.0)
        assert time.perf_counter() - started < 15.0
        assert signal.getsignal(number) is stop
    finally:
        timer.cancel()
        signal.signal(number, before)


def test_what_a_progress_function_raises_ends_the_run():
    class Enough(Exception):
        pass

    def progress(*_):
        raise Enough

    session = hard()
    session.listen(progress)
    with pytest.raises(Enough):
        session.solve(30.0)


def test_nothing_is_written_to_stdout_and_nothing_is_made_at_import():
    code = (
        "import highspy\n"
        "made = []\n"
        "plain = highspy.Highs.__init__\n"
        "highspy.Highs.__init__ = lambda self: (made.append(self), plain(self))[1]\n"
        "import proofolio.verification.solving, proofolio.verification.audit.auditing, proofolio.cli.solve\n"
        "assert not made\n"
        "from proofolio.solvers.highs.session import Session\n"
        "Session(), Session()\n"
        "assert len(made) == 2\n"
        "print('said by Python')\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "said by Python\n"


def test_time_limits_of_integer_programs_do_not_add_up(monkeypatch):
    """HiGHS counts the time of linear programs over all runs of an object, and anew for integer programs."""
    mixed, linear = Session(), Session()
    made = sparse.csr_array(np.array([[1.0, 2.0]]))
    for session, integer in ((mixed, np.array([True, False])), (linear, None)):
        session.load(
            np.array([-1.0, -1.0]), (np.zeros(2), np.ones(2)), made, (np.zeros(1), np.ones(1)), integer
        )
        monkeypatch.setattr(session, "_highs", ran_for(100.0, session._highs))
        session.solve(7.0)
    assert mixed._highs.given == 7.0
    assert linear._highs.given == 107.0


def ran_for(seconds, highs):
    """A HiGHS that says it has run for so long already, and notes its time limit."""

    class Ran:
        given = None

        def __getattr__(self, name):
            return getattr(highs, name)

        def getRunTime(self):  # noqa: N802
            return seconds

        def setOptionValue(self, name, value):  # noqa: N802
            if name == "time_limit":
                self.given = value
            return highs.setOptionValue(name, value)

    return Ran()
