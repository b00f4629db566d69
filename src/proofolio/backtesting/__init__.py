"""What decisions would have earned: simulation, strategies, costs, figures, tuning.

Read in this order: `market` (prices as arrays), `costs`, `policy` (what a strategy is), `strategies` (those that ship)
and `own_strategies` (functions), `simulator` (one strategy, close by close) with `metrics` (its figures). `forecasts`
makes the forecasts of a backtest once; `tasks` runs simulations in parallel and keeps their results. On these stand
`backtests` (several strategies on the same periods), `experiments` (other costs, crises, regimes), `results` (what was
found, in pandas), `tuning` (choosing on the past), `today` (the trades of one day), and `solver_comparison` (SCA
against SLSQP).
"""

from proofolio.public_names import served

__getattr__, __dir__, __all__ = served(__name__)
