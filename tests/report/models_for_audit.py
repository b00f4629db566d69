"""A model whose rows have every verdict the audit knows."""

from proofolio import Model


def every_verdict():
    model = Model("every verdict")
    x = model.variable("x", 8, lower=0, upper=[30, 37, 50, 50, 9, 5, 8, 20])
    other = model.variable("other", lower=0, upper=9)
    ball = model.variable("ball", 2, lower=-1, upper=1)
    free = model.variable("free", lower=0)
    z = model.variable("z", 11, binary=True)
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
    model.add("five", x[4] + other >= 5)
    model.add("dead", x[0] - x[1] <= 5 - 100 * z[9])
    model.add("valid", model.quadratic([[1, 0], [0, 1]], ball) <= 1 + 1 * (1 - z[10]))
    model.minimise(x.sum() + z.sum() + 100 * other)
    return model
