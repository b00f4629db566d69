"""From prices to a result that shows itself: what `backtest` and `tune` are on the command line and in Python.

`backtests` and `tunings` take what a user has (a table, names, basis points), call `backtesting`, and return its record
with tables, charts and pages of `report`.
"""

from proofolio.public_names import served

__getattr__, __dir__, __all__ = served(__name__)
