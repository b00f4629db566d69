"""Quadratic claims at every scale: a limit wrong by more than 1e-6 of it is never proved, a right one is."""

import copy
from fractions import Fraction

import numpy as np
import pytest

from proofolio import implies, stack
from proofolio.formulations.implications import implies_meaning
from proofolio.verification.exact.certificate import digest, violation
from proofolio.verification.proofs.claim import Box, Claim
from proofolio.verification.proofs.lines import Atoms
from proofolio.verification.proofs.proof import Certificates
from proofolio.verification.proofs.proving import prove
from proofolio.verification.proofs.questions import total_question
from proofolio.verification.proofs.reading import state
from proofolio.verification.proofs.statement import parts

LOWERINGS = ("indicator", "big-m", "hull")


def ball(box, wrong=0.0, lowering="indicator", unit=1.0, limit=1.0):
    """z = 1 => unit x'x <= limit, written with another limit."""

    def body(x):
        return x.owner.quadratic(unit * np.eye(2), x)

    return Claim(
        lambda model, z, x: implies(model, "r", z, body(x) <= limit * (1 + wrong), lowering=lowering),
        {"z": Box((), 0, 1, integer=True), "x": Box(2, -box, box)},
        (),
        implies_meaning(lambda x: body(x) <= limit),
        elementwise=False,
    )


@pytest.mark.parametrize("lowering", LOWERINGS)
@pytest.mark.parametrize(
    ("box", "wrong"), [(1e2, 1.1e-6), (1e3, 1e-4), (1e4, 0.05), (1e5, 5.0), (1e6, 900.0), (1e4, -0.05)]
)
def test_a_wide_box_does_not_make_room_for_a_wrong_limit(box, wrong, lowering):
    assert prove(ball(box, wrong, lowering)).verdict != "proved"
    assert prove(ball(box, 0.0, lowering)).verdict == "proved"


def test_no_scale_of_box_coefficients_or_limit_lets_a_wrong_limit_pass(pytestconfig):
    rng = np.random.default_rng(0)
    refuted, count = 0, 60 if pytestconfig.getoption("--full") else 24
    for _ in range(count):
        unit, radius = 10.0 ** rng.integers(-6, 7), 10.0 ** rng.integers(-3, 3)
        box = radius * 10.0 ** rng.integers(0, 6)
        wrong = float(rng.choice([-1, 1])) * 10.0 ** rng.uniform(-5.9, -1)
        lowering = LOWERINGS[rng.integers(3)]
        limit = unit * radius**2
        written = ball(box, wrong, lowering, unit, limit)
        # Big-M writes limit + M as one number: a limit below its last digit is not in the row at all
        if lowering == "big-m" and abs(wrong) * radius**2 < 1e-13 * box**2:
            continue
        found = prove(written)
        assert found.verdict != "proved", (unit, radius, box, wrong, lowering)
        refuted += found.verdict == "refuted"
    assert refuted >= count / 3


def capped(first, wide, short, curved=True):
    """z = 1 => x0 <= 1/2 and an ellipse, the first through a variable with careless bounds, short by a bit."""

    def second(x):
        return x.owner.quadratic(np.diag([first, 1.0]), x) <= 1 if curved else x.sum() <= 1

    def rows(model, z, x):
        y = model.variable("y", lower=-wide, upper=wide)
        model.add("same", y == x[0])
        model.add("cap", y <= 0.5 - short + 10 * (1 - z))
        implies(model, "q", z, second(x), lowering="indicator")

    return Claim(
        rows,
        {"z": Box((), 0, 1, integer=True), "x": Box(2, -1, 1)},
        (),
        [lambda z, x: [z == 0], lambda z, x: [z == 1, x[0] <= 0.5, second(x)]],
        elementwise=False,
    )


@pytest.mark.parametrize(
    ("first", "wide", "short"),
    [
        (1.0, 1e9, 1e-8),
        (1e-3, 1e9, 1e-7),
        (1e-6, 1e9, 5e-4),
        (1e-8, 1e9, 0.05),
        (1e-8, 1.0, 0.05),
        (1e8, 1e9, 0.05),
    ],
)
def test_atoms_make_no_room_for_linear_rows(first, wide, short):
    assert prove(capped(first, wide, short, curved=False)).verdict == "refuted"
    assert prove(capped(first, wide, short)).verdict != "proved"
    assert prove(capped(first, wide, 0.0)).verdict == "proved"


def by_hand(parts_of_root, meant):
    """z = 1 => meant x^2 <= meant, its cone written with the sum of some squares."""

    def rows(model, z, x):
        y, s = model.variable("y", 1, -2, 2), model.variable("s", lower=0)
        model.add("y_low", y >= -2 * z)
        model.add("y_high", y <= 2 * z)
        model.add("rest_low", x - y >= -2 * (1 - z))
        model.add("rest_high", x - y <= 2 * (1 - z))
        model.add("limit", s <= meant * z)
        model.cone("c", stack([p * y[0] for p in parts_of_root]), s, z)

    meaning = implies_meaning(lambda x: x.owner.quadratic(np.array([[meant]]), x) <= meant)
    return Claim(rows, {"z": Box((), 0, 1, integer=True), "x": Box(1, -2, 2)}, (), meaning, elementwise=False)


@pytest.mark.parametrize(
    ("root", "right"), [([1000.0], True), ([1000.0, 1.0], False), ([1000.0, 1.0, 1.0], False)]
)
def test_a_cone_near_a_known_form_keeps_every_coefficient(root, right):
    claim = by_hand(root, 1e6)
    assert (prove(claim).verdict == "proved") == right
    statement = state(claim).statement
    total = sum(int(p) ** 2 for p in root)
    x, s = Fraction(3, 7), Fraction(1)
    point = {statement.names.index("x[0]"): x, statement.names.index("s"): s}
    point |= {atom.column: atom.value(point) for atom in statement.atoms}
    own = {atom.column for atom in statement.atoms}
    curved = [line for line in statement.rows if own & set(line.terms)]
    assert len(curved) == 1
    assert sum(a * point[j] for j, a in curved[0].terms.items()) == total * x * x - s


def test_forms_written_out_are_what_was_asked():
    rng = np.random.default_rng(1)
    keys = [(0, 0), (0, 1), (1, 1)]
    for _ in range(200):
        atoms = Atoms(2)
        for _ in range(4):
            base = {key: Fraction(int(rng.integers(-2, 3))) for key in keys}
            near = {key: a * 10**6 + int(rng.integers(-1, 2)) for key, a in base.items()}
            for form, ask in ((base, atoms.terms), (near, atoms.near_terms)):
                row = ask(form)
                placed = {atom.column: {(i, j): a for i, j, a in atom.terms} for atom in atoms.placed(2)}
                for key in keys:
                    assert sum(a * placed[1 - j].get(key, 0) for j, a in row.items()) == form[key]


def test_atoms_are_in_parts_of_their_largest_coefficient():
    atoms = Atoms(2)
    assert atoms.terms({(0, 0): Fraction(1, 10**8), (1, 1): Fraction(-2)}) == {-1: -2}
    assert max(abs(a) for _, _, a in atoms.placed(2)[0].terms) == 1


def test_a_false_point_without_outputs_is_refused():
    """An atom at 18 where x = 0: no piece holds it, and the parts do not say that it cannot be."""
    claim = ball(3.0)
    proof = prove(claim)
    assert proof.total is None
    document = copy.deepcopy(dict(proof.certificates.document))
    statement = state(claim).statement
    (part,) = [part for part in parts(statement) if "z" in part.names]
    atom, z = part.names.index("quadratic 0 in x[0]"), part.names.index("z")
    point = dict.fromkeys(part.points, Fraction(0)) | {z: Fraction(1), atom: Fraction(18)}
    assert violation(part.cell(()), point) == 0
    for piece in total_question(part, 0).pieces:
        assert any(sum(a * point[j] for j, a in f.terms.items()) > f.limit + f.scale / 100 for f in piece)
    document["total"] = False
    document["gap"] = {
        "part": parts(statement).index(part),
        "entry": 0,
        "point": {str(j): str(v) for j, v in point.items()},
    }
    document["digest"] = digest(document)
    assert not Certificates(document).check().ok
    assert not Certificates(document).check(claim).ok


def test_a_row_that_holds_at_a_point_only_is_left_open():
    found = prove(ball(1.0, limit=0.0))
    assert found.verdict == "undecided"
    assert "single point" in found.reason


def test_a_large_coefficient_of_another_column_makes_no_room():
    def claim(wrong):
        def rows(model, z, x, u):
            s = model.variable("s", lower=-1e13, upper=1e13)
            model.add("curved", model.quadratic(np.eye(1), x) + 1e8 * u - s <= 0)
            model.add("limit", s - 1e8 * u <= 1 + wrong + 1e13 * (1 - z))

        meaning = [
            lambda z, x, u: [z == 0],
            lambda z, x, u: [z == 1, x.owner.quadratic(np.eye(1), x) <= 1],
        ]
        boxes = {"z": Box((), 0, 1, integer=True), "x": Box(1, -1e4, 1e4), "u": Box((), 0, 1e-9)}
        return Claim(rows, boxes, (), meaning, elementwise=False)

    for wrong in (0.05, -0.05, 1.0, -0.5):
        assert prove(claim(wrong)).verdict != "proved"
