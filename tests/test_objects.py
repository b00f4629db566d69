"""What a notebook and a process pool ask of public results: a `repr` of a line or two, a table, and pickling."""

import pickle

import numpy as np
import pandas as pd
import pytest

import proofolio as pf


def small_model():
    model = pf.Model("small")
    x, y = model.variable("x", 2, lower=0, upper=30), model.variable("y", binary=True)
    model.add("link", x.sum() <= 1000 * y)
    model.minimise(3 * y - x.sum())
    return model


def no_model():
    model = pf.Model("none")
    model.add("more", model.variable("z", lower=0, upper=1) >= 2)
    return model


def control():
    return pf.RegimeControl([[-0.2, 0.2], [0.2, -0.2]], [[0.08], [-0.04]], [[[0.04]], [[0.09]]], horizon=1.0)


def regime_switching():
    return pf.RegimeSwitching(Q=np.zeros((2, 3, 3)), c=[[1, 1, 1], [-1, -1, -1]], periods=1)


def prices():
    return pf.load_prices()[["JNJ", "KO", "XOM"]].loc["2021-06":"2022"]


def returns():
    return prices().pct_change().iloc[1:]


def views():
    return pf.Views(returns().columns).relative("JNJ", "KO", 0.04, per="year")


def gap():
    problem = control()
    return problem.bound(problem.one_step(), paths=4)


def table():
    problem = control()
    return problem.simulate({"one": problem.one_step()}, paths=4)


MADE = {
    "Audit": lambda: pf.audit(small_model()),
    "BacktestResult": lambda: pf.backtest(prices(), ["fix-mix"], window=250),
    "Certificate": lambda: pf.solve(small_model(), confirm="certificate").certificate,
    "Check": lambda: pf.solve(small_model(), confirm="none").checks[0],
    "Gap": gap,
    "Iis": lambda: pf.explain_infeasible(no_model()),
    "MeanVariance": lambda: pf.MeanVariance(n=3, H=2, gamma_risk=5.0, gamma_trade=0.001),
    "Model": small_model,
    "Posterior": lambda: pf.BlackLitterman(confidence=0.5).fit(returns()).posterior(views()),
    "Program": lambda: small_model().freeze(),
    "Proof": lambda: pf.prove(next(c for c in pf.shipped_claims() if c.name.startswith("implies"))),
    "RegimeChain": lambda: pf.RegimeChain([[-0.2, 0.2], [0.4, -0.4]]),
    "RegimeControl": control,
    "RegimeSolution": lambda: regime_switching().solve(),
    "RegimeSwitching": regime_switching,
    "SimulationTable": table,
    "Solution": lambda: pf.solve(small_model(), confirm="none"),
    "StrategyRun": lambda: pf.backtest(prices(), ["fix-mix"], window=250)["fix-mix"],
    "Views": views,
}
LONG = {"Posterior": 900}  # it prints its two small tables


@pytest.fixture(scope="module", params=sorted(MADE))
def made(request):
    return request.param, MADE[request.param]()


def test_repr_is_short_and_says_more_than_an_address(made):
    name, thing = made
    text = repr(thing)
    assert len(text) <= LONG.get(name, 320)
    assert name in LONG or text.count("\n") <= 1
    assert name == "Model" or " object at 0x" not in text


def test_pickled_and_read_back_it_says_the_same(made):
    name, thing = made
    again = pickle.loads(pickle.dumps(thing))
    assert type(again) is type(thing)
    if name != "Model":
        assert repr(again) == repr(thing)


def test_a_pickled_audit_still_tightens_and_writes_its_certificates(tmp_path):
    found = pf.audit(small_model())
    again = pickle.loads(pickle.dumps(found))
    assert again.document() == found.document()
    pf.save_certificates(again, tmp_path)
    checked = pf.check_certificates(tmp_path, small_model())
    assert [certificate.ok for certificate in checked] == [True]
    tightened = pf.tighten(again.opened.program, found=again)
    assert pf.audit(tightened).rows[0].verdict == "tight"
    with pytest.raises(pf.BadData, match="another model"):
        pf.tighten(small_model(), found=again)


def test_an_audit_of_a_pyomo_model_is_pickled_without_the_model():
    pyo = pytest.importorskip("pyomo.environ")
    m = pyo.ConcreteModel()
    m.x, m.y = pyo.Var(bounds=(0, 30)), pyo.Var(domain=pyo.Binary)
    m.link = pyo.Constraint(rule=lambda m: m.x <= 1000 * m.y)
    m.cost = pyo.Objective(expr=m.y - m.x)
    again = pickle.loads(pickle.dumps(pf.audit(m)))
    assert [row.suggested_big_m for row in again.rows] == [30.0]


def test_the_table_of_an_audit_has_a_row_for_each_candidate():
    found = pf.audit(small_model())
    frame = found.to_frame()
    assert frame["row"].tolist() == ["link"]
    assert frame.loc[0, ["big_m", "needed_from", "needed_to", "verdict", "suggested_big_m"]].tolist() == [
        1000.0, 60.0, 60.0, "loose", 60.0,
    ]  # fmt: skip
    page = found._repr_html_()
    assert "<td>link</td>" in page
    assert isinstance(pf.audit(no_model()).to_frame(), pd.DataFrame)
    assert list(pf.audit(no_model()).to_frame().columns) == list(frame.columns)
