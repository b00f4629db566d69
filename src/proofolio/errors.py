"""The errors proofolio raises: one base, and one type for each thing a user can act on."""

from collections.abc import Iterable, Mapping
from difflib import get_close_matches

__all__ = [
    "BadData",
    "ContradictoryRows",
    "ContradictoryViews",
    "DoubtfulEstimate",
    "DoubtfulFile",
    "DoubtfulUnits",
    "DoubtfulViews",
    "Imprecise",
    "InvalidBigM",
    "LostCluster",
    "NoPlan",
    "ProofolioError",
    "SolverFailure",
    "StalledCluster",
    "UnboundedExpression",
    "UnprovenBigM",
    "UnsupportedProgram",
    "did_you_mean",
    "shown_value",
]


class ProofolioError(Exception):
    """Base of every error proofolio raises on purpose; its text is one sentence a user can act on."""


class BadData(ProofolioError, ValueError):
    """An argument, file or number that cannot be used; the text names it and says what is needed."""


class UnboundedExpression(ProofolioError, ValueError):
    """A finite bound was needed on an expression that has none; the text names the variables to bound."""


class ContradictoryRows(ProofolioError, ValueError):
    """A row without variables is false as written, so no point can satisfy the model."""


class ContradictoryViews(BadData):
    """Views that are held for certain contradict one another, so no mean satisfies them; the text names them."""


class UnsupportedProgram(ProofolioError, ValueError):
    """A solver or an interface cannot express this class of program; the text says what, and who can."""


class InvalidBigM(ProofolioError, ValueError):
    """A Big-M is too small: a point that the model is meant to allow is cut off; the text gives it."""


class SolverFailure(ProofolioError, RuntimeError):
    """A solver stopped without an answer or refused its input; the text repeats the solver's own message."""


class LostCluster(SolverFailure):
    """A cluster that answered is gone, or loses its workers again and again; no fault of the input."""


class NoPlan(BadData, SolverFailure):
    """No plan keeps all rules from the holdings of this day; on another day, from others, one may."""


class UnprovenBigM(UserWarning):
    """A Big-M is neither proved to be enough nor refuted; the text gives the bounds on what is needed."""


class Imprecise(UserWarning):
    """An answer is less exact than documented, as rounding allows no more; the text states the error."""


class DoubtfulEstimate(UserWarning):
    """A number was estimated from too little data or time, or tells little where it is used; the text says so."""


class StalledCluster(UserWarning):
    """A cluster has given no result for half a minute; the text says what its workers do."""


class DoubtfulFile(UserWarning):
    """A line of a model file may not say what its author meant; the text gives the line and how it is read."""


class DoubtfulUnits(UserWarning):
    """Numbers look as if they were a day's, a month's or percents; the text says which, and how to keep them."""


def did_you_mean(name: object, known: Iterable[object]) -> str:
    """Return ``" (did you mean 'mpo'?)"`` for a name close to one that exists, else nothing.

    Examples
    --------
    >>> did_you_mean("moo", ["mpo", "erc"]), did_you_mean("luck", ["mpo", "erc"])
    (" (did you mean 'mpo'?)", '')
    """
    names = {str(each).casefold(): str(each) for each in known}
    close = get_close_matches(str(name).casefold(), names, n=1)
    return f" (did you mean {names[close[0]]!r}?)" if close else ""


class DoubtfulViews(UserWarning):
    """Views repeat one another, or surprise beyond what their confidences allow; the text names them."""


def shown_value(given: object) -> str:
    """Return how a sentence calls a value: a short one as it is, else its type.

    Examples
    --------
    >>> shown_value("10"), shown_value(object())
    ("'10'", 'an object')
    """
    if given is None or isinstance(given, str | bool | int | float | complex | tuple | list | Mapping):
        text = repr(given)
        if len(text) <= 60 and "\n" not in text:
            return text
    return f"{'an' if type(given).__name__[0] in 'AEIOUaeiou' else 'a'} {type(given).__name__}"
