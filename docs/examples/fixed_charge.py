"""Six sites that cost something to open, three products, and a link ``sum_p x[i,p] <= M y[i]`` for each site."""

import numpy as np

from proofolio import Model


def sites(M, most=None):
    """The optimum is 78.5307 for every M that is large enough; `most` of a product may go to a site."""
    rng = np.random.default_rng(5)
    unit = rng.uniform(1, 3, (6, 3)).round(6)
    fixed = rng.uniform(30, 50, 6).round(6)
    demand = rng.uniform(9, 12, 3).round(6)
    model = Model("fixed charge")
    x = model.variable("x", (6, 3), lower=0, upper=np.inf if most is None else most)
    y = model.variable("y", 6, binary=True)
    model.add("demand", x.sum(0) >= demand)
    model.add("open", x.sum(1) <= M * y)
    model.minimise((unit * x).sum() + (fixed * y).sum())
    return model


def hundred_million():
    """The M of someone who wanted to be safe."""
    return sites(1e8)


def million():
    """The M of someone more modest."""
    return sites(1e6)


def bounded():
    """The same, where at most 12 of a product are sent to a site."""
    return sites(1e8, most=12.0)
