"""What the decisions would have earned: simulator, strategies, costs, metrics, tuning."""

from proofolio.public_names import served

__getattr__, __dir__, __all__ = served(__name__)
