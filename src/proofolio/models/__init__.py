"""Models: what is decided, declared once and built in any form."""

from proofolio.models.instances import market_instance, random_instance
from proofolio.models.regime_solution import RegimeSolution
from proofolio.models.regime_switching import RegimeSwitching, published_maxima

__all__ = ["RegimeSolution", "RegimeSwitching", "market_instance", "published_maxima", "random_instance"]
