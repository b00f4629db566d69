"""Pages beside the records they were made from: with their charts where matplotlib is the one that drew the pages."""

import re
from pathlib import Path

import matplotlib

PINS = Path(__file__).resolve().parents[1] / "constraints.txt"


def comparable(page):
    """Return a page, without its drawings where another matplotlib than the pinned one would make them."""
    pins = dict(line.split("==") for line in PINS.read_text(encoding="utf-8").split())
    return page if matplotlib.__version__ == pins["matplotlib"] else re.sub(r"(?s)<svg.*?</svg>", "", page)
