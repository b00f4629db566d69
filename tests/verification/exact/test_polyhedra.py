"""Elimination, and vertices and rays, in fractions: against what they mean."""

import itertools
import random
from fractions import Fraction
from math import inf

import pytest

from proofolio.verification.exact import elimination, vertices
from proofolio.verification.exact.elimination import solve_exactly, solve_square
from proofolio.verification.exact.in_time import Undecidable
from proofolio.verification.exact.vertices import generators

F = Fraction


def determinant(matrix):
    if not matrix:
        return F(1)
    return sum(
        (
            (-1) ** j * a * determinant([row[:j] + row[j + 1 :] for row in matrix[1:]])
            for j, a in enumerate(matrix[0])
        ),
        F(0),
    )


def by_cramer(matrix, right):
    below = determinant(matrix)
    if not below:
        return None
    return [
        determinant([[*row[:j], b, *row[j + 1 :]] for row, b in zip(matrix, right, strict=True)]) / below
        for j in range(len(matrix))
    ]


# ------------------------------------------------------------------ elimination
def test_a_square_system_is_solved_as_by_cramer_s_rule():
    rng = random.Random(1)
    for n in (1, 2, 3, 4):
        for _ in range(40):
            matrix = [[F(rng.randint(-3, 3), rng.randint(1, 3)) for _ in range(n)] for _ in range(n)]
            if rng.random() < 0.3:
                matrix[-1] = [2 * a for a in matrix[0]]
            right = [F(rng.randint(-5, 5), rng.randint(1, 4)) for _ in range(n)]
            assert solve_square(matrix, right) == by_cramer(matrix, right)


def test_what_is_not_square_has_no_one_solution():
    assert solve_square([], []) == []
    assert solve_square([[F(1), F(0)]], [F(1)]) is None
    assert solve_square([[F(0)]], [F(0)]) is None
    assert solve_square([[F(1)], [F(1)]], [F(1), F(1)]) is None


def test_systems_of_any_shape_are_solved_or_contradictory():
    rng = random.Random(2)
    counts = {True: 0, False: 0}
    for _ in range(400):
        n, m = rng.randint(1, 4), rng.randint(1, 5)
        rows = [{j: F(rng.randint(-2, 2)) for j in range(n) if rng.random() < 0.7} for _ in range(m)]
        if rng.random() < 0.7:  # one that has a solution
            x = [F(rng.randint(-3, 3), 2) for _ in range(n)]
            sides = [sum((a * x[j] for j, a in row.items()), F(0)) for row in rows]
        else:
            sides = [F(rng.randint(-2, 2)) for _ in rows]
        augmented = [[*(row.get(j, F(0)) for j in range(n)), b] for row, b in zip(rows, sides, strict=True)]
        solvable = rank([row[:-1] for row in augmented]) == rank(augmented)
        found = solve_exactly(list(zip(rows, sides, strict=True)))
        assert (found is not None) is solvable
        counts[solvable] += 1
        if found is not None:
            for row, side in zip(rows, sides, strict=True):
                assert sum((a * found.get(j, F(0)) for j, a in row.items()), F(0)) == side
            assert len(found) == rank([row[:-1] for row in augmented])
    assert min(counts.values()) > 40


def rank(rows):
    sizes = range(min(len(rows), len(rows[0])), 0, -1)
    for size in sizes:
        for chosen in itertools.combinations(rows, size):
            for columns in itertools.combinations(range(len(rows[0])), size):
                if determinant([[row[j] for j in columns] for row in chosen]):
                    return size
    return 0


def test_equations_that_may_stay_unsolved_give_way_to_the_others():
    one, two = F(1), F(2)
    x_is = [({0: one}, one), ({0: one}, two)]
    assert solve_exactly(x_is) is None
    assert solve_exactly(x_is, frozenset({0})) == {0: 2}
    assert solve_exactly(x_is, frozenset({1})) == {0: 1}
    assert solve_exactly([*x_is, ({1: one}, two)], frozenset({1})) == {0: 1, 1: 2}
    # also where they were changed on the way: y = 2 after x = 1 gives way to y = 3
    changed = [({0: one}, one), ({0: one, 1: one}, F(3)), ({0: one, 1: one}, F(4))]
    assert solve_exactly(changed, frozenset({1})) == {0: 1, 1: 3}
    # both may go unsolved, but what does not contradict is solved
    assert solve_exactly([({0: one, 1: one}, two), ({1: two}, one)], frozenset({0, 1})) == {
        0: F(3, 2),
        1: F(1, 2),
    }
    assert solve_exactly([({}, one)], frozenset({0})) == {}
    assert solve_exactly([({}, one)]) is None
    assert solve_exactly([({0: F(0)}, F(0))]) == {}


def test_a_system_that_grows_is_given_up():
    size = 6
    hilbert = [({j: F(1, i + j + 1) for j in range(size)}, F(1)) for i in range(size)]
    found = solve_exactly(hilbert)
    assert found is not None
    assert len(found) == size
    assert solve_exactly(hilbert, budget=10) is None
    assert solve_exactly(hilbert, largest=2) is None
    assert solve_exactly(hilbert, ends=0.0) is None
    assert solve_exactly(hilbert, ends=inf) == found
    # the budget counts the entries of the pivot's row at every row that it is taken from
    pair = [({0: F(1), 1: F(1)}, F(1)), ({0: F(1), 1: F(2)}, F(1))]
    assert solve_exactly(pair, budget=2) == {0: 1, 1: 0}
    assert solve_exactly(pair, budget=1) is None
    # and a factor of 1/4 has a denominator of three bits
    pair = [({0: F(4), 1: F(1)}, F(1)), ({0: F(1), 1: F(3)}, F(1))]
    assert solve_exactly(pair, largest=3) == {0: F(2, 11), 1: F(3, 11)}
    assert solve_exactly(pair, largest=2) is None
    assert elimination.BUDGET >= 10**5
    assert elimination.LARGEST >= 1000


def test_a_path_fills_in_nothing():
    """A flow along a path, in an order that would fill in: its budget is two entries an equation."""
    n = 30
    path = [({k: F(1), k + 1: F(-1)}, F(1)) for k in range(n)] + [({0: F(1)}, F(0))]
    random.Random(3).shuffle(path)
    found = solve_exactly(path, budget=2 * n)
    assert found == {k: -k for k in range(n + 1)}


# ------------------------------------------------------------------ vertices and rays
def brute_force(facets, size):
    """Vertices, as the feasible solutions of all square subsystems."""
    found = set()
    for chosen in itertools.combinations(facets, size):
        x = by_cramer([list(g) for g, _ in chosen], [h for _, h in chosen])
        if x is not None and all(sum(a * v for a, v in zip(g, x, strict=True)) <= h for g, h in facets):
            found.add(tuple(x))
    return found


def box(size, low, high):
    unit = [tuple(F(i == j) for j in range(size)) for i in range(size)]
    return [(u, F(high)) for u in unit] + [(tuple(-a for a in u), F(-low)) for u in unit]


def test_the_vertices_of_a_bounded_polyhedron_are_those_of_its_subsystems():
    rng = random.Random(4)
    empty = 0
    for size in (1, 2, 3):
        for _ in range(20):
            facets = box(size, rng.randint(-3, 0), rng.randint(1, 3))
            for _ in range(rng.randint(0, 4)):
                facets.append((tuple(F(rng.randint(-2, 2)) for _ in range(size)), F(rng.randint(-2, 4), 2)))
            rng.shuffle(facets)
            points, rays = generators(facets, size)
            assert rays == [] or not points
            assert set(points) == brute_force(facets, size)
            assert len(points) == len(set(points))
            empty += not points
    assert empty > 1


def positively_spans(generators_, wanted):
    """Whether a vector is a sum of nonnegative multiples of others: by Caratheodory on independent ones."""
    size = len(wanted)
    if not any(wanted):
        return True
    for k in range(1, size + 1):
        for chosen in itertools.combinations(generators_, k):
            equations = [({c: v[i] for c, v in enumerate(chosen) if v[i]}, wanted[i]) for i in range(size)]
            found = solve_exactly(equations)
            if found is not None and all(a >= 0 for a in found.values()):
                return True
    return False


def test_rays_are_the_directions_of_what_has_no_end():
    quadrant = [((F(-1), F(0)), F(-1)), ((F(0), F(-1)), F(-2))]  # x >= 1, y >= 2
    points, rays = generators(quadrant, 2)
    assert points == [(1, 2)]
    assert {tuple(a / max(r) for a in r) for r in rays} == {(1, 0), (0, 1)}
    line = [((F(1), F(1)), F(3)), ((F(-1), F(-1)), F(-3))]  # x + y = 3
    points, rays = generators(line, 2)
    assert points
    assert all(sum(p) == 3 for p in points)
    assert all(sum(r) == 0 and any(r) for r in rays)
    assert {r[0] > 0 for r in rays} == {True, False}  # a line is two opposite rays
    points, rays = generators([], 1)
    assert points == [(0,)]
    assert {r[0] > 0 for r in rays} == {True, False}
    assert generators([((F(0),), F(-1))], 1)[0] == []  # 0 <= -1
    assert generators([], 0) == ([()], [])
    assert generators([((), F(-1))], 0)[0] == []


def test_points_and_rays_are_all_of_an_unbounded_polyhedron_and_nothing_else():
    rng = random.Random(5)
    unbounded = 0
    for _ in range(40):
        size = rng.randint(1, 2)
        facets = [
            (tuple(F(rng.randint(-2, 2)) for _ in range(size)), F(rng.randint(-2, 3)))
            for _ in range(rng.randint(1, 4))
        ]
        points, rays = generators(facets, size)
        for g, h in facets:
            assert all(sum(a * v for a, v in zip(g, p, strict=True)) <= h for p in points)
            assert not points or all(sum(a * v for a, v in zip(g, r, strict=True)) <= 0 for r in rays)
        unbounded += bool(points and rays)
        for x in itertools.product(range(-3, 4), repeat=size):
            inside = all(sum(a * v for a, v in zip(g, x, strict=True)) <= h for g, h in facets)
            if inside:  # a sum of points with weights that add to one, and of rays
                cone = [(F(1), *p) for p in points] + [(F(0), *r) for r in rays]
                assert positively_spans(cone, (F(1), *map(F, x)))
    assert unbounded > 5


def test_no_ray_stands_twice():
    """Neighbours on one facet only give a ray: a cube has eight corners, a cross-polytope six, in any order."""
    rng = random.Random(6)
    signs = list(itertools.product((1, -1), repeat=3))
    cross = [(tuple(map(F, s)), F(1)) for s in signs]
    for facets, count in ((box(3, -1, 1), 8), (cross, 6), (box(4, 0, 1), 16)):
        for _ in range(3):
            rng.shuffle(facets)
            points, rays = generators(facets, len(facets[0][0]))
            assert len(points) == count
            assert rays == []


def test_too_many_vertices_are_undecidable(monkeypatch):
    monkeypatch.setattr(vertices, "MOST", 7)
    with pytest.raises(Undecidable, match="more than 7 vertices"):
        generators(box(3, 0, 1), 3)
    monkeypatch.setattr(vertices, "MOST", 8)
    assert len(generators(box(3, 0, 1), 3)[0]) == 8
