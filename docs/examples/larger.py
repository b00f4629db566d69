"""A formulation of v = max(u[0], u[1]) written by hand, what it is meant to say, and a copy with a mistake."""

from proofolio.verification.proofs.claim import Box, Claim

LOW, HIGH = [[-2.0, 0.0, 1.0], [-1.0, -3.0, 2.0]], [[3.0, 4.0, 2.0], [2.5, 1.0, 6.0]]


def larger(model, u, shortfall=0.0):
    """Add rows that make v the larger of u[0] and u[1], entry by entry; M[k] is what u[k] may lack."""
    M = [[4.5, 1.0, 5.0], [4.0, 7.0, 0.0]]
    v = model.variable("v", 3, lower=-3, upper=6)
    chosen = model.variable("chosen", (2, 3), binary=True)
    model.add("at_least", v >= u)
    for k in range(2):
        slack = [m - shortfall for m in M[k]]
        model.add(f"at_most_{k}", v <= u[k] + slack * (1 - chosen[k]))
    model.add("one", chosen.sum(0) == 1)
    return v


MEANING = [
    lambda u, v: [v == u[0], u[0] >= u[1]],
    lambda u, v: [v == u[1], u[1] >= u[0]],
]

claim = Claim(larger, {"u": Box((2, 3), LOW, HIGH)}, ("v",), MEANING, "larger", "big-m")


def mistake():
    """The same with every M a thousandth too small."""

    def short(model, u):
        return larger(model, u, shortfall=0.001)

    return Claim(short, {"u": Box((2, 3), LOW, HIGH)}, ("v",), MEANING, "larger, M short", "big-m")


def forgotten():
    """The same without the rows that keep v down."""

    def rows(model, u):
        v = model.variable("v", 3, lower=-3, upper=6)
        model.add("at_least", v >= u)
        return v

    return Claim(rows, {"u": Box((2, 3), LOW, HIGH)}, ("v",), MEANING, "larger, rows forgotten", "big-m")
