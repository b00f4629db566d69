"""Random claims: no wrong word, and few that stay undecided at ordinary sizes."""

import importlib.util
from pathlib import Path

import pytest

from proofolio.verification.proofs.proving import prove

spec = importlib.util.spec_from_file_location("random_claims", Path(__file__).with_name("claims.py"))
module = importlib.util.module_from_spec(spec)
spec.loader.exec_module(module)


@pytest.mark.parametrize("hostile", [False, True])
def test_verdicts_agree_with_enumeration(hostile):
    count, undecided = 60, 0
    for claim, truth in module.claims(count, seed=5, hostile=hostile):
        verdict = prove(claim).verdict
        undecided += verdict == "undecided"
        assert verdict in ("undecided", "proved" if truth else "refuted"), claim.title
    assert undecided <= (0.15 if hostile else 0.05) * count
