r"""Tightening loose Big-M rows to the M that was proved to be enough.

A loose side :math:`\mathrm{body} + d y \le \mathrm{rhs}` becomes, with M' the proved bound rounded outward,

.. math:: \mathrm{body} + \mathrm{sign}(d) M' y \le \mathrm{tight} + \max(0, \mathrm{sign}(d) M')

which says the same while y is on and is implied by the rest while it is off. A redundant or dead row is lowered like
a loose one: that its integer points do not need it says nothing of its M, which weakens the relaxation and leaks.

All rows can change at once, those that make each other redundant too. Let F be the feasible set, and F' that of the
new rows. F' lies in F: each new row says the same with y on, and asks for more with y off, since M' < M. F lies in F':
take a point of F and a row that changes. With y on nothing changed. With y off the point is one of the set R over
which M' was proved to be enough, since R is the model as it was without this side, and a point of F satisfies all of
that; so it satisfies the new side. No proof uses a row as it will be, and none is circular. (Where a new side is no
double it is rounded outward, and gives way by one unit in its last place.)

Rows with two finite sides share one coefficient between them and stay as they are, and so do quadratic rows. An M that
is too small stays too, unless a repair is asked for (`repairing`): the M's of the others are proved over what such a
row leaves, so that they have to be audited again once it is put right.
"""

from __future__ import annotations

import dataclasses
import warnings
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from scipy import sparse

from proofolio.brief import first_few
from proofolio.errors import BadData, ContradictoryRows, UnprovenBigM, UnsupportedProgram
from proofolio.interfaces.files.names import map_path
from proofolio.interfaces.opening import Opened, open_model
from proofolio.program.program import Program
from proofolio.solvers.solution import Solution
from proofolio.verification.audit.auditing import Audit, audit
from proofolio.verification.audit.repairing import repaired
from proofolio.verification.audit.rewriting import TightenedRow, changed_row, rebuilt, written_alone
from proofolio.verification.audit.verdicts import is_larger, judge
from proofolio.verification.solving import solve

__all__ = ["Confirmation", "TightenedRow", "confirm", "require_other_file", "tighten", "tightened"]


SETTLED = ("certified-optimal", "verified-optimal", "infeasible", "unbounded")
SAME = 1e-6  # relative difference up to which two optima are the same


@dataclass(frozen=True, eq=False)
class Confirmation:
    """The model solved before and after: the optimum must not change.

    Both answers are to be certified or corroborated: that two runs of one solver agree says nothing.
    """

    before: Solution
    after: Solution

    @property
    def equal(self) -> bool:
        """Whether both solves end alike, with optima within 1e-6 relative or the gaps they were solved to."""
        a, b = self.before.objective, self.after.objective
        if a is None or b is None:
            return self.before.status == self.after.status
        gaps = sum(gap * abs(v) for gap, v in ((self.before.gap, a), (self.after.gap, b)) if np.isfinite(gap))
        return abs(a - b) <= SAME * max(abs(a), abs(b)) + gaps

    @property
    def settled(self) -> bool:
        """Whether both answers rest on more than one solver's word."""
        return self.before.status in SETTLED and self.after.status in SETTLED

    @property
    def same(self) -> bool | None:
        """Whether the optimum is unchanged; None where an answer is one solver's word."""
        return self.equal if self.settled else None

    @property
    def faster(self) -> float:
        """Seconds before over seconds after."""
        return self.before.seconds / max(self.after.seconds, 1e-9)


def tighten(
    model: Any,
    *,
    out: str | Path | None = None,
    in_place: bool = False,
    found: Audit | None = None,
    repair: bool = False,
    **options: Any,
) -> Any:
    """Lower every M that is larger than needed to one that was proved to be enough, in exact arithmetic.

    These are the M's of loose rows, and those of redundant and dead rows that are over 1.01 times what is needed. The
    feasible set stays as it is, whatever number of rows change: a new M is enough for every feasible point of the
    model, and it is smaller. An M that is too small (``invalid``) is left as it is unless `repair` is set: put it
    right first, since the M's of other rows are judged beside it.

    Parameters
    ----------
    model : Program, Model, pyomo model, cvxpy.Problem, str or Path
    out : str or Path, optional
        Model file to be written as well, whole or not at all.
    in_place : bool
        Whether `out` may be the file that the model is read from.
    found : Audit, optional
        An audit of this very model; without one it is made, with `options`.
    repair : bool
        Whether the M's of invalid rows are raised to what is proved to be enough, before others are lowered: see
        `proofolio.verification.audit.repairing`. Points that such a row had cut off are feasible then.

    Returns
    -------
    Program, pyomo model or cvxpy.Problem
        A new Program for a Program, a builder or a file; the same Pyomo model, changed in place (the changed
        constraints hold numbers where they held Params); a CVXPY problem built anew, with the names of the
        matrix form.

    Raises
    ------
    BadData
        For something that is no model, a row that cannot be found again in a Pyomo model, an `out` that would
        overwrite the model that is read, a CVXPY problem with Parameters (which would keep their present values for
        good), an audit that takes the values of fixed Pyomo variables for bounds, or an invalid row that cannot be
        repaired.

    Warns
    -----
    UnprovenBigM
        For a Pyomo model with mutable Params: the new M's are proved for their present values. After a repair, for
        declared rows of which it is not known whether their M is enough now.

    Notes
    -----
    A fixed Pyomo variable may be unfixed later, so that it counts with its declared bounds, not with its value.
    """
    if out is not None and not in_place and isinstance(model, (str, Path)):
        require_other_file(model, out)
    opened = open_model(model) if found is None else found.opened
    if found is not None and opened.native is not model and opened is not model:
        raise BadData("the audit given is of another model: audit this one, or leave it out")
    if found is not None and not _same_rows(open_model(model).program, found.opened.program):
        raise BadData("the model has changed since the audit given: audit it again, or leave the audit out")
    fixed, params = opened.passing
    if fixed and found is not None:
        raise BadData(
            f"the audit given takes the values of fixed variables ({_few(fixed)}) for bounds, and its M's may cut once "
            "they are free: leave it out, and their declared bounds count"
        )
    if params and opened.kind == "cvxpy":
        raise BadData(
            f"the problem has Parameters ({_few(params)}), and a tightened one would keep their present values for "
            "good: write the numbers in their place first"
        )
    if fixed:
        opened = _unfixed(opened)
    found = found or audit(opened, **options)
    raised: dict[int, TightenedRow] = {}
    if repair:
        found, raised = repaired(found, **options)
        open_rows = [
            c.place.name for c, finding in found.judged if c.declared and judge(c, finding) == "undecided"
        ]
        if open_rows:
            warnings.warn(
                f"of {len(open_rows)} rows ({_few(open_rows)}) it is not known whether their M is enough after the "
                "repair: audit the new model with more time",
                UnprovenBigM,
                stacklevel=2,
            )
    program, lowered = tightened(found)
    rows = tuple((raised | {row.row: row for row in lowered}).values())
    if out is not None:
        (_held(opened, program) if fixed else program).write(out)
    if params and rows:
        warnings.warn(
            f"{len(rows)} new M's are proved for the present values of Params ({_few(params)}) only: after a change "
            "of one, make the model anew and tighten that",
            UnprovenBigM,
            stacklevel=2,
        )
    if opened.kind == "pyomo":
        _in_place(opened, program, rows)
        return opened.native
    return program.to_cvxpy() if opened.kind == "cvxpy" else program


def _same_rows(one: Any, other: Any) -> bool:
    """Whether two programs, or parts of them, have the same columns and rows, whatever they minimise."""
    if isinstance(one, Program):
        left_out = {"P", "q", "c", "maximise", "name"}
        names = [f.name for f in dataclasses.fields(one) if f.name not in left_out]
        return all(_same_rows(getattr(one, name), getattr(other, name)) for name in names)
    if type(one) is not type(other):
        return False
    if isinstance(one, (sparse.csr_array, sparse.csc_array)):
        return all(
            np.array_equal(getattr(one, k), getattr(other, k)) for k in ("shape", "data", "indices", "indptr")
        )
    if isinstance(one, np.ndarray):
        return np.array_equal(one, other)
    if isinstance(one, tuple):
        return len(one) == len(other) and all(map(_same_rows, one, other))
    if dataclasses.is_dataclass(one):
        return all(_same_rows(getattr(one, f.name), getattr(other, f.name)) for f in dataclasses.fields(one))
    return bool(one == other)


def _few(names: Iterable[str]) -> str:
    return first_few(map(repr, names))


def _unfixed(opened: Opened) -> Opened:
    """Open a Pyomo model again with the declared bounds of its fixed variables."""
    from proofolio.interfaces.pyomo.reading import (
        fixed_variables,
        read_unfixed,
    )  # heavy: only for Pyomo models

    held = fixed_variables(opened.native)
    try:
        found = read_unfixed(opened.native, held)
    except (BadData, UnsupportedProgram, ContradictoryRows) as error:
        raise BadData(
            f"a tightened model has to hold once its fixed variables ({_few(v.name for v in held)}) are free, and "
            f"then {error}; or put a Param in the place of such a variable"
        ) from None
    return dataclasses.replace(opened, program=found.program, variables=found.variables, load=found.load)


def _held(opened: Opened, program: Program) -> Program:
    """Return a program with the fixed Pyomo variables of a model held at their values."""
    lower, upper = program.lower.copy(), program.upper.copy()
    for j, variable in enumerate(opened.variables):
        if variable.fixed:
            lower[j] = upper[j] = round(variable.value) if program.integer[j] else variable.value
    return dataclasses.replace(program, lower=lower, upper=upper)


def require_other_file(model: str | Path, out: str | Path) -> None:
    """Refuse to overwrite the model that is read, or the map of its names.

    Raises
    ------
    BadData
        When they are one file, whatever they are called.
    """
    source, target = Path(model), Path(out)
    read = {file.resolve() for file in (source, map_path(source)) if file.exists()}
    if read & {target.resolve(), map_path(target).resolve()}:
        raise BadData(
            f"{target} would overwrite the model that is read: give another name, or allow it (in_place, --in-place)"
        )


def tightened(found: Audit) -> tuple[Program, tuple[TightenedRow, ...]]:
    """Return the program of an audit with the M's lowered that are larger than needed, and which rows changed."""
    program = found.opened.program
    rows: dict[int, TightenedRow] = {}
    for candidate, finding in found.judged:
        place = candidate.place
        if place.row in rows or not written_alone(program, candidate) or not is_larger(candidate, finding):
            continue  # of two binaries in one row only the first changes: the other was judged beside it
        changed = changed_row(candidate, finding)
        if changed is not None:
            rows[place.row] = changed
    return rebuilt(program, rows), tuple(rows.values())


def _in_place(opened: Opened, program: Program, rows: tuple[TightenedRow, ...]) -> None:
    import pyomo.environ as pyo  # heavy: only for Pyomo models

    from proofolio.interfaces.pyomo.writing import affine_terms, native_sum

    model = opened.native
    active = model.component_data_objects(pyo.Constraint, active=True, descend_into=pyo.Block)
    constraints = {c.name: c for c in active}
    lost = [row.name for row in rows if row.name not in constraints]
    if lost:
        raise BadData(
            f"row {lost[0]!r} is no constraint of the Pyomo model: tighten a copy read from a file instead"
        )
    for row in rows:
        body = native_sum(affine_terms(program.A, row.row, opened.variables), 0.0)
        limit = row.limit
        constraints[row.name].set_value((None, body, limit) if row.side == "upper" else (limit, body, None))


def confirm(before: Any, after: Any, solver: str | None = None, **settings: Any) -> Confirmation:
    """Solve two models, confirm each optimum (`proofolio.solve` with confirm="auto"), and compare them.

    A Pyomo model that will be tightened in place is given as the Program read before.

    Parameters
    ----------
    before, after : Program, Model, pyomo model, cvxpy.Problem, str or Path
    solver : str
    **settings
        As for `proofolio.solve`.
    """
    first, second = open_model(before).program, open_model(after).program
    wanted = {"confirm": "auto"} | settings
    return Confirmation(solve(first, solver, **wanted), solve(second, solver, **wanted))
