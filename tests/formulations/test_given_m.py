"""Numbers for M, and M by tiers, in the formulations that share the rows of extrema and the selected cost."""

import numpy as np
import pytest

from proofolio import InvalidBigM, Model, absolute, maximum, minimum, positive_part, selected_cost
from proofolio.formulations.costs import RegimeCosts
from proofolio.program.builder import Builder


def switches(model):
    program = model.freeze()
    blocks = (*program.rows, *program.quadratic.blocks)
    return {b.name: b.switch for b in blocks if b.switch is not None}


def extremum(function, lowering, big_m, model=None, **options):
    model = model or Model()
    u = model.variable("u", 2, [0, 0], [1, 8])  # u_1 - u_0 <= 8, u_0 - u_1 <= 1
    function(model, "v", u, lowering=lowering, big_m=big_m, **options)
    return model


MIRRORED = [(maximum, "v_at_most", [8.0, 1.0]), (minimum, "v_at_least", [1.0, 8.0])]


@pytest.mark.parametrize(("function", "row", "needed"), MIRRORED)
def test_numbers_of_an_extremum_are_tightened_kept_or_refuted(function, row, needed):
    assert switches(extremum(function, "big-m", 10.0))[row].big_m.tolist() == needed
    assert switches(extremum(function, "big-m", 10.0, keep=True))[row].big_m.tolist() == [10.0, 10.0]
    assert switches(extremum(function, "big-m", 3.0, Builder()))[row].big_m.tolist() == [3.0, 3.0]
    model = Model()
    with pytest.raises(InvalidBigM, match="8 is needed at"):
        extremum(function, "big-m", 3.0, model)
    assert [block.name for block in model.freeze().variables] == ["u"]


@pytest.mark.parametrize(("function", "row", "needed"), MIRRORED)
def test_the_published_rows_take_the_largest_number_that_is_given(function, row, needed):
    assert switches(extremum(function, "six-row", [1.0, 9.0]))[row].big_m.tolist() == [8.0, 8.0]
    assert switches(extremum(function, "six-row", [9.0, 1.0], keep=True))[row].big_m.tolist() == [9.0, 9.0]
    with pytest.raises(InvalidBigM):
        extremum(function, "six-row", [1.0, 7.0])


@pytest.mark.parametrize("lowering", ["big-m", "six-row"])
@pytest.mark.parametrize(("function", "row"), [(f, row) for f, row, _ in MIRRORED])
@pytest.mark.parametrize("tier", ["lp", "mip"])
def test_tiers_of_an_extremum_know_the_rows_of_the_model(function, row, lowering, tier):
    model = Model()
    u = model.variable("u", 2, 0, 8)
    model.add("close", abs_rows(u))
    function(model, "v", u, lowering=lowering, big_m=tier)
    assert switches(model)[row].big_m == pytest.approx([2.0, 2.0], abs=1e-6)
    assert switches(model)[row].tier == tier
    assert {record.name for record in model.proofs} == {"v"}
    assert all(record.recheck() for record in model.proofs if record.certified)


def abs_rows(u):
    return (u[[0, 1]] - u[[1, 0]]) <= 2


@pytest.mark.parametrize("function", [absolute, positive_part])
@pytest.mark.parametrize("lowering", ["big-m", "six-row"])
def test_signs_pass_numbers_on(function, lowering):
    def built(big_m, **options):
        model = Model()
        function(model, "v", model.variable("u", 3, -2, 3), lowering=lowering, big_m=big_m, **options)
        return switches(model)["v_at_most"].big_m

    tight, kept = built(50.0), built(50.0, keep=True)
    assert tight.max() <= 6.0
    assert (kept == 50.0).all()
    with pytest.raises(InvalidBigM):
        built(0.5)


C = np.array([[[1.0, 1.0]], [[-1.0, -1.0]], [[3.0, 3.0]]])
COSTS = RegimeCosts(np.zeros((3, 1, 2, 2)), C, np.zeros((3, 1)))
LEAST = np.array(
    [[0.0, 2.0, -2.0], [-2.0, 0.0, -4.0], [2.0, 4.0, 0.0]]
)  # f_r - f_s where the weights sum to 1


def multiple(big_m, model=None, costs=COSTS, **options):
    model = model or Model()
    w, Z = model.variable("w", (1, 2), 0, 1), model.variable("Z", (3, 1), binary=True)
    model.add("budget", w.sum(-1) == 1)
    model.add("one", Z.sum(0) == 1)
    selected_cost(model, "cost", Z, w, costs, lowering="multiple-big-m", big_m=big_m, budget=1.0, **options)
    program = model.freeze()
    A = program.A.toarray()
    (block,) = [b for b in program.rows if b.name == "cost_at_least"]
    columns = [k for k, name in enumerate(program.column_names) if name.startswith("Z")]
    return -A[block.start : block.start + block.size][:, columns]


@pytest.mark.parametrize("tier", ["interval", "lp", "mip"])
def test_pairs_by_tiers(tier):
    assert multiple(tier) == pytest.approx(LEAST, abs=1e-6)


def test_numbers_for_pairs_may_be_negative_and_are_held_against_the_model():
    right = LEAST[:, :, None]
    assert multiple(right) == pytest.approx(LEAST, abs=1e-8)
    tightened = [
        [0, 4, 0],
        [0, 0, 0],
        [4, 4, 0],
    ]  # to the first tier that proves 5: intervals, but for f_2 - f_1
    assert multiple(5.0) == pytest.approx(np.array(tightened), abs=1e-8)
    assert multiple(5.0, keep=True) == pytest.approx(5.0 * (1 - np.eye(3)), abs=1e-8)
    short = right.copy()
    short[1, 2] -= 0.5
    with pytest.raises(InvalidBigM, match=r"-4\.5 of 'cost' is too small: -4 is needed"):
        multiple(short)
    assert multiple(short, Builder())[1, 2] == -4.5
