"""The README's example runs as it stands, and says what its comments promise."""

import re
from pathlib import Path

import pytest

README = Path(__file__).parent.parent / "README.md"


def test_the_example_runs_and_prints_what_its_comments_say(capsys: pytest.CaptureFixture[str]) -> None:
    block = re.search(r"```python\n(.*?)```", README.read_text(encoding="utf-8"), re.DOTALL)
    assert block is not None
    assert len(block[1].strip().splitlines()) <= 12
    exec(compile(block[1], "README.md", "exec"), {})
    first, second = capsys.readouterr().out.strip().splitlines()
    assert first.startswith("verified-optimal -0.0")
    status, claimed, true = second.split()
    assert status == "claim-wrong"
    assert float(claimed) == pytest.approx(1 - 3**0.5, abs=1e-6)
    assert float(true) == pytest.approx(-1.0, abs=1e-6)
