"""What the package promises as a package: types, a version, public names, and the links at the top."""

import tomllib
from importlib import metadata, resources
from pathlib import Path

import pytest

import proofolio

ROOT = Path(__file__).resolve().parents[1]


def test_package_is_marked_as_typed():
    assert resources.files(proofolio).joinpath("py.typed").is_file()


def test_version_is_the_one_in_pyproject_and_in_the_metadata():
    declared = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["version"]
    assert proofolio.__version__ == declared
    assert metadata.version("proofolio") == declared


def test_public_names_exist_and_are_named_once():
    missing = [name for name in proofolio.__all__ if not hasattr(proofolio, name)]
    assert missing == []
    assert len(set(proofolio.__all__)) == len(proofolio.__all__)


@pytest.mark.skipif(not (ROOT / ".git").exists(), reason="the links are in the repository, not in the sdist")
@pytest.mark.parametrize("name", ["models", "formulations", "solvers"])
def test_link_at_the_top_leads_to_the_package(name):
    link = ROOT / name
    assert link.is_symlink()
    assert link.resolve() == ROOT / "src" / "proofolio" / name
    assert link.is_dir()
