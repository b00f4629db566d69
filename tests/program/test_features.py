

@pytest.mark.parametrize(("third", "convex"), [(1.0, True), (0.0, True), (-1e-13, False)])
def test_a_column_squared_by_itself_is_convex_or_not_by_its_own_sign(third, convex):
    matrix = sparse.csr_array(np.diag([1.0, 2.0, 0.0, 1e6]) + np.diag([0.5, 0.0, 0.0], 1) + np.diag([0.5, 0.0, 0.0], -1))
    matrix = sparse.csr_array(matrix + sparse.csr_array(([third], ([2], [2])), shape=(4, 4)))
    assert is_positive_semidefinite(matrix) is convex
