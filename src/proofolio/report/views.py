"""The report of an experiment with views: differences with their intervals, placebos, confidences over time."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from proofolio.backtesting.view_claims import Claim
from proofolio.backtesting.view_experiment import ViewExperiment
from proofolio.report.figures import COLOURS, chart_style, inline_svg, new_figure
from proofolio.report.page import chart, page, paragraph, section, tiles
from proofolio.report.table import Table

__all__ = ["claims_table", "differences_table", "said_sentences", "strategies_table", "views_page"]

BOTH = "both views at once"
WHOLE = (BOTH, "H = ")  # how a difference begins whose name says both its sides


def claims_table(found: Sequence[Claim]) -> Table:
    """Return what the published library takes for granted, and what comes out."""
    rows = [(c.claim, c.found, (c.verdict, "good" if c.holds else "bad")) for c in found]
    return Table(("claim", "what comes out", "verdict"), rows)


def differences_table(found: ViewExperiment) -> Table:
    """Return the rule less each alternative, % a year, with the 95 % interval."""
    rows = [
        (
            d.name if d.name.startswith(WHOLE) else f"the rule less {d.name}",
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
        (
            f"{s['plans'] - s['unproved']:,.0f} of {s['plans']:,.0f} plans are proved optimal within 1e-6; the largest "
            f"proven gap is {s['largest_gap']:.1e}."
        ),
    ]


@chart_style
def differences_chart(found: ViewExperiment) -> Figure:
    """Draw the differences with their intervals."""
    figure = new_figure(
        "differences",
        "Differences of certainty equivalents with 95 % intervals",
        0.9 + 0.36 * len(found.differences),
    )
    axes = figure.add_subplot()
    for k, d in enumerate(found.differences):
        colour = COLOURS["s2" if d.decided else "s0"]
        axes.plot([d.low, d.high], [k, k], color=colour, linewidth=2.2)
        axes.plot([d.mean], [k], "o", color=colour, markersize=6)
    axes.axvline(0.0, color=COLOURS["muted"], linewidth=0.9)
    axes.set_yticks(
        range(len(found.differences)),
        [d.name if d.name.startswith(BOTH) else f"less {d.name}" for d in found.differences],
    )
    axes.invert_yaxis()
    axes.set_xlabel("% a year")
    return figure


@chart_style
def placebo_chart(found: ViewExperiment) -> Figure:
    """Draw the placebos' certainty equivalents and where the rule stands among them."""
    figure = new_figure(
        "placebos", "Certainty equivalents with shifted confidences, and that of the rule", 2.6
    )
    axes = figure.add_subplot()
    axes.hist(found.placebos, bins=min(12, max(4, len(found.placebos) // 2)), color=COLOURS["s0"], alpha=0.7)
    axes.axvline(found.strategies["rule"]["certainty_equivalent"], color=COLOURS["s2"], linewidth=2.0)
    axes.set_xlabel("certainty equivalent, % a year; the line is the rule")
    axes.set_ylabel("shifts")
    axes.yaxis.set_major_locator(MaxNLocator(integer=True))
    return figure


@chart_style
def confidence_chart(found: ViewExperiment) -> Figure:
    """Draw the confidences in both views of the pair whose two confidences differ most, and of a usual one."""
    figure = new_figure("confidences", "Confidence in two opposite views over time", 3.4)
    up, down = found.confidence
    spread = np.abs(up.mean(axis=1) - down.mean(axis=1))
    order = np.argsort(spread, kind="stable")
    panels = figure.subplots(1, 2, sharey=True)
    for axes, i, title in zip(panels, (order[-1], order[len(order) // 2]), ("widest", "usual"), strict=True):
        a, b = (found.names[k] for k in found.pairs[i])
        axes.plot(up[i], color=COLOURS["s0"], label=f"{a} - {b}")
        axes.plot(down[i], color=COLOURS["s1"], label=f"{b} - {a}")
        axes.set_title(f"{title}: {a}, {b}")
        axes.set_xlabel("week of the window")
        axes.set_ylim(-0.02, 1.02)
        axes.legend(loc="upper right")
    panels[0].set_ylabel("confidence")
    return figure


def views_page(found: ViewExperiment, source: str, command: str) -> str:
    """Return the page."""
    d = found.design
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
                    inline_svg(differences_chart(found)),
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
                chart(inline_svg(placebo_chart(found))),
                *(paragraph(sentence) for sentence in said_sentences(found)),
            ),
            section("What was earned", strategies_table(found).html("dense")),
            section("Confidence over time", chart(inline_svg(confidence_chart(found)))),
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
