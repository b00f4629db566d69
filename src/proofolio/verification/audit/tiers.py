"""The tiers of one audit, in the order in which they help most rows soonest."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from fractions import Fraction

from proofolio.verification.audit.candidates import Candidate
from proofolio.verification.audit.integers import by_mip, reach_by_mip
from proofolio.verification.audit.reaching import Reaching
from proofolio.verification.audit.verdicts import NOTICEABLE, Finding, judge, leak_of, needed

__all__ = ["Limits", "Progress", "Run"]


Progress = Callable[[str, int, int], None]


@dataclass(frozen=True)
class Limits:
    """When the audit ends, the seconds of each integer program, and what the leak is held against."""

    ends: float = math.inf
    mip: float = 10.0
    integrality: float = 1e-6
    meaningful: float | None = None


@dataclass(eq=False)
class Run:
    """The findings on all candidates, as tier after tier sharpens them."""

    bounding: Reaching
    asked: list[Candidate]
    implied: list[Candidate]
    limits: Limits
    progress: Progress | None = None
    findings: list[Finding] = field(default_factory=list)
    implied_findings: list[Finding] = field(default_factory=list)
    reserve: float = 0.0

    @property
    def left(self) -> float:
        """Seconds left."""
        return self.limits.ends - self.reserve - time.perf_counter()

    def everything(self, tiers: tuple[str, ...]) -> bool:
        """Run the tiers; says whether Ctrl-C ended them."""
        blank = "the time limit was reached before it was looked at"
        self.findings = [Finding(reason=c.why_not or blank) for c in self.asked]
        self.implied_findings = [Finding(reason=blank) for _ in self.implied]
        try:
            if "interval" in tiers:
                self._intervals()
            if "lp" in tiers:
                self._linear_programs("mip" in tiers)
            for finding in self.implied_findings:
                finding.reason = "a native indicator has no M to judge"
        except KeyboardInterrupt:
            return True
        return False

    def _tell(self, tier: str, done: int, total: int) -> None:
        if self.progress is not None:
            self.progress(tier, done, total)

    def _intervals(self) -> None:
        started = time.perf_counter()
        groups = ((self.asked, self.findings), (self.implied, self.implied_findings))
        total, done = len(self.asked) + len(self.implied), 0
        for asked, findings in groups:
            for k, candidate in enumerate(asked):
                findings[k] = self.bounding.by_interval(candidate)
                done += 1
                if done % 256 == 0:
                    self._tell("interval", done, total)
        # what is found is put into words in about the time intervals take, and that has to fit into the limit
        self.reserve = (
            1.5 * (time.perf_counter() - started) + 0.02 if math.isfinite(self.limits.ends) else 0.0
        )
        if total:
            self._tell("interval", total, total)

    def _linear_programs(self, integers: bool) -> None:
        linear = [k for k, c in enumerate(self.asked) if c.kind == "row"]
        open_ = [k for k in linear if self._verdict(k) == "undecided"]
        # an M never too small by intervals still wants its needed M, which says whether it leaks
        settled = [k for k in linear if self._verdict(k) != "undecided"]
        queue = [*sorted(open_, key=self._priority), *sorted(settled, key=self._priority)]
        if integers:
            self.bounding.switches = {self.asked[k].place.binary: self.asked[k].off for k in linear}
        for done, k in enumerate(queue):
            if self.left <= 0:
                self._out_of_time(queue[done:])
                return
            self._by_lp(self.asked[k], self.findings[k])
            self._tell("lp", done + 1, len(queue))
        for candidate, finding in zip(self.implied, self.implied_findings, strict=True):
            if self.left > 0:
                self._by_lp(candidate, finding)
        if integers and self.bounding.integers.size:
            self._integer_programs([k for k in linear if self._needs_integers(k)], by_mip)
            self._integer_programs([k for k in linear if self._leaks_unclearly(k)], reach_by_mip)
        open_ = [k for k in linear if not self.findings[k].binds_on]
        valid = [k for k in open_ if self._verdict(k) in ("tight", "loose")]
        for done, k in enumerate(valid):
            if self.left <= 0:
                return
            self.bounding.by_lp_on(self.asked[k], self.findings[k], self.left)
            self._tell("lp, binary on", done + 1, len(valid))

    def _by_lp(self, candidate: Candidate, finding: Finding) -> None:
        answer = self.bounding.by_lp(candidate, finding, self.left)
        if answer.status == "unbounded" and candidate.declared:
            answer = self.bounding.solve(
                candidate, candidate.off, cap=self.bounding.cap(candidate), seconds=max(self.left, 1e-3)
            )
        if answer.status == "optimal" and answer.x is not None and self.left > 0:
            finding.binds_on = candidate.kind == "row" and self.bounding.binds_on(candidate, answer.x)
            cut = judge(candidate, finding) == "undecided"
            self.bounding.reach(candidate, finding, answer.x, cut, self.left)

    def _integer_programs(
        self, queue: list[int], ask: Callable[[Reaching, Candidate, Finding, float], None]
    ) -> None:
        for done, k in enumerate(queue):
            if self.left <= 0:
                self._out_of_time(queue[done:])
                return
            ask(self.bounding, self.asked[k], self.findings[k], min(self.left, self.limits.mip))
            self._tell("mip", done + 1, len(queue))

    def _needs_integers(self, k: int) -> bool:
        return self._verdict(k) == "undecided" and self.findings[k].top < math.inf

    def _leaks_unclearly(self, k: int) -> bool:
        """Whether a leak is called unsafe only because too little of what is needed is known."""
        candidate, finding = self.asked[k], self.findings[k]
        if self._verdict(k) not in ("tight", "loose") or self.limits.meaningful is not None:
            return False
        leak, span = leak_of(candidate, self.limits.integrality), needed(candidate, finding)
        return NOTICEABLE * span.lo < leak <= NOTICEABLE * span.hi

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
        ratio = 0.0 if span == math.inf else float(candidate.big_m / span) if span > 0 else math.inf
        return -ratio, -float(candidate.big_m)
