# ---
# jupyter:
#   kernelspec:
#     display_name: Python 3
#     language: python
#     name: python3
# ---

# %% [markdown]
# # A Pyomo model, in a notebook
#
# Three plants make 90 tonnes at least cost, and a plant that is not set up makes nothing. You will see whether the M of that
# row is right, put in the right one, and get an optimum that is proved.

# %%
import pyomo.environ as pyo

import proofolio as pf

CAPACITY = {"Aachen": 120, "Bremen": 80, "Celle": 60}
COST = {"Aachen": 7, "Bremen": 5, "Celle": 4}
SETUP = {"Aachen": 300, "Bremen": 220, "Celle": 150}


def plan(M):
    """Return the model; M is the constant of the rows `only_if_on`."""
    m = pyo.ConcreteModel("plants")
    m.P = pyo.Set(initialize=list(CAPACITY))
    m.make = pyo.Var(m.P, bounds=(0, None))
    m.on = pyo.Var(m.P, domain=pyo.Binary)
    m.room = pyo.Constraint(m.P, rule=lambda m, p: m.make[p] <= CAPACITY[p])
    m.only_if_on = pyo.Constraint(m.P, rule=lambda m, p: m.make[p] <= M * m.on[p])
    m.demand = pyo.Constraint(expr=sum(m.make[p] for p in m.P) >= 90)
    m.cost = pyo.Objective(expr=sum(COST[p] * m.make[p] + SETUP[p] * m.on[p] for p in m.P))
    return m


# %% [markdown]
# ## Is M right?
#
# Somebody guessed 50. The model solves, and nothing looks wrong:

# %%
pf.solve(plan(50))

# %% [markdown]
# The audit computes what each row needs. The rows that are meant as Big-M rows are declared; one that cuts off a point it should
# allow is then `invalid`:

# %%
small = pf.audit(plan(50), big_m="only_if_on*")
small

# %%
{row.row: {name: float(value) for name, value in row.witness.items()} for row in small.rows[:1]}

# %% [markdown]
# That is a point which is cut off. A million, on the other hand, cuts off nothing, but is `loose`: it weakens the relaxation and
# lets a plant that counts as off make a tonne.

# %%
model = plan(1e6)
large = pf.audit(model)
large.plot()

# %% [markdown]
# ## Put the right ones in
#
# `tighten` gives the model with the M's that are proved to be enough:

# %%
tight = pf.tighten(model, found=large)
pf.audit(tight).to_frame()[["row", "big_m", "needed_from", "needed_to", "verdict"]]

# %% [markdown]
# ## An answer that can be checked
#
# `certified-optimal`: the point satisfies every row in fractions, and a search tree proves in fractions that nothing is better.

# %%
answer = pf.solve(tight, confirm="certificate")
answer

# %% [markdown]
# Whoever has the certificate and the model can check it again, without a solver:

# %%
pf.save_certificate(answer, "plan.json")
pf.check_certificate("plan.json", tight)

# %% [markdown]
# ## When there is no answer
#
# An order on top that two plants cannot fill: three rows that cannot hold together, and each pair of them can.

# %%
too_much = plan(120)
too_much.order = pyo.Constraint(expr=too_much.make["Aachen"] + too_much.make["Bremen"] >= 210)
pf.explain_infeasible(too_much)
