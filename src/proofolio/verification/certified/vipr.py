r"""Certificates of linear programs over integers as VIPR files, which other people's checkers read.

The format is that of Cheung, Gleixner and Steffy, *Verifying integer programming results* (IPCO 2017): the program, the
solution, and derived constraints, each with its reason: an assumption (a branch), a linear combination of earlier ones
(a leaf), or the two sides of a branch put together. All numbers are rational.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from math import ceil

from proofolio.errors import UnsupportedProgram
from proofolio.verification.certified.optimum import Certificate
from proofolio.verification.exact.certificate import Row, System
from proofolio.verification.exact.trees import Branch, ExactProgram, Leaf, Node, Split, with_cut

__all__ = ["vipr_text"]

Proved = tuple[int, Fraction | None]  # the number of a constraint, and its side; None where it is falsehood
Sides = dict[tuple[int, str], int]  # (column or row, "lower" or "upper") -> number of the constraint


def vipr_text(program: ExactProgram, certificate: Certificate, names: Sequence[str]) -> str:
    """Return a certificate as the text of a VIPR file.

    Raises
    ------
    UnsupportedProgram
        For quadratic objectives and rows, and directions without limit, which the format does not know.
    """
    if certificate.ray is not None:
        raise UnsupportedProgram("VIPR files hold optima: this certificate says that there is no limit")
    if program.matrix or program.quadratic:
        raise UnsupportedProgram(
            "VIPR files hold linear programs over integers: this one has quadratic parts"
        )
    return _Writer(program, certificate, names).text()


@dataclass(frozen=True)
class _Here:
    """What holds at a node: the rows, and the constraints that stand for sides of rows and columns."""

    system: System
    rows: Sides
    bounds: Sides

    def half(self, node: Branch | Split, row: Row, number: int, side: str) -> _Here:
        """Return what holds in one half of a branch."""
        if isinstance(node, Branch):
            return replace(self, bounds={**self.bounds, (node.column, side): number})
        i, none = len(self.system.rows), (None,)
        system = replace(
            self.system,
            rows=(*self.system.rows, row),
            low=self.system.low + none,
            high=self.system.high + none,
        )
        return replace(self, system=system, rows={**self.rows, (i, side): number})


class _Writer:
    def __init__(self, program: ExactProgram, certificate: Certificate, names: Sequence[str]) -> None:
        self.program, self.certificate = program, certificate
        self.names = [
            name if name and not any(c.isspace() for c in name) else f"x{j}" for j, name in enumerate(names)
        ]
        self.given: list[str] = []
        self.derived: list[str] = []
        self.rows: Sides = {}
        self.bounds: Sides = {}
        self._constraints()

    def text(self) -> str:
        program, n = self.program, len(self.names)
        integers = sorted(program.integer)
        given_bounds = len(self.bounds)
        head = [
            "VER 1.0",
            f"VAR {n}",
            *self.names,
            f"INT {len(integers)}",
            " ".join(map(str, integers)),
            "OBJ min",
        ]
        head.append(_terms(program.linear))
        head += [f"CON {len(self.given)} {given_bounds}", *self.given]
        bound = self._tree()
        point = self.certificate.point
        if point is None:
            head += ["RTP infeas", "SOL 0"]
        else:
            best = _text((self.certificate.value or Fraction(0)) - program.constant)
            head += [f"RTP range {_text(bound)} {best}", "SOL 1", f"best {_terms(point)}"]
        return "\n".join([*head, f"DER {len(self.derived)}", *self.derived, ""])

    def _constraints(self) -> None:
        system = self.program.system
        for i, row in enumerate(system.rows):
            low, high = system.low[i], system.high[i]
            if low is not None and low == high:
                self.rows[i, "lower"] = self.rows[i, "upper"] = self._give(f"R{i}", "E", low, row)
                continue
            for side, sense, value in (("lower", "G", low), ("upper", "L", high)):
                if value is not None:
                    self.rows[i, side] = self._give(f"R{i}{sense}", sense, value, row)
        for j in range(len(system.lower)):
            for side, sense, value in (("lower", "G", system.lower[j]), ("upper", "L", system.upper[j])):
                if value is not None:
                    self.bounds[j, side] = self._give(f"B{j}{sense}", sense, value, {j: Fraction(1)})

    def _give(self, name: str, sense: str, value: Fraction, row: Row) -> int:
        self.given.append(f"{name} {sense} {_text(value)} {_terms(row)}")
        return len(self.given) - 1

    def _derive(self, sense: str, value: Fraction, row: Row, reason: str) -> int:
        number = len(self.given) + len(self.derived)
        self.derived.append(f"D{number} {sense} {_text(value)} {_terms(row)} {{ {reason} }} -1")
        return number

    def _tree(self) -> Fraction:
        """Derive the cuts, then what the root proves, and return that."""
        system = self.program.system
        for cut in self.certificate.cuts:
            number, found = self._root(system, {j: -a for j, a in cut.row.items()}, cut.nodes)
            factor = -1 if found is None else 1
            side = number if found is None else self._derive("L", -found, cut.row, f"lin 1 {number} -1")
            # rounding the side up is a consequence, and so is anything of falsehood
            number = self._derive("L", cut.side, cut.row, f"lin 1 {side} {factor}")
            if len(cut.row) == 1:
                ((j, a),) = cut.row.items()
                unit, end = {j: Fraction(1)}, cut.side / a
                number = self._derive("L" if a > 0 else "G", end, unit, f"lin 1 {number} {_text(1 / a)}")
                self.bounds[j, "upper" if a > 0 else "lower"] = number
            else:
                self.rows[len(system.rows), "upper"] = number
            system = with_cut(system, cut)
        number, bound = self._root(system, self.program.linear, self.certificate.nodes)
        if bound is None:
            return Fraction(0)
        step = self.program.step
        if step is None:
            return bound
        scaled = {j: a / step for j, a in self.program.linear.items()}
        number = self._derive("G", bound / step, scaled, f"lin 1 {number} {_text(1 / step)}")
        whole = Fraction(ceil(bound / step))
        number = self._derive("G", whole, scaled, f"rnd 1 {number} 1")
        self._derive("G", whole * step, self.program.linear, f"lin 1 {number} {_text(step)}")
        return whole * step

    def _root(self, system: System, objective: Row, nodes: Sequence[Node]) -> Proved:
        """Derive that a linear function is at least what a tree proves, or falsehood."""
        done: dict[int, Proved] = {}
        assumed: dict[int, tuple[int, int]] = {}
        todo: list[tuple[int, _Here]] = [(0, _Here(system, self.rows, self.bounds))]
        while todo:
            at, here = todo.pop()
            node = nodes[at]
            if isinstance(node, Leaf):
                done[at] = self._leaf(node, here, objective)
            elif at in assumed:
                done[at] = self._put_together(node, assumed[at], done, objective)
            else:
                row = {node.column: Fraction(1)} if isinstance(node, Branch) else _fractions(node.row)
                below = self._derive("L", Fraction(node.at), row, "asm")
                above = self._derive("G", Fraction(node.at + 1), row, "asm")
                assumed[at] = below, above
                todo += [(at, here), (node.below, here.half(node, row, below, "upper"))]
                todo.append((node.above, here.half(node, row, above, "lower")))
        return done[0]

    def _put_together(
        self, node: Branch | Split, assumed: tuple[int, int], done: dict[int, Proved], objective: Row
    ) -> Proved:
        (first, one), (second, two) = done[node.below], done[node.above]
        reason = f"uns {first} {assumed[0]} {second} {assumed[1]}"
        some = [b for b in (one, two) if b is not None]
        if not some:
            return self._derive("G", Fraction(1), {}, reason), None
        return self._derive("G", min(some), objective, reason), min(some)

    def _leaf(self, leaf: Leaf, here: _Here, objective: Row) -> Proved:
        body = {} if leaf.empty else {j: -a for j, a in objective.items()}
        used: list[tuple[int, Fraction]] = []
        rest, total = dict(body), Fraction(0)
        for i, y in leaf.multipliers.items():
            if not y:
                continue
            number = here.rows[i, "upper" if y > 0 else "lower"]
            used.append((number, -y))
            total -= y * self._side(number)
            for j, a in here.system.rows[i].items():
                rest[j] = rest.get(j, Fraction(0)) - y * a
        for j, r in rest.items():
            if r:
                number = here.bounds[j, "upper" if r > 0 else "lower"]
                used.append((number, -r))
                total -= r * self._side(number)
        reason = f"lin {len(used)} " + " ".join(f"{k} {_text(v)}" for k, v in used)
        if leaf.empty:
            return self._derive("G", total, {}, reason), None
        return self._derive("G", total, objective, reason), total

    def _side(self, number: int) -> Fraction:
        line = self.given[number] if number < len(self.given) else self.derived[number - len(self.given)]
        return Fraction(line.split()[2])


def _fractions(row: Mapping[int, int]) -> dict[int, Fraction]:
    return {j: Fraction(a) for j, a in row.items()}


def _text(value: Fraction) -> str:
    return str(value.numerator) if value.denominator == 1 else f"{value.numerator}/{value.denominator}"


def _terms(row: Row) -> str:
    some = [(j, a) for j, a in sorted(row.items()) if a]
    return " ".join([str(len(some)), *(f"{j} {_text(a)}" for j, a in some)])
