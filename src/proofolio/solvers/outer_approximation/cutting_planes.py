"""The cutting-plane side of outer approximation: one relaxation, its cuts, its bound and its incumbents."""

from __future__ import annotations

import numpy as np
from scipy import sparse

from proofolio.arrays import Floats, Integers
from proofolio.solvers.limits import Deadline
from proofolio.solvers.outer_approximation.incumbents import (
    DECIDED,
    Incumbents,
    first_choices,
    one_hot_groups,
    rounded,
    roundings,
)
from proofolio.solvers.outer_approximation.lifted import Lifted
from proofolio.solvers.outer_approximation.relaxation import (
    CutRelaxation,
    Cuts,
    Relaxed,
    cut_values,
    cuts_at,
    tangents,
)
from proofolio.solvers.solution import Settings

__all__ = ["CuttingPlanes"]


# In-out cuts: how much of the relaxation's slope and of the centre's is in a cut, how much of its past the centre
# keeps, and how deep such a cut must be, beside the one at the relaxation's point itself, to be taken.
OUTER, MEMORY, WORTH = 0.25, 0.5, 0.1
# A cut violated by less, in the unit of its t, is rounding; so is a lazy row missed by less.
VIOLATED, LATE = 1e-9, 1e-8
# Where z is smaller, a point says little about the slope there.
APEX = 1e-6
# A cut that had no multiplier in so many solves may go.
PATIENCE = 6
# The root ends when so many rounds closed less than this part of the gap, and begins again while a whole pass closed
# more than that part; at the latest after so many rounds.
STALL, SLOW, REPEAT, ROOT_ROUNDS = 5, 0.1, 0.1, 400
# Rays cut off before a program counts as unbounded.
RAYS = 200
# The part of the time limit for first points, once there is one.
PRIMING = 0.25
# Diving: at most so many steps, in each of which integers this near to whole are fixed.
PLUNGES, NEARLY = 60, 0.1


class CuttingPlanes:
    """The state of one solve: the linear relaxation, the cuts' centres, the incumbent and the bound."""

    def __init__(self, lifted: Lifted, settings: Settings, deadline: Deadline, sign: float = 1.0) -> None:
        self.lifted = lifted
        self.settings = settings
        self.sign = sign
        self.deadline = deadline
        self.absolute_gap = 0.0
        self.relaxation = CutRelaxation(lifted, settings.seed, self.deadline, settings.options)
        self.incumbents = Incumbents(lifted, self.deadline)
        self.integers = np.flatnonzero(self.lifted.integer)
        self.binary = self.lifted.integer & (self.lifted.lower >= 0) & (self.lifted.upper <= 1)
        self.group = one_hot_groups(self.lifted, self.binary)
        self.centre: Floats | None = None
        self.bound = -np.inf
        self.pruned = np.inf  # the least bound of the nodes that were put aside
        self.nodes = 0
        self.age = np.empty(0, dtype=np.intp)
        self.lazy_rows = _lazy_rows(lifted)
        unit = np.asarray(abs(self.lifted.K) @ self.relaxation.units)
        self.t_unit = unit[self.lifted.pointer[:-1]] if self.lifted.cones else np.empty(0)

    # ---------------------------------------------------------------- the gap
    @property
    def cutoff(self) -> float:
        """A node whose bound is above this cannot improve the incumbent by more than the gap asked for."""
        value = self.incumbents.value
        if not np.isfinite(value):
            return np.inf
        return value - max(self.absolute_gap, (1.0 - 1e-6) * self.settings.gap * max(1e-10, abs(value)))

    @property
    def late(self) -> bool:
        """Whether the time is up."""
        return self.deadline.passed

    def report(self) -> None:
        """Tell the caller how far things are."""
        if self.settings.progress is not None:
            value = self.sign * self.incumbents.value if np.isfinite(self.incumbents.value) else None
            bound = self.sign * self.bound if np.isfinite(self.bound) else None
            self.settings.progress(self.deadline.elapsed, value, bound)

    # ------------------------------------------------------------------- cuts
    def relax(self) -> Relaxed:
        """Solve the linear relaxation as it stands, and let the cuts it does not use age.

        Its status is ``"unbounded"`` only along a ray that lies in all cones.
        """
        answer = self.relaxation.solve()
        for _ in range(RAYS):
            if answer.status != "unbounded" or not self._cut_ray():
                break
            answer = self.relaxation.solve()
        if answer.status == "unbounded" and np.isfinite(self.bound):
            answer = answer._replace(status="stuck")  # it had been bounded: this is rounding
        self.age = np.where(answer.cut_duals == 0, self.age + 1, 0)
        return answer

    def _cut_ray(self) -> bool:
        r"""Cut off the ray along which the relaxation is unbounded; say whether any cone does.

        Along a ray r a cut with slope y gains :math:`t_r - 2 y'Y_r + |y|^2 z_r` a unit, which a slope far
        enough in the direction of :math:`Y_r` makes negative whenever r leaves the cone.
        """
        ray, lifted = self.relaxation.ray(), self.lifted
        if ray is None or not lifted.cones:
            return False
        members = np.asarray(lifted.K @ ray)
        members = members / max(float(np.max(np.abs(members), initial=0.0)), 1e-300)
        slopes = tangents(lifted, members)
        if self.centre is not None:
            direction = slopes / np.repeat(np.sqrt(_largest(slopes, lifted)), np.diff(lifted.pointer))
            near = self.centre + direction * np.maximum(1.0, np.abs(self.centre))
            better = cut_values(lifted, near, members) > VIOLATED
            slopes = np.where(np.repeat(better, np.diff(lifted.pointer)), near, slopes)
        leaving = np.flatnonzero(cut_values(lifted, slopes, members) > VIOLATED)
        self._add(slopes, leaving)
        return leaving.size > 0

    def learn(self, point: Floats) -> None:
        """Cut at a point of the program, and separate around its slopes from now on."""
        lifted = self.lifted
        if not lifted.cones:
            return
        members = lifted.members(point)
        slopes = tangents(lifted, members)
        z = members[lifted.pointer[:-1] + 1]
        known = z > APEX
        if self.centre is None:
            self.centre = slopes
        else:
            self.centre = np.where(np.repeat(known, np.diff(lifted.pointer)), slopes, self.centre)
        self._add(slopes, np.flatnonzero(known))

    def cut(self, answer: Relaxed) -> int:
        """Cut off the relaxation's point; return the number of cuts added (0: it lies in all cones)."""
        lifted = self.lifted
        self._purge()
        late_rows = self._add_lazy_rows(answer.x)
        if not lifted.cones:
            return late_rows
        members = lifted.members(answer.x)
        slopes = tangents(lifted, members)
        outside = cut_values(lifted, slopes, members)
        steep = _largest(slopes, lifted)
        violated = np.flatnonzero(outside > VIOLATED * self.t_unit * np.maximum(1.0, steep))
        if not violated.size:
            return late_rows
        if self.centre is None:
            self.centre = slopes
        else:
            between = OUTER * slopes + (1.0 - OUTER) * self.centre
            deep = cut_values(lifted, between, members) > WORTH * outside
            slopes = np.where(np.repeat(deep, np.diff(lifted.pointer)), between, slopes)
            moved = np.zeros(lifted.cones, dtype=bool)
            moved[violated] = True
            blend = MEMORY * self.centre + (1.0 - MEMORY) * slopes
            self.centre = np.where(np.repeat(moved, np.diff(lifted.pointer)), blend, self.centre)
        self._add(slopes, violated)
        return int(violated.size) + late_rows

    def _add_lazy_rows(self, x: Floats) -> int:
        body = self.lazy_rows.matrix @ x
        broken = np.flatnonzero(self.lazy_rows.lower - body > LATE)
        if broken.size:
            self._include(Cuts(self.lazy_rows.matrix[broken], self.lazy_rows.lower[broken]))
        return int(broken.size)

    def _add(self, slopes: Floats, cones: Integers) -> None:
        self._include(cuts_at(self.lifted, slopes, cones))

    def _include(self, cuts: Cuts) -> None:
        self.relaxation.add(cuts)
        self.age = np.concatenate([self.age, np.zeros(len(cuts), dtype=np.intp)])

    def _purge(self) -> None:
        old = self.age > PATIENCE
        if np.count_nonzero(old) > max(20, 0.2 * self.age.size):
            self.relaxation.remove(np.flatnonzero(old))
            self.age = self.age[~old]

    # ------------------------------------------------------------------- root
    def prime(self) -> None:
        """Learn from convex programs solved exactly (see `first_choices`), and round when none is integral.

        Once there is an incumbent the rest of them may use up a quarter of the time limit.
        """
        start = self.settings.start
        if start is not None and self.integers.size and not np.any(np.isnan(start[self.integers])):
            self.try_values(start[self.integers])
        point = None
        open_ = list(first_choices(self.lifted, self.group))
        for solve in (self.incumbents.quick, self.incumbents.solve):
            left = []
            for low, high in open_:
                found = self.incumbents.point is not None
                share = PRIMING * self.settings.time_limit - self.deadline.elapsed if found else np.inf
                if self.late or share <= 0:
                    return
                point = solve(low, high, share)
                if point is None:
                    left.append((low, high))
                    continue
                self.learn(point)
                self.incumbents_from(point)
            open_ = left
        if point is not None and self.integers.size:
            for values in roundings(self.lifted, self.group, point):
                if self.incumbents.point is None:
                    self.try_values(values)

    def incumbents_from(self, point: Floats) -> None:
        """Offer a point of the relaxation when its integers are integral."""
        values = point[self.integers]
        if np.array_equal(values, np.round(values)):
            self.incumbents.offer(point)
        elif np.all(np.abs(values - np.round(values)) <= DECIDED):
            self.try_values(values)

    def try_values(self, values: Floats) -> None:
        """Solve the program with its integers at these values, unless that was done before."""
        point = self.incumbents.consider(values)
        if point is not None:
            self.learn(point)
            self.report()

    def round_and_try(self, x: Floats) -> None:
        """Round a point of the relaxation and solve what is left, step by step while there is no incumbent."""
        values = rounded(self.lifted, self.group, x)
        if not self.incumbents.tried(values):
            if self._promising(values):
                self.try_values(values)
            else:
                self.incumbents.dismiss(values)
        if self.incumbents.point is None:
            self._plunge(x)

    def _promising(self, values: Floats) -> bool:
        """Whether the relaxation, with the integers at these values, leaves room to beat the incumbent."""
        if self.incumbents.point is None:
            return True
        low, high = self.relaxation.column_bounds(self.integers)
        self.relaxation.bound_columns(self.integers, values, values)
        answer = self.relax()
        self.relaxation.bound_columns(self.integers, low, high)
        return answer.status != "infeasible" and answer.bound < self.incumbents.value

    def _plunge(self, x: Floats) -> None:
        """Fix integers in the relaxation, the most decided first, until they are all integral."""
        integers, relaxation = self.integers, self.relaxation
        low, high = relaxation.column_bounds(integers)
        low_now, high_now = low.copy(), high.copy()
        for _ in range(PLUNGES):
            values = x[integers]
            fraction = np.abs(values - np.round(values))
            if np.all(fraction <= DECIDED):
                break
            settled = fraction <= NEARLY
            settled[np.argmin(np.where(fraction > DECIDED, fraction, np.inf))] = True
            low_now[settled] = high_now[settled] = np.round(values[settled])
            relaxation.bound_columns(integers, low_now, high_now)
            answer = self.relax()
            if answer.status != "optimal":
                break
            x = answer.x
        relaxation.bound_columns(integers, low, high)
        self.try_values(x[integers])

    def root(self) -> str:
        """Cut the relaxation without branching; return its last status."""
        while True:
            before = self.bound
            status, answer = self._cut_until_stall()
            if status != "optimal" or not self.integers.size:
                return status
            self.round_and_try(answer.x)
            self.report()
            if self.bound >= self.cutoff:
                return "closed"
            if self.late:
                return "limit"
            if self.bound - before <= REPEAT * min(self.cutoff - before, 1e3 * abs(before)):
                return status

    def _cut_until_stall(self) -> tuple[str, Relaxed]:
        history: list[float] = []
        while True:
            answer = self.relax()
            if answer.status != "optimal":
                return answer.status, answer
            self.bound = max(self.bound, answer.bound)
            history.append(self.bound)
            if self.bound >= self.cutoff:
                return "closed", answer
            if not self.cut(answer) or len(history) > ROOT_ROUNDS:
                return "optimal", answer
            if self.integers.size and len(history) > STALL:
                gained = self.bound - history[-1 - STALL]
                if gained <= SLOW * min(self.cutoff - self.bound, 1e3 * abs(self.bound)):
                    return "optimal", answer


def _lazy_rows(lifted: Lifted) -> Cuts:
    """Return the lazy rows of a program, each side a row of its own."""
    own = np.flatnonzero(lifted.lazy) if lifted.lazy is not None else np.empty(0, dtype=np.intp)
    low = own[np.isfinite(lifted.row_lower[own])]
    high = own[np.isfinite(lifted.row_upper[own])]
    matrix = sparse.csr_array(sparse.vstack([lifted.A[low], -lifted.A[high]], format="csr"))
    return Cuts(matrix, np.concatenate([lifted.row_lower[low], -lifted.row_upper[high]]))


def _largest(slopes: Floats, lifted: Lifted) -> Floats:
    """Return the squared length of each cone's slope, at least a little."""
    total: Floats = np.add.reduceat(slopes * slopes, lifted.pointer[:-1])
    return np.maximum(total, 1e-300)
