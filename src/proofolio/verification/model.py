"""The builder as users get it: tiers of bounds plugged in, and their own M's checked."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any

from proofolio.interfaces.opening import attach_builder
from proofolio.program.builder import Bounder, Builder, MChecker
from proofolio.verification.big_m.given import check_big_m
from proofolio.verification.big_m.tiers import BOUNDERS

__all__ = ["Model", "attach"]


class Model(Builder):
    """A mixed-integer program under construction, with bounds by linear and integer programs.

    ``big_m="lp"`` and ``big_m="mip"`` work in every formulation, and numbers given for M are checked against
    the rows and bounds of the model so far: too small with a point that shows it raises `InvalidBigM`, neither proved
    nor refuted warns `UnprovenBigM`, larger than proved is tightened unless ``keep=True``. What proves each
    bound stands in `proofs`.

    Parameters
    ----------
    name : str
        The program's name.
    bounders : mapping from tier to function, optional
        More tiers, or others in place of ``"lp"`` and ``"mip"``.
    m_checker : function, optional
        None: numbers for M are used as they stand.

    Examples
    --------
    >>> from proofolio import implies
    >>> model = Model()
    >>> w = model.variable("w", 3, lower=0)
    >>> z = model.variable("z", 3, binary=True)
    >>> model.add("budget", w.sum() == 1)
    >>> implies(model, "small", z, w <= 0.25, big_m="lp")
    >>> model.freeze().rows[-1].switch.big_m.tolist(), model.proofs[0].recheck()
    ([0.75, 0.75, 0.75], True)
    >>> implies(model, "smaller", z, w <= 0.125, big_m=0.5)
    Traceback (most recent call last):
    proofolio.errors.InvalidBigM: big_m = 0.5 of 'smaller_upper' is too small: 0.875 is needed at w[0] = 1, z[0] = 0
    """

    def __init__(
        self,
        name: str = "program",
        bounders: Mapping[str, Bounder] | None = None,
        m_checker: MChecker | None = check_big_m,
    ) -> None:
        super().__init__(name, {**BOUNDERS, **(bounders or {})}, m_checker)


def attach(
    target: Any, bounders: Mapping[str, Bounder] | None = None, m_checker: MChecker | None = check_big_m
) -> Any:
    """Return a builder whose rows are written into the user's own Pyomo block or CVXPY problem.

    Bounds and checks see the variables that are lifted, with their bounds, and the rows added through the
    builder; the other constraints of the user's model are not read. Where it has some, they may be why an M
    is enough, so a point that refutes M gives an `UnprovenBigM` warning instead of `InvalidBigM`.

    Parameters
    ----------
    target : pyomo block or model, or cvxpy.Problem
    bounders, m_checker
        As for `Model`.

    Returns
    -------
    PyomoModel or CvxpyModel
        A builder, with all that `Model` can do but not a subclass of it (see `proofolio.program.builder.Builder`),
        to be used in a ``with`` statement: ``lift`` reads the user's expressions, and on leaving
        the block what was added stands in the user's model under its own names.

    Raises
    ------
    BadData
        For anything else.
    """
    model = attach_builder(target)
    model.bounders.update({**BOUNDERS, **(bounders or {})})
    model.m_checker = (
        partial(check_big_m, whole=False) if m_checker is check_big_m and _has_rows(target) else m_checker
    )
    return model


def _has_rows(target: Any) -> bool:
    """Whether a user's model holds constraints that the builder does not know."""
    if not hasattr(target, "component_data_objects"):
        return bool(getattr(target, "constraints", ()))
    from pyomo.environ import Constraint  # slow to import: only where a Pyomo model is given

    return any(True for _ in target.model().component_data_objects(Constraint, active=True))
