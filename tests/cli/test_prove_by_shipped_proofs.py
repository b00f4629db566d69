"""`proofolio prove` on what ships: by the proofs that ship, without a solver, in processes, or anew."""

import json
import subprocess
import sys

import pytest

from proofolio.verification.proofs.catalogue import shipped_proofs
from proofolio.verification.proofs.catalogue.shipped_proofs import packed


def claims(result):
    return json.loads(result.stdout)["claims"]


@pytest.mark.parametrize("content", [b"cut off", packed({})])
def test_without_a_proof_that_ships_a_claim_is_proved_anew(content, tmp_path, run, monkeypatch):
    (tmp_path / "product.jsonl.gz").write_bytes(content)
    monkeypatch.setattr(shipped_proofs, "FOLDER", tmp_path)
    shipped_proofs._shipped.cache_clear()
    try:
        result = run("prove", "product-tiny/hull", "--json")
        words = run("prove", "product-tiny/hull").stdout
    finally:
        shipped_proofs._shipped.cache_clear()
    (one,) = claims(result)
    assert (one["verdict"], one["shipped"]) == ("proved", False)
    assert one["why_anew"]
    assert f"1 proved. 1 anew: {one['why_anew']}." in words


def test_fresh_proves_anew_and_says_so(run):
    (one,) = claims(run("prove", "product-tiny/hull", "--json"))
    assert (one["verdict"], one["shipped"], one["why_anew"]) == ("proved", True, "")
    (two,) = claims(run("prove", "product-tiny/hull", "--fresh", "--json"))
    assert (two["verdict"], two["shipped"], two["why_anew"]) == ("proved", False, "")
    differing = ("shipped", "seconds")
    assert {k: v for k, v in one.items() if k not in differing} == {
        k: v for k, v in two.items() if k not in differing
    }


def test_a_claim_takes_no_longer_than_the_time_limit(run):
    one = claims(run("prove", "maximum-tiny/six-row", "--time-limit", "1e-6", "--json"))[0]
    assert (one["verdict"], one["reason"]) == ("undecided", "the time limit was reached")


def test_the_command_starts_no_solver():
    """Nor does the reading of a claim with cones, whose copies are shown to equal inputs in fractions."""
    code = (
        "import sys\n"
        "from click.testing import CliRunner\n"
        "from proofolio.cli.group import command_line\n"
        "names = ['product-tiny', 'disjunction-signs/hull', 'implies-a-ball-signs/hull', 'selected-cost-tiny/hull']\n"
        "result = CliRunner().invoke(command_line, ['prove', *names])\n"
        "assert 'All by proofs that ship, checked again without a solver.' in result.stdout, result.stdout\n"
        "assert result.exit_code == 0\n"
        "solvers = {'highspy', 'pyscipopt', 'piqp', 'osqp', 'clarabel', 'cvxpy'}\n"
        "assert not solvers & {name.partition('.')[0] for name in sys.modules}\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_processes_give_the_same_answer_in_the_same_order(run, monkeypatch):
    from proofolio.cli import prove

    monkeypatch.setattr(prove, "MANY_SHIPPED", 4)
    asked = ("prove", "product", "semicontinuous", "--json")
    one, two = (claims(run(*asked, "--jobs", jobs)) for jobs in (1, 2))
    for claim in (*one, *two):
        del claim["seconds"]
    assert one == two
    assert all(claim["shipped"] for claim in two)
