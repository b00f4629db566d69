"""What a formulation is meant to say, beside the function that writes its rows.

A claim is proved on the rows that the very function writes into a user's model; its meaning is a union of
closed polyhedra ("pieces") in the inputs and outputs, written in the same arithmetic.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import ArrayLike
from scipy import sparse

from proofolio.arrays import Mask
from proofolio.brief import brief
from proofolio.errors import BadData
from proofolio.program.builder import Builder
from proofolio.program.expression import Expression, Rows, as_expression, broadcast_to
from proofolio.program.program import Program
from proofolio.program.quadratic import Form, Quadratic
from proofolio.verification.exact.certificate import Row, Undecidable
from proofolio.verification.exact.lp_bounds import as_decimal
from proofolio.verification.proofs.lines import Atoms, Line

__all__ = ["Box", "Built", "Claim", "exact", "rational_rows"]


@dataclass(frozen=True, eq=False)
class Box:
    """The values an input may take: ``lower <= u <= upper``, integers only when `integer`.

    Attributes
    ----------
    shape : tuple of int
    lower, upper : array_like
        Broadcast to the shape; give every entry bounds of its own to catch a wrong axis.
    integer : bool
    """

    shape: int | tuple[int, ...]
    lower: ArrayLike
    upper: ArrayLike
    integer: bool = False

    __repr__ = brief

    def variable(self, model: Builder, name: str) -> Expression:
        """Add the input to a model."""
        return model.variable(name, self.shape, self.lower, self.upper, integer=self.integer)


@dataclass(frozen=True, eq=False)
class Claim:
    """A function that writes rows, and what the rows are meant to say.

    Attributes
    ----------
    function : callable
        ``function(model, **inputs)`` returns the outputs: one expression, a tuple of them, or None when there
        are none. The function users call, its lowering bound by a lambda or ``functools.partial``.
    inputs : mapping from names to Box
    outputs : str or tuple of str
    meaning : sequence of callables
        Pieces: ``lambda u, v: [v == u[0], u[0] >= u[1]]``, called with the inputs and then the outputs, by
        name when its arguments carry those names. The meaning is the union of the pieces. Rows are closed: a
        strict inequality is refused.
    name, lowering : str
    elementwise : bool
        With outputs of shape S (without outputs: the shape of the smallest row), every entry of S chooses its
        piece on its own, and a row belongs to the entry its trailing axes name. False: one joint choice.
    lift : callable, optional
        ``lift(piece, **inputs, **outputs)`` returns, by name, the values that the function's other variables
        can take on that piece: affine expressions, numbers for binaries.

    Examples
    --------
    >>> from proofolio import product
    >>> claim = Claim(
    ...     lambda model, b, u: product(model, "v", b, u),
    ...     {"b": Box(3, 0, 1, integer=True), "u": Box(3, [-1, 0, 2], [1, 5, 2])},
    ...     ("v",),
    ...     [lambda b, u, v: [b == 0, v == 0], lambda b, u, v: [b == 1, v == u]],
    ... )
    """

    function: Callable[..., Any]
    inputs: Mapping[str, Box]
    outputs: str | tuple[str, ...]
    meaning: Sequence[Callable[..., Any]]
    name: str = ""
    lowering: str = ""
    elementwise: bool = True
    lift: Callable[..., Mapping[str, Any]] | None = None

    def __post_init__(self) -> None:
        if not self.meaning:
            raise BadData(f"claim {self.title!r} has no pieces: give its meaning at least one")
        boxes: dict[str, object] = dict(self.inputs)
        wrong = [name for name, box in boxes.items() if not isinstance(box, Box)]
        if wrong:
            raise BadData(f"input {wrong[0]!r} of claim {self.title!r} must be a Box(shape, lower, upper)")
        names = self.output_names
        if set(self.inputs) & set(names) or len(set(names)) < len(names):
            raise BadData(f"claim {self.title!r} names an output twice, or as an input: names must differ")

    def __repr__(self) -> str:
        lowering = f", {self.lowering!r}" if self.lowering else ""
        names = f"{', '.join(self.inputs)} -> {', '.join(self.output_names) or 'rows'}"
        return f"{type(self).__name__}({self.title!r}{lowering}, {names}, {len(self.meaning)} pieces)"

    @property
    def output_names(self) -> tuple[str, ...]:
        """The names of the outputs."""
        return (self.outputs,) if isinstance(self.outputs, str) else tuple(self.outputs)

    @property
    def title(self) -> str:
        """The claim's name, or that of its function."""
        return self.name or getattr(self.function, "__name__", "claim")


@dataclass(frozen=True, eq=False)
class Built:
    """A claim with its function and its pieces called.

    Attributes
    ----------
    program : Program
        What the function wrote; its first columns are the inputs.
    outputs : tuple of Expression
        In the program's columns.
    space : Model
        Holds the inputs and free outputs; the pieces are written in it.
    point : dict
        Its variables by name.
    entries : tuple of tuples of pieces
        Rows in the columns of the space.
    atoms : Atoms
        The quadratic parts of the pieces.
    """

    program: Program
    outputs: tuple[Expression, ...]
    space: Builder
    point: dict[str, Expression]
    entries: tuple[tuple[tuple[Line, ...], ...], ...]
    atoms: Atoms


def build(claim: Claim) -> Built:
    """Call the claim's function and its pieces.

    Raises
    ------
    BadData
        When the outputs are not as many expressions as names, or the rows of a piece do not fit their shape.
    """
    model, space = Builder(claim.title), Builder("meaning")
    given = {name: box.variable(model, name) for name, box in claim.inputs.items()}
    returned = claim.function(model, **given)
    several = isinstance(returned, (tuple, list))
    values = tuple(returned) if several else () if returned is None else (returned,)
    if not claim.output_names:
        values = ()
    if len(values) != len(claim.output_names):
        raise BadData(
            f"claim {claim.title!r} names {len(claim.output_names)} outputs; its function returned {len(values)}"
        )
    if any(isinstance(value, Quadratic) for value in values):
        raise Undecidable("an output is quadratic: the lemma about it must be proved apart")
    outputs = tuple(as_expression(value) for value in values)
    point = {name: box.variable(space, name) for name, box in claim.inputs.items()}
    for name, output in zip(claim.output_names, outputs, strict=True):
        point[name] = space.variable(name, output.shape)
    pieces = [_rows_of(claim, piece, point) for piece in claim.meaning]
    shape = _entry_shape(claim, [output.shape for output in outputs], pieces)
    atoms = Atoms(sum(point[name].size for name in claim.inputs))
    cut = [_by_entry(claim, rows, shape, atoms) for rows in pieces]
    entries = tuple(zip(*cut, strict=True)) if cut else ()
    return Built(model.freeze(), outputs, space, point, entries, atoms)


def _rows_of(claim: Claim, piece: Callable[..., Any], point: Mapping[str, Expression]) -> list[Any]:
    rows = call(piece, point, claim)
    return list(rows) if isinstance(rows, (list, tuple)) else [rows]


def call(function: Callable[..., Any], point: Mapping[str, Any], claim: Claim, *first: Any) -> Any:
    """Call a piece or a lift with a point: by name when its arguments carry the names, else in order."""
    try:
        parameters = inspect.signature(function).parameters.values()
    except (TypeError, ValueError):
        return function(*first, *point.values())
    names = [p.name for p in parameters if p.kind in (p.POSITIONAL_OR_KEYWORD, p.KEYWORD_ONLY)][len(first) :]
    anything = any(p.kind is p.VAR_KEYWORD for p in parameters)
    if set(point) <= set(names) or anything:
        return function(*first, **point)
    required = [p for p in parameters if p.default is p.empty and p.kind is p.POSITIONAL_OR_KEYWORD]
    several = any(p.kind is p.VAR_POSITIONAL for p in parameters)
    if not several and (len(required) - len(first) > len(point) or len(names) < len(point)):
        raise BadData(
            f"a piece of claim {claim.title!r} takes ({', '.join(names)}) and is called with "
            f"({', '.join(point)})"
        )
    return function(*first, *point.values())


def _entry_shape(claim: Claim, shapes: list[tuple[int, ...]], pieces: list[list[Any]]) -> tuple[int, ...]:
    """Return the shape of which every entry chooses its own piece."""
    if not claim.elementwise:
        return ()
    if not shapes:
        found = [
            np.shape(row) if _is_truth(row) else row.shape for rows in pieces for row in rows if _is_row(row)
        ]
        return min(found, key=len, default=())
    if len(set(shapes)) > 1:
        raise BadData(
            f"the outputs of claim {claim.title!r} have different shapes {shapes}: set elementwise=False"
        )
    return shapes[0]


def _is_truth(row: Any) -> bool:
    return isinstance(row, (bool, np.bool_)) or (isinstance(row, np.ndarray) and row.dtype == bool)


def _is_row(row: Any) -> bool:
    return _is_truth(row) or isinstance(row, Rows)


def _by_entry(claim: Claim, rows: list[Any], shape: tuple[int, ...], atoms: Atoms) -> list[tuple[Line, ...]]:
    """Return the rows of one piece, entry by entry of the shape."""
    size = int(np.prod(shape, dtype=int))
    found: list[list[Line]] = [[] for _ in range(size)]
    for row in rows:
        if not _is_row(row):
            raise BadData(
                f"a piece of claim {claim.title!r} holds a {type(row).__name__}: write rows with <=, >= or =="
            )
        if _is_truth(row):
            truth = np.asarray(row)
            row = _truth_rows(np.broadcast_to(truth, shape) if truth.ndim == 0 else truth)
        if shape and row.shape[-len(shape) :] != shape:
            raise BadData(
                f"a row of shape {row.shape} in a piece of claim {claim.title!r} does not fit entries of "
                f"shape {shape}: match its trailing axes, or set elementwise=False"
            )
        for k, line in enumerate(rational_rows(row, atoms)):
            if line is not None:
                found[k % size].append(line)
    return [tuple(lines) for lines in found]


def _truth_rows(truth: Mask) -> Rows:
    """Return rows 0 <= 0 where true and 0 <= -1 where false."""
    body = broadcast_to(0.0, truth.shape)
    return Rows(body, np.full(truth.shape, -np.inf), np.where(truth, 0.0, -1.0))


def exact(value: float) -> Fraction | None:
    """Return a number as its shortest decimal, None for an infinity."""
    return as_decimal(float(value)) if np.isfinite(value) else None


def rational_rows(rows: Rows, atoms: Atoms) -> list[Line | None]:
    """Return rows in rationals, in row-major order; None for one that is always true."""
    body = rows.body
    curved: list[Row] = [{}] * rows.body.size
    if isinstance(body, Quadratic):
        curved = [atoms.terms(form_polynomial(forms)) for forms in body.forms]
    constant = body.affine.constant.ravel()
    lower, upper = rows.lower.ravel() - constant, rows.upper.ravel() - constant
    terms = rational_terms(body.affine.matrix)
    found: list[Line | None] = []
    for straight, atom, low, high in zip(terms, curved, lower.tolist(), upper.tolist(), strict=True):
        row = {**straight, **atom}
        line = Line(row, exact(low), exact(high))
        held = not row and (line.low is None or line.low <= 0) and (line.high is None or line.high >= 0)
        found.append(None if held else line)
    return found


def rational_terms(matrix: Any) -> list[Row]:
    """Return the rows of a sparse matrix in rationals, equal terms merged as the model merges them."""
    merged = sparse.csr_array(matrix, copy=True)
    merged.sum_duplicates()
    merged.eliminate_zeros()
    found: list[Row] = []
    indices, data, pointer = merged.indices.tolist(), merged.data.tolist(), merged.indptr.tolist()
    for a, b in pairwise(pointer):
        row: dict[int, Fraction] = {}
        for j, value in zip(indices[a:b], data[a:b], strict=True):
            row[j] = as_decimal(value)
        found.append(row)
    return found


def form_polynomial(forms: Iterable[Form]) -> dict[tuple[int, int], Fraction]:
    """Return the sum of forms in rationals, its numbers read as decimals."""
    found: dict[tuple[int, int], Fraction] = {}
    for form in forms:
        columns = form.columns.tolist()
        for i, row in zip(columns, form.matrix.tolist(), strict=True):
            for j, value in zip(columns, row, strict=True):
                if value:
                    key = (min(i, j), max(i, j))
                    found[key] = found.get(key, Fraction(0)) + as_decimal(value)
    return found
