"""Terms of Pyomo expressions, bounds of Pyomo variables and shapes of Pyomo index sets."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any, NamedTuple

from pyomo.common.errors import PyomoException
from pyomo.core.base.set import SetProduct
from pyomo.core.expr import (
    AbsExpression,
    DivisionExpression,
    Expr_ifExpression,
    PowExpression,
    UnaryFunctionExpression,
    is_potentially_variable,
)
from pyomo.repn.linear import LinearRepn, LinearRepnVisitor
from pyomo.repn.quadratic import QuadraticRepn, QuadraticRepnVisitor
from pyomo.repn.util import OrderedVarRecorder, VarRecorder

from proofolio.errors import BadData, UnsupportedProgram
from proofolio.program.decimals import exact_product, exact_sum

__all__ = ["PyomoTerms", "TermReader", "beyond_quadratic", "grid_shape", "shortened", "variable_box"]


FIXED_INTEGRALITY = 1e-6  # a variable fixed at a solver's answer is this close to its integer


class PyomoTerms(NamedTuple):
    """A quadratic function of Pyomo variables, which are named by their `id`; equal terms are merged."""

    constant: float
    linear: dict[int, float]
    quadratic: dict[tuple[int, int], float]


def _plus(a: Any, b: Any) -> Any:
    """Add two numbers as decimals; what is no finite number is left to Pyomo's own arithmetic."""
    return exact_sum((a, b)) if a and b and _are_finite(a, b) else a + b


def _times(a: Any, b: Any) -> Any:
    """Multiply two numbers as decimals, likewise."""
    return exact_product(a, b) if _are_finite(a, b) else a * b


def _are_finite(a: Any, b: Any) -> bool:
    return (
        isinstance(a, (int, float)) and isinstance(b, (int, float)) and math.isfinite(a) and math.isfinite(b)
    )


def _scaled(terms: Any) -> Any:
    """Return terms whose factor has been multiplied into them, as decimals."""
    factor = terms.multiplier
    if terms.nonlinear is None and factor and factor != 1:
        terms.multiplier = 1
        terms.constant = _times(factor, terms.constant)
        terms.linear = {key: _times(factor, a) for key, a in terms.linear.items()}
        if getattr(terms, "quadratic", None):
            terms.quadratic = {key: _times(factor, a) for key, a in terms.quadratic.items()}
    return terms


def _joined(terms: Any, child: tuple[Any, Any], add: Any) -> None:
    """Add a child to terms, as decimals where both have a number; the rest by Pyomo's own `add`."""
    _, other = child
    if isinstance(other, LinearRepn):
        other = _scaled(other)
        if other.multiplier == 1:
            constant = _plus(terms.constant, other.constant)
            shared = {
                key: _plus(terms.linear[key], a) for key, a in other.linear.items() if key in terms.linear
            }
            add(terms, child)
            terms.constant = constant
            terms.linear.update(shared)
            return
        add(terms, child)
        return
    if _are_finite(terms.constant, other):
        terms.constant = _plus(terms.constant, other)
        return
    add(terms, child)


def _scaled_result(result: tuple[Any, Any]) -> tuple[Any, Any]:
    kind, found = result
    return (kind, _scaled(found)) if isinstance(found, LinearRepn) else result


class _LinearTerms(LinearRepn):  # type: ignore[misc]  # Pyomo has no types
    """Terms that are added and multiplied as decimals."""

    __slots__ = ()

    def append(self, other: Any) -> None:
        _joined(self, other, LinearRepn.append)


class _QuadraticTerms(QuadraticRepn):  # type: ignore[misc]
    __slots__ = ()

    def append(self, other: Any) -> None:
        shared = {}
        if isinstance(other[1], QuadraticRepn) and other[1].quadratic and self.quadratic:
            found = _scaled(other[1])
            if found.multiplier == 1:
                shared = {
                    key: _plus(self.quadratic[key], a)
                    for key, a in found.quadratic.items()
                    if key in self.quadratic
                }
        _joined(self, other, QuadraticRepn.append)
        if shared and self.quadratic is not None:
            self.quadratic.update(shared)


class _Linear(LinearRepnVisitor):  # type: ignore[misc]
    Result = _LinearTerms

    def finalizeResult(self, result: Any) -> Any:  # noqa: N802  # Pyomo calls it so
        return super().finalizeResult(_scaled_result(result))


class _Quadratic(QuadraticRepnVisitor):  # type: ignore[misc]
    Result = _QuadraticTerms

    def finalizeResult(self, result: Any) -> Any:  # noqa: N802  # Pyomo calls it so
        return super().finalizeResult(_scaled_result(result))


class TermReader:
    """Reads Pyomo expressions into `PyomoTerms`.

    Attributes
    ----------
    variables : dict from id to VarData
        The variables met so far.
    """

    def __init__(self) -> None:
        self.variables: dict[int, Any] = {}
        self._linear = _Linear({}, var_recorder=VarRecorder(self.variables, None))
        self._linear.record_monomial = _record_also_fixed
        self._quadratic = _Quadratic({}, var_recorder=OrderedVarRecorder({}, {}, None))

    def forget_expressions(self) -> None:
        """Forget what named expressions came to, which changes when they or their Params are set anew."""
        self._linear.subexpression_cache.clear()
        self._quadratic.subexpression_cache.clear()

    def read(self, expression: Any, name: str = "") -> PyomoTerms | None:
        """Return the terms of an expression, or None when it is neither affine nor quadratic.

        Raises
        ------
        BadData
            For NaN, infinities and Params without a value; the text says `name`, or the expression itself.
        """
        try:
            found = self._linear.walk_expression(expression)
            if found.nonlinear is None:
                return self._checked(found.constant, found.linear, {})
            found = self._quadratic.walk_expression(expression)
            if found.nonlinear is not None:
                return None
            quadratic = {pair: c for pair, c in (found.quadratic or {}).items() if c}
            for key in [*found.linear, *(key for pair in quadratic for key in pair)]:
                self.variables.setdefault(key, self._quadratic.var_map[key])
            return self._checked(found.constant, found.linear, quadratic)
        except (PyomoException, ValueError, TypeError, ArithmeticError) as error:
            reason = " ".join(str(error).split()) or type(error).__name__
            named = name or f"the expression {shortened(expression)}"
            raise BadData(f"{named} cannot be read at its present values: {reason}") from None

    @staticmethod
    def _checked(
        constant: Any, linear: dict[int, float], quadratic: dict[tuple[int, int], float]
    ) -> PyomoTerms:
        if not all(map(math.isfinite, (constant, *linear.values(), *quadratic.values()))):
            raise ValueError("it holds NaN or an infinite coefficient")
        return PyomoTerms(float(constant), linear, quadratic)


def _record_also_fixed(visitor: Any, result: Any, coefficient: Any, variable: Any) -> None:
    """Collect a linear term; Pyomo's own method would replace a fixed variable by its value."""
    key = id(variable)
    if key not in visitor.var_map:
        visitor.var_map[key] = variable
    if key in result.linear:
        result.linear[key] = _plus(result.linear[key], coefficient)
    elif coefficient:
        result.linear[key] = coefficient


def shortened(expression: Any) -> str:
    """Return the text of an expression, in quotes and not too long."""
    text = " ".join(str(expression).split())
    return repr(text if len(text) <= 80 else f"{text[:77]}...")


def beyond_quadratic(expression: Any) -> str:
    """Return what keeps an expression from being affine or quadratic, and what to do about it."""
    found = [_beyond(node) for node in _nodes(expression)]
    return next(filter(None, found), "is neither affine nor quadratic: multiply no more than two variables")


def _beyond(node: Any) -> str:
    if isinstance(node, AbsExpression):
        return "holds abs(): write it with proofolio.absolute"
    if isinstance(node, UnaryFunctionExpression):
        return f"holds {node.getname()}(): approximate it with proofolio.piecewise_linear_of, or use a nonlinear solver"
    if isinstance(node, DivisionExpression) and is_potentially_variable(node.arg(1)):
        return (
            "divides by a variable, as gdp.hull does with quadratic rows: transform such a disjunction with "
            "gdp.bigm, or multiply the row out"
        )
    if isinstance(node, PowExpression) and not (_is_number(node.arg(1)) and node.arg(1) in (0, 1, 2)):
        return f"holds the power {shortened(node)}: approximate it with proofolio.piecewise_linear_of"
    if isinstance(node, Expr_ifExpression):
        return "holds Expr_if: write it with proofolio.implies"
    return ""


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float))


def _nodes(expression: Any) -> Iterator[Any]:
    """Yield the parts of an expression that vary, itself first."""
    waiting = [expression]
    while waiting:
        node = waiting.pop()
        if hasattr(node, "is_expression_type") and node.is_expression_type() and not node.is_fixed():
            yield node
            waiting += reversed(node.args)


def variable_box(variable: Any) -> tuple[float, float, bool]:
    """Return lower bound, upper bound and integrality of a Pyomo variable; a fixed one has its value twice.

    Raises
    ------
    UnsupportedProgram
        For a domain with holes.
    BadData
        For bounds that cross, or a variable fixed at nothing or at a fraction where it must be integer.
    """
    integer = not variable.is_continuous()
    if integer and not variable.is_integer():
        raise UnsupportedProgram(
            f"variable {variable.name!r} has the domain {variable.domain}: use reals, integers or binaries"
        )
    if variable.fixed:
        value = variable.value
        if value is None or not math.isfinite(value):
            raise BadData(f"variable {variable.name!r} is fixed at {value}: set a finite value or unfix it")
        if integer and abs(value - round(value)) > FIXED_INTEGRALITY:
            raise BadData(f"integer variable {variable.name!r} is fixed at {value}: round it or unfix it")
        at = float(round(value)) if integer else float(value)
        return at, at, integer
    low, high = variable.bounds
    lower, upper = -math.inf if low is None else float(low), math.inf if high is None else float(high)
    if integer:
        lower = lower if math.isinf(lower) else float(math.ceil(lower))
        upper = upper if math.isinf(upper) else float(math.floor(upper))
    if not lower <= upper:
        raise BadData(f"variable {variable.name!r} has no value between its bounds {lower:g} and {upper:g}")
    return lower, upper, integer


def grid_shape(index_set: Any) -> tuple[int, ...] | None:
    """Return the shape of an index set that is a product of one-dimensional sets, or None."""
    if not index_set.isfinite():
        return None
    # the axes are asked, not their product: Pyomo calls a product of Python ranges unordered, and walks it in order
    axes = list(index_set.subsets()) if isinstance(index_set, SetProduct) else [index_set]
    if not all(axis.isordered() for axis in axes):
        return None
    return tuple(len(axis) for axis in axes) if all(axis.dimen == 1 for axis in axes) else None
