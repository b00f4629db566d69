"""The demo's page: the data, the plan, the four solves, the refuted M, and what it all ran on."""

from __future__ import annotations

from collections.abc import Sequence

from proofolio.report.demo_case import DemoResult, Run, small
from proofolio.report.demo_charts import market_chart, plan_chart, refutation_chart, times_chart
from proofolio.report.page import Cell, chart, page, paragraph, section, table, tiles

__all__ = ["regime_page"]


def regime_page(result: DemoResult) -> str:
    """Return the page of a demo; the same result gives the same bytes."""
    case = result.case
    parts = [
        _headline(result),
        _market(result),
        _plan(result),
        _solves(result),
        _refuted(result),
        _made_on(result),
    ]
    first, last = case.months[0], case.months[-1]
    return page(
        "A portfolio under market regimes, solved and checked",
        f"{len(case.settings.assets)} US stocks, {case.program.R} market regimes, the {case.program.T} "
        f"months from {first} to {last}: one mixed-integer program, written in two ways, given to two "
        "solvers, and every answer held against the raw data before it is believed.",
        parts,
        "Made by “proofolio demo”. Prices: 20 US stocks and the S&P 500, 1990 to 2022 (see NOTICE). The "
        "companies are all survivors and the regimes are fitted on the whole sample: an illustration of "
        "the method and not a "
        "backtest.",
    )


def _headline(result: DemoResult) -> str:
    best = result.best
    verified = sum(run.ok for run in result.runs)
    quickest = min((run.seconds for run in result.runs if run.ok), default=None)
    gaps = [run.gap for run in result.runs if run.ok and run.gap is not None]
    entries = [
        (
            _number(best.objective if best is not None else None, ".6f") or "none",
            "minimal cost of the plan",
            "",
        ),
        (
            f"{verified} of {len(result.runs)}",
            "solves verified against the raw data",
            _mark(verified == len(result.runs)),
        ),
        (small(max(gaps)) if gaps else "none", "largest proven gap, relative", ""),
        (f"{quickest:.2f} s" if quickest is not None else "none", "quickest solve", ""),
        (
            "refuted" if result.refutation.ok else "not refuted",
            "the published bound on M",
            _mark(result.refutation.ok),
        ),
    ]
    said = paragraph(_capital(result.agreement.sentence) + ".", _mark(result.agreement.ok))
    return tiles(entries) + f"<div style='margin-top:18px'>{said}</div>"


def _market(result: DemoResult) -> str:
    history = result.history
    return section(
        "The market and its regimes",
        paragraph(
            f"A hidden Markov model of the index's daily returns finds {len(history.names)} regimes, "
            "numbered from the calmest to the wildest. The probabilities are filtered, with the "
            "parameters of the whole sample."
        ),
        chart(market_chart(history, result.case.months), "Point at a month to read its numbers."),
    )


def _plan(result: DemoResult) -> str:
    best, case = result.best, result.case
    s = case.settings
    words = paragraph(
        "For every month the program picks a regime and the weights together. A month costs γ/2 w′Σw − "
        f"μ′w (γ = {s.risk_aversion:g}) with the moments of its regime, plus {s.evidence_price:g} · "
        f"ln(1/p) for assuming a regime the data give probability p, plus {1e4 * s.turnover_cost:g} bp of "
        f"what is traded and {1e4 * s.switch_cost:g} bp for a change of regime. Weights lie between 0 and "
        f"{s.most:.0%}; the first trade starts from equal weights."
    )
    if best is None or best.objective is None:
        return section("The plan", words, paragraph("No run gave a verified plan.", "bad"))
    chosen = best.path
    against = [
        f"{case.months[t]} ({result.history.names[int(chosen[t])]} although {result.history.names[int(r)]} "
        "is likelier)"
        for t, r in enumerate(case.likeliest)
        if chosen[t] != r
    ]
    saved = result.baseline - best.objective
    compared = (
        f"Following each month's likeliest regime would cost {result.baseline:.6f}; the plan costs "
        f"{best.objective:.6f}, less by {saved:.6f}. A negative cost is a gain: expected return beyond "
        "risk, doubt and trading. "
    )
    compared += (
        f"It goes against the data in {', '.join(against)}: the likelier regime would cost more in trades, "
        "switches or expected return than the doubt does."
        if against
        else "It follows the data in every month."
    )
    return section(
        "The plan", words, chart(plan_chart(case, result.history, best.W, chosen)), paragraph(compared)
    )


def _solves(result: DemoResult) -> str:
    rows: list[Sequence[Cell]] = [
        [
            run.lowering,
            f"{run.solver} {run.version}",
            (run.status, _mark(run.ok)),
            _number(run.objective, ".8f"),
            _number(run.bound, ".8f"),
            "" if run.gap is None else small(run.gap),
            f"{run.seconds:.2f} s",
            str(run.answer.nodes) if run.answer is not None else "",
            _held(run),
        ]
        for run in result.runs
    ]
    head = ("lowering", "solver", "status", "objective", "bound", "gap", "time", "nodes", "checks held")
    sizes = "; ".join(f"{lowering}: {size}" for lowering, size in result.sizes.items())
    said = [
        paragraph(
            "The regime's cost is written in two ways. The hull lowering splits the weights between the "
            "regimes and has no M; Big-M relaxes each regime's cost by a constant M, here bounded row by "
            f"row from the data. Sizes: {sizes}."
        ),
        table(head, rows, (3, 4, 5, 6, 7)),
        chart(times_chart(result.runs), "Wall time of one solve, one thread, log axis. Shorter is better."),
        *(
            paragraph(f"{run.name}: {run.message}", "bad")
            for run in result.runs
            if run.message and not run.ok
        ),
        "<h3>What was checked</h3>",
        paragraph(
            "Each answer is recomputed from the data that declared the program. A check shows the largest "
            "violation found; `leak` rounds the regimes, solves the rest again and asks whether the cost "
            "went up."
        ),
        _checks(result.runs),
    ]
    return section("Two lowerings, two solvers, one optimum", *said)


def _checks(runs: Sequence[Run]) -> str:
    names = list(dict.fromkeys(check.name for run in runs for check in run.checks))
    rows: list[Sequence[Cell]] = []
    for name in names:
        row: list[Cell] = [name]
        for run in runs:
            found = [check for check in run.checks if check.name == name]
            if not found:
                row.append("")
                continue
            ok, value = all(c.ok for c in found), max(c.value for c in found)
            row.append((f"{'✓' if ok else '✗'} {small(value)}", _mark(ok)))
        rows.append(row)
    return table(("check", *(run.name for run in runs)), rows, range(1, len(runs) + 1))


def _refuted(result: DemoResult) -> str:
    found = result.refutation
    heading = "A published bound on M, refuted"
    if not found.ok:
        return section(
            heading, paragraph(f"The wrong M was not caught: its status is {found.status}.", "bad")
        )
    return section(
        heading,
        paragraph(
            "The literature offers M ≥ max(2‖Q‖ + ‖c‖, ...) as sufficient. Take two regimes without risk, "
            "one where every asset costs 1 and one where every asset earns 1: choosing the second gives "
            f"−1. Built with the published M = {found.big_m:.3f}, the program calls {found.claimed:.3f} "
            f"optimal, and no solver can notice. M must be at least {found.needed_m:.3f}."
        ),
        chart(refutation_chart(found)),
        paragraph(f"Status: `{found.status}`. {_capital(found.detail)}."),
    )


def _made_on(result: DemoResult) -> str:
    rows = [*result.machine.items(), *((k, v or "not installed") for k, v in result.versions.items())]
    return section("Made on", table(("what", "which"), [[k, v] for k, v in rows], class_="compact"))


def _held(run: Run) -> Cell:
    failed = [check.name for check in run.checks if not check.ok]
    if failed:
        return f"failed: {', '.join(failed)}", "bad"
    return (f"all {len(run.checks)}", "good") if run.checks else ("none", "bad")


def _number(value: float | None, form: str) -> str:
    return "" if value is None else format(value, form).replace("-", "−", 1)


def _mark(ok: bool) -> str:
    return "good" if ok else "bad"


def _capital(sentence: str) -> str:
    return sentence[:1].upper() + sentence[1:]
