"""Models: what is decided, declared once and built in any form."""

from proofolio.models.holdings import Group
from proofolio.models.instances import market_instance, published_maxima, random_instance
from proofolio.models.mean_variance import MeanVariance
from proofolio.models.mpc_step import Kkt, MpcStep
from proofolio.models.regime_path import Covered
from proofolio.models.regime_solution import RegimeSolution
from proofolio.models.regime_switching import RegimeSwitching

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
