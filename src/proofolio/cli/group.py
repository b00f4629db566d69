"""The command line: one group, one file a command in `proofolio.cli`, and one way to end."""

from __future__ import annotations

import errno
import os
import sys
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib.metadata import version
from typing import Any

import click

from proofolio.cli.audit import audit_command
from proofolio.cli.backtest import backtest_command
from proofolio.cli.bench import bench_command
from proofolio.cli.demo import demo_command
from proofolio.cli.doctor import doctor_command
from proofolio.cli.output import BAD_INPUT, BAD_NEWS, GOOD, INTERRUPTED, complain
from proofolio.cli.prove import prove_command
from proofolio.cli.solve import solve_command
from proofolio.cli.trade import trade_command
from proofolio.cli.tune import tune_command
from proofolio.errors import ContradictoryRows, DoubtfulFile, InvalidBigM, ProofolioError, SolverFailure

__all__ = ["command_line", "main"]


# The model was read and the answer is bad news; every other error of ours is about the input.
NEWS = (ContradictoryRows, InvalidBigM, SolverFailure)
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

    def main(self, *args: Any, **named: Any) -> Any:
        """Run a command line and end Python with its exit status; arguments as for `click.Command.main`."""
        named |= {"standalone_mode": False, "prog_name": "proofolio"}
        sys.exit(_ended(lambda: super(_Group, self).main(*args[:1], **named)))


@contextmanager
def _warnings_as_sentences() -> Iterator[None]:
    """Say what is doubtful in a model file as every other sentence is said, also where warnings are hidden."""
    with warnings.catch_warnings():
        warnings.simplefilter("always", DoubtfulFile)
        others = warnings.showwarning

        def show(message: Warning | str, category: type[Warning], *where: Any, **named: Any) -> None:
            if issubclass(category, DoubtfulFile):
                complain(f"warning: {message}")
            else:
                others(message, category, *where, **named)

        warnings.showwarning = show
        yield


def _ended(run: Callable[[], Any]) -> int:
    try:
        with _warnings_as_sentences():
            status = run()
        sys.stdout.flush()
    except click.Abort:
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
        complain(str(error))
        return BAD_NEWS if isinstance(error, NEWS) else BAD_INPUT
    except OSError as error:
        if error.errno == errno.EPIPE:
            # The reader of stdout has left; what is still buffered must not complain at exit.
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            return BAD_NEWS
        where = f"{error.filename}: " if error.filename is not None else ""
        complain(f"{where}{error.strerror or error}")
        return BAD_INPUT
    except MemoryError:
        complain("the memory of this machine is not enough for this model")
        return BAD_NEWS
    except Exception as error:  # the last door: a bug of ours is a sentence too
        if os.environ.get(TRACEBACK):
            raise
        words = f"{type(error).__name__}: {error}"
        complain(f"this is a bug in proofolio, please report it ({words}; {TRACEBACK}=1 shows where it is)")
        return BAD_NEWS
    return status if isinstance(status, int) else GOOD


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


for _command in (
    demo_command,
    prove_command,
    audit_command,
    solve_command,
    backtest_command,
    tune_command,
    trade_command,
    bench_command,
    doctor_command,
):
    command_line.add_command(_command)


def main() -> None:
    """Run the command line and end Python with its exit status."""
    command_line.main()
