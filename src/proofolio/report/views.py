"""Reports on views: the posterior of today, the experiment with its placebos, and frontiers."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd
from matplotlib.figure import Figure

from proofolio.backtesting.view_claims import Claim
from proofolio.backtesting.view_experiment import ViewExperiment
from proofolio.backtesting.view_frontier import ViewFrontier
from proofolio.charts.figures import inline_svg
from proofolio.forecasts.views.view_posterior import ViewPosterior
from proofolio.report.page import chart, page, paragraph, section, tiles
from proofolio.report.table import Table
from proofolio.report.view_charts import (
    confidence_chart,
    differences_chart,
    frontier_chart,
    placebo_chart,
    whole_name,
)

__all__ = [
    "claims_table",
    "differences_table",
    "frontier_page",
    "frontier_pictures",
    "frontier_sentences",
    "frontier_table",
    "posterior_page",
    "posterior_pictures",
    "posterior_sentences",
    "posterior_tables",
    "said_sentences",
    "strategies_table",
    "views_page",
    "views_pictures",
]


CONFIDENCES = (
    "Shaded: weeks in which a regime is believed in both assets; in others what was believed last is kept."
)
FRONTIERS = (
    "A point for each risk aversion. The halves are those of the calendar: what is picked in the first is worth what "
    "the second shows."
)


def claims_table(found: Sequence[Claim]) -> Table:
    """Return what the published library takes for granted, and what comes out."""
    rows = [(c.claim, c.found, (c.verdict, "good" if c.holds else "bad")) for c in found]
    return Table(("claim", "what comes out", "verdict"), rows)


def differences_table(found: ViewExperiment) -> Table:
    """Return the rule less each alternative, % a year, with the 95 % interval."""
    rows = [
        (
            whole_name(d, "the rule less "),
            f"{d.mean:+.2f}",
            f"{d.low:+.2f}",
            f"{d.high:+.2f}",
            ("yes", "notable") if d.decided else "no",
        )
        for d in (*found.differences, *found.horizons)
    ]
    return Table(("certainty equivalent, % a year", "mean", "from", "to", "0 is outside"), rows, (1, 2, 3))


def strategies_table(found: ViewExperiment) -> Table:
    """Return what each strategy earned on average."""
    rows = [
        (
            found.design.name if name == "rule" else name,
            f"{f['certainty_equivalent']:.2f}",
            f"{f['gross']:.2f}",
            f"{f['net']:.2f}",
            f"{f['risk']:.1f}",
            f"{f['cost']:.3f}",
            f"{f['turnover']:.2f}",
        )
        for name, f in found.strategies.items()
    ]
    head = ("strategy", "certainty equivalent", "gross", "net", "risk", "cost", "turnover a year")
    return Table(head, rows, range(1, 7))


def said_sentences(found: ViewExperiment) -> list[str]:
    """Return what is to be known about the confidences and the plans."""
    s = found.said
    placebos = found.placebos
    return [
        (
            f"Certainty equivalent {found.strategies['rule']['certainty_equivalent']:.2f} % a year, with confidences "
            f"shifted in time {placebos.mean():.2f} (sd {placebos.std():.2f} over {len(placebos)} shifts): rank "
            f"{found.rank} of {len(placebos) + 1} from below, and with both views held at once {found.both_rank}."
        ),
        (
            f"The view that came true had the higher confidence in {found.true_higher:.0%} of the pairs, with shifted "
            f"confidences in {found.placebo_higher:.0%}; the Sharpe ratio was above that of each constant confidence "
            f"as well in {found.flattering:.0%}, with shifted ones in {found.placebo_flattering:.0%}: so often chance "
            "makes a good story of a single pair."
        ),
        (
            f"{s['saturated']:.0%} of the confidences are below .01 or above .99; a regime is believed in "
            f"{s['believed']:.0%} of asset-weeks; what is kept is {s['stale_mean']:.1f} weeks old on average, "
            f"{s['stale_95']:.0f} at the 95th of 100; {s['collapsed']:.1%} of fits have collapsed."
        ),
        _proved(s["plans"], s["unproved"], s["largest_gap"]),
    ]


def _proved(plans: float, unproved: float, largest_gap: float) -> str:
    return (
        f"{plans - unproved:,.0f} of {plans:,.0f} plans are proved optimal within 1e-6; the largest proven gap is "
        f"{largest_gap:.1e}."
    )


def posterior_tables(found: ViewPosterior) -> tuple[Table, Table]:
    """Return the views and the assets, a row each."""
    return _frame("view", found.table()), _frame("asset", found.assets())


def posterior_sentences(found: ViewPosterior) -> list[str]:
    """Return Theil's test, and what the columns are where they do not say it."""
    lines = [f"Surprise (Theil): {found.surprise['statistic']:.3g}, p = {found.surprise['p']:.2g}"]
    if "r_hat" in found.evidence:
        lines.append(
            "r_hat is what the regimes say, with its standard error; bp are basis points a day, age is in weeks."
        )
    if found.pull.isna().any():
        lines.append("A view that says what the prior says has no way to go: its pull is -.")
    return lines


def posterior_pictures(found: ViewPosterior) -> dict[str, Figure]:
    """Return prior, posterior and views as bars."""
    return {"posterior": found.plot()}


def posterior_page(found: ViewPosterior, source: str, command: str) -> str:
    """Return the page of a posterior."""
    views, assets = posterior_tables(found)
    return page(
        "What views do to expected returns",
        f"{source}: {len(found.mean)} assets, {len(found.pull)} views, {found.periods:g} periods a year.",
        [
            section(
                "Prior, posterior and views",
                *(chart(inline_svg(figure)) for figure in posterior_pictures(found).values()),
                views.html("dense"),
                *(paragraph(sentence) for sentence in posterior_sentences(found)),
            ),
            section("Assets", assets.html("compact"), paragraph(f"Made by `{command}`.")),
        ],
    )


def _frame(first: str, frame: pd.DataFrame) -> Table:
    """Return a data frame as a table: three digits, ``-`` where there is no number."""

    def text(value: object) -> str:
        if isinstance(value, bool):
            return "yes" if value else "no"
        return "-" if value != value else f"{value:.3g}"

    rows = [(str(name), *(text(value) for value in row)) for name, *row in frame.itertuples()]
    return Table((first, *frame.columns), rows, range(1, frame.shape[1] + 1))


def views_pictures(found: ViewExperiment) -> dict[str, Figure]:
    """Return the drawings of the experiment by name."""
    return {
        "differences": differences_chart(found),
        "placebos": placebo_chart(found),
        "confidences": confidence_chart(found),
    }


def views_page(found: ViewExperiment, source: str, command: str) -> str:
    """Return the page."""
    d, drawn = found.design, {name: inline_svg(figure) for name, figure in views_pictures(found).items()}
    best = next(x for x in found.differences if x.name == "shifted confidences")
    return page(
        "Views with confidence from regimes",
        f"{source}: {len(found.names)} assets, {len(found.pairs)} pairs drawn at random, each with a window of "
        f"{d.weeks} weeks drawn from {found.decisions}; both opposite views of {100 * d.yearly:g} % a year; rule: "
        f"{d.name}.",
        [
            tiles(
                [
                    (f"{best.mean:+.2f} %", "a year over the same confidences shifted in time", ""),
                    (f"{best.low:+.2f} to {best.high:+.2f}", "its 95 % interval", ""),
                    (f"{found.rank} of {len(found.placebos) + 1}", "rank among its placebos, from below", ""),
                    (f"{found.true_higher:.0%}", "of pairs: the view that came true was believed more", ""),
                ]
            ),
            section(
                "Does it help?",
                paragraph(found.sentence()),
                chart(
                    drawn["differences"],
                    "Dots are means, lines the 95 % interval of a bootstrap over blocks of 26 calendar weeks.",
                ),
                differences_table(found).html(),
            ),
            section(
                "Placebos",
                paragraph(
                    "A placebo is the rule with its confidences shifted in time: the same numbers, the same "
                    "persistence, and no knowledge of the day."
                ),
                chart(drawn["placebos"]),
                *(paragraph(sentence) for sentence in said_sentences(found)),
            ),
            section("What was earned", strategies_table(found).html("dense")),
            section("Confidence over time", chart(drawn["confidences"], CONFIDENCES)),
            section(
                "What this is not",
                paragraph(
                    f"Volumes are not known: {d.volume:,.0f} a day is assumed for every asset, and {d.value:,.0f} is "
                    "invested. The market's weights are equal on the first day and drift. Costs are charged in the "
                    "simulation as the plans expect them. Assets that survived are all there is."
                ),
                paragraph(f"Made by `{command}`."),
            ),
        ],
    )


def frontier_table(found: ViewFrontier) -> Table:
    """Return the rule's return at equal risk less that of each alternative, by horizon and half."""
    rows = [
        (
            f"{H}",
            half,
            f"the rule less {d.name}",
            f"{d.mean:+.2f}",
            f"{d.low:+.2f}",
            f"{d.high:+.2f}",
            ("yes", "notable") if d.decided else "no",
        )
        for (H, half), differences in found.differences.items()
        for d in differences
    ]
    head = ("H", "weeks", "return at equal risk, % a year", "mean", "from", "to", "0 is outside")
    return Table(head, rows, (3, 4, 5))


def frontier_sentences(found: ViewFrontier) -> list[str]:
    """Return what is to be known about the plans, and what came out."""
    return [
        _proved(found.plans, found.unproved, found.largest_gap),
        found.sentence(),
    ]


def frontier_pictures(found: ViewFrontier) -> dict[str, Figure]:
    """Return the drawing of the frontiers."""
    return {"frontier": frontier_chart(found)}


def frontier_page(found: ViewFrontier, source: str, command: str) -> str:
    """Return the page of frontiers."""
    d = found.design
    drawn = [chart(inline_svg(figure), FRONTIERS) for figure in frontier_pictures(found).values()]
    risks = ", ".join(f"{g:g}" for g in found.gamma_risks)
    return page(
        "Views with confidence from regimes: frontiers",
        f"{source}: {len(found.names)} assets, {d.pairs} pairs drawn at random, each with a window of {d.weeks} weeks "
        f"drawn from {found.decisions}; both opposite views of {100 * d.yearly:g} % a year at risk aversions of "
        f"{risks}; rule: {d.name}; {d.shifts} shifts.",
        [
            section("Return against risk", *drawn),
            section(
                "At equal risk",
                frontier_table(found).html("dense"),
                *(paragraph(sentence) for sentence in frontier_sentences(found)),
                paragraph(f"Made by `{command}`."),
            ),
        ],
    )
