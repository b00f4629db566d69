"""What a notebook and a process pool ask of public results: a `repr` of a line or two, a table, and pickling."""

import pickle
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pandas as pd
import pytest

import proofolio as pf
from proofolio.verification.proofs.catalogue.claims import CONSTRUCTS


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


def fitted():
    return pf.Historical(window=200, H=2).fit(returns().to_numpy())


def context():
    table = returns()
    return pf.DecisionContext(table.index[-1], table, pd.Series(1 / 3, index=table.columns))


def saved_certificate():
    answer = pf.solve(small_model(), confirm="certificate")
    with TemporaryDirectory() as folder:
        pf.save_certificate(answer, Path(folder) / "small.json")
        return pf.check_certificate(Path(folder) / "small.json", small_model())


def approximation():
    model = pf.Model()
    u = model.variable("u", lower=0, upper=1)
    return pf.piecewise_linear_of(model, "v", np.square, u, np.linspace(0, 1, 5))


def tuned():
    grid = {"horizon": [1], "gamma_risk": [1.0, 5.0], "gamma_trade": [0.001, 0.01]}
    return pf.tune(prices(), "mpo-no-hmm", grid, window=100)


def formula_posterior():
    return pf.posterior(np.zeros(3), np.eye(3), np.array([[1.0, -1.0, 0.0]]), np.array([0.02]), 0.5)


MADE = {
    "Account": lambda: pf.Account(borrow=0.01),
    "Approximation": approximation,
    "AssetRegimes": lambda: pf.AssetRegimes(window=300),
    "Audit": lambda: pf.audit(small_model()),
    "BacktestResult": lambda: pf.backtest(prices(), ["fix-mix", "erc"], window=250),
    "BlackLitterman": lambda: pf.BlackLitterman(confidence=0.5).fit(returns()),
    "Box": lambda: pf.Box((40, 3), np.zeros((40, 3)), 1.0),
    "CalibratedConfidence": pf.CalibratedConfidence,
    "CdfConfidence": pf.CdfConfidence,
    "Certificate": lambda: pf.solve(small_model(), confirm="certificate").certificate,
    "Check": lambda: pf.solve(small_model(), confirm="none").checks[0],
    "CheckedCertificate": lambda: pf.CheckedCertificate(
        "link", "upper", "z", "loose", False, "it proves nothing"
    ),
    "CheckedOptimum": saved_certificate,
    "Claim": lambda: pf.shipped_claims("implies")[0],
    "ConditionalCap": lambda: pf.ConditionalCap(asset=1, limit=0.1, held=0),
    "Covered": lambda: pf.Covered(np.full((4, 100), 0.25), 0.1),
    "DecisionContext": context,
    "Expression": lambda: pf.Model().variable("x", (40, 30)).sum(0),
    "FactorCovariance": lambda: pf.FactorCovariance(np.ones((40, 1)), np.full((3, 1, 1), 0.02), np.ones(40)),
    "Factors": lambda: pf.Factors(
        np.ones((2, 9, 1)), np.ones((2, 1, 1)), np.ones((2, 1)), np.ones((2, 1, 1))
    ),
    "Forecast": lambda: fitted().predict(),
    "Gap": gap,
    "Group": lambda: pf.Group(range(100), upper=0.3),
    "HJBSolver": lambda: pf.HJBSolver([[0.08], [-0.04]], [[[0.04]], [[0.09]]], [[-0.2, 0.2], [0.2, -0.2]]),
    "Historical": fitted,
    "Iis": lambda: pf.explain_infeasible(no_model()),
    "MaxTerm": lambda: pf.MaxTerm(0, 1, np.ones(50), 0.0, 0.1),
    "MeanVariance": lambda: pf.MeanVariance(n=3, H=2, gamma_risk=5.0, gamma_trade=0.001),
    "Model": small_model,
    "PlanSet": lambda: pf.PlanSet(30, 5, upper=0.6, turnover_limit=0.2),
    "Posterior": lambda: pf.BlackLitterman(confidence=0.5).fit(returns()).posterior(views()),
    "Posterior of formulas": formula_posterior,
    "Program": lambda: small_model().freeze(),
    "Proof": lambda: pf.prove(pf.shipped_claims("implies")[0]),
    "RegimeChain": lambda: pf.RegimeChain([[-0.2, 0.2], [0.4, -0.4]]),
    "RegimeControl": control,
    "RegimeEqualRisk": lambda: pf.RegimeEqualRisk(0.4),
    "RegimeSolution": lambda: regime_switching().solve(),
    "RegimeSwitching": regime_switching,
    "RiskParity": lambda: pf.RiskParity(30, 5, 1e-3),
    "RollingRegimes": lambda: pf.RollingRegimes(window=200),
    "RowVerdict": lambda: pf.audit(small_model()).rows[0],
    "Settings": lambda: pf.Settings(time_limit=5.0),
    "SigmoidConfidence": pf.SigmoidConfidence,
    "SimulationTable": table,
    "Solution": lambda: pf.solve(small_model(), confirm="none"),
    "StrategyRun": lambda: pf.backtest(prices(), ["fix-mix"], window=250)["fix-mix"],
    "Today": lambda: pf.trades_today(prices(), {"JNJ": 0.6, "XOM": 0.4}, "erc-no-hmm", window=200),
    "Tolerances": pf.Tolerances,
    "TuningResult": tuned,
    "View": lambda: views().views[0],
    "ViewControl": lambda: pf.ViewControl.of(views(), regimes=pf.AssetRegimes(window=300)),
    "Views": views,
}
RESULTS = {  # what shows itself as more than a line
    "Audit", "BacktestResult", "Gap", "Iis", "Posterior", "Proof", "RegimeSolution", "SimulationTable", "Solution",
    "StrategyRun", "Today", "TuningResult",
}  # fmt: skip
TABLES = RESULTS - {"Proof"}
PICTURES = RESULTS - {"Iis", "Proof", "Solution", "Today"}


def mean_variance():
    return pf.MeanVariance(n=30, H=5, gamma_risk=5.0, gamma_trade=0.001).stepper()


def risk_parity():
    return pf.RiskParity(30, 5, 1e-3).stepper(starts="erc")


WITHIN = {  # what public objects hold or return
    "MeanVarianceStep": lambda: mean_variance().solve(
        np.full(30, 1e-3), 1e-4 * np.eye(30), np.full(30, 1 / 30)
    ),
    "MeanVarianceStepper": mean_variance,
    "RiskParityStep": lambda: risk_parity().solve(np.eye(30), np.full(30, 1 / 30)),
    "RiskParityStepper": risk_parity,
    "Simulation": lambda: pf.backtest(prices(), ["fix-mix"], window=250).runs[0],
}


@pytest.mark.parametrize("name", WITHIN)
def test_a_repr_of_what_is_within_is_a_line_without_arrays(name):
    text = repr(WITHIN[name]())
    assert text.startswith(f"{name}(")
    assert len(text) <= 200
    assert "\n" not in text
    assert "array" not in text


@pytest.fixture(scope="module", params=sorted(MADE))
def made(request):
    return request.param, MADE[request.param]()


def test_every_public_class_is_made_here():
    named = {name: getattr(pf, name) for name in pf.__all__}
    classes = {n for n, v in named.items() if isinstance(v, type) and not issubclass(v, BaseException)}
    assert classes - set(MADE) == set()


def test_a_repr_is_three_lines_at_most_and_says_more_than_an_address(made):
    text = repr(made[1])
    assert len(text) <= 300
    assert text.count("\n") <= 2
    assert " at 0x" not in text
    assert made[0].partition(" ")[0].lower() in text.lower() or made[0] in {"Expression", "View"}


def test_pickled_and_read_back_it_says_the_same(made):
    again = pickle.loads(pickle.dumps(made[1]))
    assert type(again) is type(made[1])
    assert repr(again) == repr(made[1])


def test_a_result_shows_itself_in_a_notebook(made):
    name, thing = made
    assert hasattr(thing, "_repr_html_") >= (name in RESULTS)
    if name in RESULTS:
        page = thing._repr_html_()
        assert "<table" in page or name == "RegimeSolution"
        assert ("data:image/svg+xml;base64," in page) == (name in PICTURES)
        assert len(page) < 300_000


def test_a_result_has_a_table_and_a_picture(made):
    name, thing = made
    if name in TABLES:
        assert len(thing.to_frame()) > 0
    if name in PICTURES:
        figure = thing.plot()
        assert figure.axes
        assert figure._repr_svg_().startswith("<svg")


@pytest.mark.parametrize("construct", CONSTRUCTS)
def test_the_last_shipped_claim_of_a_construct_is_found_again(construct):
    claim = pf.shipped_claims(construct)[-1]
    again = pickle.loads(pickle.dumps(claim))
    assert (again.name, again.lowering, again.output_names) == (
        claim.name,
        claim.lowering,
        claim.output_names,
    )
    assert repr(again) == repr(claim)


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
