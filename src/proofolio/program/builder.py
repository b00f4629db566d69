"""The builder of programs: variables, bounds of expressions, rows, cones, and the objective."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple, Protocol

import numpy as np
from numpy.typing import ArrayLike
from scipy import sparse

from proofolio.arrays import Floats, Mask
from proofolio.errors import BadData, ContradictoryRows, UnboundedExpression
from proofolio.program.assembly import (
    ConeRows,
    ImpliedRows,
    LinearRows,
    indicators,
    merged,
    objective_arrays,
    quadratic_rows,
    stacked,
    stacked_cones,
)
from proofolio.program.decimals import plus
from proofolio.program.expression import (
    Expression,
    Rows,
    as_expression,
    broadcast_to,
    common_shape,
    concatenate,
)
from proofolio.program.interval import affine_bounds, quadratic_bounds
from proofolio.program.program import (
    Block,
    Program,
    RowBlock,
    SpecialOrderedSet,
    Switch,
)
from proofolio.program.quadratic import Form, Quadratic, quadratic_form

__all__ = ["CONSTANT_ROW_TOLERANCE", "Bounder", "Bounds", "Builder", "MChecker"]


class Bounds(NamedTuple):
    """Lower and upper bounds of an expression, each of the expression's shape."""

    lower: Floats
    upper: Floats


class MChecker(Protocol):
    """What decides whether an M that a user gave is enough; `proofolio.verification.big_m.given.check_big_m` is one."""

    def __call__(
        self,
        model: Builder,
        name: str,
        body: Expression | Quadratic,
        big_m: ArrayLike,
        /,
        *,
        binary: Expression | None = None,
        off: int = 0,
        spread: ArrayLike = 0.0,
        rounding: ArrayLike = 0.0,
        keep: bool = False,
        signed: bool = False,
    ) -> Floats:
        """Return the M to use in rows ``body + spread <= M (while the binary is at off)``, or raise.

        So much of the spread as is rounding of the body's own numbers an M may lack.
        """


Bounder = Callable[..., Bounds]  # (model, e), and (model, e, binary, off) for rows that a binary switches
# A row without variables is false beyond this, relative to its constant: sums of data that should cancel do so only
# up to rounding, and solvers accept a row that is off by 1e-9 to 1e-6.
CONSTANT_ROW_TOLERANCE = 1e-9


class Builder:
    """A mixed-integer program under construction; `proofolio.Model` is this with tiers of bounds plugged in.

    Parameters
    ----------
    name : str
        The program's name.
    bounders : mapping from tier to function, optional
        Sharper bounds than the interval rule, asked for by tier name (``"lp"``, ``"mip"``).
    m_checker : function, optional
        Checks the numbers a user gives for M against what the model allows; without one they are used as
        they stand.

    Attributes
    ----------
    proofs : list
        What bounders and the checker of given M left about the bounds they gave, in the order they were asked.

    Examples
    --------
    >>> model = Builder()
    >>> w = model.variable("w", 2, lower=0, upper=1)
    >>> model.add("budget", w.sum() == 1)
    >>> model.minimise(model.quadratic([[2, 0], [0, 1]], w))
    >>> program = model.freeze()
    >>> program.column_names, program.row_names
    (('w[0]', 'w[1]'), ('budget',))
    """

    def __init__(
        self,
        name: str = "program",
        bounders: Mapping[str, Bounder] | None = None,
        m_checker: MChecker | None = None,
    ) -> None:
        self.name = name
        self.bounders = dict(bounders or {})
        self.m_checker = m_checker
        self.proofs: list[Any] = []
        self._variables: list[Block] = []
        self._names: set[str] = set()
        self._arrays: set[str] = set()
        self._containers: set[str] = set()
        self._lower: list[Floats] = []
        self._upper: list[Floats] = []
        self._integer: list[Mask] = []
        self._box: tuple[Floats, Floats] | None = None
        self._linear: list[LinearRows] = []
        self._quadratic: list[tuple[LinearRows, tuple[tuple[Form, ...], ...]]] = []
        self._cones: list[ConeRows] = []
        self._indicators: list[ImpliedRows] = []
        self._sos: list[SpecialOrderedSet] = []
        self._objective: Quadratic | Expression = as_expression(0.0)
        self._maximise = False
        self._n = 0

    def __repr__(self) -> str:
        rows = sum(len(part.lower) for part in self._linear)
        kinds = {
            "integer": sum(int(part.sum()) for part in self._integer),
            "quadratic blocks": len(self._quadratic),
            "cone blocks": len(self._cones),
            "indicator blocks": len(self._indicators),
        }
        more = "".join(f", {count} {kind}" for kind, count in kinds.items() if count)
        return f"{type(self).__name__}({self.name!r}, {self.n} columns, {rows} linear rows{more})"

    # -------------------------------------------------------------- variables
    @property
    def n(self) -> int:
        """The number of columns so far."""
        return self._n

    def variable(
        self,
        name: str,
        shape: int | tuple[int, ...] = (),
        lower: ArrayLike = -np.inf,
        upper: ArrayLike = np.inf,
        binary: bool = False,
        integer: bool = False,
    ) -> Expression:
        """Add an array of variables and return it as an expression.

        Parameters
        ----------
        name : str
            Unique among the model's variables; elements are called ``name[i,t]``.
        shape : int or tuple of int
        lower, upper : array_like
            Bounds, broadcast to the shape; infinite where there is none.
        binary, integer : bool
            Binary means integer within [0, 1].

        Raises
        ------
        BadData
            For a name in use, NaN bounds, bounds that do not broadcast or that cross.
        """
        shape = (shape,) if isinstance(shape, (int, np.integer)) else tuple(shape)
        low, high = self._bound(name, "lower", lower, shape), self._bound(name, "upper", upper, shape)
        if binary:
            low, high = np.maximum(low, 0.0), np.minimum(high, 1.0)
        if binary or integer:
            low, high = np.ceil(low), np.floor(high)
        if np.any(low > high) or np.any(low == np.inf) or np.any(high == -np.inf):
            where = np.unravel_index(
                int(np.argmax((low > high) | (low == np.inf) | (high == -np.inf))), shape
            )
            raise BadData(f"variable {name!r} has no value between its bounds at {tuple(map(int, where))}")
        self._claim_elements(name, shape)
        self._claim_name(name)
        block = Block(name, shape, self._n)
        self._variables.append(block)
        self._lower.append(low.ravel())
        self._upper.append(high.ravel())
        self._integer.append(np.full(block.size, binary or integer))
        self._box = None
        self._n += block.size
        columns = block.start + np.arange(block.size, dtype=np.int32)
        matrix = sparse.csr_array(
            (np.ones(block.size), columns, np.arange(block.size + 1, dtype=np.int32)),
            shape=(block.size, self._n),
        )
        return Expression(matrix, np.zeros(shape), self)

    def _claim_name(self, name: str) -> None:
        if not name or name in self._names:
            raise BadData(
                f"the name {name!r} is {'taken' if name else 'empty'}: give every variable and row its own"
            )
        self._names.add(name)

    def _claim_elements(self, name: str, shape: tuple[int, ...]) -> None:
        """Refuse a scalar that reads as an element of an array of variables, and the other way round."""
        container = name.partition("[")[0]
        if name in self._containers if shape else container != name and container in self._arrays:
            raise BadData(f"{name!r} would share the name of an element with another variable: rename one")
        if shape:
            self._arrays.add(name)
        elif container != name:
            self._containers.add(container)

    @staticmethod
    def _bound(name: str, side: str, value: ArrayLike, shape: tuple[int, ...]) -> Floats:
        try:
            bound = np.broadcast_to(np.asarray(value, dtype=float), shape).copy()
        except (TypeError, ValueError):
            raise BadData(
                f"{side} bound of {name!r} has shape {np.shape(value)}; it must broadcast to {shape}"
            ) from None
        if np.any(np.isnan(bound)):
            raise BadData(f"{side} bound of {name!r} holds NaN: use -inf or inf where there is no bound")
        return bound

    @property
    def box(self) -> tuple[Floats, Floats]:
        """Lower and upper bounds of all columns so far."""
        if self._box is None:
            self._box = (
                np.concatenate([np.empty(0), *self._lower]),
                np.concatenate([np.empty(0), *self._upper]),
            )
        return self._box

    def interval(self, e: Any) -> Bounds:
        """Bound an expression by the interval rule; infinite where the variables' bounds say nothing."""
        lower, upper = self.box
        body = e if isinstance(e, Quadratic) else as_expression(e)
        self._check_owner("an expression to bound", body.owner)
        matrix = merged(body.affine.matrix)
        low, high = affine_bounds(matrix, body.affine.constant.ravel(), lower, upper)
        if isinstance(body, Quadratic):
            for k, forms in enumerate(body.forms):
                a, b = quadratic_bounds(forms, lower, upper)
                low[k], high[k] = np.nextafter(low[k] + a, -np.inf), np.nextafter(high[k] + b, np.inf)
        return Bounds(low.reshape(body.shape), high.reshape(body.shape))

    def bounds(
        self, e: Any, tier: str = "interval", side: str = "both", binary: Any = None, off: int = 0
    ) -> Bounds:
        """Bound an expression over what the model knows of its variables, rounded outward.

        Parameters
        ----------
        e : Expression, Quadratic or array_like
        tier : str
            ``"interval"``, or the name of a bounder the model was given.
        side : {"both", "lower", "upper"}
            Which side must be finite.
        binary : Expression, optional
            Of the shape of e: the bounds need to hold only where it is at `off`. Intervals do not use it.
        off : int

        Raises
        ------
        UnboundedExpression
            When a bound asked for is infinite; the text names the variables that need one.
        BadData
            For a tier that the builder has no bounder for.
        """
        if tier == "interval":
            found = self.interval(e)
        elif tier in self.bounders:
            body = e if isinstance(e, Quadratic) else as_expression(e)
            held = () if binary is None else (binary, off)
            found = self.bounders[tier](self, body, *held)
        else:
            known = ", ".join(["interval", *self.bounders])
            raise BadData(f"no bounder for tier {tier!r} is plugged into this model: it has {known}")
        asked = {"lower": [found.lower], "upper": [found.upper]}.get(side, list(found))
        if not all(np.all(np.isfinite(bound)) for bound in asked):
            raise UnboundedExpression(self._unbounded_message(e))
        return found

    def _unbounded_message(self, e: Any) -> str:
        affine = e.affine if isinstance(e, Quadratic) else as_expression(e)
        forms = [f.columns for entry in e.forms for f in entry] if isinstance(e, Quadratic) else []
        columns = np.unique(np.concatenate([merged(affine.matrix).indices, *forms]).astype(int))
        lower, upper = self.box
        open_ended = columns[~(np.isfinite(lower[columns]) & np.isfinite(upper[columns]))]
        names = [self.column_name(j) for j in open_ended[:5]] + (["..."] if open_ended.size > 5 else [])
        if not names:
            return "no finite bound: the variables are bounded, but the expression reaches beyond 1e308"
        return f"no finite bound: give finite bounds to {', '.join(names)}"

    def column_name(self, column: int) -> str:
        """Return the name of one column."""
        block = next(b for b in reversed(self._variables) if b.start <= column)
        return list(block.element_names())[column - block.start]

    # ------------------------------------------------------------------- rows
    def add(self, name: str, rows: Any, switch: Switch | None = None) -> None:
        """Add rows, one for each entry; rows without variables are decided at once.

        Parameters
        ----------
        name : str
            Unique among the model's rows and variables; elements are called ``name[r,t]``.
        rows : Rows
            What ``<=``, ``>=``, ``==`` or `between` made (or a plain truth value).
        switch : Switch, optional
            What the rows are for, when a binary switches them (see `switch`).

        Raises
        ------
        ContradictoryRows
            When a row without variables is false.
        BadData
            For NaN or infinities, a name in use, or something that is not rows.
        """
        if isinstance(rows, (bool, np.bool_, np.ndarray)) and np.asarray(rows).dtype == bool:
            if not np.all(rows):
                raise ContradictoryRows(f"row {name!r} has no variables and is false as written")
            self._claim_name(name)
            return
        if not isinstance(rows, Rows):
            raise BadData(f"row {name!r} is a {type(rows).__name__}: write it with <=, >= or ==")
        self._check_owner(name, rows.body.owner)
        if isinstance(rows.body, Quadratic):
            if any(np.any(form.matrix) for forms in rows.body.forms for form in forms):
                linear = self._linear_rows(name, rows.body.affine, rows, switch, keep_all=True)
                self._claim_name(name)
                self._quadratic.append((linear, rows.body.forms))
                return
            rows = Rows(rows.body.affine, rows.lower, rows.upper)
        linear = self._linear_rows(name, rows.body, rows, switch)
        self._claim_name(name)
        if linear.block.size:
            self._linear.append(linear)

    def _check_owner(self, name: str, owner: object | None) -> None:
        if owner is not None and owner is not self:
            raise BadData(f"{name!r} uses variables of another model")

    def _linear_rows(
        self, name: str, body: Any, rows: Rows, switch: Switch | None, keep_all: bool = False
    ) -> LinearRows:
        matrix = merged(body.matrix)
        constant = body.constant.ravel()
        if not (np.all(np.isfinite(matrix.data)) and np.all(np.isfinite(constant))):
            raise BadData(f"row {name!r} holds NaN or an infinite coefficient")
        lower, upper = rows.lower.ravel(), rows.upper.ravel()
        free = (np.diff(matrix.indptr) == 0) & (not keep_all)
        slack = CONSTANT_ROW_TOLERANCE * np.maximum(1.0, np.abs(constant))
        false = free & ((constant < lower - slack) | (constant > upper + slack))
        if np.any(false):
            at = tuple(int(i) for i in np.unravel_index(int(np.argmax(false)), body.shape))
            raise ContradictoryRows(f"row {name!r} has no variables at {at} and is false as written")
        keep = np.flatnonzero(~free)
        if keep.size < free.size:
            matrix = matrix[keep]
            switch = None if switch is None else switch.take(keep)
        block = RowBlock(name, body.shape, 0, keep, switch)
        shift = -constant[keep]
        return LinearRows(block, matrix, plus(lower[keep], shift), plus(upper[keep], shift))

    def switch(
        self, construct: str, binary: Any, on: int, big_m: ArrayLike, tier: str, shape: tuple[int, ...]
    ) -> Switch | None:
        """Describe Big-M rows of a shape: they must hold where the binary equals `on`.

        `binary` broadcasts to the shape and each entry is one variable, or one minus one; None is returned
        when an entry is anything else, since then no single binary switches the row.
        """
        wide = broadcast_to(binary, shape)
        matrix = merged(wide.matrix)
        constant = wide.constant.ravel()
        if matrix.nnz != wide.size or np.any(np.diff(matrix.indptr) != 1):
            return None
        straight = (matrix.data == 1.0) & (constant == 0.0)
        turned = (matrix.data == -1.0) & (constant == 1.0)
        if not np.all(straight | turned):
            return None
        value = np.where(straight, on, 1 - on).astype(np.intp)
        M = np.broadcast_to(np.asarray(big_m, dtype=float), shape).ravel().copy()
        return Switch(construct, matrix.indices.astype(np.intp), value, M, tier)

    def check_binary(self, what: str, e: Any) -> None:
        """Raise `BadData` unless each entry is a binary variable, one minus one, or the number 0 or 1."""
        body = as_expression(e)
        self._check_owner(what, body.owner)
        matrix, constant = merged(body.matrix), body.constant.ravel()
        count = np.diff(matrix.indptr)
        direction: Floats = np.asarray(matrix.sum(axis=1)).ravel()
        good = (count == 0) | ((count == 1) & (direction == 1.0 - 2.0 * constant))
        good &= np.isin(constant, (0.0, 1.0))
        if not (np.all(good) and np.all(self._is_binary(matrix.indices))):
            raise BadData(f"{what} must be binary: a variable made with binary=True, or one minus one")

    def quadratic(self, Q: ArrayLike, w: Any) -> Quadratic:
        """Return w'Qw over the last axis of w; Q is one symmetric matrix or one for each entry."""
        return quadratic_form(Q, as_expression(w))

    def cone(self, name: str, Y: Any, t: Any, z: Any = 1.0) -> None:
        """Add rotated cones ``sum_k Y[..., k]^2 <= t z`` with t, z >= 0.

        Parameters
        ----------
        Y : Expression, shape (..., k)
        t, z : Expression or number
            Broadcast to the leading shape of Y.
        """
        inner = as_expression(Y)
        if inner.ndim < 1:
            raise BadData(f"cone {name!r}: Y needs a last axis, the vector whose squares are summed")
        shape = common_shape(inner.shape[:-1], as_expression(t).shape, as_expression(z).shape)
        k = inner.shape[-1]
        members = concatenate(
            [
                broadcast_to(t, shape).reshape((*shape, 1)),
                broadcast_to(z, shape).reshape((*shape, 1)),
                broadcast_to(inner, (*shape, k)),
            ],
            axis=-1,
        )
        self._check_owner(name, members.owner)
        self._claim_name(name)
        count = int(np.prod(shape, dtype=int))
        block = RowBlock(name, shape, 0, np.arange(count))
        lengths = np.full(count, k + 2, dtype=np.intp)
        self._cones.append(ConeRows(block, merged(members.matrix), members.constant.ravel(), lengths))

    def indicator(self, name: str, binary: Any, rows: Any, when: int = 1) -> None:
        """Add native implications ``binary = when  =>  rows``; the binary broadcasts to the rows' shape."""
        if not isinstance(rows, Rows) or isinstance(rows.body, Quadratic):
            raise BadData(f"indicator {name!r}: only affine rows, written with <=, >= or ==, can be implied")
        if when not in (0, 1):
            raise BadData(f"when is {when!r}; it must be 1 or 0")
        self._check_owner(name, rows.body.owner)
        self._check_owner(name, as_expression(binary).owner)
        found = self.switch("indicator", binary, when, 0.0, "native", rows.shape)
        if found is None or not np.all(self._is_binary(found.binary)):
            raise BadData(f"indicator {name!r}: each switch must be one binary variable, or one minus one")
        linear = self._linear_rows(name, rows.body, rows, None, keep_all=True)
        self._claim_name(name)
        self._indicators.append(ImpliedRows(linear, found.binary, found.on))

    def _is_binary(self, columns: Any) -> Mask:
        lower, upper = self.box
        integer = np.concatenate([np.empty(0, bool), *self._integer])
        return np.asarray(integer[columns] & (lower[columns] >= 0) & (upper[columns] <= 1))

    def sos1(self, name: str, group: Any, weights: ArrayLike | None = None) -> None:
        """Let at most one of the variables in a group be nonzero."""
        self._add_sos(name, 1, group, weights)

    def sos2(self, name: str, group: Any, weights: ArrayLike | None = None) -> None:
        """Let at most two variables, neighbours in weight order, be nonzero."""
        self._add_sos(name, 2, group, weights)

    def _add_sos(self, name: str, kind: int, group: Any, weights: ArrayLike | None) -> None:
        members = as_expression(group).ravel()
        self._check_owner(name, members.owner)
        matrix = merged(members.matrix)
        if np.any(np.diff(matrix.indptr) != 1) or np.any(matrix.data != 1.0) or np.any(members.constant):
            raise BadData(f"special ordered set {name!r}: its members must be variables")
        order = np.arange(1.0, members.size + 1) if weights is None else np.asarray(weights, dtype=float)
        if order.shape != (members.size,) or np.unique(order).size < order.size:
            raise BadData(f"special ordered set {name!r}: weights must be {members.size} different numbers")
        self._claim_name(name)
        self._sos.append(SpecialOrderedSet(name, kind, matrix.indices.astype(np.intp), order))

    # -------------------------------------------------------------- objective
    def minimise(self, objective: Any) -> None:
        """Set the objective: an affine or quadratic expression with one entry."""
        body = objective if isinstance(objective, Quadratic) else as_expression(objective)
        if body.size != 1:
            raise BadData(f"the objective has shape {body.shape}; it must be one number: sum it")
        self._check_owner("objective", body.owner)
        self._objective, self._maximise = body, False

    def maximise(self, objective: Any) -> None:
        """Set an objective to be maximised."""
        self.minimise(-objective)
        self._maximise = True

    # ----------------------------------------------------------------- freeze
    def copy(self) -> Builder:
        """Return a plain builder that holds the same so far; what either adds from now on is its own.

        Expressions of this model become the copy's with `Expression(e.matrix, e.constant, copy)`. The list of
        proofs is shared.
        """
        other = Builder(self.name, self.bounders, self.m_checker)
        for field, value in vars(self).items():
            if field in vars(other) and field.startswith("_"):
                setattr(other, field, value.copy() if isinstance(value, (list, set)) else value)
        other.proofs = self.proofs
        return other

    def freeze(self) -> Program:
        """Return the program as it stands; the builder can be built on."""
        lower, upper = self.box
        A, row_lower, row_upper, rows = stacked(self._linear, self._n)
        P, q, c = objective_arrays(self._objective, self._n)
        return Program(
            P=P,
            q=q,
            c=c,
            A=A,
            row_lower=row_lower,
            row_upper=row_upper,
            lower=lower.copy(),
            upper=upper.copy(),
            integer=np.concatenate([np.empty(0, bool), *self._integer]),
            variables=tuple(self._variables),
            rows=rows,
            quadratic=quadratic_rows(self._quadratic, self._n),
            cones=stacked_cones(self._cones, self._n),
            indicators=indicators(self._indicators, self._n),
            sos=tuple(self._sos),
            maximise=self._maximise,
            name=self.name,
        )
