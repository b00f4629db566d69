"""The files for installing, citing and releasing say what `pyproject.toml` says. None of them can run here."""

import re
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
yaml = pytest.importorskip("yaml", reason="the extra docs is not installed")
if not (ROOT / ".github").exists():
    pytest.skip("these files are in the repository, not in the sdist", allow_module_level=True)

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
FILES = [
    *sorted((ROOT / ".github").rglob("*.yml")),
    ROOT / "CITATION.cff",
    ROOT / ".pre-commit-config.yaml",
    ROOT / "scripts" / "packaging" / "conda" / "recipe.yaml",
]


def read(place):
    return yaml.safe_load((ROOT / place).read_text(encoding="utf-8"))


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.relative_to(ROOT).as_posix())
def test_every_file_is_yaml(file):
    assert isinstance(yaml.safe_load(file.read_text(encoding="utf-8")), dict)


@pytest.mark.parametrize("file", sorted((ROOT / ".github" / "workflows").glob("*.yml")), ids=lambda f: f.name)
def test_a_workflow_asks_for_few_rights_and_names_files_that_exist(file):
    text = file.read_text(encoding="utf-8")
    workflow = yaml.safe_load(text)
    assert workflow["permissions"] == {"contents": "read"}
    assert set(workflow[True]) <= {"push", "pull_request", "schedule"}  # YAML reads the key `on` as true
    jobs = workflow["jobs"]
    for job in jobs.values():
        needs = job.get("needs", [])
        assert set([needs] if isinstance(needs, str) else needs) <= set(jobs)
        for step in job["steps"]:
            assert ("uses" in step) != ("run" in step)
            assert "@" in step.get("uses", "@")
    assert [name for name in re.findall(r"\btests/[\w/]+\.py", text) if not (ROOT / name).exists()] == []
    targets = re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE)
    assert set(re.findall(r"run: make (\w+)", text)) <= set(targets)


def test_the_matrix_has_every_system_and_python():
    matrix = read(".github/workflows/tests.yml")["jobs"]["matrix"]["strategy"]["matrix"]
    assert {name.partition("-")[0] for name in matrix["os"]} == {"ubuntu", "macos", "windows"}
    assert matrix["python"] == ["3.11", "3.12", "3.13"]
    minors = {f"Programming Language :: Python :: {minor}" for minor in matrix["python"]}
    assert minors | {"Operating System :: OS Independent"} <= set(PROJECT["classifiers"])


def test_the_citation_has_the_version_and_licence_of_the_project():
    citation = read("CITATION.cff")
    assert citation["version"] == PROJECT["version"]
    assert citation["license"] == PROJECT["license"]
    assert citation["repository-code"] == PROJECT["urls"]["Repository"]
    assert {"cff-version", "message", "title", "authors"} <= set(citation)


def test_the_conda_recipe_asks_for_what_the_project_asks_for():
    recipe = read("scripts/packaging/conda/recipe.yaml")
    assert recipe["context"]["version"] == PROJECT["version"]
    assert recipe["source"]["git"].startswith(PROJECT["urls"]["Repository"])
    asked = {line.replace(" ", "") for line in recipe["requirements"]["run"]}
    renamed = {
        "cvxpy": "cvxpy-base",
        "matplotlib": "matplotlib-base",
    }  # what conda calls them without their GUI
    wanted = {
        re.sub(r"^[\w-]+", lambda m: renamed.get(m.group(), m.group()), d) for d in PROJECT["dependencies"]
    }
    assert asked == wanted | {f"python{PROJECT['requires-python']}"}


def test_the_image_installs_the_pinned_versions():
    text = (ROOT / "scripts" / "packaging" / "Dockerfile").read_text(encoding="utf-8")
    assert "--constraint constraints.txt" in text
    assert 'ENTRYPOINT ["proofolio"]' in text
