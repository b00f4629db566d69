"""Four machines, two M's: one that is too small, one that is right, and one that is only larger than it needs to be."""

from proofolio import Model

DEMAND, MOST = 90.0, (30.0, 40.0, 50.0, 60.0)


def plan(M):
    """Make DEMAND units at least cost; a machine works only when it is set up: ``make <= M * on``."""
    model = Model("machines")
    make = model.variable("make", 4, lower=0, upper=MOST)
    on = model.variable("on", 4, binary=True)
    model.add("demand", make.sum() >= DEMAND)
    model.add("only_if_on", make <= M * on)
    model.minimise([3, 2, 2, 1] @ make + [10, 25, 20, 60] @ on)
    return model


def too_small():
    """Someone chose 40 when the largest machine made 40."""
    return plan(40.0)


def large_enough():
    """Someone chose a round number."""
    return plan(1000.0)


def capacity():
    """The same rows, meant as a capacity: a truck takes 40 units, whatever a machine can make."""
    model = Model("trucks")
    carried = model.variable("carried", 4, lower=0, upper=MOST)
    truck = model.variable("truck", 4, binary=True)
    model.add("demand", carried.sum() >= DEMAND)
    model.add("fits", carried <= 40.0 * truck)
    model.minimise([3, 2, 2, 1] @ carried + [10, 25, 20, 60] @ truck)
    return model
