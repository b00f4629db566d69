"""Attach formulations to a model the user already has, in Pyomo or CVXPY."""

from __future__ import annotations

from typing import Any

from proofolio.errors import BadData

__all__ = ["attach"]


def attach(target: Any) -> Any:
    """Return a builder whose rows are written into the user's own Pyomo block or CVXPY problem.

    Parameters
    ----------
    target : pyomo block or model, or cvxpy.Problem

    Returns
    -------
    PyomoModel or CvxpyModel
        A `Model` to be used in a ``with`` statement: ``lift`` reads the user's expressions, and on leaving
        the block what was added stands in the user's model under its own names.

    Raises
    ------
    BadData
        For anything else.
    """
    packages = {base.__module__.partition(".")[0] for base in type(target).__mro__}
    if "pyomo" in packages:
        from proofolio.program.pyomo_door import attach_pyomo  # the door is heavy: opened only when used

        return attach_pyomo(target)
    if "cvxpy" in packages:
        from proofolio.program.cvxpy_door import attach_cvxpy  # the door is heavy: opened only when used

        return attach_cvxpy(target)
    raise BadData(f"{type(target).__name__} is neither a Pyomo block nor a CVXPY problem")
