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
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import Literal

import numpy as np
from scipy import sparse

from proofolio.arrays import Floats
from proofolio.errors import SolverFailure
from proofolio.program.program import Program, RowBlock
from proofolio.solvers.highs.session import Session
from proofolio.verification.exact.certificate import System, bound
from proofolio.verification.exact.lp_bounds import ExactRows, as_decimal, outward
from proofolio.verification.exact.trees import Cut, Leaf, Split

__all__ = ["with_cuts"]

ROUNDS = 30  # of cutting the relaxation's point off
STALLED, GAIN = (
    4,
    1e-3,
)  # rounds that gain less than this part of the bound's rise so far, after which cutting ends
PATH = 6  # rows added up at most
EFFICACY = 1e-3  # distance, in the cut's own space, by which a point has to be cut off
EACH = 200  # cuts a round
NEAR = 1e-7  # a column this close to a bound is on it
TIGHT = 0.1  # of its norm: rows with more slack than this start no path
FRACTION = (0.02, 0.98)  # of the divided right-hand side: outside, coefficients of the cut become large
LONG = 200  # entries of a sum: beyond them a cut makes the relaxation slow
SHORT = 2**12  # rounding of a cut's numbers, to this part of the largest
WHOLE = 10**7  # or a cut is multiplied until its numbers are integers, when they stay below this
SPLIT = -1  # the split's row among multipliers, until its place is known
ZERO, ONE = Fraction(0), Fraction(1)

Terms = dict[int, Fraction]


@dataclass(eq=False)
class _Sum:
    """Rows added up: multipliers (positive at upper sides), the sum of the rows, and of their sides."""

    multipliers: Terms
    terms: Terms
    side: Fraction

    def plus(self, factor: Fraction, i: int, row: Mapping[int, Fraction], side: Fraction) -> _Sum:
        terms = dict(self.terms)
        for j, a in row.items():
            value = terms.get(j, ZERO) + factor * a
            if value:
                terms[j] = value
            else:
                terms.pop(j, None)
        return _Sum({**self.multipliers, i: factor}, terms, self.side + factor * side)


@dataclass(frozen=True)
class _Slack:
    """A distance that is not negative: of a column to a bound of its own, or of a row to a side."""

    kind: Literal["column", "row"]
    index: int
    sign: int  # distance = sign (value - end)
    end: Fraction


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
    session = Session(options)
    session.load(program.q, (program.lower, program.upper), program.A, (program.row_lower, program.row_upper))
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
        return program, ()
    matrix, high = _matrix(kept, program.n)
    block = RowBlock("cut", (len(kept),), program.m, np.arange(len(kept)))
    cut = replace(
        program,
        A=sparse.csr_array(sparse.vstack([program.A, matrix])),
        row_lower=np.append(program.row_lower, np.full(len(kept), -math.inf)),
        row_upper=np.append(program.row_upper, high),
        rows=(*program.rows, block),
    )
    return cut, tuple(c.placed(program.m + k) for k, c in enumerate(kept))


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
        self.p, self.exact = program, rows
        self.system: System = rows.system
        self.whole = program.integer.tolist()
        columns = sparse.csc_array(program.A)
        self.columns = [
            columns.indices[a:b].tolist()
            for a, b in zip(columns.indptr[:-1].tolist(), columns.indptr[1:].tolist(), strict=True)
        ]
        self.norms = np.sqrt(np.asarray((program.A.power(2)).sum(axis=1)).ravel())
        self.variable: dict[int, list[_Slack]] = {}
        for i, row in enumerate(self.system.rows):
            if len(row) != 2:
                continue
            real = [j for j in row if not self.whole[j]]
            if len(real) == 1:
                for sign, end in ((1, self.system.low[i]), (-1, self.system.high[i])):
                    if end is not None:
                        self.variable.setdefault(real[0], []).append(_Slack("row", i, sign, end))

    def cuts(self, x: Floats, ends: float) -> list[_Derived]:
        """Return cuts that a point breaks, the deepest first, no two in the same columns and direction."""
        self.x = x.tolist()
        body = np.asarray(self.p.A @ x)
        self.body = body.tolist()
        found: list[_Derived] = []
        low, high = body - self.p.row_lower, self.p.row_upper - body
        allowed = TIGHT * np.maximum(self.norms, 1e-12)
        for i in range(self.p.m):
            for factor, slack, side in (
                (ONE, high[i], self.system.high[i]),
                (-ONE, low[i], self.system.low[i]),
            ):
                if side is None or slack > allowed[i]:
                    continue
                if time.perf_counter() > ends:
                    return _distinct(found)
                found += self._along(_Sum({}, {}, ZERO).plus(factor, i, self.system.rows[i], side))
        return _distinct(found)

    def _along(self, total: _Sum) -> Iterator[_Derived]:
        """Yield the best cut of a path of rows."""
        for _ in range(PATH):
            if len(total.terms) > LONG:
                return
            cut = self._rounded(total)
            if cut is not None:
                yield cut
                return
            longer = self._extended(total)
            if longer is None:
                return
            total = longer

    def _extended(self, total: _Sum) -> _Sum | None:
        """Add the row that removes the continuous column farthest from its bounds."""
        best: list[tuple[float, int]] = []
        for j in total.terms:
            if not self.whole[j]:
                distance = min((self._distance(s) for s in self._slacks(j)), default=math.inf)
                if distance > NEAR:
                    best.append((-distance, j))
        for _, j in sorted(best):
            rows = []
            for i in self.columns[j]:
                if i in total.multipliers:
                    continue
                factor = -total.terms[j] / self.system.rows[i][j]
                side = self.system.high[i] if factor > 0 else self.system.low[i]
                if side is not None:
                    slack = abs(self.body[i] - float(side))
                    if slack <= TIGHT * self.norms[i]:
                        rows.append((slack > NEAR, len(self.system.rows[i]), i, factor, side))
            if rows:
                _, _, i, factor, side = min(rows)
                return total.plus(factor, i, self.system.rows[i], side)
        return None

    def _slacks(self, j: int) -> list[_Slack]:
        low, high = self.system.lower[j], self.system.upper[j]
        own = [_Slack("column", j, 1, low)] if low is not None else []
        own += [_Slack("column", j, -1, high)] if high is not None else []
        return [*self.variable.get(j, []), *own]

    def _distance(self, slack: _Slack) -> float:
        value = self.x[slack.index] if slack.kind == "column" else self.body[slack.index]
        reached: float = max(slack.sign * (value - float(slack.end)), 0.0)
        if slack.kind == "row":  # in units of the continuous column it bounds
            j = next(j for j in self.system.rows[slack.index] if not self.whole[j])
            reached /= abs(float(self.system.rows[slack.index][j]))
        return reached

    def _rounded(self, total: _Sum) -> _Derived | None:
        """Round a sum of rows; None where the point satisfies what comes out."""
        terms, side = dict(total.terms), total.side
        slacks: dict[_Slack, Fraction] = {}
        for j in [j for j in terms if not self.whole[j]]:
            options = self._slacks(j)
            if not options:
                return None
            slack = min(options, key=self._distance)
            a = terms.pop(j)
            if slack.kind == "column":
                side -= a * slack.end
                slacks[slack] = slacks.get(slack, ZERO) + slack.sign * a
                continue
            row = self.system.rows[slack.index]
            share = a / row[j]  # a x_j = share (row - rest), row = end + sign distance
            side -= share * slack.end
            slacks[slack] = slacks.get(slack, ZERO) + slack.sign * share
            for k, b in row.items():
                if k != j:
                    terms[k] = terms.get(k, ZERO) - share * b
        whole: list[
            tuple[int, Fraction, int, Fraction]
        ] = []  # column, coefficient of its distance, sign, end
        for j, a in terms.items():
            if not a:
                continue
            low, high = self.system.lower[j], self.system.upper[j]
            low = low if low is None or low.denominator == 1 else None
            high = high if high is None or high.denominator == 1 else None
            if low is None and high is None:
                return None
            up = low is None or (high is not None and self.x[j] - float(low) > float(high) - self.x[j])
            end = high if up else low
            assert end is not None
            sign = -1 if up else 1
            side -= a * end
            whole.append((j, sign * a, sign, end))
        if not whole:
            return None
        divisor = self._divisor(whole, slacks, side)
        return None if divisor is None else self._derived(total, whole, slacks, side, *divisor)

    def _divisor(
        self, whole: list[tuple[int, Fraction, int, Fraction]], slacks: dict[_Slack, Fraction], side: Fraction
    ) -> tuple[Fraction, float] | None:
        """Return the divisor that gives the deepest cut, and how deep it is."""
        a = np.array([float(c) for _, c, _, _ in whole])
        t = np.array([max(sign * (self.x[j] - float(end)), 0.0) for j, _, sign, end in whole])
        kept = np.array([float(c) for c in slacks.values() if c < 0])
        s = np.array([self._raw(slack) for slack, c in slacks.items() if c < 0])
        drop, b = float(kept @ s) if kept.size else 0.0, float(side)
        size = float(kept @ kept) if kept.size else 0.0

        def depth(d: float) -> float:
            right = b / d
            f = right - math.floor(right)
            if not FRACTION[0] <= f <= FRACTION[1]:
                return -math.inf
            scaled = a / d
            floor = np.floor(scaled + 1e-12)
            g = floor + np.maximum(scaled - floor - f, 0.0) / (1.0 - f)
            norm = math.sqrt(float(g @ g) + size / (d * (1.0 - f)) ** 2)
            return float(g @ t + drop / (d * (1.0 - f)) - math.floor(right)) / max(norm, 1e-12)

        inside = {abs(c) for (_, c, _, _), v in zip(whole, t.tolist(), strict=True) if v > NEAR}
        tries = sorted(inside, reverse=True)[:12]
        if not tries:
            return None
        scored = [(depth(float(d)), d) for d in tries]
        best, d = max(scored)
        best, d = max([(best, d), *((depth(float(d) / part), d / part) for part in (2, 4, 8))])
        return (d, best) if best > EFFICACY else None

    def _raw(self, slack: _Slack) -> float:
        value = self.x[slack.index] if slack.kind == "column" else self.body[slack.index]
        return max(slack.sign * (value - float(slack.end)), 0.0)

    def _derived(
        self,
        total: _Sum,
        whole: list[tuple[int, Fraction, int, Fraction]],
        slacks: dict[_Slack, Fraction],
        side: Fraction,
        d: Fraction,
        score: float,
    ) -> _Derived | None:
        """Return the cut and its proof in fractions."""
        at = math.floor(side / d)
        f = side / d - at
        rest = 1 - f
        row: Terms = {}
        split: dict[int, int] = {}
        for j, a, sign, _ in whole:
            low = math.floor(a / d)
            over = a / d - low - f
            row[j] = sign * (low + max(over, ZERO) / rest)
            pi = sign * (low + (over > 0))
            if pi:
                split[j] = pi
        at += int(
            sum(
                (
                    sign * (math.floor(a / d) + (a / d - math.floor(a / d) > f)) * end
                    for _, a, sign, end in whole
                ),
                ZERO,
            )
        )
        below: Terms = {SPLIT: ONE}
        above = {i: v / (d * rest) for i, v in total.multipliers.items()}
        above[SPLIT] = -f / rest
        for slack, c in slacks.items():
            share = c / (d * rest)
            if slack.kind == "column":
                if c < 0:
                    row[slack.index] = row.get(slack.index, ZERO) + slack.sign * share
                continue
            i = slack.index
            if c < 0:
                for j, a in self.system.rows[i].items():
                    row[j] = row.get(j, ZERO) + slack.sign * share * a
                below[i] = below.get(i, ZERO) + slack.sign * share
            else:
                above[i] = above.get(i, ZERO) - slack.sign * share
        short = self._short({j: a for j, a in row.items() if a})
        if short is None or not split:
            return None
        factor, row = short
        below = {i: factor * v for i, v in below.items()}
        above = {i: factor * v for i, v in above.items()}
        return self._proved(_Derived(row, ZERO, split, at, below, above, score))

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
        side = as_decimal(outward(max(proved), 1))
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
