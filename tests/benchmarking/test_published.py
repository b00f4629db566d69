"""What is published is what the records say: the reports to the byte, and the tables of README."""

import importlib.util
from pathlib import Path

import pytest

from proofolio.report.benchmark import bench_page
from proofolio.report.benchmark_text import bench_markdown
from tests.pages import comparable

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def published():
    file = ROOT / "benchmarks" / "published_results.py"
    specification = importlib.util.spec_from_file_location("published_results", file)
    module = importlib.util.module_from_spec(specification)
    specification.loader.exec_module(module)
    return module


def test_reports_are_those_of_the_records_to_the_byte(published):
    found = published.summaries()
    assert {"regime-switching", "peers"} <= set(found)
    for name, summary in found.items():
        folder = published.RESULTS / name
        assert (folder / "report.md").read_text(encoding="utf-8") == bench_markdown(summary, name)
        page = (folder / "report.html").read_text(encoding="utf-8")
        assert comparable(page) == comparable(bench_page(summary, name))


def test_readme_quotes_the_records(published):
    readme = published.README.read_text(encoding="utf-8")
    between = readme.partition(published.BEGIN)[2].partition(published.END)[0]
    assert between.strip() == published.text()


def test_every_record_says_on_what_and_by_which_command_it_was_made(published):
    for summary in published.summaries().values():
        for record in summary.records:
            assert record["environment"]["machine"]
            assert record["environment"]["versions"]
            assert record["environment"]["command"].startswith("proofolio bench ")
