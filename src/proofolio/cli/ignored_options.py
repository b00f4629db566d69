"""Options that were given although what was asked for does not read them: each is refused, none is ignored."""

from __future__ import annotations

from collections.abc import Iterable

import click
from click.core import ParameterSource

from proofolio.errors import BadData

__all__ = ["options_given", "refuse_options"]


def options_given() -> dict[str, str]:
    """Return the options on the command line, ``{"gamma_risk": "--gamma-risk"}``, without arguments."""
    context = click.get_current_context()
    return {
        str(option.name): option.opts[0]
        for option in context.command.params
        if isinstance(option, click.Option)
        and option.name
        and context.get_parameter_source(option.name) is ParameterSource.COMMANDLINE
    }


def refuse_options(names: Iterable[str], why: str) -> None:
    """Refuse options of these names where they were given.

    Parameters
    ----------
    names : iterable of str
        As the command receives them.
    why : str
        What follows the option's name in the sentence: ``"is of the experiment alone; leave it out"``.

    Raises
    ------
    BadData
        Naming the first.
    """
    given = options_given()
    for name in names:
        if name in given:
            raise BadData(f"{given[name]} {why}.")
