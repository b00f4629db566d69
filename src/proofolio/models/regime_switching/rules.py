r"""Which regimes may hold: a free, fixed or restricted path, or a set of regimes that is likely enough.

A path is one-hot, :math:`\sum_r Z_{r,t} = 1`. *Covered* regimes are not: with probabilities p,

.. math:: \sum_r Z_{r,t} \ge 1, \qquad \sum_r p_{r,t} Z_{r,t} \ge 1 - \epsilon,

and the cost of a period is that of the costliest regime covered: the chance-constrained reading.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import groupby
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from proofolio.arrays import Floats, Integers, Mask
from proofolio.brief import brief
from proofolio.errors import BadData
from proofolio.formulations.paths import dwell as keep_for
from proofolio.formulations.paths import switches
from proofolio.formulations.paths import transitions as move_along
from proofolio.models.arguments import finite, not_negative, whole
from proofolio.program.builder import Builder
from proofolio.program.expression import Expression

__all__ = ["Covered", "RegimePath", "cheapest_allowed", "read_path"]


# Probabilities add up to 1 but for rounding.
SURE = 1e-9


@dataclass(frozen=True, eq=False)
class Covered:
    """The cost must hold in regimes of total probability at least 1 - epsilon, chosen period by period.

    Attributes
    ----------
    probability : array_like, shape (R,) or (R, T)
        Of each regime; adds up to 1 in every period.
    epsilon : float
        From 0 (every regime that has a probability) to less than 1.
    """

    probability: ArrayLike
    epsilon: float

    __repr__ = brief


class RegimePath:
    """Rules on the regime indicators of T periods.

    Parameters
    ----------
    R, periods : int
    path : array_like of int, shape (T,), optional
        The regime of every period.
    transitions : array_like of bool, shape (R, R), optional
        ``transitions[r, s]``: s may follow r directly.
    dwell : int
        Periods a regime is kept once entered after period 0, unless the horizon ends first.
    max_switches : int, optional
    switch_cost : float
        Per change of regime.
    covered : Covered, optional

    Raises
    ------
    BadData
        Naming the argument; also for `covered` beside any other rule, and a path that breaks one.
    """

    def __init__(
        self,
        R: int,
        periods: int,
        *,
        path: ArrayLike | None = None,
        transitions: ArrayLike | None = None,
        dwell: int = 1,
        max_switches: int | None = None,
        switch_cost: float = 0.0,
        covered: Covered | None = None,
    ) -> None:
        self.R, self.periods = R, periods
        self.path = None if path is None else read_path(path, periods, R)
        self.transitions = None if transitions is None else _transitions(transitions, R)
        self.dwell = whole("dwell", dwell, 1)
        self.max_switches = None if max_switches is None else whole("max_switches", max_switches, 0)
        self.switch_cost = not_negative("switch_cost", switch_cost)
        self.covered = None if covered is None else _covered(covered, R, periods)
        self._check_together()

    def with_path(self, path: ArrayLike) -> RegimePath:
        """Return the same rules with the regime of every period fixed."""
        return RegimePath(
            self.R, self.periods, path=path, transitions=self.transitions, dwell=self.dwell,
            max_switches=self.max_switches, switch_cost=self.switch_cost, covered=self.covered,
        )  # fmt: skip

    def _check_together(self) -> None:
        if self.covered is not None:
            others = [name for name in ("path", "transitions") if getattr(self, name) is not None]
            others += ["dwell"] * (self.dwell > 1) + ["max_switches"] * (self.max_switches is not None)
            others += ["switch_cost"] * (self.switch_cost > 0)
            if others:
                raise BadData(
                    f"covered cannot be combined with {', '.join(others)}: regimes covered are no path"
                )
        if self.path is not None:
            chosen = (np.arange(self.R)[:, None] == self.path).astype(float)
            broken = [name for name, amount in self.violations(chosen).items() if amount]
            if broken:
                raise BadData(f"path breaks a rule given beside it: {broken[0]}")

    @property
    def couples(self) -> bool:
        """Whether a rule or a cost ties the regimes of neighbouring periods together."""
        limited = self.max_switches is not None or self.transitions is not None
        return self.switch_cost > 0.0 or self.dwell > 1 or limited

    @property
    def options(self) -> tuple[str, ...]:
        """What is asked for beyond one regime a period, fixed or free, and a cost of switching."""
        asked = {
            "transitions": self.transitions is not None,
            "dwell": self.dwell > 1,
            "max_switches": self.max_switches is not None,
            "covered": self.covered is not None,
        }
        return tuple(name for name, present in asked.items() if present)

    # ------------------------------------------------------------------ build
    def variable(self, model: Builder) -> Expression:
        """Make the indicators ``Z`` of shape (R, T), fixed where the path is."""
        shape = (self.R, self.periods)
        if self.path is None:
            return model.variable("Z", shape, binary=True)
        fixed = (np.arange(self.R)[:, None] == self.path).astype(float)
        return model.variable("Z", shape, fixed, fixed, binary=True)

    def add(self, model: Builder, Z: Expression) -> Any:
        """Write the rows on indicators of shape (R, T), and return the cost: an expression or 0."""
        if self.covered is not None:
            model.add("some_regime", Z.sum(0) >= 1)
            p = np.asarray(self.covered.probability)
            # probabilities add up to 1 but for rounding, which must not refuse a set
            model.add("covered", (p * Z).sum(0) >= 1.0 - self.covered.epsilon - SURE)
            return 0.0
        model.add("one_regime", Z.sum(0) == 1)
        if self.periods < 2:
            return 0.0
        if self.transitions is not None:
            move_along(model, "moves", Z, self.transitions)
        most = self.max_switches
        if self.dwell > 1:  # its starts count the changes as well
            changed = keep_for(model, "enter", Z, up=self.dwell).sum(0)
            if most is not None:
                model.add("enter_most", changed.sum() <= most)
        elif self.switch_cost or most is not None:
            changed = switches(model, "enter", Z, most)
        else:
            return 0.0
        return self.switch_cost * changed.sum() if self.switch_cost else 0.0

    # --------------------------------------------------------------- evaluate
    def cost(self, Z: Floats) -> float:
        """Return what the changes of regime cost, at indicators of zeros and ones."""
        return self.switch_cost * float(np.count_nonzero(np.diff(Z.argmax(axis=0))))

    def violations(self, Z: Floats) -> dict[str, float]:
        """Return by how much indicators of zeros and ones miss each rule that is asked for.

        Counts; for covered regimes the probability that is short, beyond rounding.
        """
        count = Z.sum(axis=0)
        if self.covered is not None:
            p = np.asarray(self.covered.probability)
            short = float((1.0 - self.covered.epsilon - (p * Z).sum(axis=0)).max())
            return {
                "some regime a period": float(np.count_nonzero(count < 1.0)),
                "covered probability": short if short > SURE else 0.0,
            }
        found = {"one regime a period": float(np.abs(count - 1.0).max())}
        path = Z.argmax(axis=0)
        before, after = path[:-1], path[1:]
        changes = int(np.count_nonzero(before != after))
        if self.path is not None:
            found["regime path as fixed"] = float(np.count_nonzero(path != self.path))
        if self.transitions is not None:
            found["transitions allowed"] = float(np.count_nonzero(~self.transitions[before, after]))
        if self.dwell > 1:
            runs = [len(list(run)) for _, run in groupby(path.tolist())][1:-1]
            found["dwell kept"] = float(sum(run < self.dwell for run in runs))
        if self.max_switches is not None:
            found["switches within their limit"] = float(max(changes - self.max_switches, 0))
        return found


def cheapest_allowed(rules: RegimePath, phi: Floats) -> tuple[Floats, float] | None:
    r"""Return the indicators (R, T) that are the cheapest among those allowed, and what they cost.

    .. math:: \min_Z \sum_t \max_{r:\ Z_{r,t} = 1} \phi_{r,t} + \sigma\,\#\{t : Z_t \ne Z_{t-1}\}

    Parameters
    ----------
    rules : RegimePath
    phi : ndarray, shape (R, T)
        The cost of each regime in each period.

    Returns
    -------
    (Z, cost) or None
        None where the rules leave no path.
    """
    if rules.covered is not None:
        return _cover(np.asarray(rules.covered.probability), rules.covered.epsilon, phi)
    if rules.path is not None:
        phi = np.where(np.arange(rules.R)[:, None] == rules.path, phi, np.inf)
    states = _path(rules, phi)
    if states is None:
        return None
    total = float(phi[states, np.arange(rules.periods)].sum())
    changes = int(np.count_nonzero(np.diff(states)))
    return (np.arange(rules.R)[:, None] == states).astype(float), total + rules.switch_cost * changes


def _cover(p: Floats, epsilon: float, phi: Floats) -> tuple[Floats, float]:
    """Cover the cheapest regimes of each period until they are likely enough."""
    order = np.argsort(phi, axis=0, kind="stable")
    reached = np.cumsum(np.take_along_axis(p, order, axis=0), axis=0) >= 1.0 - epsilon - SURE / 2.0
    last = np.where(reached.any(axis=0), reached.argmax(axis=0), phi.shape[0] - 1)
    Z = np.zeros(phi.shape)
    np.put_along_axis(Z, order, (np.arange(phi.shape[0])[:, None] <= last).astype(float), axis=0)
    return Z, float(np.take_along_axis(phi, order, axis=0)[last, np.arange(phi.shape[1])].sum())


def _path(rules: RegimePath, phi: Floats) -> Integers | None:
    """Return the cheapest path over (changes so far, periods since the last one, regime)."""
    R, T, dwell = rules.R, rules.periods, rules.dwell
    moves = np.ones((R, R), dtype=bool) if rules.transitions is None else rules.transitions
    counted = rules.max_switches is not None
    K = min(rules.max_switches, T - 1) + 1 if rules.max_switches is not None else 1
    stay = np.where(np.diag(moves), 0.0, np.inf)
    change = np.where(moves & ~np.eye(R, dtype=bool), rules.switch_cost, np.inf)
    flat = np.arange(K * dwell * R).reshape(K, dwell, R)
    reach = np.full((K, dwell, R), np.inf)
    reach[0, -1] = phi[:, 0]  # the first regime may be left at once
    before = np.zeros((T, K, dwell, R), dtype=np.intp)
    for t in range(1, T):
        after = np.full((K, dwell, R), np.inf)
        kept = reach + stay
        after[:, 1:], before[t, :, 1:] = kept[:, :-1], flat[:, :-1]
        longer = kept[:, -1] < after[:, -1]
        after[:, -1] = np.where(longer, kept[:, -1], after[:, -1])
        before[t, :, -1] = np.where(longer, flat[:, -1], before[t, :, -1])
        arrivals = reach[:, -1, :, None] + change
        cost, start = arrivals.min(axis=1), np.take_along_axis(flat[:, -1], arrivals.argmin(axis=1), axis=1)
        into = slice(1, None) if counted else slice(None)
        out = slice(None, -1) if counted else slice(None)
        cheaper = cost[out] < after[into, 0]
        after[into, 0] = np.where(cheaper, cost[out], after[into, 0])
        before[t, into, 0] = np.where(cheaper, start[out], before[t, into, 0])
        reach = after + phi[:, t]
    at = int(reach.argmin())
    if not np.isfinite(reach.ravel()[at]):
        return None
    states = np.empty(T, dtype=np.intp)
    for t in range(T - 1, -1, -1):
        states[t] = at % R
        at = int(before[t].ravel()[at])
    return states


def read_path(path: ArrayLike, T: int, R: int) -> Integers:
    """Return a path of T regimes out of R."""
    chosen = finite("path", path)
    if chosen.shape != (T,):
        raise BadData(f"path has shape {chosen.shape}; it must be ({T},)")
    if np.any(chosen != np.round(chosen)) or np.any(chosen < 0) or np.any(chosen >= R):
        raise BadData(f"path holds something that is not a regime: regimes are counted 0 to {R - 1}")
    return chosen.astype(np.intp)


def _transitions(pairs: ArrayLike, R: int) -> Mask:
    allowed = finite("transitions", pairs)
    if allowed.shape != (R, R):
        raise BadData(f"transitions has shape {allowed.shape}; it must be ({R}, {R})")
    if not np.all(np.isin(allowed, (0, 1))):
        raise BadData("transitions must hold truth values: True where one regime may follow the other")
    return allowed.astype(bool)


def _covered(covered: Any, R: int, T: int) -> Covered:
    if not isinstance(covered, Covered):
        raise BadData(f"covered is a {type(covered).__name__}; it must be a Covered(probability, epsilon)")
    p = finite("covered.probability", covered.probability)
    if p.shape not in ((R,), (R, T)):
        raise BadData(f"covered.probability has shape {p.shape}; it must be ({R},) or ({R}, {T})")
    if np.any(p < 0) or np.any(np.abs(p.sum(axis=0) - 1.0) > SURE):
        worst = float(np.ravel(p.sum(axis=0))[int(np.ravel(np.abs(p.sum(axis=0) - 1.0)).argmax())])
        raise BadData(f"covered.probability must be not negative and add up to 1, not to {worst:.9g}")
    epsilon = finite("covered.epsilon", covered.epsilon)
    if epsilon.shape or not 0.0 <= epsilon < 1.0:
        raise BadData(f"covered.epsilon is {covered.epsilon!r}; it must be a number from 0 to less than 1")
    wide = p if p.ndim == 2 else p[:, None]
    return Covered(np.array(np.broadcast_to(wide, (R, T))), float(epsilon))
