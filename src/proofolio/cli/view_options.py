"""Which options of ``proofolio views`` each question reads; the others are refused."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any, Literal

from proofolio.cli.ignored_options import options_given, refuse_options
from proofolio.errors import BadData
from proofolio.forecasts.views.asset_regimes import AssetRegimes
from proofolio.forecasts.views.stated_views import Views

__all__ = [
    "PLANTED",
    "Question",
    "question_asked",
    "refuse_for_views",
    "refuse_unread",
    "regimes_asked",
    "share_of",
]

Question = Literal["claims", "views", "experiment"]
# How each question is asked, for sentences.
ASKED_BY = {
    "claims": "--claims",
    "views": "--view or --views",
    "experiment": "the experiment (--opposite-pairs, --frontier)",
}
READ: dict[str, Collection[str]] = {"claims": {"claims_wanted", "seed"}}
READ["views"] = {
    "sentences", "views_file", "are_returns", "confidence", "eta", "scale", "threshold", "half_life", "window",
    "market_weights", "seed", "out",
}  # fmt: skip
READ["experiment"] = {
    "opposite_pairs", "frontier", "are_returns", "confidence", "eta", "scale", "threshold", "half_life", "window",
    "yearly", "weeks", "shifts", "horizon", "gamma_risk", "gamma_trade", "spread_bps", "impact", "no_impact", "volume",
    "value", "market_weights", "seed", "jobs", "out",
}  # fmt: skip
# What is said by the file of views itself.
IN_THE_FILE = ("confidence", "eta", "scale", "threshold", "half_life", "window")
PLANTED = ("planted", "planted-equal")


def question_asked(table: str | None, given: dict[str, Any]) -> Question:
    """Return the question, or refuse several and none.

    Raises
    ------
    BadData
        Naming what is missing, or two options that ask for different things.
    """
    kinds = {
        "--claims": given["claims_wanted"],
        "--view": given["sentences"],
        "--views": given["views_file"],
        "--opposite-pairs": given["opposite_pairs"] is not None or given["frontier"],
    }
    asked = [name for name, wanted in kinds.items() if wanted]
    if asked[:1] == ["--claims"]:
        if table is not None or len(asked) > 1:
            raise BadData("--claims needs no table and no views: proofolio views --claims.")
        return "claims"
    if table is None:
        raise BadData("name a table of prices, or stocks, planted or planted-equal.")
    if len(asked) != 1:
        raise BadData(
            "give --view TEXT (once or more), --views FILE or --opposite-pairs N (or --frontier), one of them."
        )
    return "experiment" if asked == ["--opposite-pairs"] else "views"


def refuse_unread(question: Question, bundled: bool, table: str | None, given: dict[str, Any]) -> None:
    """Refuse options that the question does not read.

    Parameters
    ----------
    question : {"claims", "views", "experiment"}
    bundled : bool
        Whether `table` is a name and no file.
    table : str or None
    given : dict
        The options as the command received them.

    Raises
    ------
    BadData
        Naming the first such option.
    """
    for name in options_given():
        if name not in READ[question] and name != "as_json":
            readers = [ASKED_BY[other] for other in READ if name in READ[other]]
            refuse_options([name], f"is an option of {' and '.join(readers)}; leave it out")
    if bundled:
        refuse_options(["are_returns"], f"is about a file, and {table} is none; leave it out")
    if question == "views":
        if table not in PLANTED or not bundled:
            refuse_options(
                ["seed"], "draws planted returns, pairs and windows, and none is drawn; leave it out"
            )
        if given["views_file"] is not None:
            refuse_options(IN_THE_FILE, "is said by the file of --views; write it there")
    elif question == "experiment":
        _refuse_beside_no_impact(given)
    if question == "experiment" or (question == "views" and given["views_file"] is None):
        _refuse_for_the_rule(question, given)


def refuse_for_views(views: Views, given: dict[str, Any]) -> None:
    """Refuse what decides on confidences where every view states its own."""
    if all(view.confidence is not None for view in views):
        why = "says how far views are believed, and each of these states its own confidence; leave it out"
        refuse_options(("confidence", "eta", "scale", "threshold", "window"), why)


def regimes_asked(given: dict[str, Any]) -> AssetRegimes:
    """Return the options of regimes."""
    if not 0.0 <= given["threshold"] <= 1.0:  # NaN fails too
        raise BadData(f"--threshold is {given['threshold']:g}; give a probability from 0 to 1.")
    return AssetRegimes(window=given["window"], threshold=given["threshold"])


def share_of(text: str | None, usual: str) -> str | float:
    """Return a confidence: a share where it is a number, else the name of a rule."""
    if text is None:
        return usual
    try:
        return float(text)
    except ValueError:
        return text


def _refuse_beside_no_impact(given: dict[str, Any]) -> None:
    if given["no_impact"]:
        refuse_options(
            ("impact", "volume", "value"),
            "is of the impact, and --no-impact leaves it out; drop one",
        )
    elif given["impact"] == 0.0:
        refuse_options(("volume", "value"), "is of the impact, and --impact 0 leaves it out; drop one")


def _refuse_for_the_rule(question: Question, given: dict[str, Any]) -> None:
    rule = share_of(given["confidence"], "sigmoid" if question == "experiment" else "calibrated")
    if question == "experiment" and isinstance(rule, float):
        raise BadData(
            f"--confidence is {rule:g}, and the experiment tries a rule beside constant confidences; choose sigmoid, "
            "cdf or calibrated."
        )
    if rule != "sigmoid":
        refuse_options(
            ("eta", "scale"), f"is of the sigmoid, and the confidence is {rule}; give --confidence sigmoid"
        )
    if isinstance(rule, float):
        refuse_options(
            ("threshold", "window"), f"is of regimes, and the confidence is {rule:g}; leave it out"
        )
