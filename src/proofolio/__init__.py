"""Mixed-integer portfolio models under market regimes, with every formulation proved before it is solved."""

from importlib.metadata import version

__all__ = ["__version__"]

__version__ = version("proofolio")
