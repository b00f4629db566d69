"""Run the notebooks of docs/notebooks from their percent scripts, and write the .ipynb beside each.

``python scripts/notebooks.py [NAME ...]``; without names all of them. Each runs in an empty folder of its own.
"""

import sys
from pathlib import Path
from tempfile import TemporaryDirectory

import jupytext
from nbclient import NotebookClient
from nbformat import NotebookNode, v4

NOTEBOOKS = Path(__file__).resolve().parents[1] / "docs" / "notebooks"
TIME_LIMIT = 120  # seconds of a cell


def executed(script: Path) -> NotebookNode:
    """Return the notebook of a percent script with its outputs."""
    notebook = jupytext.read(script)
    for place, cell in enumerate(notebook.cells):
        cell["id"] = f"{script.stem}-{place}"  # else new ones each time
    with TemporaryDirectory() as folder:
        client = NotebookClient(
            notebook, timeout=TIME_LIMIT, record_timing=False, resources={"metadata": {"path": folder}}
        )
        client.execute()
    for cell in notebook.cells:
        if "outputs" in cell:
            cell["outputs"] = [output for output in cell.outputs if not empty(output)]
    kernel = {"display_name": "Python 3", "language": "python", "name": "python3"}
    notebook.metadata = v4.new_notebook(metadata={"kernelspec": kernel}).metadata
    return notebook


def empty(output: NotebookNode) -> bool:
    """Return whether an output shows nothing, as a bar at its end: whether there was one is chance."""
    return output.output_type == "display_data" and not any(output.data.values())


def main(names: list[str]) -> None:
    """Run the named notebooks, or all."""
    for script in sorted(NOTEBOOKS.glob("*.py")):
        if not names or script.stem in names:
            jupytext.write(executed(script), script.with_suffix(".ipynb"))
            print(f"docs/notebooks/{script.stem}.ipynb")


if __name__ == "__main__":
    main(sys.argv[1:])
