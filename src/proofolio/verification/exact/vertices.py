r"""The vertices and rays of a polyhedron, exactly, by the double description method.

Motzkin, Raiffa, Thompson & Thrall 1953; Fukuda & Prodon 1996. The polyhedron :math:`\{x : Gx \le h\}`
becomes the cone :math:`\{(\tau, x) : h\tau - Gx \ge 0,\ \tau \ge 0\}`, and one facet at a time cuts the list
of its generators. Fractions only, small dimensions only: the checker of proofs runs it again.
"""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction

from proofolio.verification.exact.in_time import Undecidable, check_time

__all__ = ["generators"]


MOST = 3000  # vertices and rays; finding neighbours takes the cube of their number
Vector = tuple[Fraction, ...]


def generators(
    facets: Sequence[tuple[Sequence[Fraction], Fraction]], size: int
) -> tuple[list[Vector], list[Vector]]:
    """Return points and rays with {x : g'x <= h for (g, h) in facets} = conv(points) + cone(rays).

    A line appears as two opposite rays. An empty polyhedron has no points.

    Raises
    ------
    Undecidable
        When there are more than 3000 on the way.
    """
    zero, one = Fraction(0), Fraction(1)
    rows = [(one, *(zero,) * size), *((h, *(-a for a in g)) for g, h in facets)]
    lines: list[Vector] = [tuple(one if i == j else zero for i in range(size + 1)) for j in range(size + 1)]
    rays: list[tuple[Vector, int]] = []  # a ray, and the bits of the rows it meets with equality
    for k, row in enumerate(rows):
        bit = 1 << k
        pivot = next((v for v in lines if _dot(row, v) != 0), None)
        if pivot is not None:
            value = _dot(row, pivot)
            if value < 0:
                pivot, value = tuple(-a for a in pivot), -value
            lines = [_moved(v, _dot(row, v) / value, pivot) for v in lines if _same(v, pivot) is False]
            rays = [(_moved(v, _dot(row, v) / value, pivot), tight | bit) for v, tight in rays]
            rays.append((pivot, bit - 1))
            continue
        check_time()
        signed = [(v, tight, _dot(row, v)) for v, tight in rays]
        above = [(v, tight, s) for v, tight, s in signed if s > 0]
        below = [(v, tight, s) for v, tight, s in signed if s < 0]
        kept = [(v, tight) for v, tight, s in above] + [(v, tight | bit) for v, tight, s in signed if s == 0]
        masks = [tight for _, tight, _ in signed]
        for u, tight_u, s in above:
            check_time()
            for w, tight_w, r in below:
                common = tight_u & tight_w
                if sum(1 for mask in masks if mask & common == common) == 2:
                    kept.append(
                        (_simple(tuple(s * b - r * a for a, b in zip(u, w, strict=True))), common | bit)
                    )
        rays = kept
        if len(rays) > MOST:
            raise Undecidable(f"a polyhedron has more than {MOST} vertices and rays")
    both = [v for v, _ in rays] + lines + [tuple(-a for a in v) for v in lines]
    points = [tuple(a / v[0] for a in v[1:]) for v in both if v[0] > 0]
    return points, [v[1:] for v in both if v[0] == 0]


def _dot(a: Vector, b: Vector) -> Fraction:
    return sum((x * y for x, y in zip(a, b, strict=True) if x and y), Fraction(0))


def _moved(v: Vector, factor: Fraction, pivot: Vector) -> Vector:
    if not factor:
        return v
    return _simple(tuple(a - factor * b for a, b in zip(v, pivot, strict=True)))


def _same(v: Vector, pivot: Vector) -> bool:
    return v == pivot or v == tuple(-a for a in pivot)


def _simple(v: Vector) -> Vector:
    """Scale by a positive number so that the largest entry is one: it keeps the fractions short."""
    largest = max((abs(a) for a in v), default=Fraction(0))
    return v if largest in (0, 1) else tuple(a / largest for a in v)
