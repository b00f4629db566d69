"""``proofolio sample-data``: a table of real prices or returns to try the other commands on."""

from __future__ import annotations

from pathlib import Path
from typing import get_args

import click
import pandas as pd

from proofolio.cli.output import GOOD, print_document, say
from proofolio.errors import BadData
from proofolio.forecasts.prices import load_prices, simple_returns
from proofolio.forecasts.tables import Resample, Table, resampled
from proofolio.whole_files import write_whole

__all__ = ["sample_data_command"]

EXAMPLE = """
\b
Examples:
  proofolio sample-data prices.csv
  proofolio sample-data returns.csv --assets AAPL,JNJ,JPM,KO,XOM --since 2010-01-01
  proofolio sample-data monthly.csv --resample monthly
"""


@click.command("sample-data", epilog=EXAMPLE)
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False))
@click.option(
    "--kind",
    type=click.Choice(["prices", "returns"]),
    help="What the table holds. By default returns where FILE has the word in its name, else prices.",
)
@click.option("--assets", metavar="A,B,...", help="Only these of the 20 stocks.")
@click.option("--since", metavar="DATE", help="Only from this day on, as 2010-01-01.")
@click.option(
    "--resample", type=click.Choice(get_args(Resample)), help="Keep the last price of each week or month."
)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document and nothing else.")
def sample_data_command(
    file: Path,
    kind: str | None,
    assets: str | None,
    since: str | None,
    resample: Resample | None,
    as_json: bool,
) -> int:
    """Write a table of real prices to FILE, to try the other commands on.

    Daily closes of 20 US stocks, 1990 to 2022, adjusted for splits and dividends, or their simple returns. All 20
    companies survived, which flatters every strategy that buys them: for examples only, not for investment.
    """
    if file.suffix != ".csv":
        raise BadData(
            f"{file}: the table is written as comma-separated values; give a name that ends in .csv."
        )
    kind = kind or ("returns" if "returns" in file.stem.lower() else "prices")
    table = _chosen(load_prices(), assets, since)
    if resample is not None:
        table = resampled(Table(table), resample, "the bundled prices").frame
    if kind == "returns":
        table = simple_returns(table)
    _write(file, table.rename_axis("Date").to_csv(date_format="%Y-%m-%d", lineterminator="\n"))
    first, last = (str(day.date()) for day in (table.index[0], table.index[-1]))
    if as_json:
        print_document(
            {
                "file": str(file), "kind": kind, "assets": list(table.columns), "rows": len(table), "first": first,
                "last": last,
            }
        )  # fmt: skip
    else:
        what = "simple returns" if kind == "returns" else "prices"
        say(f"{file}: {what} of {len(table.columns)} US stocks, {first} to {last}, {len(table)} rows")
        if kind == "returns":
            say("Commands that read it need --returns.")
    return GOOD


def _chosen(prices: pd.DataFrame, assets: str | None, since: str | None) -> pd.DataFrame:
    """Return the prices of some assets from a day on."""
    if assets is not None:
        names = list(dict.fromkeys(name.strip() for name in assets.split(",")))
        unknown = [name for name in names if name not in prices.columns]
        if unknown:
            raise BadData(
                f"--assets: {unknown[0]!r} is none of the bundled stocks {', '.join(prices.columns)}."
            )
        prices = prices[names]
    if since is not None:
        try:
            prices = prices[prices.index >= pd.Timestamp(since)]
        except ValueError:
            raise BadData(f"--since {since}: no date; write it as 2010-01-01.") from None
        if len(prices) < 2:
            raise BadData(f"--since {since}: the bundled prices end on 2022-12-28; give an earlier day.")
    return prices


def _write(file: Path, text: str) -> None:
    """Write the table; a file that holds something else is somebody's own, and stays."""
    if not file.parent.is_dir():
        raise BadData(f"{file}: there is no folder {file.parent}; make it first, or name another one.")
    if file.exists() and file.read_bytes() != text.encode():
        raise BadData(f"{file}: there is a file of this name that holds something else; name another one.")
    write_whole(file, text)
