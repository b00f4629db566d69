"""Models: what is decided, declared once and built in any form."""

from proofolio.models.portfolio.mean_variance import MeanVariance
from proofolio.models.portfolio.plan_set import Group
from proofolio.models.portfolio.step import Kkt, MpcStep
from proofolio.models.regime_switching.instances import market_instance, published_maxima, random_instance
from proofolio.models.regime_switching.problem import RegimeSwitching
from proofolio.models.regime_switching.rules import Covered
from proofolio.models.regime_switching.solution import RegimeSolution

__all__ = [
    "Covered",
    "Group",
    "Kkt",
    "MeanVariance",
    "MpcStep",
    "RegimeSolution",
    "RegimeSwitching",
    "market_instance",
    "published_maxima",
    "random_instance",
]
