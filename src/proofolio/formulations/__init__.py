"""Formulations: plain functions that write a construct's rows into a model, one file a construct."""

from proofolio.formulations.costs import MaxTerm, RegimeCosts
from proofolio.formulations.disjunctions import disjunction
from proofolio.formulations.extrema import maximum, minimum
from proofolio.formulations.implications import implies
from proofolio.formulations.paths import dwell, switches, transitions
from proofolio.formulations.piecewise import Approximation, piecewise_linear, piecewise_linear_of
from proofolio.formulations.positions import cardinality, fixed_charge, round_lot, semicontinuous
from proofolio.formulations.products import product
from proofolio.formulations.selected_costs import selected_cost
from proofolio.formulations.signs import absolute, positive_part

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
