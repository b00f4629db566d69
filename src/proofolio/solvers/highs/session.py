r"""HiGHS held in one object: load a model, change it, solve it, read the answer; nothing on stdout.

Everything that asks HiGHS does it here, so the options, the words of its statuses, the limits of its coefficients,
its time limit, an interrupt and the signs of multipliers are settled once.

The model is :math:`\min q'x` over :math:`\ell \le Ax \le u` and the columns' bounds. Multipliers satisfy
:math:`q = A'y + r`: those of rows (y) and columns (r) are positive where a lower side pushes, negative at an upper
one.

What HiGHS does to the process it runs in: it writes to stdout, and swallows signals. Neither is let happen.
"""

from __future__ import annotations

import ctypes
import math
import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, nullcontext
from importlib.metadata import version
from pathlib import Path
from typing import Any

import highspy
import numpy as np
from numpy.typing import NDArray

from proofolio.arrays import Floats, Integers, Mask, Sparse
from proofolio.errors import BadData, SolverFailure
from proofolio.solvers.highs.coefficient_limits import LimitedRows, has_small, limited_rows

__all__ = ["BASIC", "UPPER", "VERSION", "Interrupts", "Progress", "Session", "new_highs"]


# what users and schedulers stop a process with
_SIGNALS = [getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGALRM") if hasattr(signal, name)]
_lock = threading.Lock()
_made: list[bool] = []  # not empty once a HiGHS object was made in this process


@contextmanager
def _silent_stdout() -> Iterator[None]:
    """Keep from stdout what a library in C writes there, past `sys.stdout`."""
    flush = ctypes.CDLL("ucrtbase" if os.name == "nt" else None).fflush
    if sys.stdout is not None:
        sys.stdout.flush()
    flush(None)
    try:
        kept = os.dup(1)
    except OSError:  # there is no stdout
        yield
        return
    try:
        with Path(os.devnull).open("wb") as nowhere:
            os.dup2(nowhere.fileno(), 1)
            yield
    finally:
        flush(None)
        os.dup2(kept, 1)
        os.close(kept)


def new_highs() -> Any:
    """Return a new HiGHS object. From 1.16 on the first of a process prints a banner before any option can be set."""
    make: Any = highspy.Highs
    with _lock:
        if not _made:
            with _silent_stdout():
                highs = make()
            _made.append(True)
            return highs
    return make()


class Interrupts:
    """What wants HiGHS to stop while it runs: signals such as Ctrl-C, and what a callback raises.

    A handler of a signal runs when Python is next let in, and that is in highspy's own code: 1.16 drops what is
    raised there. So both are noted, and acted on once HiGHS has stopped.
    """

    def __init__(self) -> None:
        self._raised: list[BaseException] = []
        self._signals: list[tuple[int, Any]] = []

    @property
    def came(self) -> bool:
        """Whether HiGHS should stop."""
        return bool(self._raised or self._signals)

    def note(self, error: BaseException) -> None:
        """Keep what a callback raised."""
        self._raised.append(error)

    @contextmanager
    def noted(self) -> Iterator[None]:
        """Note signals inside; afterwards call their handlers, and raise what callbacks raised."""
        self._raised.clear()
        self._signals.clear()
        handlers: dict[int, Any] = {}
        if threading.current_thread() is threading.main_thread():  # only there handlers run and can be set
            handlers = {number: signal.getsignal(number) for number in _SIGNALS}
            handlers = {number: handler for number, handler in handlers.items() if callable(handler)}

        def keep(number: int, frame: Any) -> None:
            self._signals.append((number, frame))

        for number in handlers:
            signal.signal(number, keep)
        try:
            yield
        finally:
            for number, handler in handlers.items():
                signal.signal(number, handler)
        for number, frame in self._signals:
            handlers[number](number, frame)
        for error in self._raised:
            raise error


VERSION = version("highspy")

_Model = highspy.HighsModelStatus
_STATUS: dict[Any, str] = {
    _Model.kOptimal: "optimal",
    _Model.kModelEmpty: "optimal",
    _Model.kInfeasible: "infeasible",
    _Model.kUnbounded: "unbounded",
    _Model.kUnboundedOrInfeasible: "either",
    _Model.kTimeLimit: "limit",
    _Model.kIterationLimit: "limit",
    _Model.kSolutionLimit: "limit",
    _Model.kObjectiveBound: "limit",
    _Model.kObjectiveTarget: "limit",
    _Model.kInterrupt: "limit",
    _Model.kMemoryLimit: "limit",
    _Model.kUnknown: "unknown",
}
_Iis = highspy.IisBoundStatus
_IIS_SIDES = {
    int(_Iis.kIisBoundStatusLower): ("lower",),
    int(_Iis.kIisBoundStatusUpper): ("upper",),
    int(_Iis.kIisBoundStatusBoxed): ("lower", "upper"),
}
_ERROR = highspy.HighsStatus.kError
_ROWWISE, _MINIMISE = int(highspy.MatrixFormat.kRowwise), int(highspy.ObjSense.kMinimize)
_FEASIBLE = 2  # HiGHS's kSolutionStatusFeasible
_POLLED = ("cbMipInterrupt", "cbSimplexInterrupt", "cbIpmInterrupt")
BASIC, UPPER = highspy.HighsBasisStatus.kBasic, highspy.HighsBasisStatus.kUpper

EVERY = 0.1  # seconds between two reports of progress
LEAST_SECONDS = 1e-3  # a time limit of zero would mean none to HiGHS
# Of the terms of a bound: more than the sums of 1e4 of them are rounded by.
ROUNDING = 1e-12
# A column without the side its multiplier asks for is taken to stay within so many times its size.
REACH = 10.0

Progress = Callable[[float, float | None, float | None], None]


class Session:
    """One model in HiGHS's memory, solved again from the last basis after every change.

    Parameters
    ----------
    options : mapping, optional
        HiGHS's own options; an unknown one, or a value it does not take, is refused.
    seed, threads : int
        More threads than there are processors hang HiGHS: it is given no more.

    Raises
    ------
    BadData
        For an option HiGHS does not have, or a value it does not take.
    """

    def __init__(self, options: Mapping[str, Any] | None = None, *, seed: int = 0, threads: int = 1) -> None:
        self._highs = new_highs()
        self._presolve: Any = "choose"
        self._highs.setOptionValue("output_flag", False)
        self._highs.setOptionValue("threads", min(threads, os.cpu_count() or 1))
        self._highs.setOptionValue("random_seed", seed % 2**31)
        self.configure(options or {})
        self._smallest = float(self._highs.getOptionValue("small_matrix_value")[1])
        self._limits: LimitedRows | None = None  # None while every row is as it was given
        self._low, self._high = np.empty(0), np.empty(0)  # the sides that HiGHS has
        self._found: Any = None
        self._timed = self._mixed = False
        self._interrupts = Interrupts()
        self._interruptible = False

    def configure(self, options: Mapping[str, Any]) -> None:
        """Set options by HiGHS's own names."""
        for name, value in options.items():
            if self._highs.getOptionType(name)[0] == _ERROR:
                raise BadData(f"HiGHS has no option named {name!r}: its documentation lists them all")
            try:
                taken = self._highs.setOptionValue(name, value) != _ERROR
            except TypeError:
                taken = False
            if not taken:
                raise BadData(f"HiGHS does not take {value!r} as the value of its option {name!r}")
        self._presolve = options.get("presolve", self._presolve)

    # -------------------------------------------------------------- the model
    def load(
        self,
        cost: Floats,
        box: tuple[Floats, Floats],
        matrix: Sparse,
        sides: tuple[Floats, Floats],
        integer: Mask | None = None,
        offset: float = 0.0,
    ) -> None:
        """Replace the model; rows with coefficients that HiGHS would drop are scaled, or made a little looser.

        Parameters
        ----------
        cost : ndarray, shape (n,)
        box : (ndarray, ndarray), shape (n,)
            Bounds of the columns. Bounds set later should lie within: terms dropped are judged by these.
        matrix : csr_array, shape (m, n)
        sides : (ndarray, ndarray), shape (m,)
        integer : ndarray of bool, optional
        offset : float

        Raises
        ------
        SolverFailure
            When HiGHS refuses the numbers.
        """
        n, m = cost.size, matrix.shape[0]
        self._limits = self._found = None
        if has_small(matrix, self._smallest):
            rows = self._limits = limited_rows(matrix, sides, box, np.ones(m), self._smallest, math.inf)
            self._low, self._high = rows.lower, rows.upper
            entries = rows.pointer, rows.indices, rows.data
        else:
            self._low, self._high = (np.array(side, dtype=float) for side in sides)
            data = np.asarray(matrix.data, dtype=float)
            entries = matrix.indptr.astype(np.int32), matrix.indices.astype(np.int32), data
        kind = np.zeros(n, np.int32) if integer is None else integer.astype(np.int32)
        self._mixed = bool(kind.any())
        numbers = (cost, *box, self._low, self._high, *entries)
        sizes = (n, m, entries[2].size)
        done = self._highs.passModel(*sizes, _ROWWISE, _MINIMISE, offset, *numbers, kind)
        _accepted(done, "the model")

    def add_rows(
        self,
        matrix: Sparse,
        sides: tuple[Floats, Floats],
        box: tuple[Floats, Floats],
        factor: Floats,
    ) -> None:
        """Add rows; their slacks enter the basis, so the next solve goes on from here.

        Parameters
        ----------
        matrix, sides
            As in `load`.
        box : (ndarray, ndarray), shape (n,)
            Bounds of the columns wherever the rows are used.
        factor : ndarray, shape (m,)
            Powers of two to multiply the rows by; others are taken where the coefficients ask for that.
        """
        m = matrix.shape[0]
        rows = limited_rows(matrix, sides, box, factor, self._smallest)
        numbers = (rows.data.size, rows.pointer[:-1], rows.indices, rows.data)
        _accepted(self._highs.addRows(m, rows.lower, rows.upper, *numbers), "rows")
        before = self._limits or _unlimited(self.rows)
        self._limits = rows if not self.rows else before.followed_by(rows)
        self._low = np.concatenate([self._low, rows.lower])
        self._high = np.concatenate([self._high, rows.upper])
        self._found = None

    def delete_rows(self, rows: Integers) -> None:
        """Remove rows by their positions."""
        at = rows.astype(np.int32)
        _accepted(self._highs.deleteRows(at.size, at), "to delete rows")
        if self._limits is not None:
            self._limits = self._limits.without(rows)
        self._low, self._high = np.delete(self._low, rows), np.delete(self._high, rows)
        self._found = None

    @property
    def rows(self) -> int:
        """The number of rows."""
        return self._low.size

    def change_cost(self, columns: NDArray[np.int32], cost: Floats) -> None:
        """Replace the costs of some columns."""
        self._highs.changeColsCost(columns.size, columns, cost)

    def change_box(self, columns: NDArray[np.int32], lower: Floats, upper: Floats) -> None:
        """Replace the bounds of some columns, within the box that the rows were loaded with."""
        _accepted(self._highs.changeColsBounds(columns.size, columns, lower, upper), "bounds of columns")

    def change_row(self, row: int, lower: float, upper: float) -> None:
        """Replace the sides of one row."""
        if self._limits is not None:
            low, high = self._limits.sides([row], np.array([lower]), np.array([upper]))
            lower, upper = float(low[0]), float(high[0])
        self._low[row], self._high[row] = lower, upper
        self._highs.changeRowBounds(row, lower, upper)

    def change_rows(self, rows: NDArray[np.int32], lower: Floats, upper: Floats) -> None:
        """Replace the sides of some rows."""
        if self._limits is not None:
            lower, upper = self._limits.sides(rows, lower, upper)
        self._low[rows], self._high[rows] = lower, upper
        self._highs.changeRowsBounds(rows.size, rows, lower, upper)

    def start_at(self, x: Floats) -> None:
        """Give the values of some columns to start from; NaN where unknown."""
        known = np.flatnonzero(~np.isnan(x)).astype(np.int32)
        if known.size:
            self._highs.setSolution(known.size, known, x[known])

    def forget(self) -> None:
        """Forget basis and point: the next solve starts anew."""
        self._highs.clearSolver()

    # ---------------------------------------------------------------- solving
    def solve(self, seconds: float = math.inf) -> str:
        """Solve the model as it stands.

        Returns
        -------
        str
            ``"optimal"``, ``"infeasible"``, ``"unbounded"``, ``"either"`` (one of these two), ``"limit"`` or
            ``"unknown"`` (HiGHS lost its way).

        Raises
        ------
        SolverFailure
            When HiGHS gives up; the text repeats its own words.
        KeyboardInterrupt
            And whatever else was raised while HiGHS ran, once it has stopped.
        """
        self._found = None
        if math.isfinite(seconds):
            # HiGHS counts its time over all runs of one object, but anew for every integer program
            before = 0.0 if self._mixed else self._highs.getRunTime()
            self._highs.setOptionValue("time_limit", before + max(LEAST_SECONDS, seconds))
            self._timed = True
        elif self._timed:
            self._highs.setOptionValue("time_limit", math.inf)
            self._timed = False
        status = self._run()
        if (
            status not in _STATUS and self._presolve != "off"
        ):  # what its presolve makes of a model can be too hard
            self._highs.setOptionValue("presolve", "off")
            try:
                self._highs.clearSolver()
                status = self._run()
            finally:
                self._highs.setOptionValue("presolve", self._presolve)
        if status not in _STATUS:
            raise SolverFailure(f"HiGHS stopped without an answer: {self.message}")
        return _STATUS[status]

    def _run(self) -> Any:
        with self._interrupts.noted() if self._interruptible else nullcontext():
            self._run_once()
        return self._highs.getModelStatus()

    def _run_once(self) -> None:
        if self._highs.run() == _ERROR and not self._interrupts.came:
            # its scheduler of threads is global and keeps the number of threads it was first used with
            highspy.Highs.resetGlobalScheduler(True)
            self._highs.run()

    def solve_decided(self, seconds: float = math.inf) -> str:
        """Solve, and without presolving where that leaves infeasible or unbounded open."""
        ends = time.perf_counter() + seconds
        status = self.solve(seconds)
        if status == "either":
            self._highs.setOptionValue("presolve", "off")
            try:
                status = self.solve(max(ends - time.perf_counter(), 0.0))
            finally:
                self._highs.setOptionValue("presolve", self._presolve)
        return status

    def listen(self, progress: Progress | None = None, sense: float = 1.0) -> None:
        """Let Python in now and then while HiGHS runs: for an interrupt, and to report progress.

        Parameters
        ----------
        progress : callable, optional
            Given the seconds since now, the best value found and the bound (None where there is none).
        sense : float
            What the two are multiplied by.
        """
        started = last = time.perf_counter()

        def poll(event: Any) -> None:
            nonlocal last
            # HiGHS 1.16 drops what is raised in here: it is noted, and raised when HiGHS has stopped
            try:
                now = time.perf_counter()
                if progress is not None and now - last >= EVERY:
                    last = now
                    found, bound = event.data_out.mip_primal_bound, event.data_out.mip_dual_bound
                    progress(now - started, _finite(found, sense), _finite(bound, sense))
            except BaseException as error:  # noqa: BLE001  raised again after the run
                self._interrupts.note(error)
            if self._interrupts.came:
                event.interrupt()

        for name in _POLLED:
            callback = getattr(self._highs, name)
            callback += poll
        self._interruptible = True

    # ------------------------------------------------------------- the answer
    @property
    def message(self) -> str:
        """HiGHS's own words for the status."""
        return str(self._highs.modelStatusToString(self._highs.getModelStatus()))

    @property
    def info(self) -> Any:
        """HiGHS's record of the run (counts, gaps, bounds), by its own names."""
        return self._highs.getInfo()

    @property
    def value(self) -> float:
        """The objective of the last point."""
        return float(self._highs.getObjectiveValue())

    @property
    def has_point(self) -> bool:
        """Whether the last point satisfies rows, bounds and integrality to HiGHS's tolerances."""
        return bool(self.info.primal_solution_status == _FEASIBLE)

    @property
    def has_duals(self) -> bool:
        """Whether the last solve has multipliers."""
        return bool(self._solution().dual_valid)

    def _solution(self) -> Any:
        if self._found is None:
            self._found = self._highs.getSolution()
        return self._found

    def point(self) -> Floats:
        """Return the last point, shape (n,)."""
        return np.array(self._solution().col_value, dtype=float)

    def later_point(self) -> Callable[[], Floats]:
        """Return what reads the last point, even after another solve."""
        found = self._solution()
        return lambda: np.array(found.col_value, dtype=float)

    def row_duals(self) -> Floats:
        """Return the multipliers of the rows as they were given, shape (m,), positive at a lower side."""
        duals = np.array(self._solution().row_dual, dtype=float)
        return duals if self._limits is None else duals * self._limits.factor

    def reduced_costs(self) -> Floats:
        """Return the multipliers of the columns' bounds, shape (n,), positive at a lower side."""
        return np.array(self._solution().col_dual, dtype=float)

    def bound(self, box: tuple[Floats, Floats]) -> float:
        r"""Return the lower bound that the last multipliers prove, for these bounds of the columns.

        .. math::
            \min_x q'x \ge \sum_i \min(y_i \ell_i, y_i u_i) + \sum_j \min_{x_j} r_j x_j,\qquad r = q - A'y,

        for any y, so it holds whatever tolerance the simplex method stopped at (Neumaier and Shcherbina 2004).
        Where y or r has the wrong sign for a side that is absent, by less than the solver's tolerance, the row or
        column is taken to stay within ten times its present size; 1e-12 of the terms are deducted for the
        rounding of the sums. Up to these two the bound is true.
        """
        found = self._solution()
        y, reduced = np.array(found.row_dual, dtype=float), np.array(found.col_dual, dtype=float)
        by_row = _least(y, (self._low, self._high), np.zeros(y.size))
        by_column = _least(reduced, box, self.point())
        rounding = ROUNDING * float(np.abs(by_row).sum() + np.abs(by_column).sum())
        return float(by_row.sum() + by_column.sum()) - rounding

    def basis(self) -> tuple[list[Any], list[Any]]:
        """Return the statuses of columns and rows in the last basis, to compare with `BASIC` and `UPPER`."""
        basis = self._highs.getBasis()
        return list(basis.col_status), list(basis.row_status)

    def primal_ray(self) -> Floats | None:
        """Return a direction along which an unbounded model improves for ever, None where HiGHS has none."""
        return self._ray("getPrimalRay")

    def dual_ray(self) -> Floats | None:
        """Return multipliers of the rows that prove a model infeasible, None where HiGHS has none.

        Their sign is that of `row_duals`: over the rows' sides y'Ax is more than it can be over the columns' bounds.
        """
        ray = self._ray("getDualRay")
        return ray if ray is None or self._limits is None else ray * self._limits.factor

    def _ray(self, method: str) -> Floats | None:
        known, ray = getattr(self._highs, method)()[1:]
        if not known:
            # presolving says infeasible or unbounded without saying why
            self._highs.setOptionValue("presolve", "off")
            self.forget()
            self.solve()
            self._highs.setOptionValue("presolve", self._presolve)
            known, ray = getattr(self._highs, method)()[1:]
        return np.array(ray, dtype=float) if known else None

    def infeasible_subset(self, seconds: float) -> list[tuple[str, int, str]]:
        """Return HiGHS's irreducible infeasible subset of sides; empty when it finds none in time.

        Returns
        -------
        list of (part, index, side)
            ``"row"`` or ``"bound"``, the position of the row or column, ``"lower"`` or ``"upper"``.
        """
        half = max(0.5 * seconds, 1e-2)  # for the linear program, and again for the subset
        strategy = int(highspy.IisStrategy.kIisStrategyIrreducible)
        self.configure({"iis_time_limit": half, "time_limit": half, "iis_strategy": strategy})
        status, found = self._highs.getIis()
        if status == _ERROR or not found.valid_:
            return []
        parts = ("row", found.row_index_, found.row_bound_), ("bound", found.col_index_, found.col_bound_)
        return [
            (part, int(i), side)
            for part, indices, statuses in parts
            for i, said in zip(indices, statuses, strict=True)
            for side in _IIS_SIDES.get(int(said), ())
        ]


def _accepted(status: Any, what: str) -> None:
    # HiGHS says that it refused something by its return status alone
    if status == _ERROR:
        raise SolverFailure(f"HiGHS refused {what}: look for numbers beyond 1e15 or NaN among the model's")


def _unlimited(rows: int) -> LimitedRows:
    """Return the record of rows that stand as they were given, without the rows."""
    empty, none, nothing = np.empty(0), np.empty(0, np.int32), np.zeros(rows)
    return LimitedRows(empty, none, none, nothing, nothing, np.ones(rows), nothing, nothing)


def _finite(value: float, sense: float) -> float | None:
    return sense * value if abs(value) < highspy.kHighsInf else None


def _least(multiplier: Floats, sides: tuple[Floats, Floats], x: Floats) -> Floats:
    """Return the least that each multiplier times its row or column can be."""
    side = np.where(multiplier > 0, sides[0], sides[1])
    reach = np.copysign(REACH * np.maximum(1.0, np.abs(x)), -multiplier)
    least: Floats = multiplier * np.where(np.isfinite(side), side, reach)
    return least
