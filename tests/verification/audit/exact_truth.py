"""What an audit should say, from the definitions alone: enumeration of the integers, and vertices in fractions.

Nothing of the product is used here but the numbers of a program, read as the decimals they are written as.
"""

import itertools
from fractions import Fraction

import numpy as np

INFINITE = float("inf")


def decimal(x):
    return Fraction(repr(float(x)))


def solved(rows, sides):
    """The solution of a square system in fractions, None when it is singular."""
    M = [[*row, side] for row, side in zip(rows, sides, strict=True)]
    n = len(M)
    for k in range(n):
        pivot = next((i for i in range(k, n) if M[i][k]), None)
        if pivot is None:
            return None
        M[k], M[pivot] = M[pivot], M[k]
        M[k] = [v / M[k][k] for v in M[k]]
        for i in range(n):
            if i != k and M[i][k]:
                M[i] = [a - M[i][k] * b for a, b in zip(M[i], M[k], strict=True)]
    return [row[n] for row in M]


class Truth:
    """A program of a few columns in boxes, whose continuous ones make bounded polyhedra."""

    def __init__(self, program):
        self.p = program
        A = program.A.toarray()
        self.rows = [[decimal(a) for a in row] for row in A]
        self.low = [decimal(v) if np.isfinite(v) else None for v in program.row_lower]
        self.high = [decimal(v) if np.isfinite(v) else None for v in program.row_upper]
        self.lower = [decimal(v) for v in program.lower]
        self.upper = [decimal(v) for v in program.upper]
        self.integers = np.flatnonzero(program.integer).tolist()
        self.loose = np.flatnonzero(~program.integer).tolist()

    def points(self, freed=None, fixed=None, boxes=None):
        """All vertices of the continuous part, for all integers; those in `boxes` are continuous."""
        fixed, boxes = fixed or {}, boxes or {}
        choices = []
        for j in self.integers:
            if j in fixed:
                choices.append([Fraction(fixed[j])])
            elif j in boxes:
                choices.append([None])
            else:
                choices.append([Fraction(v) for v in range(int(self.lower[j]), int(self.upper[j]) + 1)])
        for chosen in itertools.product(*choices):
            values = dict(zip(self.integers, chosen, strict=True))
            yield from self._vertices({j: v for j, v in values.items() if v is not None}, freed, boxes)

    def _vertices(self, values, freed, boxes):
        free = [*self.loose, *boxes]
        planes = []
        for i, row in enumerate(self.rows):
            rest = sum((row[j] * v for j, v in values.items()), Fraction(0))
            normal = [row[j] for j in free]
            if self.high[i] is not None and freed != (i, "upper"):
                planes.append((normal, self.high[i] - rest))
            if self.low[i] is not None and freed != (i, "lower"):
                planes.append(([-a for a in normal], rest - self.low[i]))
        for k, j in enumerate(free):
            unit = [Fraction(int(k == t)) for t in range(len(free))]
            low, high = boxes.get(j, (self.lower[j], self.upper[j]))
            planes.append((unit, high))
            planes.append(([-a for a in unit], -low))
        if not free:
            if all(side >= 0 for _, side in planes):
                yield dict(values)
            return
        for chosen in itertools.combinations(planes, len(free)):
            x = solved([c[0] for c in chosen], [c[1] for c in chosen])
            if x is not None and all(
                sum((a * v for a, v in zip(normal, x, strict=True)), Fraction(0)) <= side
                for normal, side in planes
            ):
                yield {**values, **dict(zip(free, x, strict=True))}

    def objective(self, x):
        """The minimised objective."""
        return decimal(self.p.c) + sum((decimal(q) * x[j] for j, q in enumerate(self.p.q)), Fraction(0))

    def side(self, row):
        """Row, binary, sign, body, d, rhs of a side of the audit."""
        i = self.p.row_names.index(row.row)
        y = self.p.column_names.index(row.binary)
        sign = 1 if row.side == "upper" else -1
        body = [sign * a if j != y else Fraction(0) for j, a in enumerate(self.rows[i])]
        limit = self.high[i] if row.side == "upper" else self.low[i]
        return i, y, body, sign * self.rows[i][y], sign * limit

    def verdict(self, row, declared):
        """What the definitions say of a side: verdicts that are true of it, M needed, M."""
        i, y, body, d, rhs = self.side(row)
        off = int(d < 0)
        M, tight = abs(d), rhs - max(Fraction(0), d)

        def value(x):
            return sum((a * x[j] for j, a in enumerate(body)), Fraction(0))

        freed = (i, row.side)
        top = max(
            ((value(x), x) for x in self.points(freed, {y: off})), key=lambda pair: pair[0], default=None
        )
        on = [value(x) for x in self.points(freed, {y: 1 - off})]
        in_force = next(iter(self.points(None, {y: 1 - off})), None)
        if top is None:
            return {"forcing"}, -INFINITE, M
        needed = top[0] - tight
        if on and in_force is None:
            return {"dead"}, needed, M
        terms = [a * top[1][j] for j, a in enumerate(body) if a]
        terms = [t for t, a in zip(terms, [a for a in body if a], strict=True)]
        sizes = [M, rhs, *terms]
        rounding = 4 * max(Fraction(float(np.spacing(abs(float(v))))) for v in sizes)
        own = 4 * max(Fraction(float(np.spacing(abs(float(v))))) for v in (M, rhs))
        if needed <= M and all(v <= tight for v in on):
            return {"redundant"}, needed, M
        cut = {"invalid" if declared else "binding"}
        enough = {"loose"} if M > Fraction(101, 100) * needed else {"tight", "valid"}
        if needed > M + rounding:
            return cut, needed, M
        return (enough if needed <= M + own else cut | enough), needed, M
