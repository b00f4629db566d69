r"""Cuts with proofs: mixed-integer rounding of aggregated rows, each proved by a split of two leaves.

Rows are added up along paths of continuous columns that lie strictly between their bounds, continuous columns are
replaced by the distance to their own or their variable bounds (:math:`x \le u y`), and the sum is divided and rounded
(Marchand & Wolsey 2001, Aggregation and mixed integer rounding to solve MIPs). That finds flow covers, tightened M's
and Chvatal-Gomory cuts as well. With :math:`\sum a_j t_j + \sum c_k s_k \le b`, t integers, s and t not negative, f the
fraction of b and f_j those of a_j, the cut is

.. math:: \sum_j \Big(\lfloor a_j \rfloor + \frac{(f_j - f)^+}{1 - f}\Big) t_j + \sum_{c_k < 0} \frac{c_k}{1 - f} s_k
          \le \lfloor b \rfloor .

Its proof is a split on :math:`\pi't`, :math:`\pi_j = \lfloor a_j \rfloor` or, where :math:`f_j > f`, one more: where
:math:`\pi't \le \lfloor b \rfloor` the cut follows from that alone, and elsewhere from the row divided by 1 - f.
Cuts are rounded to short numbers, and their right-hand sides are what the two leaves then prove in fractions.
"""

from __future__ import annotations

import math
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import Literal, NamedTuple

import numpy as np
from scipy import sparse

from proofolio.arrays import Floats
from proofolio.errors import SolverFailure
from proofolio.program.program import Program, RowBlock
from proofolio.solvers.highs.session import Session
from proofolio.verification.exact.certificate import System, bound
from proofolio.verification.exact.in_time import TimeIsUp, stopped_when
from proofolio.verification.exact.lp_bounds import ExactRows, Question, as_decimal, outward
from proofolio.verification.exact.trees import Cut, Leaf, Split, with_cut

__all__ = ["with_cuts"]

ROUNDS = 30  # of cutting the relaxation's point off
STALLED, GAIN = (
    4,
    1e-3,
)  # rounds that gain less than this part of the bound's rise so far, after which cutting ends
PATH = 6  # rows added up at most
EFFICACY = 1e-3  # distance, in the cut's own space, by which a point has to be cut off
BOUNDING = 0.3  # of the time, for bounds of columns
PASSES = 10  # over the rows, for bounds that follow from other bounds
ASKED = 300  # columns that are bounded by a linear program each
FAR = 10**9  # bounds beyond this are of no use
EACH = 200  # cuts a round
NEAR = 1e-7  # a column this close to a bound is on it
TIGHT = 0.1  # of its norm: rows with more slack than this start no path
FRACTION = (0.02, 0.98)  # of the divided right-hand side: outside, coefficients of the cut become large
LONG = 200  # entries of a sum: beyond them a cut makes the relaxation slow
DIVISORS = 8  # coefficients tried as divisors of one sum
ROUNDING = 1e-12  # of sums in floating point, relative
SHORT = 2**12  # rounding of a cut's numbers, to this part of the largest
WHOLE = 10**7  # or a cut is multiplied until its numbers are integers, when they stay below this
SPLIT = -1  # the split's row among multipliers, until its place is known
ZERO, ONE = Fraction(0), Fraction(1)

Terms = dict[int, Fraction]
Number = Fraction | float


class _Numbers(NamedTuple):
    """Rows and bounds, in fractions or in floating point."""

    rows: Sequence[Mapping[int, Number]]
    low: Sequence[Number | None]
    high: Sequence[Number | None]
    lower: Sequence[Number | None]
    upper: Sequence[Number | None]
    zero: float  # part of a term below which a sum of two counts as nothing


class _Sum(NamedTuple):
    """Rows added up: multipliers (positive at upper sides), the sum of the rows, and of their sides."""

    multipliers: Mapping[int, Number]
    terms: Mapping[int, Number]
    side: Number


def _size(value: Number) -> Number:
    return -value if value < 0 else value


def _plus(total: _Sum, factor: Number, i: int, numbers: _Numbers) -> _Sum:
    """Add a multiple of a row, which has the side that it takes."""
    terms, side = dict(total.terms), numbers.high[i] if factor > 0 else numbers.low[i]
    assert side is not None
    for j, a in numbers.rows[i].items():
        more = factor * a
        value = terms.get(j, 0) + more
        if _size(value) > numbers.zero * _size(more):
            terms[j] = value
        else:
            terms.pop(j, None)
    return _Sum({**total.multipliers, i: factor}, terms, total.side + factor * side)


class _Slack(NamedTuple):
    """A distance that is not negative: sign times (column less bound), or of a row to a side."""

    kind: Literal["column", "row"]
    place: int
    sign: int

    def end(self, numbers: _Numbers) -> Number:
        """Return the bound or the side."""
        if self.kind == "column":
            found = numbers.lower[self.place] if self.sign > 0 else numbers.upper[self.place]
        else:
            found = numbers.low[self.place] if self.sign > 0 else numbers.high[self.place]
        assert found is not None
        return found


class _Whole(NamedTuple):
    """An integer column as its distance to a bound: the coefficient, sign (column less end), and the end."""

    column: int
    coefficient: Number
    sign: int
    end: Number


class _Ready(NamedTuple):
    """A sum of rows in distances that are not negative."""

    whole: list[_Whole]
    slacks: dict[_Slack, Number]
    side: Number


@dataclass(frozen=True)
class _Derived:
    """A cut and its proof, before its place among the cuts is known."""

    row: Terms
    side: Fraction
    split: dict[int, int]
    at: int
    below: Terms
    above: Terms
    score: float

    def placed(self, rows: int) -> Cut:
        """Return the cut, when so many rows stand before it."""
        leaves = [
            Leaf({rows if i == SPLIT else i: v for i, v in half.items()}, False)
            for half in (self.below, self.above)
        ]
        return Cut(self.row, self.side, (Split(self.split, self.at, 1, 2), *leaves))


def with_cuts(
    program: Program, rows: ExactRows, options: Mapping[str, object], seconds: float
) -> tuple[Program, tuple[Cut, ...]]:
    """Return a program with cuts as further rows, and the cuts, which `trees.strengthened` checks.

    Parameters
    ----------
    program : Program
        Its linear rows are cut; the rest is left as it is.
    rows : ExactRows
        Of the program.
    options : mapping
        Of HiGHS.
    seconds : float
    """
    ends = time.perf_counter() + seconds
    program, rows, ends_found = _bounded(program, rows, options, time.perf_counter() + BOUNDING * seconds)
    session = _loaded(program, options)
    separation = _Separation(program, rows)
    kept: list[_Derived] = []
    started = last = -math.inf
    slow = 0
    for _ in range(ROUNDS):
        if _solved(session, ends) != "optimal":
            break
        value, x = session.value, session.point()
        started = value if started == -math.inf else started
        slow = slow + 1 if value - last <= GAIN * max(value - started, 1e-9) else 0
        last = value
        if slow >= STALLED:
            break
        found = separation.cuts(x, ends)
        if not found:
            break
        matrix, high = _matrix(found, program.n)
        session.add_rows(
            matrix,
            (np.full(len(found), -math.inf), high),
            (program.lower, program.upper),
            np.ones(len(found)),
        )
        kept += found
    if kept and _solved(session, ends) == "optimal":
        matrix, high = _matrix(kept, program.n)
        slack = high - matrix @ session.point()
        kept = [
            c for c, s in zip(kept, slack.tolist(), strict=True) if s <= NEAR * max(1.0, abs(float(c.side)))
        ]
    if not kept:
        return program, ends_found
    matrix, high = _matrix(kept, program.n)
    block = RowBlock("cut", (len(kept),), program.m, np.arange(len(kept)))
    cut = replace(
        program,
        A=sparse.csr_array(sparse.vstack([program.A, matrix])),
        row_lower=np.append(program.row_lower, np.full(len(kept), -math.inf)),
        row_upper=np.append(program.row_upper, high),
        rows=(*program.rows, block),
    )
    return cut, (*ends_found, *(c.placed(program.m + k) for k, c in enumerate(kept)))


def _loaded(program: Program, options: Mapping[str, object]) -> Session:
    session, box = Session(options), (program.lower, program.upper)
    session.load(program.q, box, program.A, (program.row_lower, program.row_upper))
    return session


def _bounded(
    program: Program, rows: ExactRows, options: Mapping[str, object], ends: float
) -> tuple[Program, ExactRows, tuple[Cut, ...]]:
    """Give columns without a bound one that a row, or the relaxation, proves: then any multipliers prove something."""
    lower, upper, found = program.lower.copy(), program.upper.copy(), list[Cut]()
    system, columns = rows.system, sparse.csc_array(program.A)
    todo = [(int(j), 1) for j in np.flatnonzero(np.isinf(upper))]
    todo += [(int(j), -1) for j in np.flatnonzero(np.isinf(lower))]

    def known(j: int, sign: int, multipliers: Mapping[int, Fraction]) -> bool:
        nonlocal system
        proved = bound(system, {j: Fraction(sign)}, multipliers)
        if proved is None or abs(proved) > FAR:
            return False
        side = _upward(proved)
        found.append(Cut({j: Fraction(sign)}, side, (Leaf(multipliers, False),)))
        system = with_cut(system, found[-1])
        (upper if sign > 0 else lower)[j] = sign * float(side)
        return True

    def from_a_row(j: int, sign: int) -> bool:
        touching = columns.indices[columns.indptr[j] : columns.indptr[j + 1]].tolist()
        return any(known(j, sign, {i: sign / system.rows[i][j]}) for i in touching)

    def from_relaxation() -> None:
        nothing = np.zeros(program.n)
        session = _loaded(replace(program, lower=lower, upper=upper, q=nothing), options)
        for j, sign in todo:
            at = np.array([j], dtype=np.int32)
            session.change_cost(at, np.array([-float(sign)]))
            if _solved(session, ends) == "optimal":
                body, value = {j: Fraction(sign)}, -session.value
                proof = rows.certify(body, -session.row_duals(), Question(), value)
                if proof is not None:
                    known(j, sign, dict(proof.multipliers.items()))
            session.change_cost(at, np.zeros(1))

    with suppress(TimeIsUp), stopped_when(lambda: time.perf_counter() > ends):
        for _ in range(PASSES):
            before = len(todo)
            todo = [question for question in todo if not from_a_row(*question)]
            if not todo or len(todo) == before:
                break
        if todo and len(todo) <= ASKED:
            from_relaxation()
    if not found:
        return program, rows, ()
    program = replace(program, lower=lower, upper=upper)
    return program, ExactRows(program), tuple(found)


def _upward(value: Fraction) -> Fraction:
    """Return a number that is not below another, and that a double, read as its decimal, is."""
    near = outward(value, 1)
    while as_decimal(near) < value:
        near = math.nextafter(near, math.inf)
    return as_decimal(near)


def _solved(session: Session, ends: float) -> str:
    left = ends - time.perf_counter()
    try:
        return session.solve(left) if left > 0 else "limit"
    except SolverFailure:
        return "unknown"


def _matrix(cuts: list[_Derived], n: int) -> tuple[sparse.csr_array, Floats]:
    entries = [(i, j, float(a)) for i, cut in enumerate(cuts) for j, a in cut.row.items()]
    at, columns, data = zip(*entries, strict=True)
    matrix = sparse.csr_array((np.array(data), (at, columns)), shape=(len(cuts), n))
    return matrix, np.array([float(cut.side) for cut in cuts])


class _Separation:
    def __init__(self, program: Program, rows: ExactRows) -> None:
        self.p = program
        self.system: System = rows.system
        system = self.system
        self.exact = _Numbers(system.rows, system.low, system.high, system.lower, system.upper, 0.0)
        rough = [[None if v is None else float(v) for v in part] for part in self.exact[1:5]]
        terms = [{j: float(a) for j, a in row.items()} for row in system.rows]
        self.rough = _Numbers(terms, rough[0], rough[1], rough[2], rough[3], ROUNDING)
        self.whole = program.integer.tolist()
        columns = sparse.csc_array(program.A)
        self.columns = [
            columns.indices[a:b].tolist()
            for a, b in zip(columns.indptr[:-1].tolist(), columns.indptr[1:].tolist(), strict=True)
        ]
        self.norms = np.sqrt(np.asarray(program.A.power(2).sum(axis=1)).ravel())
        self.variable: dict[int, list[_Slack]] = {}
        for i, row in enumerate(system.rows):
            real = [j for j in row if not self.whole[j]] if len(row) == 2 else []
            if len(real) == 1:
                for sign, end in ((1, system.low[i]), (-1, system.high[i])):
                    if end is not None:
                        self.variable.setdefault(real[0], []).append(_Slack("row", i, sign))

    def cuts(self, x: Floats, ends: float) -> list[_Derived]:
        """Return cuts that a point breaks, the deepest first, no two of them the same."""
        self.x = x.tolist()
        body = np.asarray(self.p.A @ x)
        self.body = body.tolist()
        self._near: dict[int, tuple[float, _Slack | None]] = {}
        found: list[_Derived] = []
        low, high = body - self.p.row_lower, self.p.row_upper - body
        allowed = TIGHT * np.maximum(self.norms, 1e-12)
        for factor, slack in ((1.0, high), (-1.0, low)):
            for i in np.flatnonzero(slack <= allowed).tolist():
                if time.perf_counter() > ends:
                    return _distinct(found)
                cut = None
                with suppress(TimeIsUp), stopped_when(lambda: time.perf_counter() > ends):
                    cut = self._along(_plus(_Sum({}, {}, 0.0), factor, i, self.rough))
                if cut is not None:
                    found.append(cut)
        return _distinct(found)

    def _along(self, total: _Sum) -> _Derived | None:
        """Return the first cut of a path of rows."""
        removed: list[int] = []
        for _ in range(PATH):
            if len(total.terms) > LONG:
                return None
            ready = self._ready(total, self.rough)
            divisor = None if ready is None else self._divisor(ready)
            if divisor is not None:
                return self._exactly(total, removed, *divisor)
            longer = self._extended(total)
            if longer is None:
                return None
            total, gone = longer
            removed.append(gone)
        return None

    def _exactly(self, total: _Sum, removed: Sequence[int], column: int, part: int) -> _Derived | None:
        """Go a path again in fractions, and derive its cut."""
        exact = _Sum({}, {}, ZERO)
        for k, (i, rough) in enumerate(total.multipliers.items()):
            factor: Number = ONE if rough > 0 else -ONE
            if k:
                j = removed[k - 1]
                if j not in exact.terms:
                    return None
                factor = -exact.terms[j] / self.exact.rows[i][j]
            exact = _plus(exact, factor, i, self.exact)
        ready = self._ready(exact, self.exact)
        if ready is None:
            return None
        divisor = next((_size(w.coefficient) / part for w in ready.whole if w.column == column), None)
        return None if divisor is None else self._derived(exact, ready, Fraction(divisor))

    def _extended(self, total: _Sum) -> tuple[_Sum, int] | None:
        """Add the row that removes the continuous column farthest from its bounds."""
        far = [(-self._nearest(j)[0], j) for j in total.terms if not self.whole[j]]
        for distance, j in sorted(far):
            if -distance <= NEAR:
                return None
            rows = []
            for i in self.columns[j]:
                if i in total.multipliers:
                    continue
                factor = -total.terms[j] / self.rough.rows[i][j]
                side = self.rough.high[i] if factor > 0 else self.rough.low[i]
                if side is not None:
                    slack = abs(self.body[i] - side)
                    if slack <= TIGHT * self.norms[i]:
                        rows.append((slack > NEAR, len(self.rough.rows[i]), i, factor))
            if rows:
                _, _, i, factor = min(rows)
                return _plus(total, factor, i, self.rough), j
        return None

    def _nearest(self, j: int) -> tuple[float, _Slack | None]:
        """Return how far a continuous column is from the nearest of its bounds, variable ones first, and which."""
        found = self._near.get(j)
        if found is None:
            options = list(self.variable.get(j, []))
            options += [_Slack("column", j, 1)] if self.rough.lower[j] is not None else []
            options += [_Slack("column", j, -1)] if self.rough.upper[j] is not None else []
            scored = [(self._distance(s) / self._share(s, j), k, s) for k, s in enumerate(options)]
            best = min(scored, default=None)
            found = self._near[j] = (math.inf, None) if best is None else (best[0], best[2])
        return found

    def _share(self, slack: _Slack, j: int) -> float:
        return 1.0 if slack.kind == "column" else abs(float(self.rough.rows[slack.place][j]))

    def _distance(self, slack: _Slack) -> float:
        value = self.x[slack.place] if slack.kind == "column" else self.body[slack.place]
        return float(max(slack.sign * (value - slack.end(self.rough)), 0.0))

    def _ready(self, total: _Sum, numbers: _Numbers) -> _Ready | None:
        """Write a sum of rows in distances to bounds; None where a column has none."""
        terms, side = dict(total.terms), total.side
        slacks: dict[_Slack, Number] = {}
        for j in [j for j in terms if not self.whole[j]]:
            slack = self._nearest(j)[1]
            if slack is None:
                return None
            share = terms.pop(j)
            if slack.kind == "row":
                # a x_j = share (row - rest), row = end + sign distance
                row = numbers.rows[slack.place]
                share = share / row[j]
                for k, b in row.items():
                    if k != j:
                        terms[k] = terms.get(k, 0) - share * b
            side -= share * slack.end(numbers)
            slacks[slack] = slacks.get(slack, 0) + slack.sign * share
        whole: list[_Whole] = []
        for j, a in terms.items():
            if not a:
                continue
            low, high = self.rough.lower[j], self.rough.upper[j]
            below = self.x[j] - low if low is not None and low == int(low) else math.inf
            above = high - self.x[j] if high is not None and high == int(high) else math.inf
            if below == above == math.inf:
                return None
            sign = 1 if below <= above else -1
            end = numbers.lower[j] if sign > 0 else numbers.upper[j]
            assert end is not None
            side -= a * end
            whole.append(_Whole(j, sign * a, sign, end))
        return _Ready(whole, slacks, side) if whole else None

    def _divisor(self, ready: _Ready) -> tuple[int, int] | None:
        """Return the column and part whose coefficient, divided, gives the deepest cut; None where none is deep."""
        a = [float(w.coefficient) for w in ready.whole]
        t = [max(w.sign * (self.x[w.column] - float(w.end)), 0.0) for w in ready.whole]
        sizes = ((round(abs(c), 12), v, w.column) for c, v, w in zip(a, t, ready.whole, strict=True))
        inside = {size: column for size, v, column in sizes if v > NEAR and size > 0.0}
        if not inside:
            return None
        kept = [(float(c), self._distance(slack)) for slack, c in ready.slacks.items() if c < 0]
        drop, size = sum(c * s for c, s in kept), sum(c * c for c, _ in kept)
        side, terms = float(ready.side), list(zip(a, t, strict=True))

        def depth(d: float) -> float:
            right = side / d
            whole = math.floor(right)
            f = right - whole
            if not FRACTION[0] <= f <= FRACTION[1]:
                return -math.inf
            rest, total, norm = 1.0 - f, 0.0, 0.0
            for c, v in terms:
                c /= d
                low = math.floor(c + ROUNDING)
                g = low + max(c - low - f, 0.0) / rest
                total += g * v
                norm += g * g
            norm += size / (d * rest) ** 2
            return (total + drop / (d * rest) - whole) / math.sqrt(max(norm, ROUNDING))

        tries = sorted(inside.items(), reverse=True)[:DIVISORS]
        best, d, column = max((depth(d), d, j) for d, j in tries)
        best, part = max([(best, 1), *((depth(d / part), part) for part in (2, 4, 8))])
        return (column, part) if best > EFFICACY else None

    def _derived(self, total: _Sum, ready: _Ready, d: Fraction) -> _Derived | None:
        """Return the cut and its proof in fractions."""
        right = Fraction(ready.side / d)
        f = right - math.floor(right)
        at, rest = Fraction(math.floor(right)), 1 - f
        row: Terms = {}
        split: dict[int, int] = {}
        for j, a, sign, end in ready.whole:
            scaled = Fraction(a / d)
            low = math.floor(scaled)
            over = scaled - low - f
            row[j] = sign * (low + max(over, ZERO) / rest)
            pi = sign * (low + (over > 0))
            at += pi * Fraction(end)
            if pi:
                split[j] = pi
        below: Terms = {SPLIT: ONE}
        above = {i: Fraction(v / (d * rest)) for i, v in total.multipliers.items()}
        above[SPLIT] = -f / rest
        for slack, c in ready.slacks.items():
            i, share = slack.place, slack.sign * Fraction(c / (d * rest))
            if slack.kind == "column":
                if c < 0:
                    row[i] = row.get(i, ZERO) + share
            elif c < 0:
                for j, b in self.system.rows[i].items():
                    row[j] = row.get(j, ZERO) + share * b
                below[i] = below.get(i, ZERO) + share
            else:
                above[i] = above.get(i, ZERO) - share
        short = self._short({j: a for j, a in row.items() if a})
        if short is None or not split or len(short[1]) < 2:  # a cut in one column would be a bound
            return None
        factor, row = short
        below = {i: factor * v for i, v in below.items()}
        above = {i: factor * v for i, v in above.items()}
        return self._proved(_Derived(row, ZERO, split, int(at), below, above, 0.0))

    def _short(self, row: Terms) -> tuple[Fraction, Terms] | None:
        """Return a cut's row times a factor, its numbers short: exact doubles that are read as what they are."""
        L = math.lcm(1, *(a.denominator for a in row.values()))
        if L < WHOLE and max(abs(a) for a in row.values()) * L < WHOLE:
            return Fraction(L), {j: a * L for j, a in row.items()}
        largest = max(abs(a) for a in row.values())
        unit = Fraction(2) ** (math.frexp(float(largest))[1]) / SHORT
        rounded: Terms = {}
        for j, a in row.items():
            free_up, free_down = self.system.upper[j] is None, self.system.lower[j] is None
            if free_up and free_down:
                return None
            value = math.floor(a / unit) if free_up else math.ceil(a / unit) if free_down else round(a / unit)
            if value:
                rounded[j] = Fraction(value)
        return (1 / unit, rounded) if rounded else None

    def _proved(self, cut: _Derived) -> _Derived | None:
        """Return the cut with the side that its two leaves prove."""
        placed = cut.placed(self.p.m)
        row = {j: Fraction(a) for j, a in cut.split.items()}
        proved = []
        for leaf, low, high in (
            (placed.nodes[1], None, Fraction(cut.at)),
            (placed.nodes[2], Fraction(cut.at + 1), None),
        ):
            assert isinstance(leaf, Leaf)
            half = replace(
                self.system,
                rows=(*self.system.rows, row),
                low=(*self.system.low, low),
                high=(*self.system.high, high),
            )
            found = bound(half, cut.row, leaf.multipliers)
            if found is None:
                return None
            proved.append(found)
        side = _upward(max(proved))
        below = float(sum((a * Fraction(self.x[j]) for j, a in cut.row.items()), ZERO) - side)
        norm = math.sqrt(sum(float(a) ** 2 for a in cut.row.values()))
        return replace(cut, side=side, score=below / norm) if below > EFFICACY * norm else None


def _distinct(found: list[_Derived]) -> list[_Derived]:
    kept: dict[tuple[tuple[int, float], ...], _Derived] = {}
    for cut in sorted(found, key=lambda c: -c.score):
        norm = math.sqrt(sum(float(a) ** 2 for a in cut.row.values()))
        key = tuple(sorted((j, round(float(a) / norm, 6)) for j, a in cut.row.items()))
        kept.setdefault(key, cut)
    return list(kept.values())[:EACH]
