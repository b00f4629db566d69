"""A checker that knows nothing of formulations: what rows allow an output to be, by enumeration and LPs."""

import itertools

import numpy as np
import pytest
from scipy.optimize import linprog
from scipy.sparse import csgraph, csr_array

TOLERANCE = 1e-12  # of rounding, relative to the sizes in a row


class Outcomes:
    """What the rows of a mixed-integer linear program leave open once some columns are fixed.

    The columns that are left fall into connected components; in each of them every assignment of the
    integers is tried, and the smallest and largest value of every output is found by linear programming.
    """

    def __init__(self, program, inputs):
        assert not len(program.quadratic)
        assert not len(program.cones)
        self.program, self.inputs = program, np.asarray(inputs)
        self.A = program.A.toarray()
        self.free = np.setdiff1d(np.arange(program.n), self.inputs)
        pattern = csr_array(self.A[:, self.free] != 0)
        _, label = csgraph.connected_components(pattern.T @ pattern, directed=False)
        self.parts = [self.free[label == k] for k in range(label.max() + 1)] if self.free.size else []
        self.rows = [np.flatnonzero(np.any(self.A[:, part] != 0, axis=1)) for part in self.parts]
        self.settled = np.flatnonzero(np.all(self.A[:, self.free] == 0, axis=1))

    def at(self, values, outputs=()):
        """Return (possible, lowest, highest) of the output columns, with the inputs at the values."""
        program = self.program
        point = np.zeros(program.n)
        point[self.inputs] = values
        lowest, highest = np.full(program.n, np.inf), np.full(program.n, -np.inf)
        shift = self.A[:, self.inputs] @ point[self.inputs]
        low, high = program.row_lower - shift, program.row_upper - shift
        room = TOLERANCE * np.maximum(1.0, np.abs(self.A) @ np.abs(point))
        possible = not np.any((low > room)[self.settled] | (high < -room)[self.settled])
        possible &= bool(np.all(point[self.inputs] >= program.lower[self.inputs] - TOLERANCE))
        possible &= bool(np.all(point[self.inputs] <= program.upper[self.inputs] + TOLERANCE))
        for part, rows in zip(self.parts, self.rows, strict=True):
            wanted = [j for j in part if j in outputs]
            found = self._component(part, rows, low[rows], high[rows], room[rows], wanted)
            possible &= bool(found)
            for ranges in found:
                for j, (least, most) in zip(wanted, ranges, strict=True):
                    lowest[j], highest[j] = min(lowest[j], least), max(highest[j], most)
        return possible, lowest[np.asarray(outputs, int)], highest[np.asarray(outputs, int)]

    def _component(self, part, rows, low, high, room, wanted):
        """Return the ranges of the wanted columns under each assignment of the component that is possible."""
        program = self.program
        integers, reals = part[program.integer[part]], part[~program.integer[part]]
        choices = [np.arange(program.lower[j], program.upper[j] + 1) for j in integers]
        found = []
        for assignment in itertools.product(*choices):
            shift = self.A[np.ix_(rows, integers)] @ np.array(assignment)
            left = self.A[np.ix_(rows, reals)]
            ranges = self._continuous(left, low - shift, high - shift, room, reals, wanted)
            if ranges is not None:
                found.append(ranges)
        return found

    def _continuous(self, A, low, high, room, reals, wanted):
        program = self.program
        none = ~np.any(A, axis=1)
        if np.any(none & ((low > room) | (high < -room))):
            return None
        if reals.size == 0:
            return ()
        if reals.size == 1:
            a = A[~none, 0]
            ends = np.sort(np.stack([(low - room)[~none] / a, (high + room)[~none] / a]), axis=0)
            least = max([program.lower[reals[0]], *ends[0]])
            most = min([program.upper[reals[0]], *ends[1]])
            return ((least, most),) * len(wanted) if least <= most else None
        return self._linear_program(A, low, high, reals, wanted)

    def _linear_program(self, A, low, high, reals, wanted):
        program = self.program
        same = low == high
        above, below = np.isfinite(high) & ~same, np.isfinite(low) & ~same
        ranges = []
        for j in wanted or reals[:1]:
            ends = []
            for sign in (1.0, -1.0):
                answer = linprog(
                    sign * (reals == j),
                    A_ub=np.vstack([A[above], -A[below]]),
                    b_ub=np.concatenate([high[above], -low[below]]),
                    A_eq=A[same],
                    b_eq=high[same],
                    bounds=np.stack([program.lower[reals], program.upper[reals]], axis=1),
                    options={"primal_feasibility_tolerance": 1e-10, "dual_feasibility_tolerance": 1e-10},
                )
                if answer.status == 2:
                    return None
                ends.append(sign * (-np.inf if answer.status == 3 else answer.fun))
            ranges.append((ends[0], ends[1]))
        return tuple(ranges) if wanted else ()


@pytest.fixture(scope="session")
def disagreements():
    """A function that compares an output with its meaning at points of the inputs; [] means they agree.

    The meaning returns the lowest and the highest value the output may have, at the input values. Sound:
    nothing outside can be reached by any assignment. Complete: both ends are reached.
    """

    def compare(model, inputs, output, points, meaning):
        program = model.freeze()
        columns = np.concatenate([e.matrix.indices[np.argsort(e.ravel().matrix.indptr[:-1])] for e in inputs])
        outputs = output.matrix.indices
        outcomes = Outcomes(program, columns)
        found = []
        for values in points:
            possible, lowest, highest = outcomes.at(np.concatenate([np.ravel(v) for v in values]), outputs)
            if not possible:
                found.append(f"no output at {values}")
                continue
            least, most = (np.broadcast_to(side, output.shape).ravel() for side in meaning(*values))
            size = np.maximum(*(np.where(np.isfinite(side), np.abs(side), 0.0) for side in (least, most)))
            scale = 1e-7 * np.maximum(1.0, size)
            with np.errstate(invalid="ignore"):
                wrong = ~((lowest == least) | (np.abs(lowest - least) <= scale))
                wrong |= ~((highest == most) | (np.abs(highest - most) <= scale))
            found += [
                f"{lowest[k]}..{highest[k]} instead of {least[k]}..{most[k]} at {values}"
                for k in np.flatnonzero(wrong)
            ]
        return found

    return compare


@pytest.fixture(scope="session")
def possible():
    """A function: does some assignment satisfy every row of the model at these values of the inputs?"""

    def decide(model, inputs, points):
        columns = np.concatenate([e.matrix.indices for e in inputs])
        outcomes = Outcomes(model.freeze(), columns)
        return [outcomes.at(np.concatenate([np.ravel(v) for v in values]))[0] for values in points]

    return decide


class Costing:
    """The least objective of a program in which the inputs and integers leave only epigraphs open.

    Quadratic rows then hold numbers, and the vectors in the cones are forced (which is checked): what is
    left of a cone t z >= |Y|^2 is a lower bound on t, so that linear programs say everything.
    """

    def __init__(self, program):
        assert program.P.nnz == 0
        self.program, self.A = program, program.A.toarray()
        heads = program.cones.pointer[:-1]
        self.K, self.k = program.cones.matrix.toarray(), program.cones.constant
        self.inner = np.setdiff1d(np.arange(self.k.size), heads)
        self.direction = np.random.default_rng(0).normal(size=self.inner.size)

    def assignments(self, point):
        """Yield the values of the free integers that satisfy the rows holding nothing else."""
        program = self.program
        free = np.flatnonzero(program.integer & np.isnan(point))
        others = np.setdiff1d(np.flatnonzero(np.isnan(point)), free)
        rows = np.all(self.A[:, others] == 0, axis=1)
        choices = [np.arange(program.lower[j], program.upper[j] + 1) for j in free]
        for choice in itertools.product(*choices):
            chosen = point.copy()
            chosen[free] = choice
            body = self.A[rows] @ np.nan_to_num(chosen)
            if np.all(body >= program.row_lower[rows] - 1e-9) and np.all(
                body <= program.row_upper[rows] + 1e-9
            ):
                yield chosen

    def least(self, point):
        """Return the least objective with these columns given (NaN: left open); None when impossible."""
        program = self.program
        quadratic = [sum(f.value(point) for f in forms) for forms in program.quadratic.forms]
        A = np.vstack([self.A, program.quadratic.matrix.toarray()])
        low = np.concatenate([program.row_lower, program.quadratic.lower - quadratic])
        high = np.concatenate([program.row_upper, program.quadratic.upper - quadratic])
        if not len(program.cones):
            found = self._solve(point, A, low, high, program.q)
            return None if found is None else found[0] + program.c
        ends = [
            self._solve(point, A, low, high, sign * (self.direction @ self.K[self.inner]))
            for sign in (1.0, -1.0)
        ]
        if ends[0] is None:
            return None
        assert ends[0][0] == pytest.approx(-ends[1][0], abs=1e-7)  # the vectors in the cones are forced
        members = program.cones.members(ends[0][1])
        heads = program.cones.pointer[:-1]
        height = np.array([m[2:] @ m[2:] / m[1] if m[1] > 0.5 else 0.0 for m in members])
        A = np.vstack([A, self.K[heads]])
        low = np.concatenate([low, height - self.k[heads]])
        found = self._solve(point, A, low, np.concatenate([high, np.full(heads.size, np.inf)]), program.q)
        return None if found is None else found[0] + program.c

    def _solve(self, point, A, low, high, objective):
        program = self.program
        lower = np.where(np.isnan(point), program.lower, point)
        upper = np.where(np.isnan(point), program.upper, point)
        same = low == high
        above, below = np.isfinite(high) & ~same, np.isfinite(low) & ~same
        answer = linprog(
            objective,
            A_ub=np.vstack([A[above], -A[below]]),
            b_ub=np.concatenate([high[above], -low[below]]),
            A_eq=A[same],
            b_eq=high[same],
            bounds=np.stack([lower, upper], axis=1),
        )
        assert answer.status in (0, 2)
        return (answer.fun, answer.x) if answer.status == 0 else None


@pytest.fixture(scope="session")
def least_objectives():
    """A function: the least objective of each assignment of the free integers that is possible."""

    def find(program, fixed):
        point = np.full(program.n, np.nan)
        for name, values in fixed.items():
            point[program.columns(name)] = values
        costing = Costing(program)
        found = [costing.least(chosen) for chosen in costing.assignments(point)]
        return [value for value in found if value is not None]

    return find
