r"""What may be held and traded: the set of plans over T periods, whatever they cost.

.. math::
    \ell_t \le W_t \le u_t, \quad a \le 1'W_t \le b, \quad g^{lo}_j \le \sum_{i \in G_j} W_{i,t} \le g^{up}_j, \quad
    \sum_{i \ne cash} |W_{i,t} - W_{i,t-1}| \le L_t, \\
    \#\{i : W_{i,t} \ne 0\} \le K, \quad W_{i,t} = 0 \text{ or } |W_{i,t}| \ge m_i, \quad
    W_{i,t} \in q_i \mathbb{Z}, \quad \|W_t\|_1 \le L

The first line is linear: its rows, projection, cheapest point and feasibility are exact there. The second is in the
builder, and in what is checked of a plan.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike
from scipy import optimize, sparse

from proofolio.arrays import Floats, Integers, Mask, Sparse
from proofolio.brief import brief
from proofolio.errors import BadData, UnsupportedProgram
from proofolio.formulations.positions import cardinality as at_most
from proofolio.formulations.positions import round_lot, semicontinuous
from proofolio.formulations.signs import absolute
from proofolio.models.arguments import (
    FEASIBLE,
    each_asset,
    finite,
    gross_limit,
    net_limits,
    numbers,
    round_lot_sizes,
    turnover_limits,
    weight_bounds,
    whole,
)
from proofolio.program.builder import Builder
from proofolio.program.expression import Expression, between

__all__ = ["FEASIBLE", "Group", "PlanRows", "PlanSet", "plan_set_of"]


NOTHING = 1e-6  # a weight of at most this size is taken for zero when positions are counted
INSIDE = 1e-6  # room between the sums of the bounds and the budget that an interior point needs
INFEASIBLE = 2  # what `scipy.optimize.milp` answers where there is no point


@dataclass(frozen=True)
class Group:
    """Assets whose weights together lie between two limits, in every period.

    Attributes
    ----------
    members : sequence of int
        Assets, counted from 0.
    lower, upper : float
        Limits of the sum of their weights; infinite where there is none.
    """

    members: Sequence[int]
    lower: float = -np.inf
    upper: float = np.inf

    __repr__ = brief


@dataclass(frozen=True, eq=False)
class PlanRows:
    r"""The linear rows of a plan set, over the weights, period by period, and what is bought of each traded asset.

    With trades :math:`u_t = W_t - W_{t-1}` and :math:`b_t \ge u_t, b_t \ge 0`, turnover is :math:`\sum_i 2b_{i,t} -
    u_{i,t}` at the least b. The rows are written for first holdings of zero; `upper_from` moves them.

    Attributes
    ----------
    traded : ndarray of int, shape (k,)
        Assets with a column of what is bought.
    A : sparse matrix, shape (rows, T n + T k)
    lower, upper : ndarray, shape (rows,)
    trades, limits, groups : slice
        Where these rows stand; before them one of the net exposure a period.
    """

    plan_set: PlanSet
    traded: Integers
    A: Sparse
    lower: Floats
    upper: Floats
    trades: slice
    limits: slice
    groups: slice

    def upper_from(self, w0: Floats) -> Floats:
        """Return the upper sides of the rows after holdings (n,)."""
        upper = self.upper.copy()
        start = self.trades.start
        upper[start : start + self.traded.size] = w0[self.traded]
        if self.limits.stop > self.limits.start:
            upper[self.limits.start] -= w0 @ self.plan_set.counted
        return upper


class PlanSet:
    """The plans allowed over T periods; it knows nothing of costs or regimes.

    Weights of a plan are (T, n) in what is computed with, (n, T) in builders and in `violations`.

    Parameters
    ----------
    n, periods : int
    lower, upper : array_like, shape () or (n,) or (T, n)
    groups : sequence of Group
    cardinality : int, optional
        The most weights that may differ from zero.
    minimum_position : float or array_like, shape (n,)
        A weight is zero or at least so large, long or (where `lower` is negative) short; 0 asks for nothing.
    round_lots : float or array_like, shape (n,), optional
        Every weight is a whole multiple.
    net : (float, float)
        Limits of the sum of the weights.
    gross : float, optional
        Limit of the sum of their sizes.
    turnover_limit : float or array_like, shape (T,)
        Limit of the sum of the sizes of a period's trades; infinite where there is none.
    cash : int, optional
        The asset whose trades do not count as turnover.

    Attributes
    ----------
    lower, upper : ndarray, shape (T, n)
    counted : ndarray of bool, shape (n,)
        The assets whose trades count as turnover.
    limited : bool
        Whether turnover is limited in any period.
    simplex : bool
        Whether bounds and net say no more than that weights are not negative and add up to 1.
    group_members : ndarray, shape (groups, n)
        1 where an asset is in a group.
    group_lower, group_upper : ndarray, shape (groups,)

    Raises
    ------
    BadData
        Naming the argument; also where bounds leave no weights.

    Examples
    --------
    >>> plans = PlanSet(3, 1, upper=0.6, turnover_limit=0.2)
    >>> plans.settle(np.array([[0.9, 0.1, 0.0]])).round(3)
    array([[0.6  , 0.236, 0.164]])
    >>> plans.reachable(np.array([0.5, 0.5, 0.0])), plans.reachable(np.array([1.0, 0.0, 0.0]))
    (True, False)
    """

    def __init__(
        self,
        n: int,
        periods: int,
        lower: ArrayLike = 0.0,
        upper: ArrayLike = 1.0,
        *,
        groups: Sequence[Group] = (),
        cardinality: int | None = None,
        minimum_position: ArrayLike = 0.0,
        round_lots: ArrayLike | None = None,
        net: tuple[float, float] = (1.0, 1.0),
        gross: float | None = None,
        turnover_limit: ArrayLike = np.inf,
        cash: int | None = None,
    ) -> None:
        self.net = net_limits(net)
        self.lower, self.upper = weight_bounds(
            finite("lower", lower), finite("upper", upper), periods, n, self.net
        )
        self.groups = _groups(groups, self.lower, self.upper)
        self.cardinality = None if cardinality is None else whole("cardinality", cardinality, 1)
        self.minimum_position = each_asset("minimum_position", minimum_position, n)
        self.round_lots = None if round_lots is None else round_lot_sizes(round_lots, self.lower, self.upper)
        self.gross = None if gross is None else gross_limit(gross, self.net)
        self.turnover_limit = turnover_limits(turnover_limit, periods)
        if cash is not None and whole("cash", cash, 0) >= n:
            raise BadData(f"cash is {cash}; it must be one of the assets, counted 0 to {n - 1}")
        self.cash = None if cash is None else int(cash)
        self.counted: Mask = np.arange(n) != (-1 if cash is None else cash)
        self.limited = bool(np.isfinite(self.turnover_limit).any())
        one = self.net == (1.0, 1.0)
        self.simplex = bool(one and np.all(self.lower == 0.0) and np.all(self.upper >= 1.0))
        self.group_members = np.zeros((len(self.groups), n))
        for row, group in zip(self.group_members, self.groups, strict=True):
            row[list(group.members)] = 1.0
        self.group_lower = np.array([group.lower for group in self.groups])
        self.group_upper = np.array([group.upper for group in self.groups])
        # on the simplex an upper bound of 1 cuts nothing off, and solvers are quicker without it
        self.caps = np.full_like(self.upper, np.inf) if self.simplex else self.upper

    def __repr__(self) -> str:
        rules = {
            "groups": bool(self.groups),
            "cardinality": self.few,
            "minimum positions": bool(self.minimum_position.any()),
            "round lots": self.round_lots is not None,
            "gross exposure": self.gross is not None,
            "turnover limit": self.limited,
            "cash": self.cash is not None,
        }
        asked = ", ".join(name for name, given in rules.items() if given)
        return f"PlanSet(n={self.n}, periods={self.periods}, net={self.net}{asked and f'; {asked}'})"

    @property
    def n(self) -> int:
        """The number of assets."""
        return int(self.lower.shape[1])

    @property
    def periods(self) -> int:
        """T."""
        return int(self.lower.shape[0])

    @property
    def budget(self) -> float | None:
        """The sum of the weights where `net` leaves one value only, else None."""
        return self.net[0] if self.net[0] == self.net[1] else None

    @property
    def few(self) -> bool:
        """Whether the number of positions is limited below n."""
        return self.cardinality is not None and self.cardinality < self.n

    @property
    def mixed_integer(self) -> bool:
        """Whether a rule counts positions, or asks for sizes with gaps between them."""
        return self.few or bool(self.minimum_position.any()) or self.round_lots is not None

    @property
    def linear_bounds(self) -> bool:
        """Whether a plan is weights that add up to 1 between bounds, and no more is asked."""
        more = self.groups or self.limited or self.mixed_integer or self.gross_binds
        return self.net == (1.0, 1.0) and not more

    @property
    def bounds_only(self) -> bool:
        """Whether it is that, with room between the bounds."""
        low, high = self.lower.sum(axis=1).max(), self.upper.sum(axis=1).min()
        apart = (self.upper > self.lower).all() and low < 1.0 - INSIDE and high > 1.0 + INSIDE
        return self.linear_bounds and bool(apart)

    @property
    def gross_binds(self) -> bool:
        """Whether gross exposure says more than bounds and net exposure do."""
        return self.gross is not None and not (self.lower.min() >= 0.0 and self.net[1] <= self.gross)

    @property
    def only_long(self) -> bool:
        """Whether nothing is asked for beyond weights that are not negative and add up to 1."""
        return self.simplex and not self.options

    @property
    def options(self) -> tuple[str, ...]:
        """What is asked for beyond bounds and weights that add up to 1."""
        asked = {
            "groups": bool(self.groups),
            "cardinality": self.cardinality is not None,
            "minimum_position": bool(self.minimum_position.any()),
            "round_lots": self.round_lots is not None,
            "net": self.net != (1.0, 1.0),
            "gross": self.gross is not None,
            "turnover_limit": self.limited,
        }
        return tuple(name for name, present in asked.items() if present)

    def bounded(self, lower: Floats, upper: Floats) -> PlanSet:
        """Return the same set with other bounds (H, n), over the first H periods of the turnover limits.

        Raises
        ------
        BadData
            Where these bounds leave no weights.
        """
        return PlanSet(
            self.n, len(lower), lower, upper, groups=self.groups, cardinality=self.cardinality,
            minimum_position=self.minimum_position, round_lots=self.round_lots, net=self.net, gross=self.gross,
            turnover_limit=self.turnover_limit[: len(lower)], cash=self.cash,
        )  # fmt: skip

    def unlimited(self) -> PlanSet:
        """Return the same set without turnover limits."""
        if not self.limited:
            return self
        return PlanSet(
            self.n, self.periods, self.lower, self.upper, groups=self.groups, cardinality=self.cardinality,
            minimum_position=self.minimum_position, round_lots=self.round_lots, net=self.net, gross=self.gross,
            cash=self.cash,
        )  # fmt: skip

    # ------------------------------------------------------------------ build
    def add(self, model: Builder, W: Expression) -> None:
        """Write the rows on weights of shape (n, T) with bounds `lower` and `upper`; turnover is `Trading.add`'s."""
        total = W.sum(0)
        low, high = self.net
        if low == high:
            model.add("budget", total == low)
        else:
            _limit(model, "net", low, total, high)
        for j, group in enumerate(self.groups):
            _limit(model, f"group_{j}", group.lower, W[list(group.members)].sum(0), group.upper)
        sizes = self._positions(model, W)
        if self.round_lots is not None:
            round_lot(model, "lots", W, self.round_lots[:, None])
        if self.gross_binds:
            size = absolute(model, "size", W, side="at_least") if sizes is None else sizes
            model.add("gross", size.sum(0) <= self.gross)

    def _positions(self, model: Builder, W: Expression) -> Expression | None:
        """Limit which weights differ from zero, and how little; return their sizes where the rows need them."""
        smallest = self.minimum_position[:, None]
        if not smallest.any():
            if self.few:
                at_most(model, "held", W, self.cardinality or 0)
            return None
        sizes: Expression | None = None
        if self.lower.min() >= 0.0:
            held: Expression = semicontinuous(model, "held", W, smallest)
        else:
            above = model.variable("long", W.shape, 0.0, np.maximum(self.upper.T, 0.0))
            below = model.variable("short", W.shape, 0.0, np.maximum(-self.lower.T, 0.0))
            model.add("long_and_short", W == above - below)
            held = semicontinuous(model, "held_long", above, smallest)
            held = held + semicontinuous(model, "held_short", below, smallest)
            model.add("one_side", held <= 1)
            sizes = above + below
        if self.few:
            model.add("held_most", held.sum(0) <= (self.cardinality or 0))
        return sizes

    def rows(self, traded: Integers) -> PlanRows:
        """Return the linear rows, with columns of what is bought of the traded assets; these include all counted ones.

        Parameters
        ----------
        traded : ndarray of int, shape (k,)
        """
        H, n, k = self.periods, self.n, traded.size
        pick = sparse.csr_array((np.ones(k), (np.arange(k), traded)), shape=(k, n))
        each, apart = sparse.eye_array(H), sparse.eye_array(H) - sparse.eye_array(H, k=-1)
        blocks: list[list[Any]] = [
            [sparse.kron(each, np.ones((1, n))), sparse.csr_array((H, H * k))],
            [sparse.kron(apart, pick), -sparse.eye_array(H * k)],
        ]
        low = [np.full(H, self.net[0]), np.full(H * k, -np.inf)]
        high = [np.full(H, self.net[1]), np.zeros(H * k)]
        trades = slice(H, H + H * k)
        limits = slice(trades.stop, trades.stop + (H if self.limited else 0))
        if self.limited:
            counted = self.counted.astype(float)
            blocks.append(
                [-sparse.kron(apart, counted[None, :]), sparse.kron(each, 2.0 * counted[None, traded])]
            )
            low.append(np.full(H, -np.inf))
            high.append(self.turnover_limit)
        groups = slice(limits.stop, limits.stop + H * len(self.groups))
        if self.groups:
            blocks.append(
                [sparse.kron(each, self.group_members), sparse.csr_array((H * len(self.groups), H * k))]
            )
            low.append(np.tile(self.group_lower, H))
            high.append(np.tile(self.group_upper, H))
        A: Any = sparse.csc_matrix(sparse.block_array(blocks, format="csc"))
        return PlanRows(self, traded, A, np.concatenate(low), np.concatenate(high), trades, limits, groups)

    def to_cvxpy(self, W: Any, w0: Any) -> list[Any]:
        """Return the constraints on a CVXPY expression (n, T), after holdings w0 (n,): numbers or a Parameter.

        Raises
        ------
        UnsupportedProgram
            With minimum positions or round lots, which only the builder has.
        """
        import cvxpy  # heavy: opened only when used

        cp: Any = cvxpy  # its annotations cover a part of what it exports
        if self.minimum_position.any() or self.round_lots is not None:
            raise UnsupportedProgram(
                "minimum positions and round lots have no CVXPY form here: use to_program() or to_pyomo()"
            )
        total, (low, high), H = cp.sum(W, axis=0), self.net, self.periods
        rows = [W >= self.lower.T, W <= self.upper.T]
        if low == high:
            rows.append(total == low)
        else:
            rows += [total >= low] if np.isfinite(low) else []
            rows += [total <= high] if np.isfinite(high) else []
        if self.groups:
            held = self.group_members @ W
            for side, sign in ((self.group_lower, -1.0), (self.group_upper, 1.0)):
                kept = np.isfinite(side)
                if kept.any():
                    rows.append(sign * held[kept] <= np.tile(sign * side[kept, None], (1, H)))
        if self.gross is not None:
            rows.append(cp.sum(cp.abs(W), axis=0) <= self.gross)
        counted = self.counted.astype(float)
        for t in np.flatnonzero(np.isfinite(self.turnover_limit)):
            before = w0 if t == 0 else W[:, t - 1]
            rows.append(counted @ cp.abs(W[:, t] - before) <= self.turnover_limit[t])
        if self.few:
            chosen = cp.Variable(W.shape, name="held", boolean=True)
            rows += [W <= cp.multiply(self.upper.T, chosen), W >= cp.multiply(self.lower.T, chosen)]
            rows.append(cp.sum(chosen, axis=0) <= self.cardinality)
        return rows

    # ------------------------------------------------------------------ points
    def settle(self, W: Floats) -> Floats:
        """Return weights (T, n) moved into their bounds and onto the net exposure, where a solver left them beside."""
        if self.simplex:
            inside = np.maximum(W, 0.0)
            inside /= inside.sum(axis=1, keepdims=True)
            return inside
        inside = np.clip(W, self.lower, self.upper)
        total = inside.sum(axis=1, keepdims=True)
        missing = np.clip(total, *self.net) - total
        room = np.where(missing > 0.0, self.upper - inside, inside - self.lower)
        rooms = room.sum(axis=1, keepdims=True)
        settled: Floats = inside + missing * room / np.where(rooms > 0.0, rooms, 1.0)
        return settled

    def least(self, g: Floats) -> float:
        r"""Return :math:`\sum_t \min g_t'v` over bounds and net exposure: the cheapest assets are filled up first.

        Parameters
        ----------
        g : ndarray, shape (T, n)
        """
        if self.simplex:
            return float(g.min(axis=1).sum())
        order = np.argsort(g, axis=1)
        room, ordered = self.upper - self.lower, np.take_along_axis(g, order, axis=1)
        bottom = self.lower.sum(axis=1, keepdims=True)
        wanted = bottom + (room * (g < 0.0)).sum(axis=1, keepdims=True)
        left = np.clip(wanted, *self.net) - bottom
        room = np.take_along_axis(room, order, axis=1)
        put = np.clip(left - (np.cumsum(room, axis=1) - room), 0.0, room)
        return float((ordered * put).sum() + (g * self.lower).sum())

    def check_holdings(self, name: str, held: Floats, uninvested: float = 0.0) -> None:
        """Refuse holdings (n,) before the first period whose sum is not that of a plan.

        Parameters
        ----------
        name : str
            What the message calls them.
        held : ndarray, shape (n,)
        uninvested : float
            Held beside the n assets: money paid out that is not yet in any of them.
        """
        low, high = self.net
        total = float(held.sum()) + uninvested
        if not low - FEASIBLE <= total <= high + FEASIBLE:
            allowed = f"{low:g}" if low == high else f"something from {low:g} to {high:g}"
            raise BadData(
                f"{name} adds up to {total:.12g}; holdings before the first period must add up to {allowed}"
            )

    def reachable(self, w0: Floats) -> bool:
        """Return whether weights over all periods meet bounds, net, groups and turnover limits after holdings (n,).

        A linear program without an objective. Only where it is found to have no point is the answer False: a solver
        that gives up proves nothing.
        """
        rows = self.rows(np.flatnonzero(self.counted) if self.limited else np.arange(0))
        bought = rows.A.shape[1] - self.lower.size
        found = optimize.milp(
            np.zeros(rows.A.shape[1]),
            constraints=optimize.LinearConstraint(rows.A, rows.lower, rows.upper_from(w0)),
            bounds=optimize.Bounds(
                np.concatenate([self.lower.ravel(), np.zeros(bought)]),
                np.concatenate([self.upper.ravel(), np.full(bought, np.inf)]),
            ),
        )
        return bool(found.status != INFEASIBLE)

    # ------------------------------------------------------------------ check
    def contains(self, W: Floats, w0: Floats) -> bool:
        """Return whether weights (T, n) after holdings (n,) keep bounds, groups and turnover limits, exactly."""
        if not max(self._beyond_bounds(W), self._beyond_groups(W)) <= 0.0:
            return False
        if not self.limited:
            return True
        return self._beyond_limits(np.abs(np.diff(W, axis=0, prepend=w0[None]))) <= 0.0

    def violation(self, W: Floats, sizes: Floats) -> float:
        """Return by how much weights (T, n), and trades of these sizes (T, n), miss a linear rule at most."""
        worst = max(self._beyond_net(W.sum(axis=1)), self._beyond_bounds(W))
        return max(worst, self._beyond_groups(W), self._beyond_limits(sizes), 0.0)

    def violations(self, W: Floats, initial: Floats | None = None) -> dict[str, float]:
        """Return by how much weights (n, T) miss each rule that is asked for; a count for the cardinality.

        Without `initial` holdings the first period's purchases are no turnover.
        """
        w, size = W.T, np.abs(W.T)
        sums = "weights add up to 1" if self.net == (1.0, 1.0) else "net exposure"
        found = {
            "weights in bounds": _worst(self.lower - w, w - self.upper),
            sums: max(0.0, self._beyond_net(w.sum(axis=1))),
        }
        if self.groups:
            found["groups"] = max(0.0, self._beyond_groups(w))
        held = size > NOTHING
        if self.cardinality is not None:
            found["cardinality"] = _worst(held.sum(axis=1) - float(self.cardinality))
        if self.minimum_position.any():
            found["minimum positions"] = _worst(np.where(held, self.minimum_position - size, 0.0))
        if self.round_lots is not None:
            found["round lots"] = _worst(np.abs(w - self.round_lots * np.round(w / self.round_lots)))
        if self.gross is not None:
            found["gross exposure"] = _worst(size.sum(axis=1) - self.gross)
        if self.limited:
            trades = np.abs(np.diff(w, axis=0, prepend=(w[0] if initial is None else initial)[None]))
            found["turnover within its limit"] = max(0.0, self._beyond_limits(trades))
        return found

    def _beyond_net(self, total: Floats) -> float:
        low, high = self.net
        return max(low - float(total.min()), float(total.max()) - high)

    def _beyond_bounds(self, w: Floats) -> float:
        if self.simplex:  # no lower bound but 0, no caps
            return -float(w.min())
        return max(float((self.lower - w).max()), float((w - self.caps).max()))

    def _beyond_groups(self, w: Floats) -> float:
        if not self.groups:
            return -np.inf
        held = w @ self.group_members.T
        return max(float((self.group_lower - held).max()), float((held - self.group_upper).max()))

    def _beyond_limits(self, sizes: Floats) -> float:
        return float((sizes @ self.counted - self.turnover_limit).max()) if self.limited else -np.inf


def plan_set_of(n: int, periods: int, given: PlanSet | None, **rules: Any) -> PlanSet:
    """Return the plan set given, or the one of a model's arguments where none is.

    Raises
    ------
    BadData
        When it is of other assets or periods, or rules are given beside it.
    """
    if given is None:
        return PlanSet(n, periods, **rules)
    if (given.n, given.periods) != (n, periods):
        raise BadData(
            f"plan_set is of {given.n} assets and {given.periods} periods; it must be of {n} and {periods}"
        )
    usual = {"lower": 0.0, "upper": 1.0, "turnover_limit": np.inf}
    for name, value in rules.items():
        if name in usual and np.all(np.asarray(value) == usual[name]):
            continue
        if name not in usual and (value is None or value == ()):
            continue
        raise BadData(f"{name} is given beside plan_set, which has its own: give one of the two")
    return given


def _limit(model: Builder, name: str, low: float, body: Expression, high: float) -> None:
    """Write the sides of ``low <= body <= high`` that are finite."""
    if np.isfinite(low) and np.isfinite(high):
        model.add(name, between(low, body, high))
    elif np.isfinite(low) or np.isfinite(high):
        model.add(name, body >= low if np.isfinite(low) else body <= high)


def _worst(*amounts: Floats) -> float:
    return max(0.0, *(float(amount.max()) for amount in amounts))


def _groups(groups: Any, low: Floats, high: Floats) -> tuple[Group, ...]:
    if not isinstance(groups, Sequence) or not all(isinstance(group, Group) for group in groups):
        raise BadData("groups must be a sequence of Group")
    return tuple(_group(f"groups[{j}]", group, low, high) for j, group in enumerate(groups))


def _group(name: str, group: Group, low: Floats, high: Floats) -> Group:
    n = low.shape[1]
    members = np.asarray(group.members)
    good = members.ndim == 1 and members.size > 0 and members.dtype.kind in "iu"
    if not good or np.any(members < 0) or np.any(members >= n) or np.unique(members).size < members.size:
        raise BadData(
            f"{name}.members is {group.members!r}; it must be different assets, counted 0 to {n - 1}"
        )
    limits = numbers(f"{name}.lower and upper", [group.lower, group.upper])
    if limits[0] > limits[1]:
        raise BadData(f"{name}.lower is {limits[0]:g}, above its upper {limits[1]:g}")
    least, most = low[:, members].sum(axis=1), high[:, members].sum(axis=1)
    if np.any(most < limits[0] - FEASIBLE) or np.any(least > limits[1] + FEASIBLE):
        raise BadData(
            f"{name} asks for a sum from {limits[0]:g} to {limits[1]:g}, but the bounds of its members "
            f"allow {float(least.max()):.6g} to {float(most.min()):.6g}"
        )
    return Group(tuple(int(i) for i in members), float(limits[0]), float(limits[1]))
