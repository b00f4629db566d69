"""Rotated cones are recognised among quadratic rows, and nothing else is taken for one."""

import numpy as np
import pytest

from proofolio.program.builder import Builder
from proofolio.program.expression import stack
from proofolio.program.program import Program
from proofolio.program.structure import features, recognise_cones


def cone_as_quadratic(Q: np.ndarray, factor: float = 1.0, side: float = 0.0, t_lower: float = 0.0) -> Program:
    model = Builder()
    v = model.variable("v", Q.shape[0], -1, 1)
    t = model.variable("t", (), t_lower, 5)
    z = model.variable("z", (), binary=True)
    both = stack([t, z])
    row = model.quadratic(Q, v) - factor * model.quadratic([[0, 0.5], [0.5, 0]], both)
    model.add("row", row <= side)
    model.add("other", model.quadratic(np.eye(Q.shape[0]), v) <= 1)
    model.minimise(t)
    return model.freeze()


@pytest.mark.parametrize("factor", [1.0, 2.5])
@pytest.mark.parametrize("rank", [1, 2, 3])
def test_a_cone_written_as_a_row_becomes_a_cone_with_the_same_points(factor: float, rank: int) -> None:
    rng = np.random.default_rng(rank)
    A = rng.standard_normal((3, rank))
    program = cone_as_quadratic(A @ A.T, factor)
    found = recognise_cones(program)
    assert "nonconvex-rows" in features(program)
    assert "nonconvex-rows" not in features(found)
    assert len(found.cones) == 1
    assert len(found.quadratic) == 1
    assert [b.name for b in found.quadratic.blocks] == ["other"]
    for _ in range(50):
        x = rng.uniform([-1, -1, -1, 0, 0], [1, 1, 1, 5, 1])
        row = x[:3] @ A @ A.T @ x[:3] - factor * x[3] * x[4]
        expected = max(row, -factor * x[3], -x[4])
        assert found.cones.violation(x)[0] == pytest.approx(expected, abs=1e-12)


def test_what_is_no_cone_stays_a_row() -> None:
    identity = np.eye(2)
    for program in (
        cone_as_quadratic(identity, side=0.5),
        cone_as_quadratic(identity, t_lower=-1.0),
        cone_as_quadratic(np.diag([1.0, -1.0])),
    ):
        assert recognise_cones(program) is program
