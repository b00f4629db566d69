"""The comparison of small quadratic programs judges its answers, and would say which is wrong."""

import numpy as np

from benchmarks import simplex_programs as measured


def test_every_way_answers_rightly():
    assert measured.main(["--quick"]) == 0


def test_a_worse_answer_and_one_that_is_infeasible_are_seen():
    rng = np.random.default_rng(3)
    Q, c = measured.matrices(4, rng), rng.standard_normal((3, 5, 4))
    W, _, least = measured.family(Q, 5, False).minimise(c)
    gap, violation = measured.judged(Q, c, W, least)
    assert abs(gap) <= measured.GAP
    assert violation <= measured.FEASIBLE
    worst = np.eye(4)[c[0, 0].argmax()]
    other = W.copy()
    other[0, 0] = worst
    assert measured.judged(Q, c, other, least)[0] > measured.GAP
    other[0, 0] = 1.1 * W[0, 0]
    assert measured.judged(Q, c, other, least)[1] > measured.FEASIBLE
    other[0, 0] = np.nan
    assert np.isnan(measured.judged(Q, c, other, least)).all()
