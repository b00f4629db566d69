"""Formulations: plain functions that write a construct's rows into a model, one file a construct."""

from proofolio.formulations.absolute import absolute
from proofolio.formulations.cardinality import cardinality
from proofolio.formulations.costs import MaxTerm, RegimeCosts
from proofolio.formulations.disjunction import disjunction
from proofolio.formulations.dwell import dwell
from proofolio.formulations.fixed_charge import fixed_charge
from proofolio.formulations.implies import implies
from proofolio.formulations.maximum import maximum
from proofolio.formulations.minimum import minimum
from proofolio.formulations.piecewise_linear import piecewise_linear
from proofolio.formulations.piecewise_linear_of import Approximation, piecewise_linear_of
from proofolio.formulations.positive_part import positive_part
from proofolio.formulations.product import product
from proofolio.formulations.round_lot import round_lot
from proofolio.formulations.selected_cost import selected_cost
from proofolio.formulations.semicontinuous import semicontinuous
from proofolio.formulations.switches import switches
from proofolio.formulations.transitions import transitions

__all__ = [
    "Approximation",
    "MaxTerm",
    "RegimeCosts",
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
]
