"""Open any model as a program, and attach a builder to a model the user already has in Pyomo or CVXPY."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from proofolio.arrays import Floats
from proofolio.errors import BadData
from proofolio.program.program import Program

__all__ = ["Opened", "attach_builder", "open_model"]


Kind = Literal["program", "builder", "file", "pyomo", "cvxpy"]


@dataclass(frozen=True, eq=False)
class Opened:
    """A model in matrix form.

    Attributes
    ----------
    program : Program
    kind : str
        ``"program"``, ``"builder"``, ``"file"``, ``"pyomo"`` or ``"cvxpy"``.
    native : object
        What was given.
    load : function of a point, optional
        Sets the values of the user's own variables.
    variables : tuple
        The Pyomo variable of each column.
    declares : frozenset of str
        Names of rows that are Big-M rows, beside those that the model itself declares.
    """

    program: Program
    kind: Kind
    native: Any
    load: Callable[[Floats], None] | None = None
    variables: tuple[Any, ...] = ()
    declares: frozenset[str] = frozenset()

    @property
    def name(self) -> str:
        """The file's path, or the program's name."""
        return str(self.native) if self.kind == "file" else self.program.name

    def declared(self) -> frozenset[str]:
        """Return the names of the rows that are declared to be Big-M rows, by the model itself or beside it."""
        return self.declares | (
            frozenset(_declared_in_pyomo(self.native)) if self.kind == "pyomo" else frozenset()
        )

    @property
    def passing(self) -> tuple[tuple[str, ...], tuple[str, ...]]:
        """Names of fixed Pyomo variables, and of parameters: what holds for their values may pass with them."""
        if self.kind == "pyomo":
            from proofolio.interfaces.pyomo.reading import fixed_variables, mutable_params  # heavy, as below

            fixed = tuple(v.name for v in fixed_variables(self.native))
            return fixed, tuple(mutable_params(self.native))
        if self.kind == "cvxpy":
            return (), tuple(p.name() for p in self.native.parameters())
        return (), ()


def open_model(model: Any) -> Opened:
    """Open a Program, a builder, a Pyomo model, a CVXPY problem or a model file.

    Raises
    ------
    BadData
        For something that is no model, or a file that cannot be read.
    """
    if isinstance(model, Opened):
        return model
    if isinstance(model, Program):
        return Opened(model, "program", model)
    if hasattr(model, "freeze"):
        return Opened(model.freeze(), "builder", model)
    if isinstance(model, (str, Path)):
        from proofolio.interfaces.files.model_files import read_program  # heavy: HiGHS

        return Opened(read_program(model), "file", model)
    packages = {base.__module__.partition(".")[0] for base in type(model).__mro__}
    if "pyomo" in packages:
        from proofolio.interfaces.pyomo.reading import read_pyomo  # heavy: imported only when used

        reading = read_pyomo(model)
        return Opened(reading.program, "pyomo", model, reading.load, reading.variables)
    if "cvxpy" in packages:
        from proofolio.interfaces.cvxpy.reading import read_cvxpy  # heavy: imported only when used

        cvxpy_reading = read_cvxpy(model)
        return Opened(cvxpy_reading.program, "cvxpy", model, cvxpy_reading.load)
    raise BadData(
        f"{type(model).__name__} is no model: give a Program, a Pyomo model, "
        "a CVXPY problem or an .mps/.lp file"
    )


def _declared_in_pyomo(model: Any) -> Iterator[str]:
    """Yield the rows that gdp.bigm made, and those that a suffix called BigM names."""
    import pyomo.environ as pyo  # heavy: only for Pyomo models

    for block in model.block_data_objects(active=True, descend_into=pyo.Block):
        if block.local_name.startswith("_pyomo_gdp_bigm_reformulation"):
            yield from _constraint_names(block)
        suffix = block.component("BigM")
        if suffix is None or suffix.ctype is not pyo.Suffix:
            continue
        for key in suffix:
            if key is not None and key.ctype is pyo.Constraint:
                members = key.values() if key.is_indexed() else (key,)
                yield from (element.name for element in members if element.active)
            elif key is not None and key.ctype is pyo.Block:
                yield from _constraint_names(key)


def _constraint_names(block: Any) -> Iterator[str]:
    import pyomo.environ as pyo  # heavy: only for Pyomo models

    yield from (
        c.name for c in block.component_data_objects(pyo.Constraint, active=True, descend_into=pyo.Block)
    )


def attach_builder(target: Any) -> Any:
    """Return a plain builder whose rows are written into the user's own Pyomo block or CVXPY problem.

    `proofolio.attach` is this with tiers of bounds and a check of the user's own M's.

    Parameters
    ----------
    target : pyomo block or model, or cvxpy.Problem

    Returns
    -------
    PyomoModel or CvxpyModel
        A `Builder` to be used in a ``with`` statement: ``lift`` reads the user's expressions, and on leaving
        the block what was added stands in the user's model under its own names.

    Raises
    ------
    BadData
        For anything else.
    """
    packages = {base.__module__.partition(".")[0] for base in type(target).__mro__}
    if "pyomo" in packages:
        from proofolio.interfaces.pyomo.attaching import attach_pyomo  # heavy: imported only when used

        return attach_pyomo(target)
    if "cvxpy" in packages:
        from proofolio.interfaces.cvxpy.attaching import attach_cvxpy  # heavy: imported only when used

        return attach_cvxpy(target)
    raise BadData(f"{type(target).__name__} is neither a Pyomo block nor a CVXPY problem")
