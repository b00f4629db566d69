"""The learned policy: a sentence without PyTorch, and with it a policy that keeps its limits and has a gap."""

import sys

import numpy as np
import pytest

from proofolio.errors import BadData, UnsupportedProgram
from proofolio.models.control.learned import Learned
from proofolio.models.control.policies import Projected

from .policy_problems import random_control
from .test_bound import quiet


def test_without_pytorch_there_is_a_sentence(monkeypatch):
    monkeypatch.setitem(sys.modules, "torch", None)
    control = random_control(np.random.default_rng(0), 2, 2, limits=0.2)
    with pytest.raises(UnsupportedProgram, match="a learned policy needs PyTorch: install the extra"):
        control.learned()


def test_a_network_of_zeros_is_the_projected_policy():
    control = random_control(np.random.default_rng(1), 2, 2, limits=0.2)
    zeros = ((np.zeros((4, 6)), np.zeros(4)), (np.zeros((2, 4)), np.zeros(2)))
    policy = Learned(control, layers=zeros, threshold=np.zeros(2), scale=np.ones(2))
    theta, z = np.random.default_rng(2).uniform(-0.2, 0.2, (6, 2)), np.array([0, 1, 0, 1, 1, 0])
    assert policy.trade(theta, z) == pytest.approx(Projected(control).trade(theta, z), abs=1e-12)
    with pytest.raises(BadData, match="trained with 12 steps a year, and 52 are asked for"):
        control.bound(policy, 3, steps_per_year=52.0)


def test_what_is_trained_keeps_its_limits_and_is_the_same_for_a_seed():
    pytest.importorskip("torch")
    control = random_control(np.random.default_rng(3), 2, 2, limits=0.1, l1=0.004, horizon=0.5)
    learned, again = (quiet(control, control.learned(20, 16), 40) for _ in range(2))
    assert learned.per_path.min() >= -1e-9
    assert again.value == pytest.approx(learned.value, rel=1e-9)
