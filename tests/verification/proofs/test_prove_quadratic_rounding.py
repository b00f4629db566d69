"""A quadratic row forgives the rounding of its own numbers: what is more is not proved, whatever the box."""

import numpy as np
import pytest

from proofolio.verification.proofs.claim import Box, Claim
from proofolio.verification.proofs.proving import prove


def square(u):
    return u.owner.quadratic(np.array([[1.0]]), u.reshape((1,)))


def limited(written, meant, box):
    """u^2 at most a limit, written with another."""
    return Claim(
        lambda model, u: model.add("r", square(u) <= written),
        {"u": Box((), -box, box)},
        (),
        [lambda u: [square(u) <= meant]],
        elementwise=False,
    )


@pytest.mark.parametrize("box", [2.0, 1e3, 1e6, 1e9])
@pytest.mark.parametrize("wrong", [5e-7, -5e-7, 1e-12, -1e-12])
def test_a_limit_that_is_wrong_by_more_than_its_last_digits_is_not_proved(wrong, box):
    assert prove(limited(1 + wrong, 1.0, box)).verdict != "proved"


@pytest.mark.parametrize("box", [2.0, 1e3, 1e6, 1e9])
@pytest.mark.parametrize(("written", "meant"), [(1.0, 1.0), (0.1 + 0.2, 0.3), (1e6 / 7, 1e6 / 7)])
def test_a_limit_that_is_right_to_its_last_digit_is_proved_on_any_box(written, meant, box):
    assert prove(limited(written, meant, box)).verdict == "proved"
