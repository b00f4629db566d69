"""Formulations: plain functions that write the rows of a construct into a model, with their meaning beside them."""

from proofolio.public_names import served

__getattr__, __dir__, __all__ = served(__name__)
