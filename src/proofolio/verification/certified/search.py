r"""Branch and bound that ends in a certificate.

The search is floating point and need not be believed: HiGHS solves the linear relaxation of each node from the basis
of the last one, and its multipliers are suggestions, which become a leaf when they prove, in fractions, that the node
holds nothing better than the goal (`proofolio.verification.exact.lp_bounds.ExactRows.certify`).
Convex quadratic objectives and rows enter by tangents at
the points found. With a goal close to the optimum the order of the nodes hardly matters, so the search goes depth
first, which keeps the basis warm; what matters is the column to branch on: pseudocosts, started by trying both sides.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from fractions import Fraction

import numpy as np
from scipy import sparse

from proofolio.arrays import Floats, Integers, Sparse
from proofolio.errors import SolverFailure
from proofolio.program.program import Program
from proofolio.solvers.highs.session import Session
from proofolio.solvers.limits import Deadline
from proofolio.verification.exact.certificate import Row, Undecidable, bound, proves_empty
from proofolio.verification.exact.in_time import TimeIsUp, check_time, stopped_when
from proofolio.verification.exact.lp_bounds import ExactRows, Freed, Question
from proofolio.verification.exact.simplex import exact_maximum
from proofolio.verification.exact.trees import Branch, ExactProgram, Leaf, Node, Tangent, boxed, with_tangents

__all__ = ["OPTIONS", "Grown", "Relaxed", "grow"]

INTEGRAL = 1e-6  # closer to an integer than this, a relaxation's value counts as one
FEASIBLE = (
    1e-9  # of HiGHS: leaves are proved exactly, so the tightest tolerance it takes is the cheapest in the end
)
TRIED = 8  # columns that are branched on for trial in a node, until their pseudocosts are known
RELIABLE = 2  # trials after which a pseudocost is believed
ROUNDS = 30  # of tangents in one node
TANGENT = 1e-7  # a curve is met when the relaxation is below it by no more than this part of its size
TRIAL_ITERATIONS = 50
NO_LIMIT = 2**31 - 1
OPTIONS = {
    "presolve": "off",
    "primal_feasibility_tolerance": FEASIBLE,
    "dual_feasibility_tolerance": FEASIBLE,
    "small_matrix_value": 1e-12,
    "large_matrix_value": 1e300,
    "simplex_strategy": 1,  # the dual simplex method: a branch leaves the last basis dual feasible
}
LEAST = Fraction(-1, 10**30)  # a sum of multipliers below zero proves emptiness, however little


@dataclass(frozen=True, eq=False)
class Grown:
    """What a search came to.

    Attributes
    ----------
    status : str
        ``"proved"``: the tree proves the goal. ``"limit"``: time or nodes were up. ``"open"``: a leaf could not be
        proved, `reason` says why.
    nodes : tuple of Node
    tangents : tuple of Tangent
    count : int
        Nodes solved.
    """

    status: str
    nodes: tuple[Node, ...] = ()
    tangents: tuple[Tangent, ...] = ()
    count: int = 0
    reason: str = ""


@dataclass(eq=False)
class _Todo:
    number: int
    boxes: dict[int, tuple[float, float]]
    bound: float
    tried: tuple[int, float, float] | None = None  # column, sign and fraction of the branch that made it


@dataclass(eq=False)
class _Costs:
    """Pseudocosts: by how much a column's branches raise the bound, for one unit of rounding."""

    n: int
    total: Floats = field(init=False)
    count: Floats = field(init=False)

    def __post_init__(self) -> None:
        self.total, self.count = np.zeros((2, self.n)), np.zeros((2, self.n))

    def learn(self, side: int, j: int, gain: float, fraction: float) -> None:
        self.total[side, j] += max(gain, 0.0) / max(fraction, 1e-6)
        self.count[side, j] += 1.0

    def score(self, columns: Integers, down: Floats, up: Floats) -> Floats:
        mean = self.total[:, columns] / np.maximum(self.count[:, columns], 1.0)
        overall = self.total.sum(axis=1) / np.maximum(self.count.sum(axis=1), 1.0)
        mean = np.where(self.count[:, columns] > 0, mean, overall[:, None])
        found: Floats = np.maximum(mean[0] * down, 1e-6) * np.maximum(mean[1] * up, 1e-6)
        return found


def grow(
    relaxed: Relaxed,
    goal: Callable[[], Fraction | None],
    found: Callable[[Floats | Mapping[int, Fraction]], bool],
    deadline: Deadline,
    most: int = 20_000,
    start: Floats | None = None,
) -> Grown:
    """Grow a tree that proves that nothing is better than a goal.

    Parameters
    ----------
    relaxed : Relaxed
        The program, and what is asked of it.
    goal : function
        The value every leaf has to prove, less the objective's constant; None when the tree has to prove that
        nothing satisfies the program. It may fall during the search.
    found : function of a point
        Given every relaxation's point with integers that is below the goal; says whether to go on (the goal has
        then been lowered to what the point is worth). What it raises ends the search.
    deadline : Deadline
    most : int
        Nodes.
    start : ndarray, optional
        A point at which every curve gets its first tangent.
    """
    search = _Search(relaxed, goal, found, deadline, most)
    try:
        with stopped_when(lambda: deadline.passed):
            if start is not None:
                search.touch(start)
            return search.run()
    except TimeIsUp:
        return search.late()


class _Search:
    def __init__(
        self,
        relaxed: Relaxed,
        goal: Callable[[], Fraction | None],
        found: Callable[[Floats | Mapping[int, Fraction]], bool],
        deadline: Deadline,
        most: int,
    ) -> None:
        self.rows, self.goal, self.found, self.most = relaxed, goal, found, most
        self.p, self.exact = relaxed.p, relaxed.program
        self.deadline = deadline
        self.integers = np.flatnonzero(self.p.integer)
        self.costs = _Costs(self.p.n)
        self.nodes: list[Node | None] = [None]
        self.count = 0

    def touch(self, x: Floats) -> None:
        """Give every curve its tangent at a point."""
        curves: list[int | None] = [*[None] * bool(self.exact.matrix), *range(len(self.exact.quadratic))]
        if curves:
            self.rows.add([Tangent(i, _rounded(x)) for i in curves])

    def run(self) -> Grown:
        stack = [_Todo(0, dict(self.rows.held), -math.inf)]
        while stack:
            if self.deadline.passed or self.count >= self.most:
                return self.late()
            todo = stack.pop()
            self.count += 1
            outcome = self._node(todo, stack)
            if outcome is not None:
                return outcome
        return Grown(
            "proved",
            tuple(n for n in self.nodes if n is not None),
            tuple(self.rows.tangents),
            count=self.count,
        )

    def late(self) -> Grown:
        """Say that the time or the nodes were used up."""
        return Grown("limit", count=self.count, reason="the time or the nodes allowed were used up")

    def _node(self, todo: _Todo, stack: list[_Todo]) -> Grown | None:
        rows, goal = self.rows, self.goal()
        rows.boxes(todo.boxes)
        if self.exact.matrix and not rows.tangents:
            self.touch(np.clip(np.zeros(self.p.n), self.p.lower, self.p.upper))
        for _ in range(ROUNDS):
            status, value, x, duals = rows.solve(self.deadline.left)
            if status == "limit":
                return Grown("limit", count=self.count, reason="the time was used up")
            if status == "infeasible":
                leaf = rows.leaf(todo.boxes, duals, None) or rows.leaf(
                    todo.boxes, rows.elastic(self.deadline.left), None
                )
                if leaf is None:
                    return self._exactly(todo, stack, "a node's emptiness could not be proved exactly")
                self.nodes[todo.number] = leaf
                return None
            if status != "optimal":
                return self._exactly(todo, stack, f"a relaxation is {status}")
            if todo.tried is not None:
                j, side, part = todo.tried
                if math.isfinite(todo.bound):
                    self.costs.learn(int(side), j, value - todo.bound, part)
                todo.tried = None
            if goal is not None and value >= float(goal) - 1e-9 * max(1.0, abs(float(goal))):
                leaf = rows.leaf(todo.boxes, duals, goal)
                if leaf is not None:
                    self.nodes[todo.number] = leaf
                    return None
            if not self._more_tangents(x, value):
                break
        off = np.abs(x[self.integers] - np.rint(x[self.integers])) if self.integers.size else np.zeros(0)
        if not off.size or off.max() <= INTEGRAL:
            if self.found(x):
                stack.append(_Todo(todo.number, todo.boxes, value))
                self.count -= 1
                return None
            free = self._unfixed(todo.boxes)
            if free is None:
                return self._exactly(
                    todo, stack, "a node with all integers fixed could not be decided exactly"
                )
            j, at = free, round(float(x[free]))
            low, _ = todo.boxes.get(j, self.rows.box(j))
            at = at - 1 if at - 1 >= low and at > low else at
        else:
            j = self._choose(todo, x, value, off)
            at = math.floor(float(x[j]))
        self._branch(todo, stack, j, at, x, value)
        return None

    def _exactly(self, todo: _Todo, stack: list[_Todo], reason: str) -> Grown | None:
        """Decide a node in fractions from the start, where floating point cannot and the node is small."""
        try:
            leaf, point = self.rows.decide(todo.boxes, self.goal(), time.perf_counter() + self.deadline.left)
        except Undecidable as error:
            return self._open(f"{reason}: {error}")
        if leaf is not None:
            self.nodes[todo.number] = leaf
            return None
        odd = [j for j in self.integers.tolist() if point.get(j, Fraction(0)).denominator != 1]
        if odd:
            column = odd[0]
            x = np.array([float(point.get(k, Fraction(0))) for k in range(self.p.n)])
            self._branch(todo, stack, column, math.floor(point[column]), x, -math.inf)
            return None
        if self.found(point):
            stack.append(_Todo(todo.number, todo.boxes, todo.bound))
            self.count -= 1
            return None
        return self._open(reason)

    def _open(self, reason: str) -> Grown:
        return Grown("open", count=self.count, reason=reason)

    def _unfixed(self, boxes: Mapping[int, tuple[float, float]]) -> int | None:
        return next(
            (j for j in self.integers.tolist() if np.subtract(*boxes.get(j, self.rows.box(j))) < 0), None
        )

    def _branch(self, todo: _Todo, stack: list[_Todo], j: int, at: int, x: Floats, value: float) -> None:
        low, high = todo.boxes.get(j, self.rows.box(j))
        below, above = len(self.nodes), len(self.nodes) + 1
        self.nodes += [None, None]
        self.nodes[todo.number] = Branch(j, at, below, above)
        part = min(max(float(x[j]) - at, 0.0), 1.0)
        halves = [
            _Todo(below, {**todo.boxes, j: (low, float(at))}, value, (j, 0, part)),
            _Todo(above, {**todo.boxes, j: (float(at + 1), high)}, value, (j, 1, 1.0 - part)),
        ]
        stack += halves if part > 0.5 else halves[::-1]

    def _choose(self, todo: _Todo, x: Floats, value: float, off: Floats) -> int:
        candidates = self.integers[off > INTEGRAL]
        part = x[candidates] - np.floor(x[candidates])
        score = self.costs.score(candidates, part, 1.0 - part)
        order = np.argsort(-score, kind="stable")
        unsure = [
            k for k in order[: 4 * TRIED].tolist() if self.costs.count[:, candidates[k]].min() < RELIABLE
        ][:TRIED]
        for k in unsure:
            if self.deadline.passed:
                break
            j = int(candidates[k])
            low, high = todo.boxes.get(j, self.rows.box(j))
            for side, box in ((0, (low, math.floor(x[j]))), (1, (math.floor(x[j]) + 1.0, high))):
                gain = self.rows.trial(j, box, value, self.deadline.left)
                self.costs.learn(side, j, gain, part[k] if side == 0 else 1.0 - part[k])
        self.rows.boxes(todo.boxes)
        score = self.costs.score(candidates, part, 1.0 - part)
        return int(candidates[int(np.argmax(score))])

    def _more_tangents(self, x: Floats, value: float) -> bool:
        """Add the tangents at a point that lies below a curve; whether there were any."""
        n, point = self.p.n, x[: self.p.n]
        added: list[int | None] = []
        if self.exact.matrix:
            curve = float(0.5 * point @ (self.p.P @ point) + self.p.q @ point)
            size = max(abs(curve), 1e-3 * float(np.abs(self.p.q) @ np.abs(point)), 1e-12)
            if not math.isfinite(value) or curve - x[n] > TANGENT * size:
                added.append(None)
        quadratic = self.p.quadratic
        if len(quadratic):
            bodies = quadratic.value(point)
            slack = FEASIBLE * np.maximum(1.0, np.abs(bodies))
            broken = (bodies - quadratic.upper > slack) | (quadratic.lower - bodies > slack)
            added += np.flatnonzero(broken).tolist()
        if added:
            at = _rounded(point)
            self.rows.add([Tangent(i, at) for i in added])
        return bool(added)


def _rounded(x: Floats) -> dict[int, Fraction]:
    """A point near by with short numbers: a tangent may be taken anywhere."""
    return {j: Fraction(float(v)).limit_denominator(10**6) for j, v in enumerate(x.tolist()) if abs(v) > 1e-9}


class Relaxed:
    """The linear relaxation of a program with its tangents, in HiGHS and in fractions: one in memory, asked often.

    Where nothing is curved, multipliers are made exact in 64-bit integers (`ExactRows`); with tangents, whose numbers
    are no doubles, by fractions.

    Parameters
    ----------
    program : Program
        A minimisation in its own sense: linear rows, convex quadratic rows, integers; no cones, indicators or sets.
    exact : ExactProgram
        The same in fractions.
    rows : ExactRows, optional
        The linear rows in fractions, where they are known already.
    """

    def __init__(self, program: Program, exact: ExactProgram, rows: ExactRows | None = None) -> None:
        self.p, self.program = program, exact
        self.plain = not (exact.matrix or exact.quadratic)
        self.wide = bool(exact.matrix)
        free = (-math.inf, math.inf)
        self.lower = np.append(program.lower, free[0]) if self.wide else program.lower
        self.upper = np.append(program.upper, free[1]) if self.wide else program.upper
        self.cost = np.append(np.zeros(program.n), 1.0) if self.wide else program.q.copy()
        self.tangents: list[Tangent] = []
        self.session = self._loaded()
        self.rows = rows or ExactRows(program)
        self.now: dict[int, tuple[float, float]] = {}
        self.held: dict[int, tuple[float, float]] = {}
        self.freed: Freed | None = None
        self.system, objective = with_tangents(exact, ())
        self.body = {j: -a for j, a in objective.items()}

    def ask(self, body: Row, freed: Freed | None, held: Mapping[int, int]) -> ExactProgram:
        """Ask for the least of another linear function, with one side of a row set free and some columns held.

        Only where the objective is linear. What was asked before is forgotten, except for the basis.

        Returns
        -------
        ExactProgram
            The program that the tree will be about.
        """
        cost = np.zeros(self.p.n)
        for j, a in body.items():
            cost[j] = float(a)
        changed = np.flatnonzero(cost != self.cost).astype(np.int32)
        self.session.change_cost(changed, cost[changed])
        self.cost = cost
        for i in {side[0] for side in (self.freed, freed) if side is not None}:
            low, high = float(self.p.row_lower[i]), float(self.p.row_upper[i])
            sides = (-math.inf if freed == (i, "lower") else low, math.inf if freed == (i, "upper") else high)
            self.session.change_row(i, *sides)
        self.freed = freed
        self.held = {j: (float(v), float(v)) for j, v in held.items()}
        gone = frozenset() if freed is None else frozenset({freed})
        fixed = {j: Fraction(v) for j, v in held.items()}
        system = replace(self.program.system, freed=gone, fixed=fixed)
        self.program = replace(self.program, system=system, linear=dict(body), constant=Fraction(0))
        self.system, _ = with_tangents(self.program, self.tangents)
        self.body = {j: -a for j, a in body.items()}
        return self.program

    def box(self, j: int) -> tuple[float, float]:
        """The bounds of a column at the root."""
        return float(self.lower[j]), float(self.upper[j])

    def boxes(self, boxes: Mapping[int, tuple[float, float]]) -> None:
        """Move to the bounds of a node."""
        wanted = {j: boxes.get(j, self.box(j)) for j in {*self.now, *boxes}}
        changed = {j: box for j, box in wanted.items() if self.now.get(j) != box}
        if changed:
            _move(self.session, changed)
        self.now = dict(boxes)

    def solve(self, seconds: float) -> tuple[str, float, Floats, Floats | None]:
        """Return status, value, point and multipliers (a ray where the status is ``"infeasible"``)."""
        session, seconds = self.session, max(1e-2, min(seconds, 1e7))
        status = _solved(session, seconds)
        if status not in ("optimal", "infeasible", "limit"):
            session.forget()
            status = _solved(session, seconds)
        if status == "optimal":
            return status, session.value, session.point(), -session.row_duals()
        if status == "infeasible":
            return status, math.inf, np.zeros(0), session.dual_ray()
        return status, -math.inf, np.zeros(0), None

    def trial(self, j: int, box: tuple[float, float], value: float, seconds: float) -> float:
        """By how much the bound rises in a few iterations with a column in a box."""
        closed = 1e3 * max(1.0, abs(value))
        if box[0] > box[1]:
            return closed
        session = self.session
        _move(session, {j: box})
        session.configure({"simplex_iteration_limit": TRIAL_ITERATIONS})
        status = _solved(session, min(1.0, seconds))
        gain = session.value - value if status in ("optimal", "limit") else 0.0
        session.configure({"simplex_iteration_limit": NO_LIMIT})
        _move(session, {j: self.now.get(j, self.box(j))})
        return closed if status == "infeasible" else max(gain, 0.0)

    def leaf(
        self, boxes: Mapping[int, tuple[float, float]], duals: Floats | None, goal: Fraction | None
    ) -> Leaf | None:
        """Multipliers that prove the goal in a box, or with none that the box is empty."""
        if duals is None:
            return None
        exact = {j: (_side(low), _side(high)) for j, (low, high) in boxes.items()}
        if not self.plain:
            return self._curved_leaf(exact, duals, goal)
        question = Question(frozenset() if self.freed is None else frozenset({self.freed}), exact)
        if goal is None:
            for signed in (duals, -duals):
                proof = self.rows.certify({}, signed, question, goal=LEAST)
                if proof is not None and proof.bound < 0:
                    return Leaf(dict(proof.multipliers.items()), True)
            return None
        proof = self.rows.certify(self.body, duals, question, goal=-goal)
        if proof is None or proof.bound > -goal:
            return None
        return Leaf(dict(proof.multipliers.items()), False)

    def _curved_leaf(
        self,
        boxes: Mapping[int, tuple[Fraction | None, Fraction | None]],
        duals: Floats,
        goal: Fraction | None,
    ) -> Leaf | None:
        here = boxed(self.system, boxes)
        noise = 1e-11 * max(1.0, float(np.max(np.abs(duals), initial=0.0)))
        objectives = [len(self.p.row_lower) + k for k, t in enumerate(self.tangents) if t.row is None]
        for signed in (duals,) if goal is not None else (duals, -duals):
            for largest in (1_000, 10**6, 10**12):
                y = {
                    i: Fraction(v).limit_denominator(largest)
                    for i, v in enumerate(signed.tolist())
                    if abs(v) > noise
                }
                y = {
                    i: v
                    for i, v in y.items()
                    if v and here.side(i, "upper" if v > 0 else "lower") is not None
                }
                if goal is None:
                    if proves_empty(here, y):
                        return Leaf(y, True)
                    continue
                if self.wide:
                    total = sum((y.get(i, Fraction(0)) for i in objectives), Fraction(0))
                    if total <= 0:
                        continue
                    y = {i: v / total for i, v in y.items()}
                proved = bound(here, self.body, y)
                if proved is not None and proved <= -goal:
                    return Leaf(y, False)
        return None

    def decide(
        self, boxes: Mapping[int, tuple[float, float]], goal: Fraction | None, ends: float
    ) -> tuple[Leaf | None, dict[int, Fraction]]:
        """Return the leaf of a box, or the exact best point of its relaxation.

        Raises
        ------
        Undecidable
            Where it is too large for the exact simplex method, or time is up, or unbounded.
        """
        here = boxed(self.system, {j: (_side(low), _side(high)) for j, (low, high) in boxes.items()})
        best = exact_maximum(here, self.body, ends)
        if best.status == "empty":
            return Leaf(best.multipliers, True), {}
        if best.status == "unbounded" or best.value is None:
            raise Undecidable("a relaxation is unbounded")
        if goal is not None and best.value <= -goal:
            return Leaf(best.multipliers, False), {}
        return None, best.point

    def elastic(self, seconds: float) -> Floats | None:
        """A Farkas vector of the rows as they stand: the multipliers of the least sum of violations."""
        matrix, low, high = self._rows()
        m, n = matrix.shape
        both: Sparse = sparse.csr_array(sparse.hstack([matrix, sparse.eye_array(m), -sparse.eye_array(m)]))
        ends = [self.now.get(j, self.box(j)) for j in range(n)]
        lower = np.concatenate([[low for low, _ in ends], np.zeros(2 * m)])
        upper = np.concatenate([[high for _, high in ends], np.full(2 * m, math.inf)])
        session = Session(OPTIONS)
        cost = np.concatenate([np.zeros(n), np.ones(2 * m)])
        session.load(cost, (lower, upper), both, (low, high))
        return -session.row_duals() if _solved(session, min(10.0, seconds)) == "optimal" else None

    def add(self, tangents: Sequence[Tangent]) -> None:
        """Add the rows of tangents."""
        self.system, _ = with_tangents(self.program, [*self.tangents, *tangents])
        self.tangents += tangents
        matrix, low, high = self._rows(len(self.system.rows) - len(tangents))
        self.session.add_rows(matrix, (low, high), (self.lower, self.upper), np.ones(len(tangents)))

    def _rows(self, first: int = 0) -> tuple[Sparse, Floats, Floats]:
        """The rows from one on, with those of the tangents, in floating point."""
        rows, entries = self.system.rows[first:], list[tuple[int, int, float]]()
        for i, row in enumerate(rows):
            check_time()
            entries += [(i, j, float(a)) for j, a in row.items()]
        at, columns, data = zip(*entries, strict=True) if entries else ((), (), ())
        matrix = sparse.csr_array(
            (np.array(data, dtype=float), (at, columns)), shape=(len(rows), self.lower.size)
        )
        low = np.array([-math.inf if v is None else float(v) for v in self.system.low[first:]])
        high = np.array([math.inf if v is None else float(v) for v in self.system.high[first:]])
        return matrix, low, high

    def _loaded(self) -> Session:
        session, p = Session(OPTIONS), self.p
        A = sparse.csr_array((p.A.data, p.A.indices, p.A.indptr), shape=(p.m, self.lower.size))
        session.load(self.cost, (self.lower, self.upper), A, (p.row_lower, p.row_upper))
        return session


def _move(session: Session, boxes: Mapping[int, tuple[float, float]]) -> None:
    at = np.fromiter(boxes, dtype=np.int32, count=len(boxes))
    ends = np.array(list(boxes.values()), dtype=float)
    session.change_box(at, ends[:, 0].copy(), ends[:, 1].copy())


def _solved(session: Session, seconds: float) -> str:
    try:
        return session.solve(seconds)
    except SolverFailure:
        return "unknown"


def _side(value: float) -> Fraction | None:
    return Fraction(value) if math.isfinite(value) else None
