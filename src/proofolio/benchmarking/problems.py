"""A benchmark problem: one function under a decorator, with its grid as keyword lists."""

from __future__ import annotations

import inspect
import itertools
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from proofolio.errors import BadData

__all__ = ["Answer", "Problem", "problem", "problem_of"]


MARK = "__proofolio_problem__"


@dataclass(frozen=True, eq=False)
class Answer:
    """What one of a problem's own solvers returns.

    Attributes
    ----------
    status : str
        As for `proofolio.solve`: never better than the checks allow.
    objective, bound : float, optional
    maximise : bool
        Whether the objective is to be as large as possible.
    allowance : float
        How far two objectives may be apart and still count as equal.
    nodes : int
    method, message, version : str
    verify : function, optional
        Called once the clock has stopped; returns the status and a message. No answer is verified without it.
    reached : float or function, optional
        The objective of a point that satisfies everything firmly: rows to 1e-8, integers exact; or a function
        that finds it once the clock has stopped. Only such a value refutes the bounds and optima of others.
    """

    status: str
    objective: float | None = None
    bound: float | None = None
    maximise: bool = False
    allowance: float = 0.0
    nodes: int | None = None
    method: str = ""
    message: str = ""
    version: str = ""
    verify: Callable[[], tuple[str, str]] | None = None
    reached: float | Callable[[], float | None] | None = None


@dataclass(frozen=True, eq=False)
class Problem:
    """A function that builds a model, and the arguments it is called with.

    Attributes
    ----------
    name : str
    function : callable
    grid : mapping from argument names to the values they take
    solvers : tuple of str
        Names of the problem's own solvers: the function is called with each as ``solver``, and returns a function of
        `Settings` that does the work and returns an `Answer`. Empty where the suite's solvers are asked.
    where : callable, optional
        Called with a case's arguments; false leaves the case out.
    quick : callable, optional
        Likewise: true for the cases of a quick run. Without it all are.
    warm : mapping, optional
        The arguments of a small case that each solver solves once in a process, untimed, before its first run
        there: imports and compilation are not measured. Without it that is the first quick case.
    """

    name: str
    function: Callable[..., Any]
    grid: Mapping[str, tuple[Any, ...]]
    solvers: tuple[str, ...] = ()
    where: Callable[..., bool] | None = None
    quick: Callable[..., bool] | None = None
    warm: Mapping[str, Any] | None = None

    def cases(self, quick: bool = False) -> Iterator[dict[str, Any]]:
        """Yield the arguments of each case, or of the quick ones; the last argument of the grid changes fastest."""
        for values in itertools.product(*self.grid.values()):
            case = dict(zip(self.grid, values, strict=True))
            if self.where is not None and not self.where(**case):
                continue
            if not quick or self.quick is None or self.quick(**case):
                yield case


def problem(
    function: Callable[..., Any] | None = None,
    /,
    *,
    solvers: Sequence[str] = (),
    where: Callable[..., bool] | None = None,
    quick: Callable[..., bool] | None = None,
    warm: Mapping[str, Any] | None = None,
    **grid: Iterable[Any],
) -> Any:
    """Make a function a benchmark problem.

    The function returns a Program, a builder, a Pyomo model or a CVXPY problem, and is called with every
    combination of the values in the grid. An argument called ``lowering`` names how the same program is written:
    all its values are expected to have one optimum.

    It may also return an object with a method `to_program` that builds the program, and a method `judge` that
    takes the checked answer (`proofolio.solvers.solution.Solution`) and returns a status, never a better one,
    and a message: there an answer is checked against the data that the program was made from.

    Parameters
    ----------
    solvers : sequence of str, optional
        Names of the problem's own solvers, where a solver of programs would not do: methods of a model, or other
        packages; see `Problem`.
    where : callable, optional
        Takes the same arguments; false leaves a combination out.
    quick : callable, optional
        Takes the same arguments; true for the combinations that a quick run takes.
    warm : mapping, optional
        Arguments, in the grid or not, of the small case on which a solver is warmed up; see `Problem`.
    **grid
        Lists of numbers, strings or truth values.

    Raises
    ------
    BadData
        When the grid does not fit the function, or holds values that cannot be written to a record.

    Examples
    --------
    >>> @problem(n=[2, 3], lowering=["hull", "big-m"], where=lambda n, lowering: n < 3 or lowering == "hull")
    ... def small(n, lowering): ...
    >>> [list(case.values()) for case in problem_of(small).cases()]
    [[2, 'hull'], [2, 'big-m'], [3, 'hull']]
    """
    if function is None:
        return lambda found: problem(found, solvers=solvers, where=where, quick=quick, warm=warm, **grid)
    lists = {name: _values(function, name, values) for name, values in grid.items()}
    asked = {*lists, *(("solver",) if solvers else ())}
    _fitting(function, asked)
    if warm is not None:
        _fitting(function, {*warm, *(("solver",) if solvers else ())})
    found = Problem(function.__name__, function, lists, tuple(solvers), where, quick, warm)
    setattr(function, MARK, found)
    return function


def problem_of(function: Any) -> Problem | None:
    """Return the problem a function was made into, if it was."""
    found = getattr(function, MARK, None) if inspect.isfunction(function) else None
    return found if isinstance(found, Problem) else None


def _values(function: Callable[..., Any], name: str, values: Any) -> tuple[Any, ...]:
    if isinstance(values, (str, bytes)) or not isinstance(values, Iterable):
        raise BadData(
            f"the grid of {function.__name__} gives {name} the value {values!r}; give a list of values"
        )
    found = tuple(value.item() if hasattr(value, "item") else value for value in values)
    for value in found:
        if value is not None and not isinstance(value, (str, int, float, bool)):
            raise BadData(
                f"the grid of {function.__name__} gives {name} a {type(value).__name__}; give numbers, strings or "
                "truth values, and build the rest inside the function"
            )
    return found


def _fitting(function: Callable[..., Any], asked: set[str]) -> None:
    parameters = inspect.signature(function).parameters.values()
    if any(p.kind is p.VAR_KEYWORD for p in parameters):
        return
    names = {p.name for p in parameters if p.kind is not p.VAR_POSITIONAL}
    needed = {p.name for p in parameters if p.default is p.empty and p.kind is not p.VAR_POSITIONAL}
    if unknown := sorted(asked - names):
        raise BadData(f"{function.__name__} has no argument {unknown[0]!r}, which its grid gives a list for")
    if missing := sorted(needed - asked):
        raise BadData(f"the grid of {function.__name__} gives no values for its argument {missing[0]!r}")
