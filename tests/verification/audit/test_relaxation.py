"""The relaxation that is asked many questions, and how few of them an audit asks."""

import math
from itertools import product

import numpy as np
import pytest
from scipy import sparse

from proofolio import Model, audit
from proofolio.program.expression import apply_matrix
from proofolio.program.program import Program
from proofolio.verification.audit.points import Search
from proofolio.verification.audit.relaxation import Relaxation


def random_program(rng: np.random.Generator, n: int = 7, binaries: int = 3, m: int = 8) -> Program:
    model = Model()
    x, y = model.variable("x", n, lower=0, upper=9), model.variable("y", binaries, binary=True)
    A = sparse.csr_array(rng.integers(-4, 5, (m, n)) * (rng.random((m, n)) < 0.5).astype(float))
    B = rng.integers(-6, 7, (m, binaries)).astype(float)
    model.add("rows", apply_matrix(A, x) + B @ y <= rng.integers(2, 20, m))
    model.minimise(x.sum())
    return model.freeze()


@pytest.mark.parametrize("seed", range(6))
def test_a_question_is_answered_the_same_whatever_was_asked_before(seed: int) -> None:
    rng = np.random.default_rng(seed)
    program = random_program(rng)
    asked = Relaxation(program)
    for _ in range(25):
        columns = rng.choice(program.n, 2, replace=False).astype(np.int32)
        freed = None if rng.random() < 0.4 else (int(rng.integers(program.m)), "upper")
        held = rng.choice(program.n, int(rng.integers(0, 3)), replace=False).tolist()
        question = {
            "columns": columns,
            "values": rng.integers(-3, 4, 2).astype(float),
            "freed": freed,
            "boxes": {j: (v, v) for j in held for v in [float(rng.integers(0, 2))]},
            "cap": 50.0 if rng.random() < 0.3 else math.inf,
            "margin": 1e-6 if rng.random() < 0.2 else 0.0,
            "afresh": bool(rng.random() < 0.2),
        }
        one, other = asked.maximise(**question), Relaxation(program).maximise(**question)
        assert one.status == other.status
        assert one.value == pytest.approx(other.value, abs=1e-6)


def test_a_point_is_that_of_its_question_when_it_is_read_later() -> None:
    program = random_program(np.random.default_rng(3))
    relaxation, one = Relaxation(program), np.ones(1)
    high = relaxation.maximise(np.array([0]), one)
    low = relaxation.maximise(np.array([0]), -one)
    assert high.x is not None
    assert low.x is not None
    assert high.x[0] == pytest.approx(high.value)
    assert low.x[0] == pytest.approx(-low.value)
    assert high.value > -low.value


@pytest.mark.parametrize("seed", range(8))
def test_a_binary_is_shown_only_at_values_it_can_have(seed: int) -> None:
    rng = np.random.default_rng(seed)
    model = Model()
    y = model.variable("y", 5, binary=True)
    A, b = rng.integers(-3, 4, (4, 5)).astype(float), rng.integers(-2, 3, 4).astype(float)
    model.add("rows", A @ y <= b)
    points = [v for v in product((0.0, 1.0), repeat=5) if np.all(A @ np.array(v) <= b)]
    search = Search(model.freeze())
    for j, value in product(range(5), (0, 1)):
        if search.show(j, value, 1.0):
            assert search.shown(j, value)
            assert any(v[j] == value for v in points)


def test_where_bounds_decide_a_verdict_takes_about_one_linear_program() -> None:
    arcs, nodes = 60, 12
    rng = np.random.default_rng(5)
    start = rng.integers(0, nodes - 1, arcs - nodes + 1)
    tail = np.concatenate([np.arange(nodes - 1), start])
    head = np.concatenate(
        [np.arange(1, nodes), np.minimum(start + 1 + rng.integers(0, 4, start.size), nodes - 1)]
    )
    model = Model()
    x, y = model.variable("x", arcs, lower=0), model.variable("y", arcs, binary=True)
    for v in range(nodes):
        flow = sum(
            (int(t == v) - int(h == v)) * x[a] for a, (t, h) in enumerate(zip(tail, head, strict=True))
        )
        model.add(f"balance[{v}]", flow == (nodes - 1.0 if v == 0 else -1.0))
    model.add("open", x <= 1000.0 * y)
    model.minimise((rng.integers(1, 9, arcs) * x).sum() + (30.0 * y).sum())
    found = audit(model)
    assert found.summary["loose"] + found.summary["forcing"] == arcs
    assert found.search.solved <= 1.5 * arcs
