"""Random claims: no wrong word, and few that stay undecided at ordinary sizes."""

import pytest

from proofolio.verification.proofs.proving import prove
from tests.verification.proofs.random_claims import claims


@pytest.mark.parametrize("hostile", [False, True])
def test_verdicts_agree_with_enumeration(hostile):
    count, undecided = 60, 0
    for claim, truth in claims(count, seed=5, hostile=hostile):
        verdict = prove(claim).verdict
        undecided += verdict == "undecided"
        assert verdict in ("undecided", "proved" if truth else "refuted"), claim.title
    assert undecided <= (0.15 if hostile else 0.05) * count
