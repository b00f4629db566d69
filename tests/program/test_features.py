"""Convexity of sparse matrices, decided block by block."""

import numpy as np
import pytest
from scipy import sparse

from proofolio.program.structure import is_positive_semidefinite


@pytest.mark.parametrize(("third", "convex"), [(1.0, True), (0.0, True), (-1e-13, False)])
def test_a_column_squared_by_itself_is_convex_or_not_by_its_own_sign(third, convex):
    matrix = np.diag([1.0, 2.0, third, 1e6])
    matrix[0, 1] = matrix[1, 0] = 0.5
    assert is_positive_semidefinite(sparse.csr_array(matrix)) is convex
