# Every public name, once: what type checkers see, and what `public_names` serves.

# Model: array expressions, the builder, the frozen program, files.
# Backtest.
from proofolio.backtesting.account import Account as Account
from proofolio.backtesting.own_strategies import DecisionContext as DecisionContext
from proofolio.backtesting.own_strategies import strategy as strategy
from proofolio.backtesting.results import StrategyRun as StrategyRun
from proofolio.backtesting.simulator import simulate as simulate
from proofolio.backtesting.today import trades_today as trades_today
from proofolio.backtesting.view_strategies import ViewControl as ViewControl

# Errors.
from proofolio.errors import BadData as BadData
from proofolio.errors import ContradictoryRows as ContradictoryRows
from proofolio.errors import ContradictoryViews as ContradictoryViews
from proofolio.errors import DoubtfulEstimate as DoubtfulEstimate
from proofolio.errors import DoubtfulFile as DoubtfulFile
from proofolio.errors import DoubtfulUnits as DoubtfulUnits
from proofolio.errors import DoubtfulViews as DoubtfulViews
from proofolio.errors import Imprecise as Imprecise
from proofolio.errors import InvalidBigM as InvalidBigM
from proofolio.errors import NoPlan as NoPlan
from proofolio.errors import ProofolioError as ProofolioError
from proofolio.errors import SolverFailure as SolverFailure
from proofolio.errors import UnboundedExpression as UnboundedExpression
from proofolio.errors import UnprovenBigM as UnprovenBigM
from proofolio.errors import UnsupportedProgram as UnsupportedProgram

# Portfolios: data, regimes, forecasts, models.
from proofolio.forecasts.forecast import Forecast as Forecast
from proofolio.forecasts.hidden_markov import fit_regimes as fit_regimes
from proofolio.forecasts.historical import Historical as Historical
from proofolio.forecasts.prices import load_prices as load_prices
from proofolio.forecasts.prices import read_prices as read_prices
from proofolio.forecasts.rolling_regimes import RollingRegimes as RollingRegimes

# Views.
from proofolio.forecasts.views.asset_regimes import AssetRegimes as AssetRegimes
from proofolio.forecasts.views.black_litterman import BlackLitterman as BlackLitterman
from proofolio.forecasts.views.confidences import CalibratedConfidence as CalibratedConfidence
from proofolio.forecasts.views.confidences import CdfConfidence as CdfConfidence
from proofolio.forecasts.views.confidences import SigmoidConfidence as SigmoidConfidence
from proofolio.forecasts.views.formulas import Posterior as Posterior
from proofolio.forecasts.views.formulas import drifted as drifted
from proofolio.forecasts.views.formulas import equilibrium as equilibrium
from proofolio.forecasts.views.formulas import posterior as posterior
from proofolio.forecasts.views.pooling import entropy_pooling as entropy_pooling
from proofolio.forecasts.views.stated_views import Views as Views
from proofolio.forecasts.views.view import View as View

# Formulate.
from proofolio.formulations.costs import MaxTerm as MaxTerm
from proofolio.formulations.disjunctions import disjunction as disjunction
from proofolio.formulations.extrema import maximum as maximum
from proofolio.formulations.extrema import minimum as minimum
from proofolio.formulations.implications import implies as implies
from proofolio.formulations.paths import dwell as dwell
from proofolio.formulations.paths import switches as switches
from proofolio.formulations.paths import transitions as transitions
from proofolio.formulations.piecewise import Approximation as Approximation
from proofolio.formulations.piecewise import piecewise_linear as piecewise_linear
from proofolio.formulations.piecewise import piecewise_linear_of as piecewise_linear_of
from proofolio.formulations.positions import cardinality as cardinality
from proofolio.formulations.positions import fixed_charge as fixed_charge
from proofolio.formulations.positions import round_lot as round_lot
from proofolio.formulations.positions import semicontinuous as semicontinuous
from proofolio.formulations.products import product as product
from proofolio.formulations.selected_costs import selected_cost as selected_cost
from proofolio.formulations.signs import absolute as absolute
from proofolio.formulations.signs import positive_part as positive_part
from proofolio.interfaces.files.model_files import read_program as read_program
from proofolio.interfaces.files.model_files import write_program as write_program
from proofolio.models.control.bound import Gap as Gap
from proofolio.models.control.chain import RegimeChain as RegimeChain
from proofolio.models.control.hjb_solver import HJBSolver as HJBSolver
from proofolio.models.control.problem import FactorCovariance as FactorCovariance
from proofolio.models.control.problem import Factors as Factors
from proofolio.models.control.regime_control import RegimeControl as RegimeControl
from proofolio.models.control.simulation import SimulationTable as SimulationTable
from proofolio.models.portfolio.mean_variance import MeanVariance as MeanVariance
from proofolio.models.portfolio.plan_set import Group as Group
from proofolio.models.portfolio.plan_set import PlanSet as PlanSet
from proofolio.models.portfolio.regime_equal_risk import RegimeEqualRisk as RegimeEqualRisk
from proofolio.models.portfolio.risk_budgeting import equal_risk as equal_risk
from proofolio.models.portfolio.risk_budgeting import risk_contributions as risk_contributions
from proofolio.models.portfolio.risk_parity import RiskParity as RiskParity
from proofolio.models.portfolio.trade_rules import ConditionalCap as ConditionalCap
from proofolio.models.regime_switching.instances import market_instance as market_instance
from proofolio.models.regime_switching.instances import published_maxima as published_maxima
from proofolio.models.regime_switching.instances import random_instance as random_instance
from proofolio.models.regime_switching.model import RegimeSwitching as RegimeSwitching
from proofolio.models.regime_switching.rules import Covered as Covered
from proofolio.models.regime_switching.solution import RegimeSolution as RegimeSolution
from proofolio.program.expression import Expression as Expression
from proofolio.program.expression import between as between
from proofolio.program.expression import concatenate as concatenate
from proofolio.program.expression import stack as stack
from proofolio.program.program import Program as Program

# Solve and check.
from proofolio.solvers.solution import Check as Check
from proofolio.solvers.solution import Settings as Settings
from proofolio.solvers.solution import Solution as Solution

# Backtests and tuning with a result that shows itself.
from proofolio.studies.backtests import BacktestResult as BacktestResult
from proofolio.studies.backtests import backtest as backtest
from proofolio.studies.tunings import TuningResult as TuningResult
from proofolio.studies.tunings import tune as tune

# Audit.
from proofolio.verification.audit.auditing import Audit as Audit
from proofolio.verification.audit.auditing import assert_valid as assert_valid
from proofolio.verification.audit.auditing import audit as audit
from proofolio.verification.audit.certificates import check_certificates as check_certificates
from proofolio.verification.audit.certificates import save_certificates as save_certificates
from proofolio.verification.audit.checker import CheckedCertificate as CheckedCertificate
from proofolio.verification.audit.tightening import tighten as tighten
from proofolio.verification.audit.verdicts import RowVerdict as RowVerdict
from proofolio.verification.certified.optimum import Certificate as Certificate
from proofolio.verification.certified.saving import CheckedOptimum as CheckedOptimum
from proofolio.verification.certified.saving import check_certificate as check_certificate
from proofolio.verification.certified.saving import save_certificate as save_certificate
from proofolio.verification.checks.checking import check as check
from proofolio.verification.checks.infeasibility import explain_infeasible as explain_infeasible
from proofolio.verification.checks.rows import Tolerances as Tolerances
from proofolio.verification.model import Model as Model
from proofolio.verification.model import attach as attach

# Prove.
from proofolio.verification.proofs.catalogue.claims import shipped_claims as shipped_claims
from proofolio.verification.proofs.claim import Box as Box
from proofolio.verification.proofs.claim import Claim as Claim
from proofolio.verification.proofs.proof import Proof as Proof
from proofolio.verification.proofs.proving import prove as prove
from proofolio.verification.proofs.strengths import strength as strength
from proofolio.verification.solving import solve as solve

__version__: str
