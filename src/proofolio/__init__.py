"""Mixed-integer portfolio models under market regimes, with every formulation proved before it is solved."""

from importlib import import_module
from importlib.metadata import version
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from proofolio.errors import (
        BadData,
        ContradictoryRows,
        InvalidBigM,
        NoPlan,
        ProofolioError,
        SolverFailure,
        UnboundedExpression,
        UnprovenBigM,
        UnsupportedProgram,
    )
    from proofolio.forecasts import Forecast, Historical, RollingRegimes, load_prices, read_prices
    from proofolio.formulations import (
        Approximation,
        MaxTerm,
        absolute,
        cardinality,
        disjunction,
        dwell,
        fixed_charge,
        implies,
        maximum,
        minimum,
        piecewise_linear,
        piecewise_linear_of,
        positive_part,
        product,
        round_lot,
        selected_cost,
        semicontinuous,
        switches,
        transitions,
    )
    from proofolio.interfaces.files.model_files import read_program, write_program
    from proofolio.models import (
        Covered,
        Group,
        MeanVariance,
        RegimeSolution,
        RegimeSwitching,
        market_instance,
        published_maxima,
        random_instance,
    )
    from proofolio.program import Expression, Program, between, concatenate, stack
    from proofolio.verification import Check, Verified, check, solve
    from proofolio.verification.audit.audit import assert_valid, audit
    from proofolio.verification.audit.certificates import check_certificates, save_certificates
    from proofolio.verification.audit.tightening import tighten
    from proofolio.verification.big_m.model import Model, attach
    from proofolio.verification.checks.infeasibility import explain_infeasible
    from proofolio.verification.proofs.catalogue.claims import shipped_claims
    from proofolio.verification.proofs.claim import Box, Claim
    from proofolio.verification.proofs.prove import Proof, prove
    from proofolio.verification.proofs.strengths import strength

__version__ = version("proofolio")

# Names and where they live: a module is imported when one of its names is first asked for, since the
# doors, the solvers and the forecasts each take a noticeable time to import.
_HOMES = {
    "proofolio.errors": (
        "BadData",
        "ContradictoryRows",
        "InvalidBigM",
        "NoPlan",
        "ProofolioError",
        "SolverFailure",
        "UnboundedExpression",
        "UnprovenBigM",
        "UnsupportedProgram",
    ),
    "proofolio.forecasts": ("Forecast", "Historical", "RollingRegimes", "load_prices", "read_prices"),
    "proofolio.formulations": (
        "Approximation",
        "MaxTerm",
        "absolute",
        "cardinality",
        "disjunction",
        "dwell",
        "fixed_charge",
        "implies",
        "maximum",
        "minimum",
        "piecewise_linear",
        "piecewise_linear_of",
        "positive_part",
        "product",
        "round_lot",
        "selected_cost",
        "semicontinuous",
        "switches",
        "transitions",
    ),
    "proofolio.models": (
        "Covered",
        "Group",
        "MeanVariance",
        "RegimeSolution",
        "RegimeSwitching",
        "market_instance",
        "published_maxima",
        "random_instance",
    ),
    "proofolio.program": ("Expression", "Program", "between", "concatenate", "stack"),
    "proofolio.interfaces.files.model_files": ("read_program", "write_program"),
    "proofolio.verification": ("Check", "Verified", "check", "solve"),
    "proofolio.verification.big_m.model": ("Model", "attach"),
    "proofolio.verification.audit.audit": ("assert_valid", "audit"),
    "proofolio.verification.audit.certificates": ("check_certificates", "save_certificates"),
    "proofolio.verification.proofs.catalogue.claims": ("shipped_claims",),
    "proofolio.verification.proofs.claim": ("Box", "Claim"),
    "proofolio.verification.checks.infeasibility": ("explain_infeasible",),
    "proofolio.verification.proofs.prove": ("Proof", "prove"),
    "proofolio.verification.proofs.strengths": ("strength",),
    "proofolio.verification.audit.tightening": ("tighten",),
}
_HOME = {name: home for home, names in _HOMES.items() for name in names}

__all__ = [
    "Approximation",
    "BadData",
    "Box",
    "Check",
    "Claim",
    "ContradictoryRows",
    "Covered",
    "Expression",
    "Forecast",
    "Group",
    "Historical",
    "InvalidBigM",
    "MaxTerm",
    "MeanVariance",
    "Model",
    "NoPlan",
    "Program",
    "Proof",
    "ProofolioError",
    "RegimeSolution",
    "RegimeSwitching",
    "RollingRegimes",
    "SolverFailure",
    "UnboundedExpression",
    "UnprovenBigM",
    "UnsupportedProgram",
    "Verified",
    "__version__",
    "absolute",
    "assert_valid",
    "attach",
    "audit",
    "between",
    "cardinality",
    "check",
    "check_certificates",
    "concatenate",
    "disjunction",
    "dwell",
    "explain_infeasible",
    "fixed_charge",
    "implies",
    "load_prices",
    "market_instance",
    "maximum",
    "minimum",
    "piecewise_linear",
    "piecewise_linear_of",
    "positive_part",
    "product",
    "prove",
    "published_maxima",
    "random_instance",
    "read_prices",
    "read_program",
    "round_lot",
    "save_certificates",
    "selected_cost",
    "semicontinuous",
    "shipped_claims",
    "solve",
    "stack",
    "strength",
    "switches",
    "tighten",
    "transitions",
    "write_program",
]


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module 'proofolio' has no attribute {name!r}")
    return getattr(import_module(_HOME[name]), name)


def __dir__() -> list[str]:
    return sorted(__all__)
