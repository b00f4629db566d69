"""A command that is ended before it has an answer prints the keys of one."""

import json

import pytest

from proofolio.cli.unanswered import KEYS, unanswered

LP = "Minimize\n obj: x + 5 y\nSubject To\n big: x - 9 y <= 0\nBounds\n 1 <= x <= 3\nBinary\n y\nEnd\n"
ASKED = {
    "solve": ("solve", "m.lp"),
    "audit": ("audit", "m.lp"),
    "prove": ("prove", "product-tiny/hull"),
    "bench": ("bench", "models", "--quick", "--solvers", "highs", "--out", "found"),
}


@pytest.mark.parametrize("command", KEYS)
def test_its_keys_are_those_of_an_answer(command, tmp_path, monkeypatch, run):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "models").mkdir()
    for place in ("m.lp", "models/m.lp"):
        (tmp_path / place).write_text(LP, encoding="utf-8")
    result = run(*ASKED[command], "--json")
    assert result.exit_code in (0, 1)
    answer = json.loads(result.stdout)
    early = unanswered([*ASKED[command], "--json"])
    assert set(answer) == set(KEYS[command])
    assert set(early) == set(answer) | {"status", "message"}
    assert {key: early[key] for key in answer if key not in ("status", "message")} == dict.fromkeys(
        set(answer) - {"status", "message"}
    )


def test_another_command_has_no_keys_of_its_own():
    assert unanswered(["-q", "doctor", "solve"]) == {"status": "limit", "message": "interrupted"}
    assert unanswered([]) == {"status": "limit", "message": "interrupted"}
