"""Models: what is decided, declared once and built in any form."""

from proofolio.public_names import served

__getattr__, __dir__, __all__ = served(__name__)
