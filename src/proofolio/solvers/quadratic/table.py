"""Quadratic programs solved again and again: set up once, their numbers updated in place, no layer between.

>>> import numpy as np
>>> from proofolio.solvers.quadratic.problem import QP
>>> qp = QP(P=2 * np.eye(2), q=np.zeros(2), A=np.ones((1, 2)), row_lower=np.ones(1), row_upper=np.ones(1))
>>> solver = direct_qp("piqp", qp)
>>> solver.solve().x.round(6).tolist()
[0.5, 0.5]
>>> solver.update(q=np.array([-1.0, 0.0]))
>>> answer = solver.solve()
>>> answer.x.round(6).tolist(), answer.residuals.within(1e-8)
([0.75, 0.25], True)
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol

from proofolio.errors import BadData
from proofolio.solvers.quadratic.clarabel import Clarabel
from proofolio.solvers.quadratic.osqp import Osqp
from proofolio.solvers.quadratic.piqp import Piqp
from proofolio.solvers.quadratic.problem import QP, DirectAnswer

__all__ = ["QP_SOLVERS", "DirectQP", "direct_qp"]


class DirectQP(Protocol):
    """A quadratic program inside a solver, with numbers that can be replaced."""

    @property
    def qp(self) -> QP:
        """The program as it stands."""

    def update(self, **changes: Any) -> None:
        """Replace some of P, q, A, row_lower, row_upper, lower, upper, each of the old shape and pattern."""

    def solve(self) -> DirectAnswer:
        """Solve the program as it stands; residuals are recomputed from its data."""


QP_SOLVERS: dict[str, Callable[..., DirectQP]] = {
    "piqp": Piqp,
    "osqp": Osqp,
    "clarabel": Clarabel,
}


def direct_qp(solver: str, qp: QP, **options: Any) -> DirectQP:
    """Set a solver up.

    Parameters
    ----------
    solver : a name in `QP_SOLVERS` ("piqp", "osqp", "clarabel")
    qp : QP
    **options
        ``tolerance``, and the solver's own settings by their own names.

    Raises
    ------
    BadData
        For a solver or option there is not.
    """
    if solver not in QP_SOLVERS:
        raise BadData(f"no direct solver is named {solver!r}: there are {', '.join(QP_SOLVERS)}")
    return QP_SOLVERS[solver](qp, **options)
