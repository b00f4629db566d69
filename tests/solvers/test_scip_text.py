"""SCIP reads a large linear program from a text, and has the columns and rows that it would be given one by one."""

import gc
from math import inf

import numpy as np
import pytest
from scipy import sparse

from proofolio import Model, solve
from proofolio.program.program import Block, Cones, Indicators, Program, QuadraticRows, RowBlock, empty_matrix
from proofolio.solvers.scip import loading
from proofolio.solvers.scip.loading import ScipModel

NUMBERS = [1.0, -1.0, 0.1, 1 / 3, -2.5, 1e-5, 7e5, 123456.789, -1e-3, 2.0**-30]

COSTS = [1.0, -1.0, 0.1, 1 / 3, -2.5, 123.456, 1e-3]


def linear_program(rng, costs, n=12, m=9):
    """A program with bounds and sides of every kind; some rows need a look of their own."""
    dense = np.where(rng.random((m, n)) < 0.4, rng.choice(NUMBERS, (m, n)), 0.0)
    dense[0] = 0.0  # an empty row
    dense[1] *= 1e-4  # a small one
    lower = rng.choice([0.0, 0.0, -inf, -1.5, 0.25], n)
    upper = np.maximum(lower, 0.0) + rng.choice([inf, 3.0, 0.0, 0.1], n)
    high = rng.choice([inf, 5.0, 0.3, 1e25], m)
    low = np.where(rng.random(m) < 0.5, -inf, np.minimum(high, 4.0) - rng.choice([0.0, 1.0, 0.7, 1e21], m))
    low[high == inf] = -3.3
    low[0], high[0] = -1.0, 1.0
    one = np.zeros(1, dtype=np.intp)
    none = empty_matrix(0, n)
    empty = np.empty(0)
    return Program(
        P=sparse.csc_array((n, n)), q=rng.choice([*costs, 0.0], n), c=1.5, A=sparse.csr_array(dense),
        row_lower=low, row_upper=high, lower=lower, upper=upper, integer=np.zeros(n, dtype=bool),
        variables=tuple(Block(f"x{j}", (), j) for j in range(n)),
        rows=tuple(RowBlock(f"r{i}", (), i, one) for i in range(m)),
        quadratic=QuadraticRows(none, (), empty, empty),
        cones=Cones(none, empty, np.zeros(1, dtype=np.intp)),
        indicators=Indicators(empty.astype(int), empty.astype(int), none, empty, empty),
    )  # fmt: skip


def columns_of(written):
    place = {v.name: j for j, v in enumerate(written.variables)}
    listed = [
        (
            v.getLbOriginal(),
            v.getUbOriginal(),
            v.getObj(),
            v.vtype(),
            v.isInitial() if hasattr(v, "isInitial") else 0,
        )
        for v in written.variables
    ]
    return place, listed


def rows_of(written):
    model, (place, _) = written.model, columns_of(written)
    flags = ("isInitial", "isSeparated", "isEnforced", "isChecked", "isPropagated", "isLocal", "isModifiable",
        "isDynamic", "isRemovable", "isStickingAtNode")  # fmt: skip
    return sorted(
        (
            model.getLhs(c),
            model.getRhs(c),
            sorted((place[name], a) for name, a in model.getValsLinear(c).items()),
            [getattr(c, flag)() for flag in flags],
        )
        for c in model.getConss()
    )


def test_the_text_says_what_pieces_say(monkeypatch):
    read = 0
    for seed in range(60):
        program = linear_program(np.random.default_rng(seed), COSTS if seed % 3 else NUMBERS)
        monkeypatch.setattr(loading, "MANY", 10**9)
        pieces = ScipModel(program)
        monkeypatch.setattr(loading, "MANY", 0)
        text = ScipModel(program)
        read += text._is_large
        assert columns_of(text)[1] == columns_of(pieces)[1]
        assert rows_of(text) == rows_of(pieces)
        assert text.model.getObjoffset() == pieces.model.getObjoffset()
        assert text.relaxed == pieces.relaxed
    assert read > 20  # costs that SCIP's reader would drop are among the others


def quadratic_model():
    model = Model()
    x = model.variable("x", 4, lower=-1, upper=2)
    model.add("sum", x.sum() == 1)
    model.add("pair", x[0] - x[1] >= 0.1)
    model.minimise(model.quadratic(np.eye(4), x) + 0.5 * x[2])
    return model


def test_curved_programs_and_starts_go_on_from_the_text(monkeypatch):
    expected = solve(quadratic_model(), "scip", confirm="none")
    monkeypatch.setattr(loading, "MANY", 0)
    start = {f"x[{k}]": v for k, v in enumerate(expected.x)}
    found = solve(quadratic_model(), "scip", confirm="none", start=start)
    assert found.ok
    assert found.objective == pytest.approx(expected.objective, rel=1e-6)


def test_without_a_place_for_files_pieces_are_added(monkeypatch):
    def nowhere():
        raise OSError("no space")

    monkeypatch.setattr(loading, "MANY", 0)
    program = linear_program(np.random.default_rng(3), COSTS)
    expected = ScipModel(program)
    monkeypatch.setattr(loading, "TemporaryDirectory", nowhere)
    found = ScipModel(program)
    assert columns_of(found)[1] == columns_of(expected)[1]
    assert rows_of(found) == rows_of(expected)


def test_nothing_of_a_model_stays_when_it_is_answered():
    program = linear_program(np.random.default_rng(4), COSTS, n=300)
    gc.collect()
    gc.disable()
    try:
        solve(program, "scip", confirm="none")
        assert gc.collect() < 300
    finally:
        gc.enable()
