"""A regime-switching program, solved three ways.

Which regime to plan for in each month, and with what weights, when switching and trading cost. A search over paths, the whole form in
HiGHS (quadratic by outer approximation) and in SCIP find the same optimum, and each answer is checked against the raw data.
"""

import proofolio as pf

problem = pf.random_instance(n=5, T=8, R=3, seed=4)
answers = {
    "path": problem.solve(method="path"),
    "HiGHS": problem.solve(solver="highs", time_limit=60),
    "SCIP": problem.solve(solver="scip", time_limit=60),
}
for name, answer in answers.items():
    print(f"{name:<6} {answer.objective:.8f}  {answer.status}, {len(answer.checks)} checks, {answer.made_by}")

figure = answers["path"].plot()
figure.savefig("regime_switching.svg")
