"""A checker of VIPR files, written from the format's description alone (Cheung, Gleixner & Steffy 2017)."""

from __future__ import annotations

import math
from fractions import Fraction
from typing import NamedTuple


class Constraint(NamedTuple):
    sense: str
    side: Fraction
    terms: dict[int, Fraction]
    assumed: frozenset[int] = frozenset()

    @property
    def false(self):
        if any(self.terms.values()):
            return False
        return {"G": self.side > 0, "L": self.side < 0, "E": self.side != 0}[self.sense]

    def implies(self, other):
        if self.false:
            return True
        mine = {j: a for j, a in self.terms.items() if a}
        if mine != {j: a for j, a in other.terms.items() if a}:
            return False
        if other.sense == "G":
            return self.sense in "GE" and self.side >= other.side
        return other.sense == "L" and self.sense in "LE" and self.side <= other.side


def checked_range(text):
    """Return the proved range of the optimum, None for a proof of infeasibility; fail on what is no proof."""
    words = iter(text.split())

    def expect(word):
        assert next(words) == word

    def terms():
        return {int(next(words)): Fraction(next(words)) for _ in range(int(next(words)))}

    expect("VER"), next(words), expect("VAR")
    for _ in range(int(next(words))):
        next(words)
    expect("INT")
    integers = {int(next(words)) for _ in range(int(next(words)))}
    expect("OBJ"), expect("min")
    objective = terms()
    expect("CON")
    count, _ = int(next(words)), next(words)
    known = []
    for _ in range(count):
        next(words)
        known.append(Constraint(next(words), Fraction(next(words)), terms()))
    expect("RTP")
    found = (Fraction(next(words)), Fraction(next(words))) if next(words) == "range" else None
    expect("SOL")
    for _ in range(int(next(words))):
        next(words)
        x = terms()
        for sense, side, row, _ in known:
            value = sum(a * x.get(j, Fraction(0)) for j, a in row.items())
            assert {"G": value >= side, "L": value <= side, "E": value == side}[sense]
        assert all(x.get(j, Fraction(0)).denominator == 1 for j in integers)
        assert sum(a * x.get(j, Fraction(0)) for j, a in objective.items()) <= found[1]
    expect("DER")
    for _ in range(int(next(words))):
        next(words)
        stated = Constraint(next(words), Fraction(next(words)), terms())
        expect("{")
        known.append(_derived(words, known, integers, stated))
        expect("}"), next(words)
    last = known[-1]
    assert not last.assumed
    if found is None:
        assert last.false
    else:
        assert last.implies(Constraint("G", found[0], objective))
    return found


def _derived(words, known, integers, stated):
    kind, here = next(words), len(known)
    if kind == "asm":
        return stated._replace(assumed=frozenset([here]))
    if kind == "uns":
        first, below, second, above = (int(next(words)) for _ in range(4))
        assert known[below].sense == "L"
        assert known[above].sense == "G"
        assert known[below].terms == known[above].terms
        assert set(known[below].terms) <= integers
        assert all(a.denominator == 1 for a in known[below].terms.values())
        assert known[below].side + 1 == known[above].side
        assert known[first].implies(stated)
        assert known[second].implies(stated)
        rest = (known[first].assumed - {below}) | (known[second].assumed - {above})
        return stated._replace(assumed=rest)
    side, total, assumed = Fraction(0), dict[int, Fraction](), frozenset[int]()
    for _ in range(int(next(words))):
        part, factor = known[int(next(words))], Fraction(next(words))
        up = factor >= 0 if stated.sense == "G" else factor <= 0
        assert part.sense == "E" or part.sense == ("G" if up else "L")
        side += factor * part.side
        assumed |= part.assumed
        for j, a in part.terms.items():
            total[j] = total.get(j, Fraction(0)) + factor * a
    if kind == "rnd":
        assert all(j in integers and a.denominator == 1 for j, a in total.items() if a)
        side = Fraction(math.ceil(side) if stated.sense == "G" else math.floor(side))
    else:
        assert kind == "lin"
    assert Constraint(stated.sense, side, total).implies(stated)
    return stated._replace(assumed=assumed)
