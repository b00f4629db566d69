"""Options of the whole suite, and what several of its parts use."""

from importlib.util import find_spec

import pytest

from proofolio import compiled


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--full", action="store_true", help="every route on every instance (many minutes)")


@pytest.fixture(params=["numpy", "machine code"])
def back_end(request, monkeypatch):
    """Each of the two back ends in turn; machine code where numba is installed."""
    if request.param != "numpy" and find_spec("numba") is None:
        pytest.skip("numba is not installed")
    monkeypatch.setenv("PROOFOLIO_COMPILED", "0" if request.param == "numpy" else "1")
    compiled.active.cache_clear()
    yield request.param
    compiled.active.cache_clear()
