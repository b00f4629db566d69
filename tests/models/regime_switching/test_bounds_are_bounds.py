"""Whatever method is taken and wherever it stops: bound <= optimum <= objective, and the gap is that of the two.

The optimum is that of every regime path and every side of every concave maximum, one convex program each, by
Clarabel: nothing is pruned, and nothing is shared with any method. ``pytest --full`` tries many more instances.
"""

from itertools import product

import numpy as np
import pytest

from proofolio import MaxTerm, RegimeSwitching, UnsupportedProgram, published_maxima
from proofolio.solvers.solution import OPTIMAL, gap_size

from .option_oracle import Declared, piece_program

CLOSE = 1e-7
SOLVES = {
    "separation": {"method": "separation"},
    "path": {"method": "path"},
    "whole": {"method": "whole"},
    "whole, big-m": {"method": "whole", "lowering": "big-m"},
    "scip, hull": {"solver": "scip", "lowering": "hull"},
    "scip, big-m": {"solver": "scip", "lowering": "big-m"},
}
STOPS = {
    "to the end": {},
    "at 1e-4": {"gap": 1e-4},
    "at 5 %": {"gap": 0.05},
    "at 50 %": {"gap": 0.5},
    "at once": {"time_limit": 1e-4},
    "soon": {"time_limit": 0.01},
}


def costs(seed, n, T, R, varying=True, size=1.0):
    rng = np.random.default_rng([seed, 6])
    A = rng.standard_normal((R, T if varying else 1, n, int(rng.integers(1, n + 1))))
    c = 0.5 * rng.standard_normal((R, T if varying else 1, n))
    k = 0.2 * rng.standard_normal((R, T if varying else 1))
    Q = A @ np.swapaxes(A, -1, -2) / n
    Q, c, k = (Q, c, k) if varying else (Q[:, 0], c[:, 0], k[:, 0])
    return {"Q": size * (Q + np.swapaxes(Q, -1, -2)) / 2, "c": size * c, "k": size * k, "periods": T}


def tied(seed, n, kappa=0.05, sigma=0.05):
    held = np.random.default_rng([seed, 7]).dirichlet(np.ones(n))
    return {"turnover_cost": kappa, "switch_cost": sigma, "initial": held}


def around_zero(kwargs):
    """Shift the constants so that the optimum is nearly nothing, where a relative gap is at its worst."""
    return kwargs | {"k": kwargs["k"] - enumerated(kwargs) / kwargs["periods"] + 1e-4}


BENT = (
    MaxTerm(0, -1, np.array([1.0, -1.0, 0.5]), 0.1, 0.2),
    MaxTerm(1, -1, np.array([0.0, 1.0, -1.0]), 0.0, 0.0),
)
MIXED = (*BENT, MaxTerm(1, +1, np.array([-1.0, 2.0, 0.0]), -0.3, 0.05))
SHORT = {"lower": -0.5}
KINDS = {
    "still": lambda s: costs(s, 3, 3, 3, varying=False),
    "varying": lambda s: costs(s, 3, 3, 3) | SHORT,
    "varying, published maxima": lambda s: costs(s, 3, 2, 3) | SHORT | {"maxima": published_maxima(3)},
    "varying, mixed maxima": lambda s: costs(s, 3, 2, 2) | SHORT | {"maxima": MIXED},
    "varying, around zero": lambda s: around_zero(costs(s, 2, 2, 2)),
    "linear": lambda s: costs(s, 3, 3, 3) | SHORT | {"Q": np.zeros((3, 3, 3))},
    "tied, linear": lambda s: costs(s, 3, 3, 2) | tied(s, 3) | {"Q": np.zeros((2, 3, 3))},
    "fixed path": lambda s: costs(s, 3, 4, 3) | tied(s, 3) | {"path": np.arange(4) % 3},
    "tied": lambda s: costs(s, 3, 4, 2) | tied(s, 3),
    "tied, three regimes": lambda s: costs(s, 2, 4, 3) | tied(s, 2, 0.1, 0.2),
    "tied, still": lambda s: costs(s, 3, 3, 3, varying=False) | tied(s, 3),
    "tied, bent": lambda s: costs(s, 3, 3, 2) | tied(s, 3, 0.1) | SHORT | {"maxima": BENT},
    "tied, mixed": lambda s: costs(s, 3, 2, 2) | tied(s, 3, 0.1) | SHORT | {"maxima": MIXED},
    "tied by trades": lambda s: costs(s, 3, 4, 2) | {"turnover_cost": 0.3},
    "tied by switches": lambda s: costs(s, 3, 4, 2) | {"switch_cost": 0.3},
    "tied, dear": lambda s: costs(s, 3, 4, 2) | tied(s, 3, 2.0, 1.0),
    "tied, around zero": lambda s: around_zero(costs(s, 2, 3, 2) | tied(s, 2)),
    "tied, daily returns": lambda s: costs(s, 3, 3, 3, size=1e-4) | tied(s, 3, 5e-6, 5e-6),
}


def enumerated(kwargs):
    """Return the least objective over all paths and pieces."""
    declared = Declared(**kwargs)
    best = np.inf
    for path in declared.paths():
        switching = declared.sigma * np.count_nonzero(np.diff(path))
        concave = [sum(term.sign < 0 for term in declared.maxima[r]) for r in path]
        free = ("free",) * declared.n
        for wins in product(*(product((True, False), repeat=count) for count in concave)):
            pieces = [((r,), free, (one,)) for r, one in zip(path, wins, strict=True)]
            best = min(best, piece_program(declared, pieces).solve()[0] + switching)
    return best


def pytest_generate_tests(metafunc):
    if "seed" in metafunc.fixturenames:
        metafunc.parametrize("seed", range(20 if metafunc.config.getoption("--full") else 1))


def ways(kind, full):
    """Return every method with every stop, or one stop a method, another one for each kind."""
    stops = list(STOPS)
    first = list(KINDS).index(kind)
    few = [(method, stops[(first + j) % len(stops)]) for j, method in enumerate(SOLVES)]
    return list(product(SOLVES, stops)) if full else few


@pytest.mark.parametrize("kind", KINDS)
def test_the_optimum_is_between_bound_and_objective(kind, seed, pytestconfig):
    kwargs = KINDS[kind](seed)
    optimum, program = enumerated(kwargs), RegimeSwitching(**kwargs)
    room = CLOSE * max(abs(optimum), np.abs(kwargs["c"]).max())
    ended = set()
    for method, stop in ways(kind, pytestconfig.getoption("--full")):
        settings = STOPS[stop]
        try:
            answer = program.solve(**SOLVES[method], **settings)
        except UnsupportedProgram:
            assert method in ("separation", "path")
            continue
        said = (method, stop, answer.status, answer.bound, optimum, answer.objective)
        if answer.bound is not None:
            assert answer.bound <= optimum + room, said
        if answer.objective is not None:
            assert optimum - room <= answer.objective, said
            again = program.objective(answer.W, answer.path)
            assert optimum - room <= again <= answer.objective + 10 * room, said
        if answer.objective is None or answer.bound is None:
            assert answer.gap == np.inf, said
            assert answer.status == ("verified-feasible" if answer.ok else "limit"), said
        else:
            difference = abs(answer.objective - answer.bound)
            assert answer.gap == pytest.approx(
                difference / gap_size(answer.program, answer.x, answer.objective), rel=1e-12
            ), said
            asked = settings.get("gap", 1e-6)
            if answer.status in OPTIMAL and asked <= 1e-4:
                assert again == pytest.approx(answer.objective, abs=asked * abs(again) + 10 * room), said
            if answer.status in OPTIMAL:
                # a difference that double precision cannot tell from none is none
                assert difference <= asked * abs(answer.objective) + 1e-3 * room, said
            else:
                assert answer.status == "verified-feasible", said
        ended.add(method)
    assert ended >= set(SOLVES) - {"separation", "path"}
    if "path" not in kwargs and "mixed" not in kind:
        assert ("path" if "tied" in kind else "separation") in ended
