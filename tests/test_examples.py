"""Notebooks and gallery: each notebook is its script of today and runs, and each example does what it says."""

import os
import re
import runpy
from pathlib import Path

import numpy as np
import pytest

ROOT = Path(__file__).resolve().parents[1]
GALLERY, NOTEBOOKS = ROOT / "docs" / "gallery", ROOT / "docs" / "notebooks"
pytestmark = pytest.mark.skipif(not GALLERY.exists(), reason="the documentation is in the repository")

SHOWN = {
    "backtest": lambda made: (
        made["result"]["mpo-no-hmm"].metrics.turnover < made["result"]["fix-mix"].metrics.turnover
    ),
    "big_m": lambda made: (
        abs(made["before"].objective - made["after"].objective) < 1e-9
        and made["after"].ok
        and made["before"].ok
    ),
    "control": lambda made: 0 <= made["gaps"]["lookahead"].gap < made["gaps"]["one step"].gap,
    "dead_asset": lambda made: (
        # two assets have equal risks at weights in inverse proportion to their volatilities, 1/6 and 5/6
        np.allclose(made["ours"].W[0], [1 / 6, 5 / 6], atol=1e-6)
        and made["ours"].ok
        and made["ours"].certified
        and made["error"](made["ours"].W[0, 1]) < 1e-12
        # all in shares is a local minimum: some bonds are worse at first
        and made["trapped"].dead == (1,)
        and not made["trapped"].ok
        and 0.5 == made["error"](0.0) < made["error"](1e-3) < made["error"](0.1)
        and "dead-asset trap" in made["reason"]
        # left of the curve's top the descent leads to the trap; the other starts end at the ERC or are thrown there
        and made["dead"][made["starts"] < 0.5].all()
        and np.allclose(np.array(made["ends"])[~made["dead"]], 5 / 6, atol=1e-6)
        and 9 < made["dead"].sum() < len(made["starts"])
    ),
    "equal_risk": lambda made: np.ptp(made["share"]["ERC"]) < 1e-8,
    "leak": lambda made: (
        made["answer"].status == "certified-optimal"
        and abs(made["answer"].objective - 1000.05) < 1e-6
        and [check.name for check in made["cheat"] if not check.ok] == ["leak"]
    ),
    "maximum": lambda made: len(made["optima"]) == 5 and np.ptp(list(made["optima"].values())) < 1e-6,
    "prove": lambda made: (
        made["right"].verdict == "proved"
        and made["short"].verdict == "refuted"
        # 4.5 and 4 are what is needed, so that exactly the constants from there on are proved
        and (made["proved"] == np.outer(made["tried"] >= 4.0, made["tried"] >= 4.5)).all()
    ),
    "regime_switching": lambda made: (
        np.ptp([answer.objective for answer in made["answers"].values()]) < 1e-6
        and all(answer.ok for answer in made["answers"].values())
    ),
    "regimes": lambda made: made["fit"].covariances[1, 0, 0] > made["fit"].covariances[0, 0, 0],
    "tune": lambda made: len(made["result"].to_frame()) == 18,
    "views": lambda made: made["posterior"].confidence.iloc[1] == 0.3,
    "wrong_answer": lambda made: (
        {row[3] for row in made["rows"] if row[0] == "HiGHS"} == {"accepted"}
        and {"breaks a row", "not optimal"} <= {row[3] for row in made["rows"] if row[0] == "rounding"}
    ),
}


@pytest.fixture(autouse=True)
def elsewhere(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("MPLBACKEND", "Agg")


def test_every_script_of_the_gallery_is_tried_here():
    assert {script.stem for script in GALLERY.glob("*.py")} == set(SHOWN)


@pytest.mark.parametrize("name", SHOWN)
def test_an_example_shows_what_it_says_and_draws_it(name):
    import matplotlib.pyplot as plt

    script = GALLERY / f"{name}.py"
    assert len(script.read_text(encoding="utf-8").splitlines()) <= 60
    made = runpy.run_path(str(script))
    plt.close("all")
    assert SHOWN[name](made)
    assert "<svg" in Path(f"{name}.svg").read_text(encoding="utf-8")


def cells(notebook):
    return [(cell.cell_type, cell.source) for cell in notebook.cells]


@pytest.mark.parametrize("name", ["control", "prices", "pyomo", "solvers"])
def test_a_notebook_is_the_script_of_today_and_runs(name, tmp_path, monkeypatch):
    jupytext = pytest.importorskip("jupytext", reason="the extra dev is not installed")
    nbclient = pytest.importorskip("nbclient", reason="the extra dev is not installed")
    pytest.importorskip("ipykernel", reason="the extra dev is not installed")
    kept = jupytext.read(NOTEBOOKS / f"{name}.ipynb")
    today = jupytext.read(NOTEBOOKS / f"{name}.py")
    assert cells(kept) == cells(today), "run python scripts/notebooks.py"
    assert all(cell.execution_count for cell in kept.cells if cell.cell_type == "code")
    text = (NOTEBOOKS / f"{name}.ipynb").read_text(encoding="utf-8")
    assert not re.search(r"/(home|root|tmp|work)/", text)
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(ROOT / "src"), os.environ.get("PYTHONPATH", "")]))
    client = nbclient.NotebookClient(today, timeout=300, resources={"metadata": {"path": str(tmp_path)}})
    client.execute()
    kinds = [[o.output_type for o in cell.get("outputs", ())] for cell in kept.cells]
    assert "execute_result" in {kind for of in kinds for kind in of}
    assert len(kinds) == len(today.cells)
