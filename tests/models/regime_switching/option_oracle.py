r"""The optimum of a small regime-switching program with any of its options, by enumeration.

Everything discrete is enumerated: the regime path (or the regimes covered in each period), the argument or the floor of
each concave maximum, and for each weight whether it is zero, long or short where that matters. What is left is a
convex program, solved by Clarabel; whole lots are lattice points, evaluated one by one. Nothing is shared with the
package: the arguments are read here once more, from what they mean.

A branch is left out only when a relaxation of it (the periods decided so far, and the least cost each later period
can have on its own) already costs as much as a point found.
"""

from itertools import groupby, pairwise, product

import numpy as np

from .convex_program import ConvexProgram
from .option_instances import random_options

__all__ = ["Declared", "brute_force", "random_options"]

FREE, ZERO, LONG, SHORT = "free", "zero", "long", "short"
CLOSE = 1e-9


class Declared:
    """The arguments, each with all its axes."""

    def __init__(self, Q, c, k=None, *, periods, maxima=(), lower=0.0, upper=1.0, **options):
        Q, c = np.asarray(Q, float), np.asarray(c, float)
        self.R, self.n, self.T = len(Q), Q.shape[-1], periods
        R, n, T = self.R, self.n, self.T
        k = np.zeros(R) if k is None else np.asarray(k, float)
        self.Q = np.broadcast_to(Q if Q.ndim == 4 else Q[:, None], (R, T, n, n))
        self.c = np.broadcast_to(c if c.ndim == 3 else c[:, None], (R, T, n))
        self.k = np.broadcast_to(k if k.ndim == 2 else k[:, None], (R, T))
        self.lower, self.upper = np.broadcast_to(lower, (T, n)), np.broadcast_to(upper, (T, n))
        self.maxima = [[m for m in maxima if m.regime == r] for r in range(R)]
        self.path, self.transitions = options.pop("path", None), options.pop("transitions", None)
        self.dwell, self.max_switches = options.pop("dwell", None), options.pop("max_switches", None)
        self.covered = options.pop("covered", None)
        self.kappa, self.sigma = options.pop("turnover_cost", 0.0), options.pop("switch_cost", 0.0)
        self.initial = options.pop("initial", None)
        impacts = (options.pop(name, None) for name in ("quadratic_impact", "power_impact"))
        self.square, self.power = (np.broadcast_to(0.0 if v is None else v, (n,)) for v in impacts)
        limit = options.pop("turnover_limit", None)
        self.turnover = np.broadcast_to(np.inf if limit is None else limit, (T,))
        self.groups, self.most = options.pop("groups", None) or (), options.pop("cardinality", None)
        smallest = options.pop("minimum_position", None)
        self.smallest = np.broadcast_to(0.0 if smallest is None else smallest, (n,))
        self.lots = options.pop("round_lots", None)
        self.net, self.gross = options.pop("net", (1.0, 1.0)), options.pop("gross", np.inf)
        options.pop("exact", None)  # says nothing about the optimum
        assert not options, f"the oracle does not know {sorted(options)}"

    # ------------------------------------------------------------------ what the options mean
    def paths(self):
        """Return the regime paths that every rule allows."""
        found = product(range(self.R), repeat=self.T)
        return [path for path in found if self._allows(path)]

    def _allows(self, path):
        if self.path is not None and tuple(self.path) != path:
            return False
        if self.transitions is not None and not all(self.transitions[r][s] for r, s in pairwise(path)):
            return False
        runs = [len(list(run)) for _, run in groupby(path)]
        if self.dwell is not None and any(length < self.dwell for length in runs[1:-1]):
            return False
        return self.max_switches is None or len(runs) - 1 <= self.max_switches

    def covers(self, t):
        """Return the least sets of regimes whose probability suffices in a period: more only costs more."""
        probability = np.asarray(self.covered.probability, float)
        p = probability[:, t] if probability.ndim == 2 else probability
        sets = [S for S in _subsets(self.R) if S and p[list(S)].sum() >= 1 - self.covered.epsilon - CLOSE]
        return [S for S in sets if not any(set(other) < set(S) for other in sets)]

    def sides(self):
        """Return what each weight may be in a period: at most so many that are not zero."""
        each = [(ZERO, FREE) if m == 0.0 else (ZERO, LONG, SHORT) for m in self.smallest]
        if self.most is None:
            each = [options if m else (FREE,) for options, m in zip(each, self.smallest, strict=True)]
        most = self.n if self.most is None else self.most
        return [s for s in product(*each) if sum(side != ZERO for side in s) <= most]

    def trades(self, t):
        """Whether what is traded before a period counts."""
        some = self.kappa or self.square.any() or self.power.any() or np.isfinite(self.turnover[t])
        return bool(some) and (t > 0 or self.initial is not None)

    # ------------------------------------------------------------------ values at given weights
    def cost(self, r, t, w):
        """Return f of a regime and period at weights of shape (..., n)."""
        total = np.einsum("...i,ij,...j->...", w, self.Q[r, t], w) + w @ self.c[r, t] + self.k[r, t]
        for term in self.maxima[r]:
            total = total + term.sign * np.maximum(w @ term.alpha + term.beta, term.floor)
        return total

    def trade_cost(self, u):
        """Return the cost of trades of shape (..., n)."""
        size = np.abs(u)
        return self.kappa * size.sum(-1) + u**2 @ self.square + size**1.5 @ self.power

    def violation(self, W):
        """Return by how much weights of shape (T, n) break the rules for holdings and trades, at most."""
        found = [(self.lower - W).max(), (W - self.upper).max()]
        found += [(self.net[0] - W.sum(1)).max(), (W.sum(1) - self.net[1]).max()]
        found += [(np.abs(W).sum(1) - self.gross).max()]
        for group in self.groups:
            held = W[:, list(group.members)].sum(1)
            found += [(group.lower - held).max(), (held - group.upper).max()]
        for t in range(self.T):
            if t or self.initial is not None:
                u = W[t] - (W[t - 1] if t else self.initial)
                found.append(np.abs(u).sum() - self.turnover[t])
            if self.most is not None:
                found.append(np.sort(np.abs(W[t]))[: self.n - self.most].max(initial=0.0))
        found.append(np.minimum(np.abs(W), self.smallest - np.abs(W)).max())
        if self.lots is not None:
            found.append(np.abs(W - np.round(W / self.lots) * self.lots).max())
        return max(found)

    def value(self, W, regimes):
        """Return the objective at weights (T, n) with these sets of regimes, one a period."""
        total = sum(max(self.cost(r, t, W[t]) for r in S) for t, S in enumerate(regimes))
        for t in range(self.T):
            if t or self.initial is not None:
                total += self.trade_cost(W[t] - (W[t - 1] if t else self.initial))
        return total + self.sigma * sum(a != b for a, b in pairwise(regimes))


def brute_force(kwargs):
    """Return the least objective of a declared program, None when it is infeasible."""
    declared = Declared(**kwargs)
    if declared.covered is None:
        paths = [[(r,) for r in path] for path in declared.paths()]
    else:
        paths = [list(path) for path in product(*(declared.covers(t) for t in range(declared.T)))]
    search = _lattice if declared.lots is not None else _pieces
    found = search(declared, paths)
    if found is None:
        return None
    value, W, regimes = found
    assert declared.violation(W) <= 1e-6, declared.violation(W)
    assert abs(declared.value(W, regimes) - value) <= 1e-6 * (1 + abs(value))
    return float(value)


# ---------------------------------------------------------------------- whole lots: every lattice point
def _lattice(declared, paths):
    points = [_lattice_points(declared, t) for t in range(declared.T)]
    best = None
    for regimes in paths:
        found = _along_lattice(declared, points, regimes)
        if found is not None and (best is None or found[0] < best[0]):
            best = (*found, regimes)
    return best


def _lattice_points(declared, t):
    lots = np.broadcast_to(declared.lots, (declared.n,))
    axes = []
    for low, high, lot in zip(declared.lower[t], declared.upper[t], lots, strict=True):
        multiples = np.arange(np.floor(low / lot) - 1, np.ceil(high / lot) + 2) * lot
        axes.append(multiples[(multiples >= low - CLOSE) & (multiples <= high + CLOSE)])
    grid = np.array(list(product(*axes))).reshape(-1, declared.n)
    total, size = grid.sum(1), np.abs(grid)
    fits = (total >= declared.net[0] - CLOSE) & (total <= declared.net[1] + CLOSE)
    fits &= size.sum(1) <= declared.gross + CLOSE
    fits &= np.all((size < CLOSE) | (size >= declared.smallest - CLOSE), axis=1)
    if declared.most is not None:
        fits &= (size > CLOSE).sum(1) <= declared.most
    for group in declared.groups:
        held = grid[:, list(group.members)].sum(1)
        fits &= (held >= group.lower - CLOSE) & (held <= group.upper + CLOSE)
    return grid[fits]


def _along_lattice(declared, points, regimes):
    """Return the cheapest way through one lattice point a period, by dynamic programming, and its value."""
    before = None if declared.initial is None else np.array([declared.initial])
    reach, came = np.zeros(1), []
    for t, S in enumerate(regimes):
        here = np.max([declared.cost(r, t, points[t]) for r in S], axis=0)
        if before is not None:
            u = points[t][None] - before[:, None]
            step = declared.trade_cost(u)
            step[np.abs(u).sum(-1) > declared.turnover[t] + CLOSE] = np.inf
            ways = reach[:, None] + step
            came.append(ways.argmin(axis=0) if len(ways) else None)
            reach = ways.min(axis=0, initial=np.inf) + here
        else:
            reach = here
            came.append(None)
        before = points[t]
        if not np.isfinite(reach).any():
            return None
    at, W = int(reach.argmin()), []
    for t in reversed(range(declared.T)):
        W.append(points[t][at])
        at = 0 if came[t] is None else int(came[t][at])
    value = reach.min() + declared.sigma * sum(a != b for a, b in pairwise(regimes))
    return value, np.array(W[::-1])


# ---------------------------------------------------------------------- convex pieces, period after period
def _pieces(declared, paths):
    """Return the least value over paths and pieces, the weights there and the regimes."""
    alone = {}  # what each piece costs at least in its period, those that have a point
    for t, S in {(t, S) for regimes in paths for t, S in enumerate(regimes)}:
        found = [
            ((S, *piece), piece_program(declared, [(S, *piece)], t).solve()) for piece in _of(declared, S)
        ]
        alone[t, S] = sorted(((v[0], piece) for piece, v in found if v is not None), key=lambda p: p[0])
    ordered = []
    for regimes in paths:
        least = [min((v for v, _ in alone[t, S]), default=np.inf) for t, S in enumerate(regimes)]
        switching = declared.sigma * sum(a != b for a, b in pairwise(regimes))
        ordered.append((sum(least) + switching, switching, least, regimes))
    best = [np.inf, None, None]
    for total, switching, least, regimes in sorted(ordered, key=lambda o: o[0]):
        if total < _enough(best[0]):
            _deeper(declared, regimes, alone, least, switching, [], best)
    return None if best[1] is None else tuple(best)


def _enough(value):
    return value - CLOSE * (1 + abs(value)) if np.isfinite(value) else value


def _deeper(declared, regimes, alone, least, switching, decided, best):
    """Decide the piece of one more period; `best` holds the least value found, its weights and regimes."""
    t = len(decided)
    before = 0.0 if not decided else piece_program(declared, decided).solve()
    if before is None:
        return
    value, x = before if decided else (0.0, None)
    if value + sum(least[t:]) + switching >= _enough(best[0]):
        return
    if t == declared.T:
        best[:] = [value + switching, x[: t * declared.n].reshape(t, -1), regimes]
        return
    for own, piece in alone[t, regimes[t]]:
        if value + own + sum(least[t + 1 :]) + switching >= _enough(best[0]):
            break
        _deeper(declared, regimes, alone, least, switching, [*decided, piece], best)


def _of(declared, regimes):
    """Return the convex pieces of a period: a side for each weight, argument or floor for concave maxima."""
    concave = [sum(term.sign < 0 for term in declared.maxima[r]) for r in regimes]
    choices = list(product(*(list(product((True, False), repeat=count)) for count in concave)))
    return list(product(declared.sides(), choices))


def _subsets(count):
    return [tuple(r for r in range(count) if bits[r]) for bits in product((False, True), repeat=count)]


def piece_program(declared, pieces, only=None):
    """Return the convex program of the first periods with their pieces decided, or of one period on its own."""
    program = ConvexProgram()
    periods = range(len(pieces)) if only is None else [only]
    W = {t: program.columns(declared.n) for t in periods}
    for t, (regimes, sides, wins) in zip(periods, pieces, strict=True):
        _hold(declared, program, W[t], t, sides)
        _pay(declared, program, W[t], t, regimes, wins)
        if only is None and declared.trades(t):
            _trade(declared, program, W[t], W.get(t - 1), t)
    return program


def _hold(declared, program, w, t, sides):
    for i, (column, side) in enumerate(zip(w, sides, strict=True)):
        low, high = declared.lower[t, i], declared.upper[t, i]
        if side == ZERO:
            program.equal.append(({column: 1.0}, 0.0))
        low = max(low, declared.smallest[i]) if side == LONG else low
        high = min(high, -declared.smallest[i]) if side == SHORT else high
        program.below += [({column: -1.0}, -low), ({column: 1.0}, high)]
    one = dict.fromkeys(w, 1.0)
    if declared.net[0] == declared.net[1]:
        program.equal.append((one, declared.net[0]))
    else:
        program.below += [(one, declared.net[1]), (dict.fromkeys(w, -1.0), -declared.net[0])]
    for group in declared.groups:
        members = [w[i] for i in group.members]
        if np.isfinite(group.upper):
            program.below.append((dict.fromkeys(members, 1.0), group.upper))
        if np.isfinite(group.lower):
            program.below.append((dict.fromkeys(members, -1.0), -group.lower))
    if np.isfinite(declared.gross):
        size = _sizes(program, [({column: 1.0}, 0.0) for column in w])
        program.below.append((dict.fromkeys(size, 1.0), declared.gross))


def _sizes(program, sides):
    """Return columns at least as large as each |row + constant|."""
    size = program.columns(len(sides))
    for s, (row, constant) in zip(size, sides, strict=True):
        for sign in (1.0, -1.0):
            program.below.append(({s: -1.0} | {j: sign * a for j, a in row.items()}, -sign * constant))
    return size


def _pay(declared, program, w, t, regimes, wins):
    """Pay the regime's cost, or where several are covered a column above the cost of each."""
    top = program.columns(1)[0] if len(regimes) > 1 else None
    for r, arguments in zip(regimes, wins, strict=True):
        row = dict(zip(w, declared.c[r, t], strict=True))
        constant = declared.k[r, t]
        chosen = iter(arguments)
        for term in declared.maxima[r]:
            if term.sign > 0:
                reached = program.columns(1)[0]
                above = {reached: -1.0} | dict(zip(w, term.alpha, strict=True))
                program.below += [(above, -term.beta), ({reached: -1.0}, -term.floor)]
                row[reached] = 1.0
            elif next(chosen):  # -max(a, b) is the lesser of -a and -b: either one will do
                row |= {j: row[j] - a for j, a in zip(w, term.alpha, strict=True)}
                constant = constant - term.beta
            else:
                constant = constant - term.floor
        if top is None:
            program.pay(row, constant)
            program.pay_square(w, declared.Q[r, t])
        else:
            program.limit_square(w, declared.Q[r, t], row | {top: -1.0}, -constant)
    if top is not None:
        program.pay({top: 1.0})


def _trade(declared, program, w, before, t):
    if before is None:
        traded = [({a: 1.0}, -held) for a, held in zip(w, declared.initial, strict=True)]
    else:
        traded = [({a: 1.0, b: -1.0}, 0.0) for a, b in zip(w, before, strict=True)]
    size = _sizes(program, traded)
    program.pay(dict.fromkeys(size, declared.kappa))
    if np.isfinite(declared.turnover[t]):
        program.below.append((dict.fromkeys(size, 1.0), declared.turnover[t]))
    for i, s in enumerate(size):
        if declared.square[i]:
            program.pay_square([s], np.array([[declared.square[i]]]))
        if declared.power[i]:
            least = program.columns(1)[0]
            program.power(least, traded[i])
            program.pay({least: declared.power[i]})
