"""Mixed-integer portfolio models under market regimes, with every formulation proved before it is solved.

Everything a user needs can be imported from here; the stub ``__init__.pyi`` lists it, in these groups:

model       `Model`, `attach`, `Program`, `Expression`, `between`, `stack`, `concatenate`, `read_program`,
            `write_program`
formulate   `maximum`, `minimum`, `absolute`, `positive_part`, `product`, `implies`, `disjunction`, `selected_cost`,
            `MaxTerm`, `semicontinuous`, `cardinality`, `round_lot`, `fixed_charge`, `piecewise_linear`,
            `piecewise_linear_of`, `Approximation`, `transitions`, `switches`, `dwell`
prove       `Claim`, `Box`, `prove`, `Proof`, `strength`, `shipped_claims`
audit       `audit`, `Audit`, `RowVerdict`, `assert_valid`, `tighten`, `save_certificates`, `check_certificates`,
            `CheckedCertificate`
solve       `solve`, `Solution`, `Settings`, `check`, `Check`, `Tolerances`, `explain_infeasible`, `Certificate`,
            `save_certificate`, `check_certificate`, `CheckedOptimum`
portfolios  `load_prices`, `read_prices`, `fit_regimes`, `RollingRegimes`, `Historical`, `Forecast`, `MeanVariance`,
            `ConditionalCap`, `RiskParity`, `RegimeEqualRisk`, `equal_risk`, `risk_contributions`, `Group`,
            `PlanSet`, `RegimeSwitching`, `RegimeSolution`, `Covered`, `market_instance`, `random_instance`,
            `published_maxima`
views       `Views`, `View`, `BlackLitterman`, `posterior`, `Posterior`, `equilibrium`, `drifted`, `AssetRegimes`,
            `ViewControl`, `SigmoidConfidence`, `CdfConfidence`, `CalibratedConfidence`, `entropy_pooling`
control     `RegimeChain`, `RegimeControl`, `HJBSolver`, `Factors`, `FactorCovariance`, `Gap`, `SimulationTable`
backtest    `backtest`, `BacktestResult`, `StrategyRun`, `strategy`, `DecisionContext`, `simulate`, `tune`,
            `TuningResult`, `trades_today`, `Account`
errors      `ProofolioError` and below it `BadData`, `UnboundedExpression`, `ContradictoryRows`, `UnsupportedProgram`,
            `InvalidBigM`, `SolverFailure`, `NoPlan`, `ContradictoryViews`; the warnings `UnprovenBigM`,
            `DoubtfulFile`, `DoubtfulUnits`, `DoubtfulViews`, `DoubtfulEstimate`, `Imprecise`
"""

from importlib.metadata import version

from proofolio.public_names import served

__version__ = version("proofolio")
__getattr__, __dir__, __all__ = served(__name__)
