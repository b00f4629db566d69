"""The command line, one file a command: audit, backtest, bench, demo, doctor, prove, solve, trade, tune.

`group` holds them together: it imports a command when it is called, and turns every error into one sentence.
`output` says what goes to stdout and to stderr, `progress` how far a run is; `models` reads what FILE.py:NAME and
MODEL name, and `market_options` are the options that `backtest`, `tune` and `trade` share.
"""

from proofolio.cli.group import main

__all__ = ["main"]
