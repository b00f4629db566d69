"""Confidences from regimes: the formulas with other functions, the units, the signs, and the published jump."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import proofolio as pf
from proofolio.forecasts.views.confidences import CalibratedConfidence, CdfConfidence, SigmoidConfidence

RULES = {
    "view": SigmoidConfidence(),
    "error": SigmoidConfidence(scale="error"),
    "published": SigmoidConfidence(scale="published"),
    "cdf": CdfConfidence(),
    "calibrated": CalibratedConfidence(),
}


def sigmoid(x):
    return 1 / (1 + math.exp(-x)) if x > -700 else 0.0


def normal(x):
    return 0.5 * math.erfc(-x / math.sqrt(2))


moderate = st.floats(-5e-3, 5e-3)
claims = st.one_of(st.floats(1e-5, 5e-3), st.floats(-5e-3, -1e-5))
positive = st.floats(1e-4, 3e-2)


@settings(max_examples=100, deadline=None)
@given(moderate, claims, positive, positive, st.floats(0.1, 10))
def test_the_rules_are_their_formulas(r, v, spread, error, eta):
    s = 1 if v > 0 else -1
    expected = {
        "view": sigmoid(eta * s * (r - v) / abs(v)),
        "error": sigmoid(eta * s * (r - v) / error),
        "published": sigmoid(eta * s * (r - v) * 10 ** -math.floor(math.log10(abs(v)))),
    }
    for scale, value in expected.items():
        assert SigmoidConfidence(eta, scale)([r], [v], [spread], [error])[0] == pytest.approx(
            value, abs=1e-13
        )
    assert CdfConfidence()([r], [v], [spread], [error])[0] == pytest.approx(
        normal(s * (r - v) / spread), abs=1e-13
    )
    assert CalibratedConfidence()([r], [v], [spread], [error])[0] == pytest.approx(
        normal(s * (r - v) / error), abs=1e-13
    )


@pytest.mark.parametrize("rule", RULES)
@settings(max_examples=40, deadline=None)
@given(moderate, claims, positive, positive)
def test_turning_a_view_around_changes_no_bit_and_agreement_is_one_half(rule, r, v, spread, error):
    one, turned = RULES[rule]([r], [v], [spread], [error]), RULES[rule]([-r], [-v], [spread], [error])
    assert one == turned
    assert RULES[rule]([v], [v], [spread], [error]) == 0.5
    more = RULES[rule]([r + math.copysign(1e-4, v)], [v], [spread], [error])
    assert more > one or one in (0, 1)


@settings(max_examples=60, deadline=None)
@given(moderate, claims, positive, positive)
def test_the_same_claim_in_days_weeks_and_years_has_the_same_confidence(r, v, spread, error):
    for rule in ("view", "error", "calibrated"):
        stated = [
            RULES[rule]([k * r], [k * v], [math.sqrt(k) * spread], [k * error])[0]
            for k in (1.0, 252 / 52, 252.0)
        ]
        assert max(stated) - min(stated) <= 1e-12


def test_the_published_scale_jumps_where_the_specification_says_and_view_does_not():
    published, view = RULES["published"], RULES["view"]
    yearly = np.array([0.04, 0.025, 0.0253, 0.25, 0.252])
    found = [published([0.0], [v / 252], [0.01], [0.01])[0] for v in yearly]
    assert found == pytest.approx([0.170, 0.00005, 0.268, 0.00005, 0.269], abs=6e-4)
    assert all(view([0.0], [v / 252], [0.01], [0.01])[0] == pytest.approx(0.2689, abs=1e-4) for v in yearly)
    with pytest.raises(
        pf.BadData,
        match="scale 'published' needs daily numbers; this plan's period is a week: use scale='view'",
    ):
        published([0.0], [0.04 / 52], [0.01], [0.01], period="week")


def test_opposite_views_do_not_add_up_to_one():
    sides = [RULES["view"]([sign * 1e-4], [3e-4], [0.01], [0.01])[0] for sign in (1, -1)]
    assert 0 < sum(sides) < 0.9


@pytest.mark.parametrize("rule", RULES)
def test_a_view_of_zero_is_asked_for_its_direction(rule):
    with pytest.raises(pf.BadData, match="view 2 has the value 0"):
        RULES[rule]([1e-4, 1e-4], [1e-3, 0.0], [0.01] * 2, [0.01] * 2)
    if rule in ("cdf", "calibrated", "error"):
        more, less = (RULES[rule]([1e-3], [0.0], [0.01], [0.01], direction=[d])[0] for d in (1, -1))
        assert more == pytest.approx(1 - less)
        assert more > 0.5


def test_no_error_at_all_is_certainty():
    found = RULES["calibrated"]([1e-4, -1e-4, 2e-4], [2e-4, -2e-4, 2e-4], [0.01] * 3, [0.0] * 3)
    assert found.tolist() == [0.0, 0.0, 0.5]


def test_options_out_of_range_are_refused():
    with pytest.raises(pf.BadData, match="eta is 0"):
        SigmoidConfidence(0)
    with pytest.raises(pf.BadData, match="scale is 'weekly'; choose one of 'view', 'published', 'error'"):
        SigmoidConfidence(scale="weekly")
