"""What the builder freezes: objectives, quadratic rows, cones, indicators and ordered sets."""

import numpy as np
import pytest

from proofolio import BadData, Model, stack
from proofolio.program.structure import features

POINT = np.array([0.5, -2.0, 3.0, 1.0, 0.25, -1.5, 1.0, 0.0])
X, B = POINT[:6].reshape(2, 3), POINT[6:]


@pytest.fixture
def model():
    return Model()


@pytest.fixture
def x(model):
    return model.variable("x", (2, 3), -5, 5)


@pytest.fixture
def b(model, x):
    return model.variable("b", 2, binary=True)


def test_the_objective_is_what_was_written(model, x, b):
    Q = np.array([[2.0, 1.0, 0.0], [1.0, 3.0, -1.0], [0.0, -1.0, 1.0]])
    left = np.array([[1.0, 2.0, 0.5], [0.1, 0.0, 0.3], [0.7, 0.2, 0.9]])
    model.minimise(
        model.quadratic(Q, x).sum() + model.quadratic(Q, x[0] @ left + 1.0) - 3 * x[1, 1] + b.sum() / 2 + 7
    )
    program = model.freeze()
    w = X[0] @ left + 1.0
    expected = X[0] @ Q @ X[0] + X[1] @ Q @ X[1] + w @ Q @ w - 3 * X[1, 1] + B.sum() / 2 + 7
    assert program.objective(POINT) == pytest.approx(expected, rel=1e-12)
    P = program.P.toarray()
    np.testing.assert_array_equal(P, P.T)
    np.testing.assert_allclose(P[3:6, 3:6], 2 * Q)
    assert program.c == pytest.approx(np.ones(3) @ Q @ np.ones(3) + 7)
    assert "quadratic-objective" in features(program)


def test_forms_on_the_same_columns_merge_in_the_objective(model, x):
    q = model.quadratic(np.eye(3), x[0])
    model.minimise(q + q - model.quadratic(2 * np.eye(3), x[0]) + x[0, 0])
    program = model.freeze()
    assert program.P.nnz == 0
    assert features(program) == frozenset()


def test_a_shared_column_in_the_objective_counts_every_time(model, x, b):
    model.minimise(model.quadratic([[1.0, 2.0], [2.0, 5.0]], stack([x[0, 0], x[0, 0]])))
    assert model.freeze().objective(POINT) == 10 * X[0, 0] ** 2


def test_maximising_speaks_the_user_s_sense(model, x, b):
    model.maximise(2 * x[0, 0] - model.quadratic(np.eye(3), x[1]) + 1)
    program = model.freeze()
    assert program.maximise
    assert program.objective(POINT) == pytest.approx(2 * X[0, 0] - X[1] @ X[1] + 1)
    assert "nonconvex-objective" not in features(program)
    model.minimise(x[0, 0])
    assert not model.freeze().maximise


def test_indefinite_objectives_are_seen(model, x):
    model.minimise(model.quadratic(np.diag([1.0, -1e-3, 0.0]), x[0]))
    assert features(model.freeze()) == {"quadratic-objective", "nonconvex-objective"}


def test_the_objective_is_one_number(model, x):
    with pytest.raises(BadData, match=r"shape \(3,\)"):
        model.minimise(x[0])
    with pytest.raises(BadData, match=r"shape \(2,\)"):
        model.maximise(model.quadratic(np.eye(3), x))


def test_quadratic_rows(model, x, b):
    Q = np.stack([np.eye(3), -2 * np.eye(3)])
    body = model.quadratic(Q, x) + x.sum(1) - 4 * b
    switch = model.switch("test", b, 1, 4.0, "given", (2,))
    model.add("curved", body <= [2.0, 3.0], switch)
    model.add("other", model.quadratic(np.eye(3), x[0]) >= 1)
    program = model.freeze()
    rows = program.quadratic
    expected = np.einsum("ti,tij,tj->t", X, Q, X) + X.sum(1) - 4 * B
    np.testing.assert_allclose(rows.value(POINT), [*expected, X[0] @ X[0]])
    assert rows.lower.tolist() == [-np.inf, -np.inf, 1.0]
    assert rows.upper.tolist() == [2.0, 3.0, np.inf]
    assert [n for block in rows.blocks for n in block.element_names()] == ["curved[0]", "curved[1]", "other"]
    assert rows.blocks[0].switch.binary.tolist() == [6, 7]
    assert rows.blocks[1].start == 2
    assert len(rows) == 3
    assert program.m == 0


def test_quadratic_rows_without_a_quadratic_are_linear(model, x):
    zero = np.zeros((3, 3))
    model.add("plain", model.quadratic(zero, x) + x.sum(1) <= 1)
    model.add("affine inside", model.quadratic(zero, 2 * x + 1) - x.sum(1) <= 1)
    model.add("scaled away", 0 * model.quadratic(np.eye(3), x) + x.sum(1) >= 0)
    program = model.freeze()
    assert len(program.quadratic) == 0
    assert program.m == 6
    assert "quadratic-rows" not in features(program)


def test_a_block_of_rows_may_be_partly_quadratic(model, x, b):
    model.add("mixed", model.quadratic(np.stack([np.eye(3), np.zeros((3, 3))]), x) - x.sum(1) <= 1)
    rows = model.freeze().quadratic
    np.testing.assert_allclose(rows.value(POINT), [X[0] @ X[0] - X[0].sum(), -X[1].sum()])


def test_cones_hold_t_z_and_the_vector(model, x, b):
    model.cone("first", x, 2 * b + 1, b)
    model.cone("second", x[0] - 1, b[0] + 0.5)
    cones = model.freeze().cones
    members = cones.members(POINT)
    expected = [[2 * B[0] + 1, B[0], *X[0]], [2 * B[1] + 1, B[1], *X[1]], [B[0] + 0.5, 1.0, *(X[0] - 1)]]
    for member, wanted in zip(members, expected, strict=True):
        np.testing.assert_allclose(member, wanted)
    assert cones.pointer.tolist() == [0, 5, 10, 15]
    assert [n for block in cones.blocks for n in block.element_names()] == ["first[0]", "first[1]", "second"]
    assert [block.start for block in cones.blocks] == [0, 2]
    violation = [X[0] @ X[0] - 3.0, X[1] @ X[1] - 0.0, (X[0] - 1) @ (X[0] - 1) - 1.5]
    np.testing.assert_allclose(cones.violation(POINT), violation)


def test_a_negative_side_violates_a_cone(model, x):
    model.cone("c", x[0], x[0, 1], x[1, 1] - 1)
    assert model.freeze().cones.violation(np.array([0.0, -2.0, 0, 0, 0, 0]))[0] == 4.0 - 2.0
    assert model.freeze().cones.violation(np.array([0.0, 3.0, 0, 0, 0.5, 0]))[0] >= 0.5


def test_cones_must_fit(model, x):
    with pytest.raises(BadData, match="last axis"):
        model.cone("c", x[0, 0], 1.0)
    with pytest.raises(BadData, match="broadcast"):
        model.cone("c", x, np.zeros(5))


def test_indicators(model, x, b):
    model.indicator("on", b[0], x[0] <= 1)
    model.indicator("off", b[1], 2 * x[1] + 1 == 3, when=0)
    model.indicator("turned", 1 - b, x[:, 0] >= 2)
    model.indicator("turned twice", 1 - b[0], x[0, 0] >= 2, when=0)
    found = model.freeze().indicators
    assert found.binary.tolist() == [6, 6, 6, 7, 7, 7, 6, 7, 6]
    assert found.on.tolist() == [1, 1, 1, 0, 0, 0, 0, 0, 1]
    assert found.lower.tolist() == [-np.inf] * 3 + [2.0] * 3 + [2.0] * 3
    assert found.upper.tolist() == [1.0] * 3 + [2.0] * 3 + [np.inf] * 3
    np.testing.assert_allclose(found.matrix @ POINT, [*X[0], *(2 * X[1]), *X[:, 0], X[0, 0]])
    assert [block.start for block in found.blocks] == [0, 3, 6, 8]
    assert len(found) == 9


def test_an_indicator_needs_one_binary_and_affine_rows(model, x, b):
    z = model.variable("z", lower=0, upper=2, integer=True)
    for switch in (x[0, 0], z, b.sum(), 2 * b[0], 1.0):
        with pytest.raises(BadData, match="one binary variable"):
            model.indicator("i", switch, x[0] <= 1)
    with pytest.raises(BadData, match="affine"):
        model.indicator("i", b[0], model.quadratic(np.eye(3), x[0]) <= 1)
    with pytest.raises(BadData, match="affine"):
        model.indicator("i", b[0], x[0])
    with pytest.raises(BadData, match="when is 2"):
        model.indicator("i", b[0], x[0] <= 1, when=2)


def test_a_fixed_binary_still_switches(model, x):
    fixed = model.variable("z", lower=1, binary=True)
    model.indicator("i", fixed, x[0, 0] <= 1)
    assert len(model.freeze().indicators) == 1


def test_special_ordered_sets(model, x):
    model.sos1("one", x[0])
    model.sos2("two", x[1], [3.0, 1.0, 2.0])
    one, two = model.freeze().sos
    assert (one.kind, one.columns.tolist(), one.weights.tolist()) == (1, [0, 1, 2], [1.0, 2.0, 3.0])
    assert (two.kind, two.columns.tolist(), two.weights.tolist()) == (2, [3, 4, 5], [3.0, 1.0, 2.0])
    assert features(model.freeze()) == {"sos1", "sos2"}
    for members in (2 * x[0], x[0] + x[1], x[0] + 1, [1.0, 2.0]):
        with pytest.raises(BadData, match="must be variables"):
            model.sos1("bad", members)
    for weights in ([1.0, 2.0], [1.0, 1.0, 2.0]):
        with pytest.raises(BadData, match="3 different numbers"):
            model.sos2("bad", x[0], weights)


def test_every_class_of_mathematics_is_named(model, x, b):
    model.cone("c", x, 1.0)
    model.indicator("i", b, x[:, 0] <= 1)
    assert features(model.freeze()) == {"integer", "cones", "indicators"}
