"""The ground: array expressions, the builder, the frozen program, and the doors."""

from proofolio.program.expression import (
    Expression,
    Rows,
    apply_matrix,
    as_expression,
    between,
    broadcast_to,
    concatenate,
    stack,
)
from proofolio.program.model import Bounder, Bounds, Model
from proofolio.program.program import Program, Switch
from proofolio.program.quadratic import Form, Quadratic

__all__ = [
    "Bounder",
    "Bounds",
    "Expression",
    "Form",
    "Model",
    "Program",
    "Quadratic",
    "Rows",
    "Switch",
    "apply_matrix",
    "as_expression",
    "between",
    "broadcast_to",
    "concatenate",
    "stack",
]
