"""Models the tests copy to a folder of their own as models.py."""

import neighbour

from proofolio import Model, RegimeSwitching, random_instance


def cover(least):
    model = Model()
    x = model.variable("x", 2, binary=True)
    model.add("enough", x.sum() >= least)
    model.minimise(3 * x[0] + 2 * x[1])
    return model


def small():
    print("a model may print what it likes")
    return cover(neighbour.LEAST).freeze()


def builder():
    return cover(1)


def infeasible():
    model = Model()
    x = model.variable("x", 2, lower=0)
    model.add("most", x.sum() <= 1)
    model.add("least", x[0] >= 2)
    model.minimise(x.sum())
    return model


def constant_row():
    import pyomo.environ as pyo

    model = pyo.ConcreteModel()
    model.x = pyo.Var(bounds=(0, 1))
    model.wrong = pyo.Constraint(expr=0 * model.x >= 1)
    model.cost = pyo.Objective(expr=model.x)
    return model


def unbounded():
    model = Model()
    model.maximise(model.variable("x", lower=0))
    return model


def nonconvex():
    model = Model()
    x = model.variable("x", 2, 0, 1)
    model.add("budget", x.sum() == 1)
    model.minimise(model.quadratic([[-1, 0], [0, -2]], x))
    return model


def indicators():
    model = Model()
    x, on = model.variable("x", lower=0, upper=1), model.variable("on", binary=True)
    model.indicator("held", on, x >= 0.5)
    model.minimise(x - on)
    return model


def declared():
    return RegimeSwitching(Q=[[[0.0] * 3] * 3] * 2, c=[[1, 1, 1], [-1, -1, -1]], periods=1)


def pyomo_model():
    import pyomo.environ as pyo

    model = pyo.ConcreteModel()
    model.x = pyo.Var([0, 1], domain=pyo.Binary)
    model.enough = pyo.Constraint(expr=model.x[0] + model.x[1] >= 1)
    model.cost = pyo.Objective(expr=3 * model.x[0] + 2 * model.x[1])
    return model


def cvxpy_problem():
    import cvxpy as cp

    x = cp.Variable(2, boolean=True, name="x")
    return cp.Problem(cp.Minimize(3 * x[0] + 2 * x[1]), [cp.sum(x) >= 1])


def hard():
    return random_instance(12, 12, 4, coupled=True, varying=True).to_program("big-m")


def breaks():
    return 1 / 0


def leaves():
    raise SystemExit(3)


def nothing():
    return None


def needs(n):
    return n


number = 3
ready = cover(1)
