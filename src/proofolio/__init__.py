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
        UnprovenBigM,
        UnsupportedProgram,
    )
    from proofolio.forecasts import load_prices, read_prices
    from proofolio.formulations import MaxTerm, implies, maximum, product, selected_cost
    from proofolio.models import (
        RegimeSolution,
        RegimeSwitching,
        market_instance,
        published_maxima,
        random_instance,
    )
    from proofolio.program import Expression, Program, between, concatenate, stack
    from proofolio.program.files import read_program, write_program
    from proofolio.verification import Check, Verified, check, solve
    from proofolio.verification.modelling import Model, attach

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
        "UnprovenBigM",
        "UnsupportedProgram",
    ),
    "proofolio.forecasts": ("load_prices", "read_prices"),
    "proofolio.formulations": ("MaxTerm", "implies", "maximum", "product", "selected_cost"),
    "proofolio.models": (
        "RegimeSolution",
        "RegimeSwitching",
        "market_instance",
        "published_maxima",
        "random_instance",
    ),
    "proofolio.program": ("Expression", "Program", "between", "concatenate", "stack"),
    "proofolio.program.files": ("read_program", "write_program"),
    "proofolio.verification": ("Check", "Verified", "check", "solve"),
    "proofolio.verification.modelling": ("Model", "attach"),
}
_HOME = {name: home for home, names in _HOMES.items() for name in names}

__all__ = [
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
    "UnprovenBigM",
    "UnsupportedProgram",
    "Verified",
    "__version__",
    "attach",
    "between",
    "check",
    "concatenate",
    "implies",
    "load_prices",
    "market_instance",
    "maximum",
    "product",
    "published_maxima",
    "random_instance",
    "read_prices",
    "read_program",
    "selected_cost",
    "solve",
    "stack",
    "write_program",
]


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module 'proofolio' has no attribute {name!r}")
    return getattr(import_module(_HOME[name]), name)


def __dir__() -> list[str]:
    return sorted(__all__)
