"""Random claims, right and wrong, whose truth is found by enumeration in fractions.

A claim has one input u, sometimes an integer input b, one output v and some binaries d. For fixed integers its rows
and its meaning are half-planes in (u, v), so whether they agree is the same within every cell of the lines they
draw: at every u where two lines cross and between them, v is tried on every line, between two, and beyond. Nothing
of the product decides here. Numbers are decimals of few digits times a power of ten, so that sums stay exact.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from fractions import Fraction
from itertools import pairwise, product
from typing import Any, NamedTuple

import numpy as np

from proofolio.verification.proofs.claim import Box, Claim

__all__ = ["KINDS", "MUTANTS", "claims", "random_claim"]


class Row(NamedTuple):
    """``a u + c v + sum_k d_k x_k + e b <= right``."""

    a: Fraction
    c: Fraction
    d: tuple[Fraction, ...]
    e: Fraction
    right: Fraction


class Drawn(NamedTuple):
    """Rows, how many binaries they have, the box of u, whether b is there, and the pieces of the meaning."""

    rows: list[Row]
    binaries: int
    low: Fraction
    high: Fraction
    given: bool
    pieces: list[list[Row]]


KINDS = ("maximum", "absolute", "product", "indicator", "piecewise", "selection", "semicontinuous")
MUTANTS = ("none", "coefficient", "sign", "missing", "half", "hair")
ONE, ZERO = Fraction(1), Fraction(0)


def _row(a: Any = 0, c: Any = 0, d: tuple[Any, ...] = (), e: Any = 0, right: Any = 0) -> Row:
    return Row(Fraction(a), Fraction(c), tuple(map(Fraction, d)), Fraction(e), Fraction(right))


def _same(a: Any, right: Any, d: tuple[Any, ...] = ()) -> list[Row]:
    """Return v == a u + right as two rows."""
    zeros = tuple(0 for _ in d)
    return [_row(-a, 1, zeros, 0, right), _row(a, -1, zeros, 0, -right)]


def _drawn(kind: str, low: Fraction, high: Fraction, between: Fraction) -> Drawn:
    span = high - low
    if kind == "maximum":  # v = max(u, between)
        rows = [_row(1, -1, (0,)), _row(0, -1, (0,), 0, -between)]
        rows += [
            _row(-1, 1, (between - low,), 0, between - low),
            _row(0, 1, (low - high + (high - between),)),
        ]
        rows[-1] = _row(0, 1, (-(high - between),), 0, between)
        # d = 1: v <= u; d = 0: v <= between
        return Drawn(
            rows,
            1,
            low,
            high,
            False,
            [[*_same(1, 0), _row(-1, 0, (), 0, -between)], [*_same(0, between), _row(1, 0, (), 0, between)]],
        )
    if kind == "absolute":  # v = |u - between|
        rows = [_row(1, -1, (0,), 0, between), _row(-1, -1, (0,), 0, -between)]
        rows += [_row(-1, 1, (2 * (between - low),), 0, -between + 2 * (between - low))]
        rows += [_row(1, 1, (-2 * (high - between),), 0, between)]
        return Drawn(
            rows,
            1,
            low,
            high,
            False,
            [
                [*_same(1, -between), _row(-1, 0, (), 0, -between)],
                [*_same(-1, between), _row(1, 0, (), 0, between)],
            ],
        )
    if kind == "product":  # v = b u
        rows = [
            _row(0, 1, (), -high),
            _row(0, -1, (), low),
            _row(-1, 1, (), -low, -low),
            _row(1, -1, (), high, high),
        ]
        on, off = [_row(0, 0, (), -1, -1)], [_row(0, 0, (), 1, 0)]
        return Drawn(rows, 0, low, high, True, [[*_same(1, 0), *on], [*_same(0, 0), *off]])
    if kind == "indicator":  # b = 1: v >= u - between; always low - between <= v <= span
        rows = [
            _row(1, -1, (), span, between + span),
            _row(0, -1, (), 0, between - low),
            _row(0, 1, (), 0, span),
        ]
        box = [rows[1], rows[2]]
        held = _row(1, -1, (), 0, between)
        return Drawn(
            rows, 0, low, high, True, [[*box, held, _row(0, 0, (), -1, -1)], [*box, _row(0, 0, (), 1, 0)]]
        )
    if kind == "piecewise":  # v = 0 up to between, then 2 (u - between)
        top = 2 * (high - between)
        rows = [_row(0, -1, (0,)), _row(2, -1, (0,), 0, 2 * between), _row(0, 1, (-top,))]
        rows += [_row(-2, 1, (2 * (between - low),), 0, -2 * low)]
        return Drawn(
            rows,
            1,
            low,
            high,
            False,
            [
                [*_same(0, 0), _row(1, 0, (), 0, between)],
                [*_same(2, -2 * between), _row(-1, 0, (), 0, -between)],
            ],
        )
    if kind == "selection":  # v = u or v = between, freely
        up, down = high - between, between - low
        rows = [_row(-1, 1, (down,), 0, down), _row(1, -1, (up,), 0, up)]
        rows += [_row(0, 1, (-up,), 0, between), _row(0, -1, (-down,), 0, -between)]
        return Drawn(rows, 1, low, high, False, [_same(1, 0), _same(0, between)])
    # v = 0, or between low and high of a positive range of length span, and never above span + u - low
    least = span / 4
    rows = [_row(0, 1, (-span,)), _row(0, -1, (least,)), _row(-1, 1, (0,), 0, span - low)]
    top = rows[2]._replace(d=())
    return Drawn(
        rows,
        1,
        low,
        high,
        False,
        [[*_same(0, 0), top], [_row(0, 1, (), 0, span), _row(0, -1, (), 0, -least), top]],
    )


def _mutated(drawn: Drawn, mutant: str, rng: np.random.Generator) -> Drawn:
    rows = list(drawn.rows)
    span = drawn.high - drawn.low
    k = int(rng.integers(len(rows)))
    row = rows[k]
    if mutant == "coefficient":  # a wrong M
        share = Fraction(int(rng.choice([500, 900, 999, 1001, 1100])), 1000)
        rows[k] = row._replace(d=tuple(share * x for x in row.d), e=share * row.e)
    elif mutant == "sign":
        rows[k] = row._replace(d=tuple(-x for x in row.d), e=-row.e)
    elif mutant == "missing":
        del rows[k]
    elif mutant == "half":
        rows[k] = row._replace(right=row.right + Fraction(int(rng.choice([-1, 1])), 2) * span)
    elif mutant == "hair":  # far above rounding, far below what solvers forgive
        rows[k] = row._replace(right=row.right + Fraction(int(rng.choice([-1, 1])), 10**9) * span)
    return drawn._replace(rows=rows)


def _holds(row: Row, u: Fraction, v: Fraction, d: tuple[int, ...], b: int) -> bool:
    own = sum((x * y for x, y in zip(row.d, d, strict=False)), ZERO)
    return row.a * u + row.c * v + own + row.e * b <= row.right


def _places(found: set[Fraction], beyond: Fraction) -> list[Fraction]:
    ends = sorted(found)
    middle = [(x + y) / 2 for x, y in pairwise(ends)]
    return [*ends, *middle, *([ends[0] - beyond, ends[-1] + beyond] if beyond and ends else [])]


def is_true(drawn: Drawn) -> bool:
    """Whether rows and meaning have the same points (u, v, b), by trying one point of every cell."""
    span = drawn.high - drawn.low
    choices = list(product((0, 1), repeat=drawn.binaries))
    for b in (0, 1) if drawn.given else (0,):
        lines = set()
        for row in [*drawn.rows, *(r for piece in drawn.pieces for r in piece)]:
            for d in choices:
                own = sum((x * y for x, y in zip(row.d, d, strict=False)), ZERO)
                lines.add((row.a, row.c, row.right - own - row.e * b))
        slanted = [(-a / c, right / c) for a, c, right in lines if c]
        across = {right / a for a, c, right in lines if a and not c}
        across |= {(q - p) / (m - n) for (m, p), (n, q) in product(slanted, repeat=2) if m != n}
        across = {u for u in across if drawn.low < u < drawn.high} | {drawn.low, drawn.high}
        for u in _places(across, ZERO):
            for v in _places({m * u + p for m, p in slanted} | {ZERO}, span):
                rows = any(all(_holds(r, u, v, d, b) for r in drawn.rows) for d in choices)
                meant = any(all(_holds(r, u, v, (), b) for r in piece) for piece in drawn.pieces)
                if rows != meant:
                    return False
    return True


def _claim(drawn: Drawn, title: str, wealth: Fraction | None) -> Claim:
    reach = 100 * max(abs(drawn.low), abs(drawn.high), drawn.high - drawn.low)

    def function(model: Any, u: Any, b: Any = 0, w: Any = None) -> Any:
        v = model.variable("v", lower=-float(reach), upper=float(reach))
        d = [model.variable(f"d{k}", binary=True) for k in range(drawn.binaries)]
        for i, row in enumerate(drawn.rows):
            body = float(row.a) * u + float(row.c) * v + float(row.e) * b
            for x, y in zip(row.d, d, strict=True):
                body = body + float(x) * y
            model.add(f"r{i}", body <= float(row.right))
        if w is not None:  # says nothing, but puts a box of another size among the rows of u
            model.add("wealth", w + u >= float(drawn.low))
        return v

    def meant(piece: list[Row]) -> Callable[..., list[Any]]:
        def lines(u: Any, v: Any, b: Any = 0, w: Any = None) -> list[Any]:
            return [float(r.a) * u + float(r.c) * v + float(r.e) * b <= float(r.right) for r in piece]

        return lines

    inputs = {"u": Box((), float(drawn.low), float(drawn.high))}
    if drawn.given:
        inputs["b"] = Box((), 0, 1, integer=True)
    if wealth is not None:
        inputs["w"] = Box((), 0, float(wealth))
    return Claim(function, inputs, ("v",), [meant(piece) for piece in drawn.pieces], name=title)


def random_claim(rng: np.random.Generator, hostile: bool = True) -> tuple[Claim, bool]:
    """Return a claim and whether it is true; hostile ones have sizes from 1e-9 to 1e9."""
    size = Fraction(10) ** int(rng.integers(-9, 10) if hostile else rng.integers(-2, 4))
    low, between, high = (Fraction(int(x), 100) for x in np.sort(rng.choice(400, 3, replace=False) - 200))
    kind, mutant = str(rng.choice(KINDS)), str(rng.choice(MUTANTS))
    drawn = _mutated(_drawn(kind, low * size, high * size, between * size), mutant, rng)
    other = Fraction(10) ** int(rng.integers(-9, 10)) if hostile and rng.random() < 0.5 else None
    return _claim(drawn, f"{kind} {mutant} {float(size):g}", other), is_true(drawn)


def claims(count: int, seed: int = 0, hostile: bool = True) -> Iterator[tuple[Claim, bool]]:
    """Yield (claim, truth) pairs, the same for the same seed."""
    rng = np.random.default_rng(seed)
    for _ in range(count):
        yield random_claim(rng, hostile)
