"""A conformance suite for formulations, the shipped ones and a user's own alike.

    def test_my_formulation():
        report = proofolio.testing.conformance(claim)
        assert report.ok, report

It proves the claim, sends the formulation through Pyomo and CVXPY, compares what arrives with the matrix form, hands
it input that must be refused in words, and reports how strong the relaxation is.
"""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from proofolio.errors import BadData, ProofolioError, UnboundedExpression, UnsupportedProgram
from proofolio.program.builder import Builder
from proofolio.program.structure import features
from proofolio.testing.interfaces import through_cvxpy, through_pyomo
from proofolio.verification.proofs.claim import Box, Claim
from proofolio.verification.proofs.proof import Proof, Strength
from proofolio.verification.proofs.proving import prove
from proofolio.verification.proofs.strengths import strength

__all__ = ["Conformance", "conformance"]


NATIVE = frozenset({"indicators", "sos1", "sos2"})


@dataclass(frozen=True, eq=False)
class Conformance:
    """What the suite found.

    Attributes
    ----------
    proof : Proof
    interfaces : mapping
        For Pyomo and CVXPY ``"agrees"``, ``"cannot express: ..."`` (a language without indicators or ordered sets), or
        what differs.
    bad_input : mapping
        For each kind of bad input ``"refused: ..."``, ``"accepted"`` (where nothing has to be bounded), or what
        went wrong.
    strength : Strength or None
        Reported, not required.
    problems : tuple of str
        One sentence each; empty when the formulation conforms.
    """

    proof: Proof
    interfaces: Mapping[str, str]
    bad_input: Mapping[str, str]
    strength: Strength | None
    problems: tuple[str, ...]

    @property
    def ok(self) -> bool:
        """Whether the formulation is proved, and agrees and refuses as it must."""
        return not self.problems

    def __str__(self) -> str:
        lines = [f"{self.proof.name} ({self.proof.lowering or 'no lowering named'}): {self.proof.verdict}"]
        if self.proof.witness is not None:
            lines.append(f"  {self.proof.witness}")
        lines += [f"  {name}: {found}" for name, found in self.interfaces.items()]
        lines += [f"  {kind}: {found}" for kind, found in self.bad_input.items()]
        if self.strength is not None:
            said = {True: "yes", False: "no", None: "not decided"}
            lines.append(f"  sharp: {said[self.strength.sharp]}, ideal: {said[self.strength.ideal]}")
        lines += [f"  problem: {problem}" for problem in self.problems]
        return "\n".join(lines)


def conformance(
    claim: Claim, *, interfaces: bool = True, sharpness: bool = True, time_limit: float = 60.0
) -> Conformance:
    """Run a formulation through the suite.

    Parameters
    ----------
    claim : Claim
    interfaces : bool
        Also write it into a Pyomo model and a CVXPY problem, and read both back.
    sharpness : bool
        Also report how strong it is.
    time_limit : float
        Seconds, for the proof and for the strength each.

    Raises
    ------
    ProofolioError
        What the formulation itself raises on the claim's own inputs.

    Examples
    --------
    >>> from proofolio import product
    >>> from proofolio.formulations.products import product_meaning
    >>> claim = Claim(
    ...     lambda model, b, u: product(model, "v", b, u),
    ...     {"b": Box(2, 0, 1, integer=True), "u": Box(2, [-1, 0.5], [1, 2])},
    ...     ("v",),
    ...     product_meaning(),
    ...     "product",
    ... )
    >>> print(conformance(claim))
    product (no lowering named): proved
      pyomo: agrees
      cvxpy: agrees
      no bounds: refused: no finite bound: give finite bounds to u[0], u[1]
      another model's input: refused: "the factor b of product 'v'" uses variables of another model
      a name in use: refused: the name 'v' is taken: give every variable and row its own
      sharp: yes, ideal: yes
    """
    proof = prove(claim, time_limit=time_limit)
    problems = []
    if proof.verdict != "proved":
        problems.append(f"the claim is {proof.verdict}: {proof.witness or proof.reason}")
    arrived = _through_interfaces(claim) if interfaces else {}
    problems += [
        f"through {name}: {found}"
        for name, found in arrived.items()
        if not found.startswith(("agrees", "cannot express"))
    ]
    refused = _bad_input(claim)
    problems += [
        f"{kind}: {found}"
        for kind, found in refused.items()
        if not found.startswith(("refused", "accepted", "nothing"))
    ]
    strong = strength(claim, time_limit=time_limit) if sharpness else None
    return Conformance(proof, arrived, refused, strong, tuple(problems))


# ----------------------------------------------------------------- interfaces
def _through_interfaces(claim: Claim) -> dict[str, str]:
    model = Builder(claim.title)
    claim.function(model, **{name: box.variable(model, name) for name, box in claim.inputs.items()})
    program = model.freeze()
    found = {}
    for name, through in (("pyomo", through_pyomo), ("cvxpy", through_cvxpy)):
        try:
            found[name] = through(claim, program)
        except UnsupportedProgram as error:
            native = bool(features(program) & NATIVE)
            found[name] = (
                f"cannot express: {error}" if native else f"refuses without a native construct: {error}"
            )
    return found


# ------------------------------------------------------------------ bad input
def _bad_input(claim: Claim) -> dict[str, str]:
    found = {}
    free = {
        name: box if box.integer else replace(box, lower=-np.inf, upper=np.inf)
        for name, box in claim.inputs.items()
    }
    if any(not box.integer for box in claim.inputs.values()):
        found["no bounds"] = _outcome(claim, Builder(), free, (UnboundedExpression,), may_pass=True)
    found["another model's input"] = _outcome(claim, Builder(), claim.inputs, (BadData,), other=Builder())
    twice = Builder()
    given = {name: box.variable(twice, name) for name, box in claim.inputs.items()}
    claim.function(twice, **given)
    if twice.n > sum(expression.size for expression in given.values()) or len(twice.freeze().rows):
        found["a name in use"] = _called(claim, twice, given, (BadData,), may_pass=False)
    return found


def _outcome(
    claim: Claim,
    model: Builder,
    boxes: Mapping[str, Box],
    wanted: tuple[type[ProofolioError], ...],
    may_pass: bool = False,
    other: Builder | None = None,
) -> str:
    owner = model if other is None else other
    given = {name: box.variable(owner, name) for name, box in boxes.items()}
    return _called(claim, model, given, wanted, may_pass)


def _called(
    claim: Claim,
    model: Builder,
    given: Mapping[str, Any],
    wanted: tuple[type[ProofolioError], ...],
    may_pass: bool,
) -> str:
    before = model.n
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            claim.function(model, **given)
    except wanted as error:
        return f"refused: {error}"
    except ProofolioError as error:
        return f"{type(error).__name__} where {wanted[0].__name__} would say what to do: {error}"
    except Exception as error:  # noqa: BLE001 - whatever a user's function raises is what is reported
        return f"a bare {type(error).__name__}: {error}"
    if may_pass:
        return "accepted"
    program = model.freeze()
    nothing = model.n == before and not len(program.rows) and not len(program.indicators) and not program.sos
    return "nothing was added" if nothing else "not refused: rows were written"
