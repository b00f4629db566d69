"""Claims with quadratic rows and perspective cones: proved, refuted at true points, or left open."""

from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest

from proofolio import disjunction, implies
from proofolio.formulations.disjunctions import disjunction_meaning
from proofolio.formulations.implications import implies_meaning
from proofolio.verification.exact.certificate import digest
from proofolio.verification.proofs.claim import Box, Claim
from proofolio.verification.proofs.lines import interval
from proofolio.verification.proofs.proof import Certificates
from proofolio.verification.proofs.proving import prove
from proofolio.verification.proofs.strengths import strength

Q = np.array([[1, 0.25], [0.25, 0.5]])
LOWERINGS = ("big-m", "multiple-big-m", "hull", "indicator")


def sets(wider=0.0, line=5.5):
    """An ellipse, half a disc (written with >=), a half-plane."""
    return [
        lambda x: [x.owner.quadratic(Q, x) + x[0] <= 1 + wider],
        lambda x: [
            -1.5 * (x.owner.quadratic(np.eye(2), x) - 4 * x[0] - 4 * x[1] + 8) >= -1.5,
            x[0] >= 1.5,
        ],
        lambda x: [x[0] + x[1] >= line],
    ]


def claim(lowering, several=False, own=None, **options):
    own = sets() if own is None else own

    def rows(model, x):
        made = [part(x) for part in own]
        return list(disjunction(model, "d", made, lowering=lowering, at_least_one=several, **options))

    pieces = disjunction_meaning(sets(), several)
    box = Box(2, [-3, -2], [3, 4])
    return Claim(rows, {"x": box}, ("d0", "d1", "d2"), pieces, "sets", lowering, elementwise=False)


def body(x):
    """The ellipse's body at an exact point."""
    a, b = x["x[0]"], x["x[1]"]
    return a * a + a * b / 2 + b * b / 2 + a


@pytest.mark.parametrize("several", [False, True])
@pytest.mark.parametrize("lowering", LOWERINGS)
def test_disjunctions_of_convex_sets_are_proved_and_wrong_ones_refuted_at_true_points(lowering, several):
    right = claim(lowering, several)
    proof = prove(right)
    assert proof.verdict == "proved", proof.reason
    assert proof.delta <= Fraction(1, 10**12)
    assert proof.certificates.check(right).ok
    for wider, direction in ((1e-3, "sound"), (-1e-3, "complete")):
        wrong = claim(lowering, several, sets(wider))
        found = prove(wrong)
        assert (found.verdict, found.witness.direction) == ("refuted", direction)
        assert found.certificates.check(wrong).ok
        assert not found.certificates.check(right).ok
        assert all("quadratic" not in name for name in found.witness.values)
        assert found.witness.values["d0"] == 1
        between = sorted([Fraction(1), 1 + Fraction(str(wider))])
        assert between[0] < body(found.witness.values) < between[1]


def test_a_moved_affine_row_beside_quadratic_ones_is_refuted():
    for lowering in LOWERINGS:
        assert prove(claim(lowering, own=sets(line=5.499))).witness.direction == "sound"
        assert prove(claim(lowering, own=sets(line=5.501))).witness.direction == "complete"


def test_a_given_m_is_proved_or_refuted():
    # the ellipse's body is at most 9 + 6 + 8 + 3 over the box, at the corner (3, 4), which is in set 2
    assert prove(claim("big-m", big_m=[25.0, 80.0, 25.0])).verdict == "proved"
    short = prove(claim("big-m", big_m=[24.9, 80.0, 25.0]))
    assert short.verdict == "refuted"
    assert short.witness.values["x[0]"] == 3
    assert short.witness.values["x[1]"] == 4


MUTANTS = {
    "the cone's head at half": lambda model, x, y, s, d: model.cone("c", y, 0.5 * s, d),
    "twice the head": lambda model, x, y, s, d: model.cone("c", y, 2.0 * s, d),
    "a member left out": lambda model, x, y, s, d: model.cone("c", y[:1], s, d),
    "members a tenth short": lambda model, x, y, s, d: model.cone("c", 0.9 * y, s, d),
    "no cone": lambda model, x, y, s, d: None,
    "the other binary": lambda model, x, y, s, d: model.cone("c", y, s, 1 - d),
    "x for its copy": lambda model, x, y, s, d: model.cone("c", x, s, d),
}


def perspective(cone):
    """z = 1 => x'x <= 1 by hand, with the cone given."""

    def rows(model, z, x):
        y, s = model.variable("y", 2, -2, 2), model.variable("s", lower=0)
        model.add("y_low", y >= -2 * z)
        model.add("y_high", y <= 2 * z)
        model.add("rest_low", x - y >= -2 * (1 - z))
        model.add("rest_high", x - y <= 2 * (1 - z))
        model.add("limit", s <= z)
        cone(model, x, y, s, z)

    inputs = {"z": Box((), 0, 1, integer=True), "x": Box(2, -2, 2)}
    meaning = implies_meaning(lambda x: x.owner.quadratic(np.eye(2), x) <= 1)
    return Claim(rows, inputs, (), meaning, elementwise=False)


def test_a_perspective_by_hand_is_proved():
    right = perspective(lambda model, x, y, s, d: model.cone("c", y, s, d))
    assert prove(right).verdict == "proved"
    assert prove(right).delta == 0


@pytest.mark.parametrize("mutant", MUTANTS)
def test_wrong_perspectives_are_never_proved(mutant):
    found = prove(perspective(MUTANTS[mutant]))
    assert found.verdict == ("undecided" if mutant == "the other binary" else "refuted"), found.reason


def test_copies_that_do_not_equal_inputs_are_not_taken_for_them():
    def rows(model, z, x):
        y, s = model.variable("y", 2, -2, 2), model.variable("s", lower=0)
        model.add("rest_low", x - y >= -2 * (1 - z) - 0.001)
        model.add("rest_high", x - y <= 2 * (1 - z) + 0.001)
        model.add("limit", s <= z)
        model.cone("c", y, s, z)

    near = replace(perspective(lambda *_: None), function=rows)
    found = prove(near)
    assert found.verdict == "undecided"
    assert "not shown to equal inputs" in found.reason


def test_quadratic_parts_of_what_the_function_made_are_left_open():
    def rows(model, z, x):
        y = model.variable("y", 2, -2, 2)
        model.add("same", y == x)
        implies(model, "r", z, model.quadratic(np.eye(2), y) <= 1)

    assert "must be proved apart" in prove(replace(perspective(lambda *_: None), function=rows)).reason


def test_certificates_with_false_atoms_are_refused():
    right, wrong = prove(claim("hull")), prove(claim("hull", own=sets(1e-3)))
    documents = [right.certificates.document, wrong.certificates.document]
    assert len(documents[0]["statement"]["atoms"]) == 3

    def changed(document, edit):
        import copy

        made = copy.deepcopy(dict(document))
        edit(made)
        made["digest"] = digest(made)
        return Certificates(made).check()

    def narrowed(document):
        column = document["statement"]["atoms"][0]["column"]
        document["statement"]["columns"][column]["upper"] = "1"

    def other(document):
        document["statement"]["atoms"][1]["terms"][0][2] = "3/2"

    def elsewhere(document):
        document["refutation"]["inputs"]["0"] = "0"

    assert "leave out values" in changed(documents[0], narrowed).reason
    assert not changed(documents[1], other).ok
    assert not changed(documents[1], elsewhere).ok
    assert changed(documents[1], lambda _: None).ok


def test_strength_says_nothing_about_quadratic_rows():
    found = strength(claim("hull"))
    assert found.sharp is None
    assert found.ideal is None
    assert "quadratic" in found.reason


def test_forms_are_bounded_by_their_terms_and_never_below_zero_when_semidefinite():
    rng = np.random.default_rng(3)
    for _ in range(60):
        n = int(rng.integers(1, 4))
        root = rng.integers(-3, 4, (n, int(rng.integers(1, n + 1))))
        matrix = root @ root.T + (rng.random() < 0.5) * rng.integers(-1, 2) * np.eye(n, dtype=int)
        form = {(i, j): Fraction(int(matrix[i, j]) * (1 + (i < j))) for i in range(n) for j in range(i, n)}
        low = rng.integers(-3, 3, n)
        high = low + rng.integers(0, 4, n)
        ends = interval(form, [Fraction(int(v)) for v in low], [Fraction(int(v)) for v in high])
        x = low + rng.random((200, n)) * (high - low)
        values = np.einsum("ki,ij,kj->k", x, matrix, x)
        assert ends[0] <= values.min() + 1e-9
        assert values.max() <= ends[1] + 1e-9
        semidefinite = np.linalg.eigvalsh(matrix).min() > -1e-9
        assert not semidefinite or ends[0] >= 0
    assert interval({(0, 0): Fraction(1)}, [None], [Fraction(1)]) is None


def test_a_cone_without_a_binary_is_left_open():
    def rows(model, z, x):
        t = model.variable("t", lower=0, upper=2)
        model.cone("c", x, t, t)

    found = prove(replace(perspective(lambda *_: None), function=rows))
    assert found.verdict == "undecided"
    assert "no binary switches" in found.reason
