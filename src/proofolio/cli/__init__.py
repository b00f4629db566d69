"""The command line, one file a command, which `group` lists.

`watched` runs a command in a process of its own, which ends in time whatever a solver does.
`group` holds them together: it imports a command when it is called, and turns every error into one sentence.
`output` says what goes to stdout and to stderr, `progress` how far a run is; `models` reads what FILE.py:NAME and
MODEL name, and `market_options` are the options that `backtest`, `tune` and `trade` share.
"""

from proofolio.cli.watched import run_watched

__all__ = ["main"]


def main() -> None:
    """Run the command line in a process of its own and end Python with its exit status."""
    run_watched(_command_line)


def _command_line() -> None:
    from proofolio.cli.group import command_line  # slow to import: Ctrl-C is answered meanwhile

    command_line.main()
