"""Views as they are stated and read."""

import numpy as np
import pytest

import proofolio as pf

ASSETS = ["AAPL", "GE", "XLE", "XLF", "VTI", "BRK-B"]


def row(**weights):
    return [weights.get(asset.replace("-", "_"), 0.0) for asset in ASSETS]


def test_the_three_statements_are_their_rows():
    views = (
        pf.Views(ASSETS)
        .relative("AAPL", "GE", 0.04, per="year")
        .absolute("VTI", 0.10, per="year", confidence=0.3)
        .group({"XLE": 0.5, "XLF": 0.5}, over="VTI", by=0.02, per="year")
        .group({"XLE": 0.25, "XLF": 0.75}, by=0.01, per="quarter")
    )
    assert views.P.tolist() == [
        row(AAPL=1, GE=-1),
        row(VTI=1),
        row(XLE=0.5, XLF=0.5, VTI=-1),
        row(XLE=0.25, XLF=0.75),
    ]
    assert views.values(52) == pytest.approx([0.04 / 52, 0.1 / 52, 0.02 / 52, 0.04 / 52], rel=1e-15)
    assert [view.confidence for view in views] == [None, 0.3, None, None]
    assert views.names[0] == "AAPL - GE = +4 %"
    assert len(pf.Views(ASSETS)) == 0  # a statement returns a new list


def test_the_same_claim_per_day_week_month_and_year_is_one_number():
    stated = [
        ("day", 0.0002),
        ("week", 0.0002 * 252 / 52),
        ("month", 0.0042),
        ("quarter", 0.0126),
        ("year", 0.0504),
    ]
    for per, amount in stated:
        views = pf.Views(ASSETS).absolute("GE", amount, per=per)
        assert views.values(252)[0] == pytest.approx(0.0002, rel=1e-14)
    assert pf.Views(ASSETS).absolute("GE", 1e-3, per="day").values(365, 365) == pytest.approx([1e-3])
    assert pf.View(np.ones(2), 0.01, "x").value(12) == 0.01  # per period of the plan, whatever it is
    assert pf.View.annual([1, -1], 0.04, periods=52).v == pytest.approx(0.04 / 52)


@pytest.mark.parametrize(
    ("text", "weights", "daily", "confidence"),
    [
        ("AAPL - GE = 4 % a year", row(AAPL=1, GE=-1), 0.04 / 252, None),
        ("AAPL-GE=4% per year", row(AAPL=1, GE=-1), 0.04 / 252, None),
        ("BRK-B = 10 % annually", row(BRK_B=1), 0.1 / 252, None),
        ("GE - BRK-B = -25 bp a month", row(GE=1, BRK_B=-1), -0.0025 * 12 / 252, None),
        ("0.5 XLE + 0.5 XLF - VTI = 0.02/year (60 %)", row(XLE=0.5, XLF=0.5, VTI=-1), 0.02 / 252, 0.6),
        ("50% XLE + 50 %*XLF = .1% a week (confidence .25)", row(XLE=0.5, XLF=0.5), 0.001 * 52 / 252, 0.25),
    ],
)
def test_sentences_are_read(text, weights, daily, confidence):
    views = pf.Views.parse(text, ASSETS)
    assert views.P.tolist() == [weights]
    assert views.values(252) == pytest.approx([daily], rel=1e-14)
    assert views.views[0].confidence == confidence


def test_several_sentences_are_one_list():
    views = pf.Views.parse(["AAPL = 4 % a year", "GE = 2 % a year; VTI = 1 % a year\n"], ASSETS)
    assert [int(view.P.argmax()) for view in views] == [0, 1, 4]


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("AAPL - TSLA = 4 % a year", "view 1 names TSLA, which is not among the 6 assets: AAPL, GE,"),
        ("APL = 4 % a year", r"did you mean 'AAPL'\?"),
        ("AAPL + GE = 4 % a year", "add up to 2; those of each side must add up to 1"),
        ("AAPL - GE = 4 %", "does not say what its amount is per"),
        ("AAPL - GE >= 4 % a year", "is an inequality: give it to entropy_pooling"),
        ("AAPL - GE", "has no =; write it as"),
        ("AAPL GE = 4 % a year", "is not understood from 'GE' on"),
        ("AAPL - GE = lots", "the amount 'lots' is not understood"),
        ("-AAPL = 4 % a year", "has no asset with a plus"),
        ("AAPL - AAPL = 4 % a year", "view 1 has no asset: all its weights are zero"),
        ("AAPL = 4 % a year (160 %)", "view 1: its confidence is 1.6; give a share from 0 to 1"),
    ],
)
def test_sentences_that_cannot_be_meant_are_refused(text, sentence):
    with pytest.raises(pf.BadData, match=sentence):
        pf.Views.parse(text, ASSETS)


def test_other_refusals():
    views = pf.Views(ASSETS).absolute("GE", 0.1).absolute("VTI", 0.1)
    with pytest.raises(pf.BadData, match="view 3 has no asset: all its weights are zero"):
        views.group({"GE": 0.0}, by=0.1)
    with pytest.raises(pf.BadData, match=r"per is 'yaer'.*did you mean 'year'"):
        views.absolute("GE", 0.1, per="yaer")
    with pytest.raises(pf.BadData, match="v is nan"):
        views.absolute("GE", float("nan"))
    with pytest.raises(pf.BadData, match="direction is 2"):
        views.absolute("GE", 0.0, direction=2)
    with pytest.raises(pf.BadData, match="different names"):
        pf.Views(["A", "A"])
    with pytest.raises(pf.BadData, match="give a list of names"):
        pf.Views("AAPL")
    with pytest.raises(pf.BadData, match="view 1 has 2 weights, but there are 6 assets"):
        pf.Views(ASSETS, [pf.View(np.ones(2), 0.1)])
    with pytest.raises(pf.BadData, match="the plan's periods are not known"):
        views.values()
    assert pf.Views(ASSETS, periods=12).absolute("GE", 0.12).values() == pytest.approx([0.01])


def test_a_list_shows_itself():
    views = pf.Views(ASSETS).relative("AAPL", "GE", 0.04)
    assert "AAPL - GE = +4 %" in repr(views)
    assert "AAPL - GE = +4 %" in views._repr_html_()
