"""Mixed-integer portfolio models under market regimes, with every formulation proved before it is solved.

Everything a user needs can be imported from here; the stub ``__init__.pyi`` lists it, in these groups:

model       `Model`, `attach`, `Program`, `Expression`, `between`, `stack`, `concatenate`, `read_program`, `write_program`
formulate   `maximum`, `absolute`, `product`, `implies`, `disjunction`, `selected_cost`, `semicontinuous`, `dwell`, ...
prove       `Claim`, `Box`, `prove`, `strength`, `shipped_claims`
audit       `audit`, `assert_valid`, `tighten`, `save_certificates`, `check_certificates`
solve       `solve`, `check`, `Settings`, `Tolerances`, `explain_infeasible`
portfolios  `load_prices`, `fit_regimes`, `RegimeSwitching`, `MeanVariance`, `RiskParity`, `equal_risk`, ...
backtest    `backtest`, `simulate`, `tune`, `trades_today`
"""

from importlib.metadata import version

from proofolio.public_names import served

__version__ = version("proofolio")
__getattr__, __dir__, __all__ = served(__name__)
