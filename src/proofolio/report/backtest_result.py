"""What a backtest found, for the page and for JSON."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from proofolio.backtest.backtest import Scene
from proofolio.backtest.risk_parity_experiment import SolverRow
from proofolio.backtest.sensitivity import CrisisFigures
from proofolio.backtest.simulator import Run

__all__ = ["BacktestResult", "span_words"]


@dataclass(frozen=True, eq=False)
class BacktestResult:
    """One call of the command.

    Attributes
    ----------
    source : str
        The file.
    scene : Scene
    runs : list of Run
    options : dict
        As given, in words.
    seconds : float
    costs_tried : dict of list of Run
        By basis points; empty when not asked for.
    crises : list of CrisisFigures
    solvers : list of SolverRow
        SCA against SLSQP; empty when not asked for.
    """

    source: str
    scene: Scene
    runs: list[Run]
    options: dict[str, str]
    seconds: float
    costs_tried: dict[float, list[Run]] = field(default_factory=dict)
    crises: list[CrisisFigures] = field(default_factory=list)
    solvers: list[SolverRow] = field(default_factory=list)

    @property
    def reference(self) -> Run | None:
        """The fix-mix, if it ran: turnovers are compared with its."""
        return next((run for run in self.runs if run.name == "fix-mix"), None)

    def document(self) -> dict[str, Any]:
        """Return what ``--json`` prints, without the files."""
        scene = self.scene
        found: dict[str, Any] = {
            "source": self.source,
            "span": {
                "first": str(scene.market.dates[scene.start]),
                "last": str(scene.market.dates[scene.stop - 1]),
                "days": scene.stop - scene.start,
                "known_before": scene.start,
            },
            "assets": list(scene.market.names),
            "options": self.options,
            "strategies": {
                run.name: {
                    **run.metrics.document(),
                    "unanswered": int(run.unanswered.sum()),
                    "unproved": int(run.unproved.sum()),
                    "collapsed": int(run.collapsed.sum()),
                    "seconds": run.seconds,
                }
                for run in self.runs
            },
            "seconds": self.seconds,
        }
        if self.costs_tried:
            found["cost_sensitivity"] = {
                f"{bp:g}": {run.name: run.metrics.document() for run in runs}
                for bp, runs in self.costs_tried.items()
            }
        if self.crises:
            found["crises"] = [
                {
                    "crisis": c.crisis.name,
                    "first": c.first,
                    "last": c.last,
                    "strategy": c.strategy,
                }
                | c.metrics.document()
                for c in self.crises
            ]
        if self.solvers:
            found["sca_against_slsqp"] = [row.document() for row in self.solvers]
        return found


def span_words(scene: Scene) -> str:
    """Return the first and last day traded, in words."""
    return f"{scene.market.dates[scene.start]} to {scene.market.dates[scene.stop - 1]}"
