"""Run a script of the gallery, and draw each picture that it saves a second time, for a narrow page (a phone).

``python scripts/site/drawn_twice.py SCRIPT``; beside NAME.svg stands NAME-narrow.svg.
"""

import runpy
import sys
from pathlib import Path
from typing import Any

from matplotlib.figure import Figure

from proofolio.charts.figures import narrow_page, picture

NARROW = 4.2  # units of 72 points: on a page of 400 pixels text of 10 points is 12 pixels high
saved = Figure.savefig


def saved_twice(figure: Figure, file: str, **options: Any) -> None:
    """Save a figure, and again for a phone: a chart of the package is drawn anew, any other one laid out anew."""
    saved(figure, file, **options)
    redraw = getattr(figure, "redraw", None)
    with narrow_page():
        if redraw is None:
            figure.set_size_inches(NARROW, figure.get_figheight())
        drawn = picture(figure if redraw is None else redraw())
    Path(file).with_stem(f"{Path(file).stem}-narrow").write_text(drawn, encoding="utf-8")


if __name__ == "__main__":
    Figure.savefig = saved_twice
    runpy.run_path(sys.argv[1], run_name="__main__")
