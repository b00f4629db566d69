"""Small convex programs written row by row and solved by Clarabel, for the enumerations of the tests."""

from itertools import product

import clarabel
import numpy as np
from scipy import optimize, sparse

TOLERANCES = (1e-11, 1e-10, 1e-9, 1e-8, 1e-7)
WAYS = ((True, 0.99), (False, 0.99), (True, 0.9), (False, 0.8))
VIOLATED = 1e-7


class ConvexProgram:
    """Minimise x'Px + q'x + constant over rows and cones; columns are numbers, rows dictionaries of them."""

    def __init__(self):
        self.count, self.constant = 0, 0.0
        self.linear, self.squares = {}, []
        self.equal, self.below, self.cones = [], [], []

    def columns(self, count):
        self.count += count
        return list(range(self.count - count, self.count))

    def pay(self, row, constant=0.0):
        for column, price in row.items():
            self.linear[column] = self.linear.get(column, 0.0) + price
        self.constant += constant

    def pay_square(self, columns, Q):
        self.squares.append((columns, Q))

    def limit_square(self, columns, Q, row, side):
        """x'Qx + row x <= side, by a second-order cone of a factor of Q."""
        value, vector = np.linalg.eigh(Q)
        factor = (np.sqrt(np.maximum(value, 0.0)) * vector).T
        rest = {column: -price for column, price in row.items()}
        rows = [(rest, side + 1.0), (rest, side - 1.0)]
        rows += [(dict(zip(columns, 2.0 * part, strict=True)), 0.0) for part in factor]
        self.cones.append((clarabel.SecondOrderConeT(len(rows)), rows))

    def power(self, least, sides):
        """Least >= |row + constant|^(3/2) for (row, constant), by a power cone."""
        rows = [({least: 1.0}, 0.0), ({}, 1.0), sides]
        self.cones.append((clarabel.PowerConeT(2.0 / 3.0), rows))

    def solve(self):
        """Return the value and x; None when there is no x."""
        P = np.zeros((self.count, self.count))
        for columns, Q in self.squares:
            P[np.ix_(columns, columns)] += 2.0 * Q
        q = np.zeros(self.count)
        for column, price in self.linear.items():
            q[column] = price
        rows = [*self.equal, *self.below]
        cones = [clarabel.ZeroConeT(len(self.equal)), clarabel.NonnegativeConeT(len(self.below))]
        for cone, members in self.cones:
            rows += [({j: -a for j, a in row.items()}, constant) for row, constant in members]
            cones.append(cone)
        A, b = np.zeros((len(rows), self.count)), np.zeros(len(rows))
        for i, (row, side) in enumerate(rows):
            for column, a in row.items():
                A[i, column] += a
            b[i] = side
        data = (sparse.csc_matrix(np.triu(P)), q, sparse.csc_matrix(A), b, cones)
        for tolerance, (scaled, step) in product(TOLERANCES, WAYS):
            settings = clarabel.DefaultSettings()
            settings.equilibrate_enable, settings.max_step_fraction = scaled, step
            settings.verbose = False
            settings.tol_gap_abs = settings.tol_gap_rel = settings.tol_feas = tolerance
            answer = clarabel.DefaultSolver(*data, settings).solve()
            if str(answer.status) == "Solved":
                return answer.obj_val + self.constant, np.array(answer.x)
            if str(answer.status) != "AlmostSolved" and self._least_violation(A, b) > VIOLATED:
                return None
        raise AssertionError(f"Clarabel ends with {answer.status}: the truth is not known")

    def _least_violation(self, A, b):
        """Return by how much the rows must be broken: every cone here leaves a column free to be large enough."""
        m, equal = len(self.equal) + len(self.below), len(self.equal)
        widened = np.hstack([A[:m], -np.ones((m, 1))])
        below, side = np.vstack([widened[equal:], widened[:equal]]), np.r_[b[equal:m], b[:equal]]
        below = np.vstack([below, np.hstack([-A[:equal], -np.ones((equal, 1))])])
        side = np.r_[side, -b[:equal]]
        bounds = [(None, None)] * self.count + [(0.0, None)]
        return optimize.linprog(np.r_[np.zeros(self.count), 1.0], below, side, bounds=bounds).fun
