"""Mixed-integer portfolio models under market regimes, with every formulation proved before it is solved."""

from importlib import import_module
from importlib.metadata import version
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from proofolio.errors import (
        BadData,
        ContradictoryRows,
        InvalidBigM,
        ProofolioError,
        SolverFailure,
        UnboundedExpression,
        UnsupportedProgram,
    )
    from proofolio.forecasts import load_prices, read_prices
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
    from proofolio.models import (
        RegimeSolution,
        RegimeSwitching,
        market_instance,
        published_maxima,
        random_instance,
    )
    from proofolio.program import Expression, Model, Program, attach, between, concatenate, stack
    from proofolio.program.files import read_program, write_program
    from proofolio.verification import Check, Verified, check, solve

__version__ = version("proofolio")

# Names and where they live: a module is imported when one of its names is first asked for, since the
# doors, the solvers and the forecasts each take a noticeable time to import.
_HOMES = {
    "proofolio.errors": (
        "BadData",
        "ContradictoryRows",
        "InvalidBigM",
        "ProofolioError",
        "SolverFailure",
        "UnboundedExpression",
        "UnsupportedProgram",
    ),
    "proofolio.forecasts": ("load_prices", "read_prices"),
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
        "RegimeSolution",
        "RegimeSwitching",
        "market_instance",
        "published_maxima",
        "random_instance",
    ),
    "proofolio.program": ("Expression", "Model", "Program", "attach", "between", "concatenate", "stack"),
    "proofolio.program.files": ("read_program", "write_program"),
    "proofolio.verification": ("Check", "Verified", "check", "solve"),
}
_HOME = {name: home for home, names in _HOMES.items() for name in names}

__all__ = [
    "Approximation",
    "BadData",
    "Check",
    "ContradictoryRows",
    "Expression",
    "InvalidBigM",
    "MaxTerm",
    "Model",
    "Program",
    "ProofolioError",
    "RegimeSolution",
    "RegimeSwitching",
    "SolverFailure",
    "UnboundedExpression",
    "UnsupportedProgram",
    "Verified",
    "__version__",
    "absolute",
    "attach",
    "between",
    "cardinality",
    "check",
    "concatenate",
    "disjunction",
    "dwell",
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
    "published_maxima",
    "random_instance",
    "read_prices",
    "read_program",
    "round_lot",
    "selected_cost",
    "semicontinuous",
    "solve",
    "stack",
    "switches",
    "transitions",
    "write_program",
]


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module 'proofolio' has no attribute {name!r}")
    return getattr(import_module(_HOME[name]), name)


def __dir__() -> list[str]:
    return sorted(__all__)
