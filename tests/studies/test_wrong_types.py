"""Every argument of the public functions of a backtest, given what it cannot be: a sentence that names it."""

import inspect

import numpy as np
import pandas as pd
import pytest

import proofolio as pf
from proofolio.errors import BadData

ROWS = 60
DATES = pd.bdate_range("2021-01-04", periods=ROWS)
PRICES = pd.DataFrame(
    100.0 * np.exp(np.cumsum(np.random.default_rng(3).normal(0.0003, 0.01, (ROWS, 2)), axis=0)),
    index=DATES,
    columns=["A", "B"],
)
GRID = {"horizon": [1], "gamma_risk": [5.0], "gamma_trade": [0.01]}
WRONG = {
    "None": None,
    "text": "nonsense",
    "list": [1.0, "x", None],
    "Series": PRICES["A"],
    "DataFrame": PRICES,
    "complex": 1 + 1j,
    "nan": float("nan"),
    "dict": {"nonsense": 1},
    "flag": True,
    "object": object(),
}


def equal(context):
    return [0.5, 0.5]


CALLS = {
    "backtest": (pf.backtest, {"prices": PRICES, "strategies": "fix-mix", "window": 20}),
    "tune": (pf.tune, {"prices": PRICES, "strategy": "mpo-no-hmm", "grid": GRID, "window": 20}),
    "trades_today": (
        pf.trades_today, {"prices": PRICES, "holdings": {"A": 0.5, "B": 0.5}, "strategy": "fix-mix", "window": 20},
    ),
    "strategy": (pf.strategy, {"function": equal}),
}  # fmt: skip
FORECASTS = ["regime_assets", "window", "K", "refit"]
CASES = [
    (name, argument)
    for name, (function, _) in CALLS.items()
    for argument in [
        *(p for p in inspect.signature(function).parameters if p != "forecasts"),
        *(FORECASTS if name != "strategy" else []),
    ]
]
# A folder or an address may have any text for a name.
SKIPPED = {("folder", "text"), ("scheduler", "text")}


@pytest.mark.parametrize(("name", "argument"), CASES, ids=[f"{name}-{argument}" for name, argument in CASES])
def test_what_an_argument_cannot_be_is_refused_in_one_sentence_or_understood(name, argument):
    function, usual = CALLS[name]
    said = []
    for kind, value in WRONG.items():
        if (argument, kind) in SKIPPED:
            continue
        try:
            function(**(usual | {argument: value}))
        except BadData as error:
            said.append(str(error))
    # Views are read by the strategies that follow them, and none of these does.
    assert len(said) >= (1 if argument == "views" else 3)
    assert all("\n" not in sentence and len(sentence) < 500 for sentence in said)
