"""Doors that lose something are caught: each mutant drops or changes one thing of what arrives."""

from dataclasses import replace

import numpy as np
import pytest

import proofolio.interfaces.cvxpy.reading
import proofolio.interfaces.pyomo.attaching
import proofolio.interfaces.pyomo.reading
from proofolio import Model
from proofolio.program.program import Cones, Indicators, QuadraticRows
from proofolio.testing import conformance
from proofolio.testing.differences import difference
from proofolio.verification.proofs.claim import Box, Claim


def curved_rows(model, x, z):
    model.add("ball", model.quadratic([[2, 0.5], [0.5, 1]], x) + x[0] <= 1.5)
    model.cone("perspective", x * 1.5 + 0.25, model.variable("s", lower=0, upper=9), z)
    model.add("off", x[0] <= 2 * z)


def full():
    """Everything that interfaces carry, and indicators."""
    model = Model()
    x, z = model.variable("x", 2, [-1, 0.5], [2, 3]), model.variable("z", binary=True)
    curved_rows(model, x, z)
    model.cone("open heads", x, x[0] + x[1], model.variable("t", upper=7))
    model.minimise(model.quadratic([[1, 0.25], [0.25, 3]], x) + x.sum() + 2)
    return model


def without_quadratic(p, k=0):
    kept = np.array([i for i in range(len(p.quadratic)) if i != k], dtype=int)
    rows = p.quadratic
    return replace(
        p,
        quadratic=QuadraticRows(
            rows.matrix[kept], tuple(rows.forms[i] for i in kept), rows.lower[kept], rows.upper[kept]
        ),
    )


def without_cones(p):
    if not len(p.cones):  # Pyomo reads a cone as a quadratic row: the last one
        return without_quadratic(p, len(p.quadratic) - 1)
    return replace(p, cones=Cones(p.cones.matrix[:0], p.cones.constant[:0], np.zeros(1, int)))


def loosened(p):
    rows = p.quadratic
    upper = rows.upper + np.array([1e-3, *np.zeros(len(rows) - 1)])
    return replace(p, quadratic=replace(rows, upper=upper))


def without_entry(p):
    P = p.P.tolil()
    P[0, 1] = P[1, 0] = 0.0
    return replace(p, P=P.tocsc())


def with_turned_sign(p):
    return replace(p, q=-p.q)


DROPS = {
    "a quadratic row or cone is missing": (without_quadratic, without_cones, loosened),
    "the objective's P differs": (without_entry,),
    "the objective's q differs": (with_turned_sign,),
}
CASES = [(mutant, words) for words, mutants in DROPS.items() for mutant in mutants]


@pytest.mark.parametrize("interface", ["pyomo", "cvxpy"])
@pytest.mark.parametrize(("mutant", "words"), CASES, ids=lambda case: getattr(case, "__name__", ""))
def test_an_interface_that_drops_something_is_caught(monkeypatch, interface, mutant, words):
    claim = Claim(
        curved_rows,
        {"x": Box(2, [-1, 0.5], [2, 3]), "z": Box((), 0, 1, integer=True)},
        (),
        [lambda x, z: [z == 0], lambda x, z: [z == 1]],
        elementwise=False,
    )
    assert set(conformance(claim, sharpness=False).interfaces.values()) == {"agrees"}
    module = (
        proofolio.interfaces.pyomo.reading if interface == "pyomo" else proofolio.interfaces.cvxpy.reading
    )
    right = getattr(module, f"from_{interface}")
    monkeypatch.setattr(module, f"from_{interface}", lambda native: mutant(right(native)))
    report = conformance(claim, sharpness=False)
    assert report.interfaces[interface].startswith(words)
    assert any(problem.startswith(f"through {interface}: {words}") for problem in report.problems)


def test_cones_with_open_heads_arrive_with_rows_that_close_them():
    program = full().freeze()
    assert difference(program, program, objective=True) == "agrees"
    for other in (
        proofolio.interfaces.pyomo.reading.from_pyomo(program.to_pyomo()),
        proofolio.interfaces.cvxpy.reading.from_cvxpy(program.to_cvxpy()),
    ):
        assert difference(program, other, objective=True) == "agrees"
    arrived = proofolio.interfaces.pyomo.reading.from_pyomo(program.to_pyomo())
    t = arrived.columns("t")
    open_ = replace(arrived, lower=np.where(np.arange(arrived.n) == t, -np.inf, arrived.lower))
    narrow = np.flatnonzero(
        arrived.A.sum(axis=1) != 2
    )  # the row x[0] + x[1] >= 0 is not needed: bounds say it
    open_ = replace(
        open_, A=arrived.A[narrow], row_lower=arrived.row_lower[narrow], row_upper=arrived.row_upper[narrow]
    )
    assert difference(program, open_) != "agrees"


def switched():
    model = Model()
    x, z = model.variable("x", 2, 0, 3), model.variable("z", 2, binary=True)
    model.indicator("implied", z, x <= [1, 2])
    return model.freeze()


def test_indicators_are_compared():
    program = switched()
    held = program.indicators
    assert difference(program, switched()) == "agrees"
    kept = np.array([0])
    dropped = replace(
        program,
        indicators=Indicators(
            held.binary[kept], held.on[kept], held.matrix[kept], held.lower[kept], held.upper[kept]
        ),
    )
    assert difference(program, dropped).startswith("an indicator is missing: z[1] = 1 => ")
    assert difference(dropped, program).startswith("an indicator is extra: z[1] = 1 => ")
    for changed in (
        replace(held, on=1 - held.on),
        replace(held, binary=held.binary[::-1]),
        replace(held, upper=held.upper + 1e-3),
        replace(held, matrix=2 * held.matrix),
    ):
        assert difference(program, replace(program, indicators=changed)).startswith("an indicator is missing")


def test_an_interface_that_drops_indicators_is_caught(monkeypatch):
    def rows(model, x, z):
        model.indicator("implied", z, x <= 1)

    claim = Claim(
        rows,
        {"x": Box(2, 0, 3), "z": Box(2, 0, 1, integer=True)},
        (),
        [lambda x, z: [z == 0], lambda x, z: [z == 1, x <= 1]],
    )
    found = conformance(claim, sharpness=False)
    assert found.ok
    assert all(words.startswith("cannot express") for words in found.interfaces.values())
    right = proofolio.interfaces.pyomo.attaching.attach_pyomo

    def careless(block):
        model = right(block)
        model.indicator = lambda *_, **__: None
        return model

    monkeypatch.setattr(proofolio.interfaces.pyomo.attaching, "attach_pyomo", careless)
    report = conformance(claim, sharpness=False)
    assert report.interfaces["pyomo"].startswith("an indicator is missing: z[")
    assert not report.ok
