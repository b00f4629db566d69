"""Rules by the names of assets: what is traded obeys them, what cannot be is refused, the plan sees its costs."""

import itertools
import re
import tomllib
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import proofolio as pf
from proofolio.backtesting.costs import SpreadAndImpact
from proofolio.backtesting.rules import Rules
from proofolio.backtesting.rules_file import rules_example, rules_of
from proofolio.models.portfolio.plan_set import PlanSet

NAMES = ["US", "BONDS", "GOLD", "OIL"]
SPAN = {"window": 100, "start": 120, "stop": 150}
PLANNING = ["spo", "mpo", "mpo-rp-no-hmm", "erc", "regime-erc"]
OBEYED = 2e-6  # a plan that misses its rules by 1e-6 is traded, and then scaled to add up to 1


def random_rules(rng):
    """Bounds, two groups, a turnover limit, around 1/4 of each so that the first trade can meet them."""
    lower, upper = rng.uniform(0.0, 0.2, 4), rng.uniform(0.3, 0.6, 4)
    members = [list(rng.choice(NAMES, size, replace=False)) for size in (2, 3)]
    return {
        "weights": {
            "assets": {
                n: {"lower": float(a), "upper": float(b)} for n, a, b in zip(NAMES, lower, upper, strict=True)
            }
        },
        "groups": {
            f"g{j}": {"assets": m, "lower": len(m) / 4 - 0.1, "upper": len(m) / 4 + 0.05}
            for j, m in enumerate(members)
        },
        "trading": {"turnover": float(rng.uniform(0.02, 0.4))},
    }


def worst_breach(run, rules):
    """By how much the weights of the answered closes miss the rules, found from the tables alone."""
    answered = ~(run.simulation.unanswered | run.simulation.rules_missed)
    w, trades = run.weights[answered], run.trades[answered]
    worst = [0.0]
    for name, bound in rules["weights"].get("assets", {}).items():
        worst += [(bound["lower"] - w[name]).max(), (w[name] - bound["upper"]).max()]
    for group in rules.get("groups", {}).values():
        held = w[group["assets"]].sum(axis=1)
        worst += [(group["lower"] - held).max(), (held - group["upper"]).max()]
    if "trading" in rules:
        worst.append(trades.abs().sum(axis=1).max() - rules["trading"]["turnover"])
    return max(worst)


@pytest.mark.parametrize("seed", range(3))
def test_what_is_traded_obeys_random_rules(table_of, seed):
    rules = random_rules(np.random.default_rng(seed))
    free = pf.backtest(table_of(seed=seed), PLANNING, **SPAN)
    result = pf.backtest(table_of(seed=seed), PLANNING, rules=rules, **SPAN)
    for name in PLANNING:
        answered = ~(result[name].simulation.unanswered | result[name].simulation.rules_missed)
        assert answered.sum() >= 15, name  # drift may put a close out of reach of the turnover limit
        assert worst_breach(result[name], rules) <= OBEYED, name
    # the rules are felt: without them some strategy breaks them
    assert max(worst_breach(free[name], rules) for name in PLANNING) > 0.01


def test_erc_under_rules_is_the_nearest_to_equal_contributions(table_of):
    prices = table_of().iloc[:, :3]
    today = pf.trades_today(
        prices, {"US": 1.0}, "erc-no-hmm", window=150, rules={"weights": {"upper": 0.38, "lower": 0.3}}
    )
    S = today.forecast.covariance[0]

    def error(w):
        part = w * (S @ w) / (w @ S @ w)
        return ((part - 1 / 3) ** 2).sum()

    grid = np.arange(0.30, 0.3801, 0.002)
    tried = [np.array([a, b, 1 - a - b]) for a, b in itertools.product(grid, grid)]
    best = min(error(w) for w in tried if 0.3 - 1e-9 <= w[2] <= 0.38 + 1e-9)
    assert error(today.wanted) <= best + 1e-9
    assert today.wanted.max() <= 0.38 + OBEYED
    assert error(today.wanted) > 1e-4  # the bounds bind


def test_few_positions_are_the_best_of_all_choices(table_of):
    prices, held = table_of(), dict.fromkeys(NAMES, 0.25)
    arguments = {"window": 150, "rules": {"positions": {"most": 2, "smallest": 0.3}}}
    spo = pf.backtest(prices, ["spo-no-hmm"], start=200, stop=203, **arguments)
    assert ((spo["spo-no-hmm"].weights > 1e-6).sum(axis=1) <= 2).all()
    today = pf.trades_today(prices, held, "spo-no-hmm", **arguments)
    mu, S = today.forecast.mean[0], today.forecast.covariance[0]

    def utility(w):
        return mu @ w - 5.0 * w @ S @ w - 0.01 * np.abs(w - 0.25).sum()

    best = -np.inf
    for i, j in itertools.combinations(range(4), 2):
        for share in [*np.linspace(0.3, 0.7, 401), 1.0]:
            w = np.zeros(4)
            w[i], w[j] = share, 1.0 - share
            best = max(best, utility(w), utility(w[::-1]))
    assert utility(today.wanted) >= best - 1e-8
    assert (today.wanted > 1e-6).sum() <= 2


def test_shorts_keep_a_gross_exposure(prices):
    rules = {"weights": {"lower": -0.5}, "exposure": {"gross": 1.4}}
    strategy = replace(strategies("spo")[0], gamma_trade=0.0)
    run = pf.backtest(prices, [strategy], rules=rules, window=100, start=150, stop=156)["spo"]
    assert not run.simulation.unanswered.any()
    assert run.weights.abs().sum(axis=1).max() == pytest.approx(1.4, abs=1e-5)  # felt, and kept
    assert run.weights.min().min() < -0.1


def strategies(*names):
    from proofolio.backtesting.strategies import strategies_named

    return strategies_named(names, NAMES)


def test_net_exposure_leaves_cash_within_its_limits(prices):
    run = pf.backtest(prices, ["mpo"], rules={"exposure": {"net": [0.6, 0.9]}}, risk_free=0.02, **SPAN)["mpo"]
    total = run.weights.sum(axis=1)
    assert total.min() >= 0.6 - OBEYED
    assert total.max() <= 0.9 + OBEYED
    np.testing.assert_allclose(run.simulation.cash, 1.0 - total, atol=1e-12)


def test_a_dictionary_a_file_and_a_plan_set_say_the_same(prices, tmp_path):
    file = tmp_path / "rules.toml"
    file.write_text(
        '[weights]\nupper = 0.5\n[groups.real]\nassets = ["GOLD", "OIL"]\nupper = 0.45\n[trading]\nturnover = 0.2\n',
        encoding="utf-8",
    )
    same = PlanSet(4, 1, upper=0.5, groups=[pf.Group([2, 3], upper=0.45)], turnover_limit=0.2)
    ways = [file, str(file), tomllib.loads(file.read_text(encoding="utf-8")), same]
    found = [pf.backtest(prices, "mpo-no-hmm", rules=way, **SPAN)["mpo-no-hmm"].weights for way in ways]
    for other in found[1:]:
        np.testing.assert_array_equal(other.to_numpy(), found[0].to_numpy())


def test_the_plan_sees_what_is_charged_at_the_first_close(prices):
    costs = SpreadAndImpact((0.001, 0.002, 0.003, 0.004), 1.0, (1e6, 2e6, 3e6, 4e6), 0.0005, memory=60)
    market = pf.backtest(prices, "fix-mix", **SPAN).context.market
    rules = rules_of({"costs": {"as_charged": True}}, NAMES)
    told = rules.told(costs, market, 119, 5e5)
    sigma = market.returns[60:120].std(axis=0, ddof=1)
    np.testing.assert_allclose(
        told.power_impact, sigma * np.sqrt(5e5 / np.array([1e6, 2e6, 3e6, 4e6])), rtol=1e-12
    )
    np.testing.assert_allclose(told.half_spread, [0.001, 0.002, 0.003, 0.004])
    np.testing.assert_allclose(told.asymmetry, 0.0005)
    noise = replace(market, returns=np.where(np.arange(240)[:, None] < 120, market.returns, 0.3))
    assert rules.told(costs, noise, 119, 5e5) == told  # nothing later is read


def test_a_plan_that_is_told_of_costs_trades_less(prices):
    spo = replace(strategies("spo")[0], gamma_trade=0.0)
    free, seen = (
        pf.backtest(prices, [spo], rules=rules, cost_bps=3, **SPAN)["spo"].turnover.sum()
        for rules in (None, {"costs": {"as_charged": True}})
    )
    # 500 basis points each way, which no forecast of one period earns
    dear = pf.backtest(prices, [spo], rules={"costs": {"half_spread_bps": 500.0}}, **SPAN)[
        "spo"
    ].turnover.sum()
    assert dear < 1e-6 < 1e-3 < seen < 0.9 * free


def test_costs_of_one_asset_keep_its_weight_where_it_is(prices):
    spo = replace(strategies("spo")[0], gamma_trade=0.0)
    rules = {"costs": {"assets": {"GOLD": {"half_spread_bps": 900.0}}}}
    trades = pf.backtest(prices, [spo], rules=rules, **SPAN)["spo"].trades.abs().sum()
    assert trades["GOLD"] < 1e-6 < trades["US"]


def test_features_are_those_of_the_forecasts_and_of_regime_erc(prices):
    from proofolio.forecasts.transformers import DriftCorrection

    features = {"transformers": [{"name": "drift-correction", "half_life": 20.0}], "evidence": [1, 2]}
    by_rules = pf.backtest(prices, ["mpo"], rules={"features": features}, **SPAN)["mpo"].weights
    by_options = pf.backtest(
        prices, ["mpo"], features=DriftCorrection(half_life=20.0), evidence=(1.0, 2.0), **SPAN
    )["mpo"].weights
    np.testing.assert_array_equal(by_rules.to_numpy(), by_options.to_numpy())

    told = {"persistence": 15.0, "volatility_damping": 0.7, "clusters": 2}
    by_rules = pf.backtest(prices, ["regime-erc"], rules={"features": told}, **SPAN)["regime-erc"].weights
    own = replace(strategies("regime-erc")[0], **told)
    by_options = pf.backtest(prices, [own], **SPAN)["regime-erc"].weights
    np.testing.assert_array_equal(by_rules.to_numpy(), by_options.to_numpy())


def test_tuning_obeys_too(prices):
    grid = {"horizon": [1], "gamma_risk": [5.0], "gamma_trade": [0.0, 0.001]}
    found = pf.tune(
        prices,
        "mpo-no-hmm",
        grid,
        rules={"weights": {"upper": 0.3}},
        train=(100, 115),
        test=(115, 130),
        window=100,
    )
    assert found.run.weights.max().max() <= 0.3 + OBEYED
    assert all(trial.strategy.rules is not None for trial in found.trials)


def test_the_example_reads_back_and_every_usual_strategy_obeys_it(prices):
    rules = rules_of(tomllib.loads(rules_example(["US", "BONDS"])), NAMES)
    assert rules.lower == (0.02, 0.0, 0.0, 0.0)
    assert rules.upper == (0.85, 0.9, 0.9, 0.9)
    assert rules.half_spread == (0.0005, 0.0008, 0.0005, 0.0005)
    assert (rules.turnover, rules.features.persistence, rules.features.evidence) == (0.5, 20.0, (1.0, 2.0))
    result = pf.backtest(prices, ["mpo", "mpo-rp", "regime-erc"], rules=rules, **SPAN | {"stop": 125})
    assert not any(run.unanswered.any() for run in result.runs)


def test_the_page_s_example_can_be_read():
    page = (Path(__file__).parents[2] / "docs" / "backtest.md").read_text(encoding="utf-8")
    (example,) = re.findall(r"^```toml\n(.*?)^```$", page, re.DOTALL | re.MULTILINE)
    rules = rules_of(tomllib.loads(example), ["VTI", "TLT", "AGG", "GLD"])
    assert (rules.turnover, rules.as_charged, len(rules.groups)) == (0.5, True, 1)


def test_the_example_s_comments_are_rules_as_well():
    """What stands behind a # with a key is read too, once the sections that contradict it are out."""
    lines = [line.removeprefix("# ") for line in rules_example(["US", "BONDS"]).splitlines()]
    document = tomllib.loads("\n".join(line for line in lines if " = " in line or line.startswith("[")))
    assert document["exposure"] == {"cash": [0.0, 0.2], "net": [0.8, 1.0], "gross": 1.0}
    with_cash = rules_of({"exposure": document["exposure"], "weights": document["weights"]}, NAMES)
    assert with_cash.cash == pytest.approx((0.0, 0.2))
    counted = rules_of({"positions": document["positions"]}, NAMES)
    assert (counted.most, counted.smallest, counted.lot) == (10, 0.02, 0.01)


REFUSED = {
    "unknown section": ({"weigths": {}}, "weigths is unknown (did you mean 'weights'?)"),
    "unknown key": ({"trading": {"turn": 1}}, "trading.turn is unknown"),
    "unknown asset": (
        {"weights": {"assets": {"OILS": {}}}},
        "there is no asset 'OILS' (did you mean 'OIL'?)",
    ),
    "group's asset": (
        {"groups": {"a": {"assets": ["X"], "upper": 1}}},
        "groups.a.assets: there is no asset 'X'",
    ),
    "no number": ({"weights": {"upper": "much"}}, "weights.upper is 'much'; give a number"),
    "true": ({"weights": {"upper": True}}, "weights.upper is True"),
    "a section that is none": ({"weights": 0.4}, "weights is 0.4; it must be a table"),
    "lower above upper": ({"weights": {"assets": {"US": {"lower": 0.7, "upper": 0.2}}}}, "weights.assets.US"),
    "too little": ({"weights": {"upper": 0.2}}, "the upper bounds of weights add up to 0.8"),
    "too much": ({"weights": {"lower": 0.3}}, "the lower bounds of weights add up to 1.2"),
    "group against bounds": (
        {"weights": {"upper": 0.4}, "groups": {"a": {"assets": ["US"], "lower": 0.5}}},
        "groups.a asks for at least 0.5, and the bounds of its assets allow 0 to 0.4",
    ),
    "groups against each other": (
        {
            "groups": {
                "a": {"assets": ["US", "BONDS"], "upper": 0.4},
                "b": {"assets": ["GOLD", "OIL"], "upper": 0.5},
            }
        },
        "groups.b asks for at most 0.5, which no weights meet",
    ),
    "a group without limits": ({"groups": {"a": {"assets": ["US"]}}}, "groups.a needs lower, upper or both"),
    "smallest trade": ({"trading": {"smallest": 500}}, "`proofolio trade --min-trade`"),
    "positions too few": (
        {"weights": {"upper": 0.4}, "positions": {"most": 2}},
        "positions.most leaves no weights",
    ),
    "lots that miss 1": ({"positions": {"lot": 0.3}}, "positions.lot leaves no weights"),
    "positions and cash": (
        {"positions": {"most": 2}, "exposure": {"cash": [0, 1]}},
        "positions.most counts positions",
    ),
    "exposure against itself": (
        {"exposure": {"net": [0.9, 1], "cash": [0.3, 0.5]}},
        "contradict one another",
    ),
    "gross without cash": ({"exposure": {"gross": 0.8}}, "allow it with cash"),
    "asymmetry": ({"costs": {"half_spread_bps": 1, "asymmetry_bps": 2}}, "costs of US: asymmetry"),
    "two costs": ({"costs": {"as_charged": True, "power_impact": 1}}, "give one of the two"),
    "transformer": ({"features": {"transformers": ["drift-corection"]}}, "which is none (did you mean"),
    "its argument": (
        {"features": {"transformers": [{"name": "running-median", "day": 3}]}},
        "no parameter 'day'",
    ),
    "evidence": ({"features": {"evidence": [1, 2, 3]}}, "evidence has 3 numbers for 2 regimes"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_rules_that_cannot_be_are_refused_by_their_key(prices, case):
    rules, sentence = REFUSED[case]
    with pytest.raises(pf.BadData) as error:
        pf.backtest(prices, ["mpo"], rules=rules, **SPAN)
    assert sentence in str(error.value)
    assert "rules" in str(error.value)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("strategy", "rules", "sentence"),
    [
        ("fix-mix", {"weights": {"upper": 0.9}}, "fix-mix decides without reading rules"),
        ("buy-and-hold:US", {"trading": {"turnover": 0.9}}, "buy-and-hold:US decides without"),
        ("mpo-rp", {"positions": {"most": 2}}, "mpo-rp cannot keep positions.most"),
        ("erc", {"weights": {"lower": -0.1}}, "erc cannot keep weights.lower"),
        ("regime-erc", {"exposure": {"cash": [0, 0.2]}}, "regime-erc cannot keep exposure"),
    ],
)
def test_a_strategy_that_cannot_obey_is_refused_with_what_can(prices, strategy, rules, sentence):
    with pytest.raises(pf.BadData, match=sentence):
        pf.backtest(prices, [strategy], rules=rules, **SPAN)


def test_a_function_of_one_s_own_cannot_obey(prices):
    own = pf.strategy(lambda context: np.full(4, 0.25), "mine")
    with pytest.raises(pf.BadData, match="mine decides without reading rules"):
        pf.backtest(prices, [own], rules={"weights": {"upper": 0.9}}, **SPAN)


def test_a_file_is_named_where_it_is_wrong(prices, tmp_path):
    file = tmp_path / "mine.toml"
    for text, sentence in (
        ("[weights\n", "is no TOML file"),
        ("[weights]\nuper = 1\n", "weights.uper is unknown (did you mean 'upper'?)"),
    ):
        file.write_text(text, encoding="utf-8")
        with pytest.raises(pf.BadData) as error:
            pf.trades_today(prices, {"US": 1.0}, rules=file, window=100)
        assert str(error.value).startswith(str(file))
        assert sentence in str(error.value)
    with pytest.raises(pf.BadData, match="cannot be read"):
        pf.tune(prices, rules=tmp_path / "none.toml", window=100)


@pytest.mark.parametrize(
    ("plans", "sentence"),
    [
        (PlanSet(3, 1), "of 3 assets, and the table has 4"),
        (PlanSet(4, 1, cash=3), "PlanSet with cash"),
        (PlanSet(4, 2, upper=[[0.5] * 4, [0.6] * 4]), "whose periods differ"),
        (PlanSet(4, 1, net=(0.5, 1.0)), "net exposure is not 1"),
    ],
)
def test_plan_sets_that_do_not_fit_a_table(prices, plans, sentence):
    with pytest.raises(pf.BadData, match=sentence):
        pf.backtest(prices, ["mpo"], rules=plans, **SPAN)


def test_rules_follow_the_universe(table_of):
    """An asset that begins late: a group of it alone is met as soon as it can be held, and before that not asked."""
    prices = table_of()
    prices.loc[prices.index[:60], "OIL"] = np.nan
    rules = {"groups": {"oil": {"assets": ["OIL"], "upper": 0.1}}, "weights": {"upper": 0.4}}
    run = pf.backtest(prices, ["mpo-no-hmm"], rules=rules, window=60, start=80, stop=140)["mpo-no-hmm"]
    assert not run.simulation.unanswered.any()
    assert run.weights["OIL"].iloc[:30].eq(0.0).all()
    assert run.weights["OIL"].max() <= 0.1 + OBEYED
    assert run.weights.max().max() <= 0.4 + OBEYED


def test_rules_are_compared_by_what_they_say():
    one, same = (rules_of({"weights": {"upper": 0.5}}, NAMES) for _ in range(2))
    assert isinstance(one, Rules)
    assert one == same
    assert one != rules_of({"weights": {"upper": 0.6}}, NAMES)


def test_the_past_under_rules_does_not_know_the_future(table_of):
    prices = table_of(days=170)
    noise = prices.copy()
    noise.iloc[141:] = prices.iloc[140].to_numpy() * np.random.default_rng(9).uniform(0.5, 1.5, (30, 4))
    rules = random_rules(np.random.default_rng(1)) | {"costs": {"as_charged": True}}
    costs = SpreadAndImpact(0.0005, 1.0, 1e6, memory=60)
    names = ["mpo-no-hmm", "mpo-rp-no-hmm", "erc-no-hmm"]
    known, other = (
        pf.backtest(p, names, rules=rules, costs=costs, window=100, start=120, stop=150)
        for p in (prices, noise)
    )
    for name in names:
        # row 140 of the prices is the close of row 139 of the returns, whose trade is held in row 140
        assert known[name].weights.iloc[:21].equals(other[name].weights.iloc[:21]), name
        assert not known[name].weights.iloc[21:].equals(other[name].weights.iloc[21:]), name
