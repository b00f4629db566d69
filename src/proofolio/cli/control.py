"""``proofolio control``: the regimes, targets and gaps of a table of prices, or one of the published experiments."""

from __future__ import annotations

import math
from pathlib import Path

import click
from click.core import ParameterSource

from proofolio.cli.output import GOOD, print_document, say, stdout_kept_free
from proofolio.cli.progress import answer_console
from proofolio.errors import BadData
from proofolio.forecasts.table_files import read_table
from proofolio.models.control.experiments import EXPERIMENTS, Experiment, experiment
from proofolio.report.control import control_page, figures_table
from proofolio.report.files import make_folder, write_document, write_page
from proofolio.studies.controls import controlled

__all__ = ["control_command"]


REPORT, FIGURES = "control.html", "control.json"
MATCH = "match"
PATHS = 40  # of prices
LEAST_COSTS = 0.01  # basis points; below it a fraction was meant
OF_PRICES = ("regimes", "gamma", "eta", "costs", "limit")  # options that experiments do not have
EXAMPLE = """
\b
Examples:
  proofolio control --experiment published
  proofolio control --experiment gap --paths 50 --out gaps
  proofolio control prices.csv --regimes 2 --costs 5
"""


@click.command("control", epilog=EXAMPLE)
@click.argument("table", metavar="[PRICES.csv]", required=False, type=click.Path(path_type=Path))
@click.option(
    "--experiment",
    "name",
    type=click.Choice(list(EXPERIMENTS)),
    help="Of the published page, instead of prices.",
)
@click.option(
    "--regimes", default=3, show_default=True, type=click.IntRange(min=1), help="Fitted to the prices."
)
@click.option("--gamma", default=3.0, show_default=True, help="Risk aversion.")
@click.option(
    "--eta",
    default=MATCH,
    show_default=True,
    metavar="NUMBER|match",
    help="Cost of speed; matched to the costs.",
)
@click.option("--costs", default=10.0, show_default=True, help="Basis points of what is traded.")
@click.option("--limit", default=1.0, show_default=True, help="Largest size of a position, for the gaps.")
@click.option(
    "--paths",
    type=click.IntRange(min=2),
    help="Simulated paths; each experiment has its usual number (of gaps the most), prices 40.",
)
@click.option("--seed", type=click.IntRange(min=0), help="7 for experiments, 0 for prices.")
@click.option(
    "--out", type=click.Path(path_type=Path), metavar="DIR", help="Folder for a report with pictures."
)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document and nothing else.")
def control_command(
    table: Path | None, name: str | None, regimes: int, gamma: float, eta: str, costs: float, limit: float,
    paths: int | None, seed: int | None, out: Path | None, as_json: bool,
) -> int:  # fmt: skip
    """Trade at a rate, with the next regime in mind: what prices ask for, or what the published page claims.

    With prices: regimes, targets, a cost of speed that suits the costs, and how far two policies are from the best, at
    most. With --experiment: the published claims, each beside what comes out here.
    """
    if (table is None) == (name is None):
        raise BadData("give a table of prices or --experiment, one of the two.")
    if name is not None:
        _refuse_numbers_of_prices(name)
    _check("--gamma", gamma, "risk aversion")
    _check("--limit", limit, "the largest size of a position")
    if not 0.0 <= costs < 5000.0:
        raise BadData(f"--costs is {costs:g}; give basis points of what is traded, from 0 to 5000.")
    if 0.0 < costs < LEAST_COSTS:
        raise BadData(
            f"--costs is {costs:g} basis points, less than any trade costs: 0.0005 of what is traded is 5."
        )
    speed = _speed(eta)
    if out is not None:
        make_folder(out, (REPORT, FIGURES))
    with stdout_kept_free():
        found = (
            experiment(name, paths, 7 if seed is None else seed)
            if name is not None
            else _of_prices(table, regimes, gamma, speed, costs, limit, paths, seed)
        )
    files = []
    document = found.document()
    if out is not None:
        files = [out / REPORT, out / FIGURES]
        write_page(files[0], control_page(found))
        document |= {"files": [str(file) for file in files]}
        write_document(files[1], document)
    if as_json:
        print_document(document)
    else:
        _print(found, files)
    return GOOD


def _refuse_numbers_of_prices(name: str) -> None:
    """Raise BadData where an option was given that an experiment would not read: its numbers are the published ones."""
    given = click.get_current_context().get_parameter_source
    for option in OF_PRICES:
        if given(option) is ParameterSource.COMMANDLINE:
            raise BadData(
                f"--{option} is for a table of prices, and --experiment {name} has its own; leave one of them out."
            )


def _check(option: str, value: float, what: str) -> None:
    if not 0.0 < value < math.inf:
        raise BadData(f"{option} is {value:g}; give {what}, a number above 0.")


def _speed(eta: str) -> float | None:
    """Return the cost of speed, None for one to be matched."""
    if eta == MATCH:
        return None
    try:
        found = float(eta)
    except ValueError:
        found = math.nan
    if not 0.0 < found < math.inf:
        raise BadData(f"--eta is {eta!r}; give a number above 0, or match.")
    return found


def _of_prices(
    table: Path | None, regimes: int, gamma: float, speed: float | None, costs: float, limit: float,
    paths: int | None, seed: int | None,
) -> Experiment:  # fmt: skip
    assert table is not None  # checked by the caller
    prices = read_table(table).frame
    count, eta = paths or PATHS, MATCH if speed is None else f"{speed:g}"
    return controlled(
        prices, regimes, gamma=gamma, eta=speed, costs=costs / 1e4, limits=limit, paths=count, seed=seed or 0,
        command=(
            f"proofolio control {table.name} --regimes {regimes} --gamma {gamma:g} --eta {eta} --costs {costs:g} "
            f"--limit {limit:g} --paths {count} --seed {seed or 0}"
        ),
    )  # fmt: skip


def _print(found: Experiment, files: list[Path]) -> None:
    console = answer_console()
    for name, table in found.tables.items():
        console.print(figures_table(name, table).terminal(console.width))
        console.print()
    for claim in found.claims:
        verdict = "Reproduced" if claim.reproduced else "Not reproduced"
        say(f"{claim.claim} {verdict}: {claim.finding}")
    say(("\n" if found.claims else "") + found.assumed)
    if files:
        say(f"Report: {files[0]} ({found.seconds:.0f} s in all)")
