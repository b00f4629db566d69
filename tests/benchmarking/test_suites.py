"""The repository's suites: nothing of the package is missing from them, and they refuse what is wrong."""

import inspect
from pathlib import Path

import pytest

import proofolio as pf
import proofolio.models
from proofolio.benchmarking import find_suites, open_suite, plan
from proofolio.benchmarking.execution import Executor
from proofolio.benchmarking.suite import import_file
from proofolio.verification.proofs.catalogue.claims import shipped_claims

SUITES = find_suites(Path(__file__))
CONSTRUCTS = [name for name in pf.formulations.__all__ if inspect.isfunction(getattr(pf, name))]
# What declares a model, and what draws one.
BUILDERS = [
    name
    for name in proofolio.models.__all__
    if hasattr(getattr(pf, name), "to_program") or name.endswith("_instance")
]
BASIC = {"Q", "c", "k", "periods", "maxima", "initial", "self", "upper"}


def test_suites_are_found_from_inside_the_clone():
    assert {"formulations", "regime_switching", "audit", "peers"} <= set(SUITES)


@pytest.mark.parametrize("name", sorted(SUITES))
def test_a_suite_opens_and_can_be_planned_whole_and_quick(name):
    suite = open_suite(name)
    whole, quick = plan([suite], seeds=2), plan([suite], seeds=1, quick=True)
    assert len({run.key for run in whole}) == len(whole)
    assert 0 < len(quick) < len(whole)
    assert {run.problem for run in whole} == set(suite.problems)


def test_every_construct_of_the_catalogue_is_in_the_suite_of_formulations():
    cases = [case["construct"] for case in open_suite("formulations").problems["construct"].cases()]
    shipped = {
        claim.title.partition(" [")[0] for claim in shipped_claims(families=("signs", "two-decimal", "large"))
    }
    assert shipped - {case.removesuffix(", quadratic rows") for case in cases} == set()


@pytest.mark.parametrize("name", CONSTRUCTS)
def test_every_public_formulation_is_in_the_suite_of_formulations(name):
    cases = {case["construct"] for case in open_suite("formulations").problems["construct"].cases()}
    words = name.replace("_", " ").removesuffix(" of")
    assert any(case.replace("_", " ").startswith(words) for case in cases), sorted(cases)


@pytest.mark.parametrize("name", BUILDERS)
def test_every_builder_of_a_model_is_used_in_a_suite(name):
    assert any(f"pf.{name}(" in file.read_text(encoding="utf-8") for file in SUITES.values())


def test_every_option_of_the_regime_switching_program_is_asked_for():
    asked = {word for some in import_file(SUITES["regime_switching"]).options().values() for word in some}
    assert set(inspect.signature(pf.RegimeSwitching).parameters) - BASIC - asked == set()


def done(runs):
    execute = Executor()
    return {run.id: execute(run) for run in runs}


def test_lowerings_of_small_programs_are_verified_by_both_solvers():
    patterns = ["maximum*", "product*", "switches, counted*"]
    runs = plan([open_suite("formulations")], ["highs", "scip"], patterns, 1, quick=True, time_limit=5.0)
    statuses = {record["status"] for record in done(runs).values()}
    assert statuses == {"verified-optimal", "solver-optimal", "unsupported"}


def test_the_published_bound_is_refuted_where_it_cuts_off_the_optimum(tmp_path):
    suite = tmp_path / "corner.py"
    suite.write_text(
        "import numpy as np\nimport proofolio as pf\n"
        "from proofolio.benchmarking import problem\n"
        "from pathlib import Path\nfrom proofolio.benchmarking.suite import import_file\n"
        f"Form = import_file(Path({str(SUITES['regime_switching'])!r})).Form\n\n\n"
        "@problem(lowering=['hull', 'big-m', 'published big-m'])\n"
        "def corner(lowering):\n"
        "    c = [[1, 1, 1], [-1, -1, -1]]\n"
        "    return Form(pf.RegimeSwitching(np.zeros((2, 3, 3)), c, periods=1), lowering)\n"
    )
    found = done(plan([open_suite(suite)], ["highs", "scip"], seeds=2))
    for name, record in found.items():
        wrong = "published" in name
        assert record["status"] == ("claim-wrong" if wrong else "solver-optimal"), (name, record)
        assert record["objective"] == pytest.approx(1 - 3**0.5 if wrong else -1.0, abs=1e-6)


def test_peers_agree_with_the_program_solved_here():
    runs = plan([open_suite("peers")], ["skfolio", "proofolio-highs", "proofolio"], seeds=1, quick=True)
    for name, record in done(runs).items():
        assert record["status"] in ("verified-optimal", "unsupported"), (name, record)


def test_a_tightened_network_has_the_optimum_of_the_loose_one():
    runs = plan([open_suite("audit")], ["highs"], ["network_design"], 1, quick=True)
    loose, tight = (record["objective"] for record in done(runs).values())
    assert loose == pytest.approx(tight)


def test_an_unproved_answer_of_a_problems_own_solver_is_not_believed(tmp_path):
    suite = tmp_path / "own.py"
    suite.write_text(
        "from proofolio.benchmarking import Answer, problem\n\n\n"
        "@problem(solvers=['honest', 'wrong', 'vague'])\n"
        "def least(solver):\n"
        "    def check(): return ('claim-wrong', 'it is not')\n"
        "    def holds(): return ('verified-optimal', '')\n"
        "    answers = {\n"
        "        'honest': Answer('verified-optimal', 1.0, 1.0, verify=holds),\n"
        "        'wrong': Answer('verified-optimal', 0.5, 0.5, verify=check),\n"
        "        'vague': Answer('splendid', 0.5, 0.5),\n"
        "    }\n"
        "    return lambda settings: answers[solver]\n"
    )
    found = {name.split()[1]: record for name, record in done(plan([open_suite(suite)], seeds=1)).items()}
    assert found["honest"]["status"] == "verified-optimal"
    assert found["wrong"]["status"] == "claim-wrong"
    assert found["vague"]["status"] == "error"
    assert "splendid" in found["vague"]["message"]
