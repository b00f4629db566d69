"""A model whose rows have every verdict the audit knows."""

from proofolio import Model


def every_verdict():
    model = Model("every verdict")
    x = model.variable("x", 8, lower=0, upper=[30, 37, 50, 50, 9, 5, 8, 20])
    free = model.variable("free", lower=0)
    z = model.variable("z", 9, binary=True)
    model.add("loose", x[0] <= 1000 * z[0])
    model.add("tight", x[1] <= 37 * z[1])
    model.add("capacity", x[2] <= 20 * z[2])
    model.add("invalid", x[3] <= 40 * z[3])
    model.add("leaks", x[4] <= 1e7 * z[4])
    model.add("redundant", x[5] <= 10 + 100 * z[5])
    model.add("forcing", x[6] <= 10 * z[6])
    model.add("never_on", z[6] <= 0)
    model.add("undecided", free <= 500 * z[7])
    model.add("lower_side_with_a_rather_long_name", 0 - x[7] >= -60 + 60 * z[8])
    model.minimise(x.sum() + z.sum())
    return model
