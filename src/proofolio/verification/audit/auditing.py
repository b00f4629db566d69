r"""The audit of the Big-M rows of a model, whoever wrote it.

For every candidate side :math:`\mathrm{body} + d y \le \mathrm{rhs}` (see
`proofolio.verification.audit.candidates`), let R be everything else in the model with y fixed at its off-value. M =
abs(d) is enough when

.. math:: \mathrm{needed} = \max_R \mathrm{body} - \mathrm{tight} \le M

which is bounded from above by intervals, linear programs and integer programs, and from below by points of R.
The objective plays no part. Quadratic rows, cones, indicators and special ordered sets are left out of R
where bounds are computed (that can only raise them) and count where points are judged.
"""

from __future__ import annotations

import math
import re
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from fnmatch import fnmatchcase
from fractions import Fraction
from typing import TYPE_CHECKING, Any

import numpy as np

from proofolio.arrays import Mask
from proofolio.brief import first_few
from proofolio.errors import BadData, InvalidBigM
from proofolio.interfaces.opening import Opened, open_model
from proofolio.processes import one_blas_thread
from proofolio.program.program import Program
from proofolio.progress import Progress, shows_progress
from proofolio.verification.audit.candidates import CROWD, Candidate, candidates, implied_rows
from proofolio.verification.audit.emptiness import find_empty
from proofolio.verification.audit.integers import by_mip, reach_by_mip
from proofolio.verification.audit.leaks import Leaks
from proofolio.verification.audit.points import FINER_PULL, Search
from proofolio.verification.audit.relaxation import Answer
from proofolio.verification.audit.verdicts import (
    VERDICTS,
    Finding,
    RowVerdict,
    family_of,
    judge,
    row_verdict,
)
from proofolio.verification.exact.in_time import TimeIsUp, stopped_when
from proofolio.verification.exact.lp_bounds import nearest

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure

__all__ = ["Audit", "assert_valid", "audit", "declared_rows", "rows_like"]


# The questions which switches are dead and which leaks can matter may take so long each, and no longer than a little
# more than all the bounds took.
MEANING_SECONDS, LITTLE_SECONDS = 5.0, 3.0
# Part of the time, and of how much at most, for points of many candidates.
SCATTERED, SHARED_SECONDS = 0.15, 30.0
FIRST, MORE = 2, 6  # such points at first, and once it is known which M's are enough
FIRST_SECONDS = 1.0  # for each integer program at first
KEPT = 0.4  # part of the time left that is kept for leaks and dead switches once M's are known to be enough
SAMPLE = 32  # verdicts that are written to see how long all of them take
TELLING = 5.0  # times what writing takes must be left for what is known to be told in between
WRITING = 2.0  # times as long, because what is known later takes longer to write
TIERS = ("interval", "lp", "mip")
UNSETTLED = ("undecided", "valid")  # the verdicts that a point may change


@dataclass(frozen=True, eq=False)
class Audit:
    """What was found about the Big-M rows of a model.

    Attributes
    ----------
    model : str
        The file, or the model's name.
    rows_total : int
        Linear and quadratic rows of the model.
    rows : tuple of RowVerdict
        One for each candidate, in the order of the model's rows.
    indicators : tuple of RowVerdict
        Native indicators, with the M that would replace each; they are not judged.
    notes : tuple of str
        What the model has beside rows, and what was made of it.
    seconds : float
    interrupted : bool
        Whether Ctrl-C ended the audit early.
    skipped : int
        Sides of rows with three or more binaries of like size, knapsacks and parities, that are no candidates.
    opened, judged, search : Opened, tuple of pairs (Candidate, Finding), Search
        What the verdicts were made from: `tighten` and the certificates need it.
    """

    model: str
    rows_total: int
    rows: tuple[RowVerdict, ...]
    indicators: tuple[RowVerdict, ...]
    notes: tuple[str, ...]
    seconds: float
    interrupted: bool
    skipped: int
    opened: Opened = field(repr=False)
    judged: tuple[tuple[Candidate, Finding], ...] = field(repr=False)
    search: Search = field(repr=False)

    def __getstate__(self) -> dict[str, Any]:
        """Pickle the program, not the model of another package that it was read from."""
        opened = self.opened
        plain = replace(opened, kind="program", native=opened.program, load=None, variables=())
        return vars(self) | {"opened": plain}

    def __repr__(self) -> str:
        counts = ", ".join(f"{count} {word}" for word, count in self.summary.items() if count)
        found = counts.replace("safe_unknown", "not known to be safe").replace("_", " ") or "none"
        ended = ", interrupted" if self.interrupted else ""
        return f"Audit({self.model!r}, {self.rows_total} rows, judged: {found}, {self.seconds:.2f} s{ended})"

    def _repr_html_(self) -> str:
        from html import escape

        from proofolio.charts.figures import image  # matplotlib is slow to import

        place = {id(row): k for k, row in enumerate(self.rows)}
        worst = [place[id(row)] for row in self.worst()]
        picture = image(self.plot()) if self.rows else ""
        return f"<p>{escape(repr(self))}</p>{self.to_frame().iloc[worst].to_html()}{picture}"

    def plot(self, most: int = 40) -> Figure:
        """Draw M of the worst rows against what is proved to be needed."""
        from proofolio.verification.audit.chart import needed_chart  # matplotlib is slow to import

        return needed_chart(self.worst(most))

    def to_frame(self) -> pd.DataFrame:
        """Return a row for each candidate, in the order of the model's rows.

        Columns: row, binary, side, big_m, needed_from, needed_to, ratio, verdict, leak, safe, suggested_big_m.
        """
        import pandas as pd  # slow to import, and of no use to an audit itself

        names = ["row", "binary", "side", "big_m"]
        listed = [
            {name: getattr(row, name) for name in names}
            | dict(zip(("needed_from", "needed_to"), row.needed, strict=True))
            | {name: getattr(row, name) for name in ("ratio", "verdict", "leak", "safe", "suggested_big_m")}
            for row in self.rows
        ]
        columns = [*names, "needed_from", "needed_to", "ratio", "verdict", "leak", "safe", "suggested_big_m"]
        return pd.DataFrame(listed, columns=columns)

    @property
    def summary(self) -> dict[str, int]:
        """How many rows have each verdict; whatever it is, how many leak, may leak, or have a larger M than needed."""
        count = {verdict: sum(row.verdict == verdict for row in self.rows) for verdict in VERDICTS}
        return count | {
            "unsafe": sum(row.safe is False for row in self.rows),
            "safe_unknown": sum(row.safe is None for row in self.rows),
            "larger_than_needed": sum(row.larger for row in self.rows),
        }

    @property
    def bad(self) -> bool:
        """Whether a row is invalid, unsafe, or dead and declared with an M that is too small."""
        return any(_cuts_off(row) or row.safe is False for row in self.rows)

    def worst(self, n: int = 10) -> tuple[RowVerdict, ...]:
        """Return the n rows that most need attention: wrong, then leaking, then open, then loose by ratio."""
        order = {
            "invalid": 0,
            "dead": 2,
            "undecided": 3,
            "binding": 4,
            "loose": 5,
            "redundant": 6,
            "forcing": 7,
            "valid": 8,
            "tight": 9,
        }

        def key(row: RowVerdict) -> tuple[int, float]:
            rank = 0 if _cuts_off(row) else 1 if row.safe is False else order[row.verdict]
            return rank, -row.leak if rank == 1 else -(row.ratio or 0.0)

        return tuple(sorted(self.rows, key=key)[:n])

    def document(self) -> dict[str, Any]:
        """Return the audit as JSON has it."""
        found: dict[str, Any] = {
            "model": self.model,
            "rows_total": self.rows_total,
            "candidates": len(self.rows),
            "skipped": self.skipped,
            "rows": [row.document() for row in self.rows],
            "summary": self.summary,
            "seconds": self.seconds,
        }
        if self.indicators:
            found["indicators"] = [row.document() for row in self.indicators]
        if self.notes:
            found["notes"] = list(self.notes)
        if self.interrupted:
            found["interrupted"] = True
        return found


@shows_progress("audit")
@one_blas_thread()
def audit(
    model: Any,
    *,
    big_m: str | Sequence[str] | None = None,
    time_limit: float = math.inf,
    meaningful: float | None = None,
    tiers: Sequence[str] = TIERS,
    mip_time_limit: float = 10.0,
    integrality: float = 1e-6,
    progress: Progress | None = None,
    known: Callable[[Audit], None] | None = None,
) -> Audit:
    """Judge every row of a model that may be a Big-M row.

    Parameters
    ----------
    model : Program, Model, pyomo model, cvxpy.Problem, str or Path
    big_m : str or sequence of str, optional
        Patterns of names of rows declared to be Big-M rows, such as ``"link*"``, with their indices or without; rows
        that formulations or gdp.bigm made, or that a Pyomo suffix ``BigM`` names, are declared anyway.
    time_limit : float
        Wall seconds for everything; what is not reached is ``undecided``.
    meaningful : float, optional
        The smallest amount that matters in the rows' bodies; by default each row's own.
    tiers : sequence of {"interval", "lp", "mip"}
        What bounds may come from.
    mip_time_limit : float
        Seconds for each integer program.
    integrality : float
        How far from an integer the solver may leave a binary.
    progress : function of (tier, done, total), optional
        A bar by default in a notebook, and nothing elsewhere.
    known : function of Audit, optional
        Given what is judged so far before linear and before integer programs are begun, whose solver may not come
        back; where there is time to write it down.

    Returns
    -------
    Audit
        Ctrl-C ends it early with what is known so far.

    Raises
    ------
    BadData
        For something that is no model, an unknown tier, or a limit that is not a positive number.

    Examples
    --------
    >>> from proofolio import Model
    >>> model = Model()
    >>> x, y = model.variable("x", lower=0, upper=30), model.variable("y", lower=0, upper=7)
    >>> model.add("link", x + y <= 1000 * model.variable("z", binary=True))
    >>> (row,) = audit(model).rows
    >>> row.verdict, round(row.ratio, 2), row.suggested_big_m
    ('loose', 27.03, 37.0)
    """
    _check(tiers, time_limit, mip_time_limit, integrality, meaningful)
    started = time.perf_counter()
    opened = open_model(model)
    program = opened.program
    ends = started + time_limit
    asked, skipped = candidates(program, declared_rows(opened, big_m), lambda: time.perf_counter() > ends)
    made = _made_columns(opened)
    if made.any():
        asked = [replace(c, auxiliary=True) if made[c.columns].any() else c for c in asked]
    limits = Limits(ends, mip_time_limit, integrality, meaningful)
    run = Tiers(Search(program), asked, [*implied_rows(program)], limits, progress)

    def written(interrupted: bool = False) -> Audit:
        pairs = tuple(zip(asked, run.findings, strict=True))
        return Audit(
            model=opened.name,
            rows_total=program.m + len(program.quadratic),
            rows=run.rows(pairs),
            indicators=run.rows(tuple(zip(run.implied, run.implied_findings, strict=True))),
            notes=_notes(opened, skipped),
            seconds=time.perf_counter() - started,
            interrupted=interrupted,
            skipped=skipped,
            opened=opened,
            judged=pairs,
            search=run.search,
        )

    run.tell = None if known is None else lambda: known(written())
    interrupted = run.everything(tuple(tiers))
    try:
        return written(interrupted)
    except KeyboardInterrupt:  # all bounds are known: only the verdicts are made once more
        return written(True)


def assert_valid(model: Any, **options: Any) -> Audit:
    """Raise `InvalidBigM` when a declared Big-M of a model cuts off a point; for a test suite of one's own.

    Every candidate counts as declared, unless `big_m` names those that do; the options are those of `audit`.
    """
    found = audit(model, **({"big_m": "*"} | options))
    for row in found.worst(len(found.rows)):
        if _cuts_off(row):
            point = ", ".join(f"{name} = {float(v):g}" for name, v in list((row.witness or {}).items())[:8])
            raise InvalidBigM(
                f"row {row.row!r} has M = {row.big_m:g} for {row.binary!r} and needs at least "
                f"{row.needed[0]:.9g}: it cuts off {point}"
            )
    return found


def _cuts_off(row: RowVerdict) -> bool:
    """Whether a declared M is too small: `short` is given for a dead switch only then."""
    return row.verdict == "invalid" or (row.verdict == "dead" and row.short is not None)


def _check(
    tiers: Sequence[str],
    time_limit: float,
    mip_time_limit: float,
    integrality: float,
    meaningful: float | None,
) -> None:
    unknown = [tier for tier in tiers if tier not in TIERS]
    if unknown or isinstance(tiers, str):
        raise BadData(f"tiers are {tiers!r}: give a list out of {', '.join(TIERS)}")
    limits = {"time_limit": time_limit, "mip_time_limit": mip_time_limit, "integrality": integrality}
    if meaningful is not None:
        limits["meaningful"] = meaningful
    for name, value in limits.items():
        if not value > 0:
            raise BadData(f"{name} is {value}: give a positive number")


def declared_rows(opened: Opened, big_m: str | Sequence[str] | None) -> frozenset[str]:
    """Return the names of the rows that a model or patterns declare to be Big-M rows."""
    patterns = [] if big_m is None else [big_m] if isinstance(big_m, str) else list(big_m)
    if not patterns:
        return opened.declared()
    return opened.declared().union(*(rows_like(opened.program, pattern) for pattern in patterns))


def rows_like(program: Program, pattern: str) -> frozenset[str]:
    """Return the names of the rows that a pattern matches, with their indices or without: ``link`` for ``link[1]``."""
    names = [*program.row_names, *(n for b in program.quadratic.blocks for n in b.element_names())]
    literal = pattern.replace("[", "[[]")  # row[1] is a name here and not a choice of letters
    return frozenset(
        name
        for name in names
        if fnmatchcase(name, literal) or fnmatchcase(re.sub(r"\[[^\]]*\]", "", name), literal)
    )


def _made_columns(opened: Opened) -> Mask:
    """Mark the columns that CVXPY made for functions in a problem, which only have to be as large as these."""
    program = opened.program
    made = np.zeros(program.n, dtype=bool)
    if opened.kind == "cvxpy":
        users = {variable.name() for variable in opened.native.variables()}
        for block in program.variables:
            if re.fullmatch(r"aux\d+", block.name) and block.name not in users:
                made[block.columns()] = True
    return made


def _notes(opened: Opened, skipped: int) -> tuple[str, ...]:
    program, found = opened.program, []
    fixed, params = opened.passing
    for those, what in ((fixed, "variables are fixed"), (params, "parameters have values that can change")):
        if those:
            found.append(
                f"{len(those)} {what} ({first_few(those)}): all that is said holds for their present values"
            )
    held = int((program.binary & ~((program.lower <= 0) & (program.upper >= 1))).sum())
    if held:
        found.append(f"{held} binaries are fixed by their bounds: they switch nothing and make no candidates")
    if skipped:
        found.append(
            f"{skipped} sides of rows with {CROWD} or more binaries of like size, as in knapsacks and parities, are "
            "no candidates: declare them (--big-m) to have them judged"
        )
    if len(program.indicators):
        found.append(
            f"{len(program.indicators)} native indicators: they have no M, and come with the M they need"
        )
    if program.sos:
        names = ", ".join(s.name for s in program.sos[:3])
        found.append(
            f"{len(program.sos)} special ordered sets ({names}): left out of bounds, kept in witnesses"
        )
    if len(program.cones):
        found.append(
            f"{len(program.cones)} second-order cones: not judged, left out of bounds, kept in witnesses"
        )
    return tuple(found)


# ------------------------------------------------------------------------ the tiers
@dataclass(frozen=True)
class Limits:
    """When the audit ends, the seconds of each integer program, and what the leak is compared with."""

    ends: float = math.inf
    mip: float = 10.0
    integrality: float = 1e-6
    meaningful: float | None = None


@dataclass(eq=False)
class Tiers:
    """The findings on all candidates, as tier after tier sharpens them."""

    search: Search
    asked: list[Candidate]
    implied: list[Candidate]
    limits: Limits
    progress: Progress | None = None
    findings: list[Finding] = field(default_factory=list)
    implied_findings: list[Finding] = field(default_factory=list)
    writing: float = 0.0
    reserve: float = 0.0
    each: float = 0.0
    tell: Callable[[], None] | None = None
    bounded: set[str] = field(default_factory=set)  # families whose last member its bound decided
    started: float = field(default_factory=time.perf_counter)

    @property
    def left(self) -> float:
        """Seconds left for bounds: those for writing the verdicts, and those reserved, are taken off."""
        return self.limits.ends - self.writing - self.reserve - time.perf_counter()

    def rows(self, pairs: Sequence[tuple[Candidate, Finding]]) -> tuple[RowVerdict, ...]:
        """Write the verdicts on some candidates."""
        p, limits = self.search.program, self.limits
        return tuple(
            row_verdict(c, f, p.column_names, limits.integrality, limits.meaningful, p.maximise)
            for c, f in pairs
        )

    def everything(self, tiers: tuple[str, ...]) -> bool:
        """Run the tiers; says whether Ctrl-C ended them."""
        blank = "the time limit was reached before it was looked at"
        self.findings = [Finding(reason=c.why_not or blank) for c in self.asked]
        self.implied_findings = [Finding(reason=blank) for _ in self.implied]
        try:
            self._keep_time_for_writing(0)
            if "interval" in tiers:
                self._intervals()
            if "lp" in tiers:
                self._keep_time_for_writing(len(self.asked))
                self._tell()
                self._in_time(lambda: self._linear_programs("mip" in tiers))
                self._in_time(self._meanings)
            for finding in self.implied_findings:
                finding.reason = "a native indicator has no M to judge"
        except KeyboardInterrupt:
            return True
        return False

    def _in_time(self, work: Callable[[], None]) -> None:
        """Do something, and stop it in the middle of its exact arithmetic when no time is left."""
        with suppress(TimeIsUp), stopped_when(lambda: self.left <= 0):
            work()

    def _report(self, tier: str, done: int, total: int) -> None:
        if self.progress is not None:
            self.progress(tier, done, total)

    def _intervals(self) -> None:
        groups = ((self.asked, self.findings), (self.implied, self.implied_findings))
        total, done = len(self.asked) + len(self.implied), 0
        for asked, findings in groups:
            for k, candidate in enumerate(asked):
                if self.left <= 0:
                    return
                findings[k] = self.search.by_interval(candidate)
                done += 1
                if done in (SAMPLE, 8 * SAMPLE):
                    self._keep_time_for_writing(done)
                self.writing += self.each
                if done % 256 == 0:
                    self._report("interval", done, total)
        if total:
            self._report("interval", total, total)

    def _keep_time_for_writing(self, judged: int) -> None:
        """Write some verdicts to see how long all of them take: that has to fit into the limit as well.

        Those that are judged take longer than those that nothing is known of.
        """
        every = [*zip(self.asked, self.findings, strict=True)]
        unseen, seen = self._to_write(every[judged:]), WRITING * self._to_write(every[:judged])
        self.each = max(seen - unseen, 0.0) if judged else unseen
        self.writing = unseen * (len(every) - judged) + seen * judged
        self.search.ends = self.limits.ends - self.writing

    def _to_write(self, pairs: Sequence[tuple[Candidate, Finding]]) -> float:
        """Return about how many seconds each of some verdicts takes."""
        some = pairs[:: max(1, len(pairs) // SAMPLE)]
        started = time.perf_counter()
        self.rows(some)
        return (time.perf_counter() - started) / max(1, len(some))

    def _linear_programs(self, integers: bool) -> None:
        if self.left <= 0:
            return
        linear = [k for k, c in enumerate(self.asked) if c.kind == "row"]
        integers = integers and bool(self.search.integers.size)
        self.search.watch([self.asked[k] for k in linear], [self.findings[k] for k in linear])
        if integers and linear and self.left > 0:
            self.search.scatter(self._share(SCATTERED), FIRST)
        # whether M is enough: points decide most of those that are not, before any bound is asked for
        open_ = sorted([k for k in linear if self._verdict(k) == "undecided"], key=self._priority)
        self._each("points", open_, self._by_point)
        if self.left <= 0:
            return
        self._each("lp", [k for k in open_ if self._verdict(k) == "undecided"], self._by_lp)
        for candidate, finding in zip(self.implied, self.implied_findings, strict=True):
            if self.left > 0:
                self._by_lp(candidate, finding)
        if integers:
            self._tell()
            for seconds in (FIRST_SECONDS, self.limits.mip):
                self._integer_programs([k for k in linear if self._needs_integers(k)], by_mip, seconds)
                if self.left <= 0:
                    return
            # whether all of an M that is enough is needed
            if self.left > 0 and any(self._verdict(k) == "valid" for k in linear):
                self.search.scatter(self._share(SCATTERED), MORE)
            valid = [k for k in linear if self._verdict(k) == "valid"]
            self._each("points", valid, self._by_finer_point)
            valid = [k for k in valid if self._verdict(k) == "valid"]
            self._integer_programs(valid, reach_by_mip, FIRST_SECONDS)
        # the rest needs time, and so do leaks and dead switches
        if math.isfinite(self.limits.ends):
            self.reserve = max(self.reserve, KEPT * (self.limits.ends - time.perf_counter()))
        settled = [
            k for k in linear if self._verdict(k) in ("loose", "valid", "undecided") and k not in open_
        ]
        # a point has shown that these M's are too small, and nothing yet how much would do
        small = [k for k in linear if self._verdict(k) == "invalid" and self.findings[k].top == math.inf]
        self._each("lp", [*sorted(settled, key=self._priority), *small], self._by_lp)
        may_be = [k for k in linear if not self.findings[k].binds_on]
        valid = [k for k in may_be if self._verdict(k) in ("tight", "loose", "valid")]
        self._each("lp, binary on", valid, lambda c, f: self.search.by_lp_on(c, f, self.left))

    def _tell(self) -> None:
        """Tell what is known, where that takes a small part of the time that is left."""
        if self.tell is not None and self.left > TELLING * self.writing:
            self.tell()

    def _each(self, tier: str, queue: list[int], ask: Callable[[Candidate, Finding], None]) -> None:
        for done, k in enumerate(queue):
            if self.left <= 0:
                self._out_of_time(queue[done:])
                return
            try:
                ask(self.asked[k], self.findings[k])
            except TimeIsUp:
                self._out_of_time(queue[done:])
                raise
            self._report(tier, done + 1, len(queue))

    def _by_lp(self, candidate: Candidate, finding: Finding) -> None:
        """Decide by the relaxation, or a point near its solution."""
        self._reach(candidate, finding, self._bound(candidate, finding))

    def _bound(self, candidate: Candidate, finding: Finding) -> Answer:
        """Bound by the relaxation."""
        answer = self.search.by_lp(candidate, finding, max(self.left, 1e-3))
        if answer.status == "unbounded" and candidate.declared:
            answer = self.search.solve(
                candidate, candidate.off, cap=self.search.cap(candidate), seconds=max(self.left, 1e-3)
            )
        if answer.status == "optimal" and answer.x is not None and self.left > 0:
            finding.binds_on = candidate.kind == "row" and self.search.binds_on(candidate, answer.x)
        return answer

    def _reach(self, candidate: Candidate, finding: Finding, answer: Answer) -> None:
        """Look for a point near the solution of the relaxation, where its bound alone does not decide."""
        open_ = answer.status == "optimal" and answer.x is not None and self.left > 0
        if open_ and answer.x is not None and judge(candidate, finding) in UNSETTLED:
            self.search.reach(candidate, finding, answer.x, self.left)

    def _by_point(self, candidate: Candidate, finding: Finding) -> None:
        """Decide by a point next to a known one; where none can need more than M, ask the relaxation at once.

        Of a family whose last member was decided by its bound the relaxation is asked first, and most often alone.
        """
        family, answer = family_of(candidate.place.name), None
        if family in self.bounded:
            answer = self._bound(candidate, finding)
            if judge(candidate, finding) not in UNSETTLED or self.left <= 0:
                return
            self.bounded.discard(family)
        near = self.search.near_known(candidate, finding, self.left)
        if answer is not None:
            self._reach(candidate, finding, answer)
            return
        if near is None or near.x is None or judge(candidate, finding) != "undecided":
            return
        if float(candidate.values @ near.x[candidate.columns]) <= float(candidate.limit):
            answer = self._bound(candidate, finding)
            if judge(candidate, finding) not in UNSETTLED:
                self.bounded.add(family)
            self._reach(candidate, finding, answer)

    def _by_finer_point(self, candidate: Candidate, finding: Finding) -> None:
        if judge(candidate, finding) == "valid":  # a point found since may have settled it
            self.search.near_known(candidate, finding, self.left, FINER_PULL)

    def _share(self, part: float) -> float:
        return part * min(self.left, SHARED_SECONDS)

    def _integer_programs(
        self, queue: list[int], ask: Callable[[Search, Candidate, Finding, float], None], seconds: float
    ) -> None:
        self._each(
            "mip", queue, lambda c, f: ask(self.search, c, f, min(self.left, self.limits.mip, seconds))
        )

    def _meanings(self) -> None:
        """Ask which switches are dead and whether leaks can matter; part of the time limit is kept for it."""
        self.reserve = 0.0
        if self.left <= 0 or not any(c.kind == "row" for c in self.asked):
            return
        allowed = min(MEANING_SECONDS, LITTLE_SECONDS + time.perf_counter() - self.started)
        leaks = Leaks(self.search, self.limits.integrality)
        best = leaks.best(min(allowed, self.left / 4))
        if best is not None:
            self.search.keep_exact(best.point)
        find_empty(self.search, self.asked, self.findings, min(self.left / 2, allowed))
        leaks.judge(self.asked, self.findings, best, min(self.left, allowed))

    def _needs_integers(self, k: int) -> bool:
        return self._verdict(k) == "undecided" and not self.findings[k].unbounded

    def _out_of_time(self, skipped: list[int]) -> None:
        for k in skipped:
            if self._verdict(k) == "undecided":
                self.findings[k].reason = "the time limit was reached before it was looked at closely"

    def _verdict(self, k: int) -> str:
        return judge(self.asked[k], self.findings[k])

    def _priority(self, k: int) -> tuple[float, float]:
        """Sort the worst ratio of M to what is known to be needed first, and then the largest M."""
        candidate, finding = self.asked[k], self.findings[k]
        span = finding.top - candidate.tight if isinstance(finding.top, Fraction) else math.inf
        ratio = 0.0 if span == math.inf else nearest(candidate.big_m / span) if span > 0 else math.inf
        return -ratio, -float(candidate.big_m)
