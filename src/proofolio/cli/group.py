"""The command line: one group, whose commands are imported when they are called, and one way to end."""

from __future__ import annotations

import os
import sys
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib import import_module
from importlib.metadata import version
from typing import Any

import click

from proofolio.cli.output import BAD_INPUT, BAD_NEWS, GOOD, INTERRUPTED, complain, print_document, silence
from proofolio.cli.unanswered import unanswered
from proofolio.cli.watched import has_answered
from proofolio.errors import (
    ContradictoryRows,
    DoubtfulFile,
    DoubtfulViews,
    InvalidBigM,
    ProofolioError,
    SolverFailure,
    StalledCluster,
)

__all__ = ["COMMANDS", "command_line"]


# In the order of the help: each is the function `NAME_command` of the module `proofolio.cli.NAME`, a hyphen being _.
COMMANDS = {
    "demo": "Run the main job on real prices, in under a minute.",
    "prove": "Prove that formulations mean what they should.",
    "audit": "Judge the Big-M's of a model.",
    "solve": "Solve a model and check the answer.",
    "backtest": "Show what strategies would have earned, after costs.",
    "tune": "Try parameters on one span and judge the choice on the next.",
    "trade": "Show today's trades, with the reason.",
    "control": "Trade at a rate under regimes: targets, gaps, the published claims.",
    "views": "Show what views do today, or try their confidences on the past.",
    "bench": "Compare solvers and lowerings on checked answers.",
    "sample-data": "Write a table of real prices to try the others on.",
    "doctor": "Show versions and solvers, and try each solver.",
}
# The model was read and the answer is bad news; every other error of ours is about the input.
NEWS = (ContradictoryRows, InvalidBigM, SolverFailure)
DOUBTFUL = (DoubtfulFile, DoubtfulViews, StalledCluster)  # warnings that are sentences for the user
JSON = "--json"
TRACEBACK = "PROOFOLIO_TRACEBACK"
EXAMPLE = """
\b
Examples:
  proofolio demo
  proofolio prove maximum
  proofolio audit model.mps --html audit.html
  proofolio solve model.mps --solver scip
  proofolio backtest prices.csv
  proofolio bench my_models.py --solvers highs,scip
  proofolio doctor
"""


class _Group(click.Group):
    """A group whose commands return their exit status and whose every error is one sentence on stderr."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the names."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import a command; None for a name that is none."""
        if cmd_name not in COMMANDS:
            return None
        name = cmd_name.replace("-", "_")
        command: click.Command = getattr(import_module(f"proofolio.cli.{name}"), f"{name}_command")
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the list of commands without importing them."""
        with formatter.section("Commands"):
            formatter.write_dl(list(COMMANDS.items()))

    def main(self, *args: Any, **named: Any) -> Any:
        """Run a command line and end Python with its exit status; arguments as for `click.Command.main`."""
        named |= {"standalone_mode": False, "prog_name": "proofolio"}
        sys.exit(_ended(lambda: super(_Group, self).main(*args[:1], **named)))


@contextmanager
def _warnings_as_sentences() -> Iterator[None]:
    """Say what is doubtful in a model file or in views as a sentence, also where warnings are hidden."""
    with warnings.catch_warnings():
        for doubtful in DOUBTFUL:
            warnings.simplefilter("always", doubtful)
        others = warnings.showwarning

        def show(message: Warning | str, category: type[Warning], *where: Any, **named: Any) -> None:
            if issubclass(category, DOUBTFUL):
                complain(f"warning: {message}")
            else:
                others(message, category, *where, **named)

        warnings.showwarning = show
        yield


def _ended(run: Callable[[], Any]) -> int:
    try:
        with _warnings_as_sentences():
            status = run()
        _flush()
    except click.Abort:
        if JSON in sys.argv and not has_answered():
            print_document(unanswered(sys.argv[1:]))
        complain("interrupted")
        return INTERRUPTED
    except click.UsageError as error:
        hint = f" (see {error.ctx.command_path} --help)" if error.ctx is not None else ""
        complain(f"{error.format_message().rstrip('.')}{hint}")
        return BAD_INPUT
    except click.ClickException as error:
        complain(error.format_message())
        return BAD_INPUT
    except ProofolioError as error:
        if isinstance(error, SolverFailure) and JSON in sys.argv and not has_answered():
            print_document(unanswered(sys.argv[1:], str(error)))
        complain(str(error))
        return BAD_NEWS if isinstance(error, NEWS) else BAD_INPUT
    except SystemExit:  # click raises it only where the reader of its help has left
        silence(sys.stdout)
        return GOOD
    except OSError as error:
        where = f"{error.filename}: " if error.filename is not None else ""
        complain(f"{where}{error.strerror or error}")
        return BAD_INPUT
    except MemoryError:
        complain("the memory of this machine is not enough for this model; give a smaller one")
        return BAD_NEWS
    except Exception as error:  # the last resort: a bug of ours is a sentence too
        if os.environ.get(TRACEBACK):
            raise
        what = f"{type(error).__name__}: {error}"
        complain(f"this is a bug in proofolio, please report it ({what}; {TRACEBACK}=1 shows where it is)")
        return BAD_NEWS
    return status if isinstance(status, int) else GOOD


def _flush() -> None:
    """Print what is still buffered; a reader of stdout that has left does not change the status."""
    try:
        sys.stdout.flush()
    except BrokenPipeError:
        silence(sys.stdout)


@click.group(
    cls=_Group,
    epilog=EXAMPLE,
    invoke_without_command=True,
    context_settings={"help_option_names": ["-h", "--help"]},
)
@click.version_option(version("proofolio"), message="%(prog)s %(version)s")
@click.pass_context
def command_line(context: click.Context) -> None:
    """Mixed-integer portfolio models under market regimes, every answer checked before it is believed.

    The exit status is 0 for good news, 1 for bad news (a model without solution, a wrong claim), and 2 for
    input that cannot be used.
    """
    if context.invoked_subcommand is None:
        click.echo(context.get_help())
