"""The tableau beside a simplex in fractions and beside HiGHS: it is right, or HiGHS is asked."""

import math
from fractions import Fraction
from importlib.util import find_spec

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import sparse

from proofolio import Model, audit, compiled
from proofolio.compiled import Kernel
from proofolio.program.expression import apply_matrix
from proofolio.verification.audit import auditing, relaxation, tableau
from proofolio.verification.audit.certificates import check_certificates, save_certificates
from proofolio.verification.audit.relaxation import Relaxation
from proofolio.verification.audit.tableau import Tableau, is_small, maximise_kernel
from proofolio.verification.exact.lp_bounds import ExactRows, Question, as_decimal
from tests.fuzzing.exact import Exact, optimum

MACHINE = pytest.mark.skipif(find_spec("numba") is None, reason="without numba no audit has a tableau")


def program_of(rng, n, m, density=0.7, rows=(0, 0), columns=(0, 0)):
    """Rows of small integers times powers of ten, each an upper, lower or equal side; some columns are free."""
    lower = np.where(rng.random(n) < 0.2, -math.inf, rng.integers(-3, 1, n))
    upper = np.where(rng.random(n) < 0.2, math.inf, rng.integers(1, 5, n))
    model = Model()
    x = model.variable("x", n, lower=lower, upper=upper)
    A = rng.integers(-3, 4, (m, n)) * (rng.random((m, n)) < density)
    A[np.all(A == 0, axis=1), 0] = 1
    scaled = A * 10.0 ** rng.integers(*rows, (m, 1), endpoint=True)
    body = apply_matrix(sparse.csr_array(scaled * 10.0 ** rng.integers(*columns, (1, n), endpoint=True)), x)
    for i, (kind, side) in enumerate(zip(rng.random(m), rng.integers(-1, 6, m).astype(float), strict=True)):
        model.add(
            f"row[{i}]",
            body[i] == side if kind < 0.2 else body[i] >= -side if kind < 0.5 else body[i] <= side,
        )
    return model.freeze()


def question_of(rng, program):
    """A body, a side set free or none, a column held or none."""
    columns = rng.choice(program.n, rng.integers(1, min(program.n, 4), endpoint=True), replace=False).astype(
        np.int32
    )
    values = rng.integers(-3, 4, columns.size).astype(float)
    freed = (
        (int(rng.integers(program.m)), str(rng.choice(["lower", "upper"]))) if rng.random() < 0.5 else None
    )
    held = {int(rng.integers(program.n)): float(rng.integers(-1, 3))} if rng.random() < 0.5 else {}
    return columns, values, freed, {j: (v, v) for j, v in held.items()}


def truth(program, columns, values, freed, boxes):
    """What a simplex in fractions says; it minimises."""

    def number(v):
        return as_decimal(float(v)) if math.isfinite(v) else None

    box = {j: (program.lower[j], program.upper[j]) for j in range(program.n)} | boxes
    lower, upper = ([number(ends[k]) for ends in box.values()] for k in (0, 1))
    cost = [Fraction(0)] * program.n
    for j, v in zip(columns.tolist(), values, strict=True):
        cost[j] = -number(v)
    rows = []
    for i in range(program.m):
        at = slice(program.A.indptr[i], program.A.indptr[i + 1])
        terms = {
            j: number(a) for j, a in zip(program.A.indices[at].tolist(), program.A.data[at], strict=True)
        }
        low, high = number(program.row_lower[i]), number(program.row_upper[i])
        rows.append((terms, None if freed == (i, "lower") else low, None if freed == (i, "upper") else high))
    return optimum(Exact(lower, upper, [False] * program.n, cost, Fraction(0), rows))


def proved(program, columns, values, freed, boxes, found):
    """The bound that an answer's multipliers are made to prove."""
    held = {j: (Fraction(a), Fraction(b)) for j, (a, b) in boxes.items()}
    question = Question(frozenset(() if freed is None else (freed,)), held)
    body = {j: as_decimal(v) for j, v in zip(columns.tolist(), values.tolist(), strict=True)}
    return ExactRows(program).certify(body, found[2], question, found[0])


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 2**32), st.integers(1, 5), st.integers(1, 6))
def test_the_maximum_is_that_of_a_simplex_in_fractions(seed, n, m):
    rng = np.random.default_rng(seed)
    program = program_of(rng, n, m)
    asked = Tableau(program)
    for _ in range(6):
        question = question_of(rng, program)
        found, true = asked.maximise(*question), truth(program, *question)
        assert (found is not None) == (true.status == "optimal")
        if found is not None:
            assert found[0] == pytest.approx(-float(true.value), abs=1e-9)
            assert question[1] @ found[1][question[0]] == pytest.approx(found[0], abs=1e-9)
            assert proved(program, *question, found).bound == -true.value


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 2**32), st.integers(1, 5), st.integers(1, 6))
def test_of_numbers_of_all_sizes_what_is_proved_is_right(seed, n, m):
    rng = np.random.default_rng(seed)
    program = program_of(rng, n, m, rows=(-5, 6), columns=(-3, 3))
    asked = Tableau(program)
    for _ in range(6):
        question = question_of(rng, program)
        found, true = asked.maximise(*question), truth(program, *question)
        proof = None if found is None else proved(program, *question, found)
        if proof is not None and true.status != "infeasible":
            assert true.status == "optimal"
            assert proof.bound >= -true.value
            assert found[0] <= float(-true.value) + 1e-6 * max(1.0, abs(float(true.value)))


@MACHINE
@pytest.mark.usefixtures("by_highs")
def test_larger_programs_are_answered_as_by_highs():
    rng, statuses = np.random.default_rng(6), []
    for _ in range(10):
        program = program_of(rng, int(rng.integers(20, 60)), int(rng.integers(10, 50)), density=0.1)
        asked, highs = Tableau(program), Relaxation(program)
        for _ in range(20):
            question = question_of(rng, program)
            found, answer = asked.maximise(*question), highs.maximise(*question)
            assert (found is not None) == (answer.status == "optimal")
            assert found is None or found[0] == pytest.approx(answer.value, abs=1e-7)
            statuses.append(answer.status)
    assert min(statuses.count(status) for status in ("optimal", "infeasible", "unbounded")) >= 5


@MACHINE
def test_machine_code_does_what_its_source_does(monkeypatch):
    rng = np.random.default_rng(4)
    for _ in range(20):
        program = program_of(rng, 6, 5)
        one, other = Tableau(program), Tableau(program)
        for _ in range(5):
            question = question_of(rng, program)
            found = one.maximise(*question)
            with monkeypatch.context() as patch:
                patch.setattr(compiled, "active", lambda: False)
                expected = other.maximise(*question)
            assert (found is None) == (expected is None)
            for a, b in zip(found or (), expected or (), strict=True):
                np.testing.assert_allclose(a, b, rtol=1e-12, atol=1e-12)


def test_rows_that_do_not_hold_take_a_pivot_each(monkeypatch, back_end):
    pivots = []

    def counting(*given):
        said = maximise_kernel(*given)
        pivots.append(said[1])
        return said

    monkeypatch.setattr(tableau, "maximise_kernel", counting)
    model = Model()
    x = model.variable("x", 3, lower=0, upper=10)
    model.add("two", 2 * x[0] >= 4)
    model.add("three", 2 * x[0] + x[1] >= 3)
    model.add("further", x[0] - x[2] <= -1)  # what brings the others about makes this one worse
    found = Tableau(model.freeze()).maximise(np.array([1], dtype=np.int32), np.ones(1), None, {})
    assert found[0] == 10
    assert pivots == [4]  # and one for the body


def transport(sources, sinks):
    """Where every vertex is degenerate: each amount can be sent from each source."""
    model = Model()
    x = model.variable("x", (sources, sinks), lower=0)
    model.add("sent", x.sum(axis=1) == float(sinks))
    model.add("come", x.sum(axis=0) == float(sources))
    return model.freeze()


@MACHINE
def test_degenerate_vertices_are_left_behind():
    program, rng = transport(6, 6), np.random.default_rng(1)
    asked = Tableau(program)
    for _ in range(40):
        columns = rng.choice(program.n, 4, replace=False).astype(np.int32)
        values = rng.integers(1, 9, 4).astype(float)
        true = truth(program, columns, values, None, {})
        assert asked.maximise(columns, values, None, {})[0] == pytest.approx(-float(true.value), abs=1e-9)


def test_bounds_that_cross_are_for_the_solver(back_end):
    model = Model()
    x = model.variable("x", 2, lower=0, upper=9)
    model.add("row", x.sum() <= 12)
    program, both = model.freeze(), np.array([0, 1], dtype=np.int32)
    assert Tableau(program).maximise(both, np.ones(2), None, {})[0] == 12
    for values in (np.ones(2), np.zeros(2)):
        assert Tableau(program).maximise(both, values, None, {0: (2.0, 1.0)}) is None


def test_a_tableau_that_needs_too_many_pivots_leaves_all_to_the_solver(monkeypatch, back_end):
    program, rng = program_of(np.random.default_rng(8), 6, 6), np.random.default_rng(2)
    questions = [question_of(rng, program) for _ in range(60)]
    assert any(Tableau(program).maximise(*question) for question in questions)
    monkeypatch.setattr(tableau, "EACH", 0)
    asked = Tableau(program)
    found = [asked.maximise(*question) is not None for question in questions * 3]
    assert found[0]
    assert not any(found[-60:])


# ------------------------------------------------------------------------- behind a relaxation and an audit


@pytest.fixture
def by_highs(monkeypatch):
    """No relaxation has a tableau."""
    monkeypatch.setattr(relaxation, "is_small", lambda program: False)


@pytest.fixture
def at_once(monkeypatch):
    """Machine code is loaded for the first question, and no time limit of an audit ends it."""
    monkeypatch.setattr(relaxation, "MANY", 0)
    monkeypatch.setattr(auditing, "MEANING_SECONDS", 100.0)
    monkeypatch.setattr(auditing, "LITTLE_SECONDS", 100.0)


def counted(monkeypatch):
    """Count the questions that a tableau answers."""
    answered, maximise = [], Tableau.maximise

    def counting(self, *question):
        found = maximise(self, *question)
        answered.append(found is not None)
        return found

    monkeypatch.setattr(Tableau, "maximise", counting)
    return answered


def switched(seed, arcs=8):
    """Flows through arcs that must be opened, some with capacities that bound the M of others."""
    rng = np.random.default_rng(seed)
    model = Model()
    x, y = model.variable("x", arcs, lower=0), model.variable("y", arcs, binary=True)
    A = sparse.csr_array(rng.integers(0, 3, (arcs // 2, arcs)).astype(float))
    model.add("shared", apply_matrix(A, x) <= rng.integers(3, 30, arcs // 2))
    model.add("all", x.sum() <= 40)
    model.add("open", x <= rng.choice([3.0, 40.0, 1000.0], arcs) * y)
    model.add("few", y.sum() <= 4)
    model.minimise((rng.integers(1, 5, arcs) * y).sum() - x.sum())
    return model.freeze()


@MACHINE
@pytest.mark.parametrize("seed", range(4))
def test_an_audit_says_the_same_with_either_and_all_is_certified(seed, at_once, monkeypatch, tmp_path):
    program, answered = switched(seed), counted(monkeypatch)
    found = audit(program)
    asked = len(answered)
    assert sum(answered) >= 4
    monkeypatch.setattr(relaxation, "is_small", lambda program: False)
    other = audit(program)
    assert len(answered) == asked
    for one, two in zip(found.rows, other.rows, strict=True):
        assert (one.verdict, one.safe, one.certified, one.needed[1]) == (
            two.verdict, two.safe, two.certified, two.needed[1],
        )  # fmt: skip
    save_certificates(found, tmp_path)
    certificates = check_certificates(tmp_path, program)
    assert len(certificates) == len(found.rows)
    assert all(one.ok for one in certificates)


@MACHINE
def test_multipliers_that_prove_less_are_asked_for_again(at_once, monkeypatch):
    program = switched(3)
    maximise = Tableau.maximise

    def spoiled(self, *question):
        found = maximise(self, *question)
        return found and (found[0], found[1], 0.5 * found[2])

    right = [row.needed[1] for row in audit(program).rows]
    monkeypatch.setattr(Tableau, "maximise", spoiled)
    assert [row.needed[1] for row in audit(program).rows] == right


def test_a_process_loads_machine_code_once_it_has_asked_enough(monkeypatch, back_end):
    program, answered = switched(0), counted(monkeypatch)
    fresh = Kernel(maximise_kernel.source)
    monkeypatch.setattr(relaxation, "maximise_kernel", fresh)
    monkeypatch.setattr(relaxation, "MANY", 3)
    asked, question = Relaxation(program), (np.array([0], dtype=np.int32), np.ones(1))
    for _ in range(3):
        asked.maximise(*question)
    assert not answered
    asked.maximise(*question, time_limit=1.0)  # it may have to be compiled, which takes longer than that
    assert not answered
    asked.maximise(*question)
    assert len(answered) == (back_end != "numpy")


def test_large_programs_have_no_tableau():
    model = Model()
    x = model.variable("x", 1100, lower=0)
    model.add("row", x <= 1)
    assert not is_small(model.freeze())
    assert is_small(switched(0))
