"""Formulations: plain functions that write a construct's rows into a model, one file a construct."""

from proofolio.formulations.costs import MaxTerm, RegimeCosts
from proofolio.formulations.implies import implies
from proofolio.formulations.maximum import maximum
from proofolio.formulations.product import product
from proofolio.formulations.selected_cost import selected_cost

__all__ = ["MaxTerm", "RegimeCosts", "implies", "maximum", "product", "selected_cost"]
