"""The cost of the selected regime."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from itertools import product as cartesian
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from proofolio.arrays import Floats
from proofolio.errors import BadData
from proofolio.formulations.big_m import Need, check_lowering, given, named, resolve
from proofolio.formulations.costs import MaxTerm, RegimeCosts, difference_rounding, quadratic_range, settled
from proofolio.formulations.extrema import maximum
from proofolio.formulations.perspective import perspective_cost
from proofolio.program.builder import Builder
from proofolio.program.expression import Expression, stack

__all__ = ["selected_cost", "selected_cost_meaning"]


def selected_cost(
    model: Builder,
    name: str,
    Z: Expression,
    w: Expression,
    costs: RegimeCosts,
    *,
    lowering: str = "hull",
    big_m: str | ArrayLike = "interval",
    exact: bool = False,
    budget: float | None = None,
    keep: bool = False,
) -> Expression:
    r"""Return a variable `cost` of shape (T,) that is at least the selected regime's cost.

    Meaning: :math:`\mathrm{cost}_t \ge f_{r,t}(w_t)` wherever :math:`Z_{r,t} = 1`, with :math:`\sum_r Z_{r,t} = 1`
    and

    .. math::
        f_{r,t}(w) = w'Q_{r,t}w + c_{r,t}'w + k_{r,t} + \sum_{j \in J_r} \sigma_j \max(\alpha_j'w + \beta_j,\ \phi_j)

    Lowering ``"big-m"``: :math:`\mathrm{cost}_t \ge f_{r,t}(w_t) - M_{r,t}(1 - Z_{r,t})` with :math:`M_{r,t} \ge
    \max_{s \ne r} \max_w f_{r,t}(w) - f_{s,t}(w)`; a maximum with :math:`\sigma_j > 0` is convex and needs rows only,
    one with :math:`\sigma_j < 0` needs a binary.

    Lowering ``"multiple-big-m"``: :math:`\mathrm{cost}_t \ge f_{r,t}(w_t) - \sum_{s \ne r} M_{r,s,t} Z_{s,t}` with
    :math:`M_{r,s,t} \ge \max_w f_{r,t}(w) - f_{s,t}(w)`, of either sign; it leans on :math:`\sum_r Z_{r,t} = 1`.

    Lowering ``"indicator"`` (native, no M): :math:`Z_{r,t} = 1 \Rightarrow \mathrm{cost}_t \ge f_{r,t}(w_t)`; where a
    cost is quadratic, :math:`Z_{r,t} = 1 \Rightarrow \mathrm{cost}_t \ge s_{r,t}` with :math:`s_{r,t} \ge
    f_{r,t}(w_t)`.

    Lowering ``"hull"``: one disjunct d for each regime and each convex piece of its concave maxima, with copies
    :math:`V_d` of w and the perspective of the quadratic (Ceria & Soares 1999; Frangioni & Gentile 2006):

    .. math::
        w_t = \sum_d V_{d,t}, \quad G V_{d,t} \le b\,z_{d,t}, \quad s_{d,t} z_{d,t} \ge V_{d,t}'Q V_{d,t}, \quad
        \mathrm{cost}_t = \sum_d s_{d,t} + c_d'V_{d,t} + k_d z_{d,t} + \dots

    Outer approximation is not a lowering but how HiGHS solves any of these whose costs are quadratic: with
    ``solver="highs"`` (`proofolio.solvers.outer_approximation.tree`) quadratic rows and cones become tangents, cut by
    cut.

    Parameters
    ----------
    model : Model
    name : str
        Name of the variable.
    Z : Expression, shape (R, T)
        Regime binaries with one 1 in each period (the caller's rows say so); for ``"big-m"`` and
        ``"indicator"`` at least one is enough: where :math:`Z_r = 0` some s has :math:`Z_s = 1`, and
        :math:`\mathrm{cost} \ge f_s \ge f_r - M_r`.
    w : Expression, shape (T, n)
        Weights, bounded.
    costs : RegimeCosts
    lowering : {"hull", "big-m", "multiple-big-m", "indicator"}
    big_m : str or array_like
        A tier of bounds (maxima are bounded by intervals at any tier); ``"published"``: the largest of
        :math:`2\|Q_r\|_2 + \|c_r\|_2` and :math:`|\phi_j| + 1`, per regime (**not** a valid bound in general);
        or numbers broadcasting to (R, T), for ``"multiple-big-m"`` to (R, R, T), where they may be negative.
    exact : bool
        Ask every max term to equal its maximum at every feasible point, not only at an optimum.
    budget : float, optional
        The sum of w in each period, when rows of the model fix it: sharper bounds, and part of the hull.
    keep : bool
        For numbers, where the model checks given M: whether an M larger than proved to be needed
        stays as given; otherwise it is tightened.

    Raises
    ------
    InvalidBigM
        When numbers for M cut off a point, and the model checks given M.
    UnsupportedProgram
        For an indefinite Q with the hull lowering.
    BadData
        When Z is not binary, or shapes disagree.

    Notes
    -----
    Adds: for R regimes, T periods and n assets, all with variables ``{name}`` (T):

    - ``"big-m"`` and ``"multiple-big-m"``: rows ``{name}_at_least`` (R, T), quadratic where the costs are. For max
      term j: what `maximum` adds for two terms of shape (T), under the name ``{name}_max_{j}``.
    - ``"indicator"``: the same for max terms; variables ``{name}_each`` (R, T) with quadratic rows
      ``{name}_each_at_least`` (R, T) where a cost is quadratic; implications ``{name}_at_least`` (R, T).
    - ``"hull"``, with D cases, one for each regime and each piece of its concave maxima: variables ``{name}_copies``
      (D, T, n), ``{name}_case_{d}_square`` (T), ``{name}_case_{d}_max_{j}`` (T) for convex maxima, binaries
      ``{name}_piece`` (D, T) where there are concave maxima; rows ``{name}_copies_sum`` (T, n), ``{name}_copies_lower``
      and ``{name}_copies_upper`` (D, T, n) where a side is not zero, ``{name}_pieces_{r}`` (T),
      ``{name}_case_{d}_max_{j}_at_least`` (2, T), ``{name}_at_least`` (T); cones ``{name}_case_{d}_perspective`` (T).
      A `budget` adds rows ``{name}_copies_budget`` (D, T), and `exact` rows ``{name}_case_{d}_decides_{j}`` (T).
    """
    check_lowering("selected_cost", lowering, ("hull", "big-m", "multiple-big-m", "indicator"))
    R, n = costs.Q.shape[0], costs.Q.shape[-1]
    if Z.ndim != 2 or w.ndim != 2 or Z.shape[0] != R or w.shape != (Z.shape[1], n):
        raise BadData(f"Z has shape {Z.shape} and w {w.shape}; they must be ({R}, T) and (T, {n})")
    model.check_binary("Z of selected_cost", Z)
    box = model.bounds(w)
    declared, costs = costs, settled(costs, box.lower, box.upper)
    if lowering == "hull":
        return perspective_cost(model, name, Z, w, costs, exact=exact, budget=budget)
    T = Z.shape[1]
    if lowering == "big-m":  # before any variable is made: numbers may be refused
        M = resolve(
            model,
            name,
            big_m,
            Z.shape,
            lambda tier: _needed(model, w, costs, budget, T, tier).max(axis=1),
            lambda: _published(declared, T),
            lambda: _needs(model, Z, w, costs),
            keep,
        )
    elif lowering == "multiple-big-m":
        pairs = _pairs(model, name, Z, w, costs, budget, big_m, keep)
    lower: ArrayLike = -np.inf
    if lowering == "indicator":  # a relaxation without the implications would let the cost fall for ever
        lower = _least(model, w, costs)
    cost = model.variable(name, T, lower)
    body = _cost_of_each(model, name, Z, w, costs, big_m, exact)
    if lowering == "indicator":
        _indicators(model, name, Z, cost, body)
    elif lowering == "multiple-big-m":
        room = stack([(pairs[r] * Z).sum(0) for r in range(R)])
        model.add(f"{name}_at_least", body - room - cost <= 0)
    else:
        switch = model.switch("selected_cost", Z, 1, M.value, M.tier, Z.shape)
        model.add(f"{name}_at_least", body - M.value * (1 - Z) - cost <= 0, switch)
    return cost


def _cost_of_each(
    model: Builder,
    name: str,
    Z: Expression,
    w: Expression,
    costs: RegimeCosts,
    big_m: str | ArrayLike,
    exact: bool,
) -> Any:
    """Return f_r,t(w_t), affine or quadratic, with variables for the maxima: shape (R, T)."""
    R, T = Z.shape
    body = model.quadratic(costs.Q, w) + (w * costs.c).sum(-1) + costs.k
    if costs.maxima:
        own = "published" if isinstance(big_m, str) and big_m == "published" else "interval"
        extra: list[Any] = [0.0] * R
        for j, term in enumerate(costs.maxima):
            side = "exact" if exact else "at_least" if term.sign > 0 else "at_most"
            inner = [w @ term.alpha + term.beta, np.full(T, term.floor)]
            reached = maximum(model, f"{name}_max_{j}", inner, side=side, big_m=own)
            extra[term.regime] = extra[term.regime] + term.sign * reached
        body = body + stack([e + np.zeros(T) for e in extra])
    return body


def _least(model: Builder, w: Expression, costs: RegimeCosts) -> Floats:
    """Bound every regime's cost below over the box, period by period; -inf where the box is open."""
    box = model.interval(w)
    if not (np.all(np.isfinite(box.lower)) and np.all(np.isfinite(box.upper))):
        return np.full(w.shape[0], -np.inf)
    least = np.full(w.shape[0], np.inf)
    for r in range(costs.Q.shape[0]):
        low, _ = quadratic_range(costs.Q[r], costs.c[r], costs.k[r], box.lower, box.upper)
        for term in costs.maxima:
            if term.regime == r:
                ends = np.stack([term.sign * side for side in term.reach(box.lower, box.upper)])
                low = np.nextafter(low + ends.min(axis=0), -np.inf)
        least = np.minimum(least, low)
    return least


def _indicators(model: Builder, name: str, Z: Expression, cost: Expression, body: Any) -> None:
    forms = any(np.any(form.matrix) for entry in body.forms for form in entry)
    if forms:
        bounds = model.interval(body)
        each = model.variable(f"{name}_each", Z.shape, bounds.lower, bounds.upper)
        model.add(f"{name}_each_at_least", body - each <= 0)
    else:
        each = body.affine
    model.indicator(f"{name}_at_least", Z, each - cost <= 0)


def _pairs(
    model: Builder,
    name: str,
    Z: Expression,
    w: Expression,
    costs: RegimeCosts,
    budget: float | None,
    big_m: str | ArrayLike,
    keep: bool,
) -> Floats:
    """Return M_rs of shape (R, R, T), zero where r = s; numbers are checked against f_r - f_s where Z_s = 1."""
    R, T = Z.shape
    before = len(model.proofs)
    if isinstance(big_m, str):
        numbers = _needed(model, w, costs, budget, T, big_m)
        named(model, name, before)
        return numbers
    numbers = given(big_m, (R, R, T), signed=True)
    each = np.arange(R)
    numbers[each, each] = 0.0
    if model.m_checker is not None:
        for step, need in enumerate(_needs(model, Z, w, costs), 1):
            s = (each + step) % R
            numbers[each, s] = model.m_checker(
                model, name, need.body, numbers[each, s],
                binary=need.binary, off=need.off, spread=need.spread, rounding=need.rounding, keep=keep, signed=True,
            )  # fmt: skip
        named(model, name, before)
    return numbers


def _needed(
    model: Builder, w: Expression, costs: RegimeCosts, budget: float | None, T: int, tier: str
) -> Floats:
    """Bound f_r - f_s above, over the box and budget of every period: shape (R, R, T), zero where r = s."""
    box = model.bounds(w)
    low, high = box.lower, box.upper
    if tier == "interval" and not costs.varies and np.all(low == low[0]) and np.all(high == high[0]):
        low, high = low[:1], high[:1]
    R = costs.Q.shape[0]
    reach = [term.reach(low, high) for term in costs.maxima]
    M = np.zeros((R, R, low.shape[0]))
    for r in range(R):
        for s in range(R):
            if r == s:
                continue
            D, g, h = (part[r] - part[s] for part in costs[:3])
            _, top = quadratic_range(D, g, h, low, high, budget)
            if tier != "interval":  # over all that the model holds, period by period
                sharp = model.bounds(_difference(model, w, D, g, h), tier, side="upper").upper
                top = np.minimum(top, sharp + difference_rounding(D, g, h, low, high))
            for term, (least, most) in zip(costs.maxima, reach, strict=True):
                sign = term.sign * ((term.regime == r) - (term.regime == s))
                top = np.nextafter(top + np.maximum(sign * least, sign * most), np.inf)
            M[r, s] = top
    return np.broadcast_to(M, (R, R, T))


def _difference(model: Builder, w: Expression, D: Floats, g: Floats, h: Floats) -> Any:
    return model.quadratic(D, w) + (w * g).sum(-1) + h


def _needs(model: Builder, Z: Expression, w: Expression, costs: RegimeCosts) -> list[Need]:
    """Return f_r - f_s where Z_s = 1, for every r at once, s being the next regime, the one after, ..."""
    R, T = Z.shape
    box = model.bounds(w)
    reach = [term.reach(box.lower, box.upper) for term in costs.maxima]
    needs = []
    for step in range(1, R):
        s = (np.arange(R) + step) % R
        least, most = np.zeros((R, T)), np.zeros((R, T))
        for term, (low, high) in zip(costs.maxima, reach, strict=True):
            sign = term.sign * ((np.arange(R) == term.regime) * 1 - (s == term.regime))[:, None]
            least, most = (
                least + np.minimum(sign * low, sign * high),
                most + np.maximum(sign * low, sign * high),
            )
        D, g, h = (part - part[s] for part in costs[:3])
        body = _difference(model, w, D, g, h) + (least + np.zeros((R, T)))
        spread = np.where(most > least, np.nextafter(most - least, np.inf), 0.0)
        rounding = difference_rounding(D, g, h, box.lower, box.upper)
        needs.append(Need(body, Z[s], 1, spread + rounding, rounding))
    return needs


def _published(costs: RegimeCosts, T: int) -> Floats:
    R = costs.Q.shape[0]
    rule = 2.0 * np.linalg.norm(costs.Q, ord=2, axis=(-2, -1)) + np.linalg.norm(costs.c, axis=-1)
    M = np.array(np.broadcast_to(rule, (R, max(rule.shape[1], 1))))
    for term in costs.maxima:
        M[term.regime] = np.maximum(M[term.regime], abs(term.floor) + 1.0)
    return np.broadcast_to(M, (R, T))


def selected_cost_meaning(costs: RegimeCosts, budget: float | None = None) -> list[Callable[..., list[Any]]]:
    r"""Return the pieces, in (Z, w, cost), of :math:`\mathrm{cost}_t \ge f_{r,t}(w_t)` for the selected r.

    One piece for each regime and each choice, for its concave maxima, of the argument or the floor:
    :math:`-\max` is a minimum, so one of the two bounds is enough. A convex maximum asks for both in every
    piece. Exactness of the maxima (``exact=True``) says nothing more about (Z, w, cost). With `budget`, the
    caller's rows fix the sum of w.
    """
    R = costs.Q.shape[0]
    pieces: list[Callable[..., list[Any]]] = []
    for r in range(R):
        concave = sum(term.regime == r and term.sign < 0 for term in costs.maxima)
        choices = cartesian((True, False), repeat=concave)
        pieces += [partial(_piece, costs, budget, r, wins) for wins in choices]
    return pieces


def _piece(
    costs: RegimeCosts, budget: float | None, r: int, wins: tuple[bool, ...], Z: Any, w: Any, cost: Any
) -> list[Any]:
    """Return the rows of one regime whose concave maxima take their argument (True) or their floor."""

    def reached(term: MaxTerm, argument: bool) -> Any:
        return term.sign * (w @ term.alpha + term.beta if argument else term.floor)

    own = [term for term in costs.maxima if term.regime == r]
    body = (w * costs.c[r]).sum(-1) + costs.k[r]
    if np.any(costs.Q[r]):
        body = w.owner.quadratic(costs.Q[r], w) + body
    for term, argument in zip([term for term in own if term.sign < 0], wins, strict=True):
        body = body + reached(term, argument)
    others = [s for s in range(costs.Q.shape[0]) if s != r]
    rows = [Z[r] == 1, *([Z[others] == 0] if others else [])]
    convex = [term for term in own if term.sign > 0]
    for choice in cartesian((True, False), repeat=len(convex)):
        total = body
        for term, argument in zip(convex, choice, strict=True):
            total = total + reached(term, argument)
        rows.append(total - cost <= 0)
    return rows if budget is None else [*rows, w.sum(-1) == budget]
