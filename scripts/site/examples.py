"""The pages of the notebooks and of the gallery.

A notebook's page is made from the .ipynb, which holds what it printed when it was last run
(``python scripts/notebooks.py``); the file itself can be downloaded. A script of the gallery is run when the site is
built, and makes its own picture; what it printed and drew is kept in build/gallery until the script changes.
"""

import ast
import hashlib
import os
import re
import subprocess
import sys
from html import escape
from pathlib import Path
from tempfile import TemporaryDirectory

from mkdocs.exceptions import PluginError
from nbconvert import MarkdownExporter
from nbformat import NO_CONVERT, read

ROOT = Path(__file__).resolve().parents[2]
GALLERY, NOTEBOOKS, KEPT = ROOT / "docs" / "gallery", ROOT / "docs" / "notebooks", ROOT / "build" / "gallery"
RUNNER = Path(__file__).with_name("drawn_twice.py")
# Seconds of a script: the first one also compiles what the extra `fast` runs as machine code.
TIME_LIMIT = 600
FRAME = re.compile(r'<div>\s*<style scoped>.*?</style>\s*<table border="1" class="dataframe">', re.DOTALL)
HEADING = re.compile(r"^#+ (.+)$", re.MULTILINE)
PICTURE = re.compile(r"!\[(?:svg|png)\]\(")
TERMINAL = re.compile(r"\x1b\[[0-9;]*m")


def notebook_pages() -> dict[str, str | bytes]:
    """Return the page and the pictures of each notebook, by place in docs/."""
    found: dict[str, str | bytes] = {}
    for file in sorted(NOTEBOOKS.glob("*.ipynb")):
        found |= notebook_page(file)
    return found


def notebook_page(file: Path) -> dict[str, str | bytes]:
    """Return the page and the pictures of a notebook, by place in docs/."""
    notebook = read(file, NO_CONVERT)
    notebook.metadata["language_info"] = {"name": "python"}
    drawn = []  # where each picture is and what draws it, for those who cannot see it
    section = ""
    for cell in notebook.cells:
        if cell.cell_type == "markdown":
            section = [section, *HEADING.findall(cell.source)][-1]
        for output in cell.get("outputs", ()):
            data = output.get("data", {})
            if "image/svg+xml" in data:  # one picture of each
                data.pop("image/png", None)
            if "image/svg+xml" in data or "image/png" in data:
                drawn.append(f"{section}: {cell.source.strip().splitlines()[-1]}")
    folder = f"{file.stem}_files"
    text, resources = MarkdownExporter().from_notebook_node(
        notebook, {"output_files_dir": folder, "unique_key": file.stem}
    )
    text = FRAME.sub('<div class="frame">\n<table>', TERMINAL.sub("", text))
    text = text.replace('<table border="1" class="dataframe">', "<table>")
    left = iter(drawn)
    text = PICTURE.sub(lambda _: f"![{escape(next(left))}](", text)
    title, _, rest = text.partition("\n")
    links = f"[Download the notebook]({file.name}) or [the script]({file.stem}.py)."
    page = f"{title}\n\n{links}\n{rest}"
    return {f"notebooks/{file.stem}.md": page} | {
        f"notebooks/{name}": data for name, data in resources["outputs"].items()
    }


def scripts() -> list[Path]:
    """Return the scripts of the gallery."""
    return sorted(GALLERY.glob("*.py"))


def said(script: Path) -> tuple[str, str]:
    """Return title and explanation of a script."""
    title, _, text = (ast.get_docstring(ast.parse(script.read_text(encoding="utf-8"))) or "").partition(
        "\n\n"
    )
    return title.rstrip("."), text


def ran(script: Path) -> tuple[str, bytes, bytes]:
    """Return what a script prints, and the picture that it saves, for a wide page and for a narrow one."""
    key = hashlib.sha256(script.read_bytes() + RUNNER.read_bytes()).hexdigest()[:16]
    printed, *pictures = (KEPT / f"{script.stem}-{key}{end}" for end in (".txt", ".svg", "-narrow.svg"))
    if not pictures[-1].exists():
        KEPT.mkdir(parents=True, exist_ok=True)
        with TemporaryDirectory() as folder:
            run = subprocess.run(
                [sys.executable, str(RUNNER), str(script)],
                cwd=folder,
                env=os.environ | {"MPLBACKEND": "Agg", "PYTHONPATH": str(ROOT / "src")},
                capture_output=True,
                text=True,
                timeout=TIME_LIMIT,
                check=False,
            )
            drawn = [Path(folder) / f"{script.stem}{end}.svg" for end in ("", "-narrow")]
            if run.returncode or not drawn[0].exists():
                raise PluginError(f"docs/gallery/{script.name} failed or drew nothing:\n{run.stderr[-2000:]}")
            printed.write_text(run.stdout, encoding="utf-8")
            for picture, made in zip(pictures, drawn, strict=True):
                picture.write_bytes(made.read_bytes())
    wide, narrow = (picture.read_bytes() for picture in pictures)
    return printed.read_text(encoding="utf-8"), wide, narrow


def gallery_pages() -> dict[str, str | bytes]:
    """Return a page and a picture for each script, and the page of thumbnails, by place in docs/."""
    found: dict[str, str | bytes] = {}
    tiles = []
    for script in scripts():
        title, text = said(script)
        printed, wide, narrow = ran(script)
        source = script.read_text(encoding="utf-8").split('"""', 2)[2].strip()
        name = script.stem
        found[f"gallery/{name}.svg"], found[f"gallery/{name}-narrow.svg"] = wide, narrow
        found[f"gallery/{name}.md"] = (
            f"# {title}\n\n{text}\n\n"
            f'<picture><source media="(max-width: 44.9375em)" srcset="{name}-narrow.svg">'
            f'<img class="drawn" alt="{escape(title)}" src="{name}.svg"></picture>\n\n'
            f"```python\n{source}\n```\n\n"
            f"It prints:\n\n```text\n{printed.rstrip()}\n```\n\n[Download the script]({name}.py)\n"
        )
        tiles.append(f"-   [![{title}]({name}.svg)]({name}.md)\n\n    [{title}]({name}.md)")
    found["gallery/index.md"] = (
        "# Gallery\n\nEach example is a script of at most 60 lines that needs nothing but proofolio; its picture is "
        "drawn by it when this site is built.\n\n"
        '<div class="gallery" markdown>\n\n' + "\n\n".join(tiles) + "\n\n</div>\n"
    )
    return found


def example_pages() -> dict[str, str | bytes]:
    """Return all of them."""
    return notebook_pages() | gallery_pages()
