"""``proofolio trade``: what to trade after the last close, and why."""

from __future__ import annotations

import csv
import json
import re
from pathlib import Path
from typing import Any

import click

from proofolio.backtesting.today import Today, trades_today
from proofolio.cli.market_options import (
    costs_asked,
    market_asked,
    market_options,
    plan_asked,
    strategies_asked,
    strategy_options,
)
from proofolio.cli.output import GOOD, complain, print_document, say, stdout_kept_free
from proofolio.cli.progress import answer_console
from proofolio.errors import BadData
from proofolio.report.table import Table

__all__ = ["read_holdings", "trade_command"]


SHOWN = 120  # characters of a reason
EXAMPLE = """
\b
Examples:
  proofolio trade prices.csv --holdings held.json --strategy mpo-rp
  proofolio trade returns.csv --returns --holdings held.csv --strategy mpo --gamma-trade 0.001 --json
"""


@click.command("trade", epilog=EXAMPLE)
@market_options
@click.option(
    "--holdings",
    type=click.Path(path_type=Path),
    required=True,
    metavar="FILE",
    help='What is held: JSON {"ASSET": amount} or CSV lines ASSET,amount; weights, or money in one currency.',
)
@click.option("--strategy", default="mpo-rp", show_default=True, help="As for `proofolio backtest`.")
@strategy_options
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document and nothing else.")
def trade_command(holdings: Path, strategy: str, as_json: bool, **given: Any) -> int:
    """Say what one strategy trades after the last close of a table of prices, and why.

    The reason is the regime, the forecast and the cost. Amounts are in the unit of the holdings.
    """
    with stdout_kept_free():
        market = market_asked(given, spare=0)
        amounts = read_holdings(holdings, market.names)
        named = strategies_asked(given, [strategy], market)
        if len(named) > 1:
            raise BadData(
                f"--strategy is {strategy!r}, which is {len(named)} strategies; name the one to trade by."
            )
        plan = plan_asked(given, market)
        today = trades_today(market, amounts, named[0], plan, costs_asked(given, market))
    if as_json:
        print_document(today.document())
    else:
        _print(today)
    for sentence in () if as_json else today.warnings:
        say(f"warning: {sentence}")
    for sentence in () if as_json else today.warnings:
        say(f"warning: {sentence}")
    if not today.proved:
        complain("the plan keeps every rule, but was not proved to be the best within the solver's tolerance")
    return GOOD


def read_holdings(path: Path, names: tuple[str, ...]) -> dict[str, float]:
    """Return amounts by asset, those of the table not named in the file being 0.

    Raises
    ------
    BadData
        When the file cannot be read, names an asset that the table does not have, or holds no or negative amounts.
    """
    try:
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise BadData(f"{path} cannot be read: {getattr(error, 'strerror', None) or error}.") from None
    try:
        rows = _json_rows(text) if text.lstrip().startswith("{") else _csv_rows(text)
        amounts = [(name.strip(), _amount(amount), line) for name, amount, line in rows]
    except (ValueError, TypeError, OverflowError, RecursionError, csv.Error) as error:
        why = "brackets too deep" if isinstance(error, RecursionError) else str(error)
        if len(why) > SHOWN:
            why = why[:SHOWN] + "..."
        raise BadData(
            f'{path} holds no amounts by asset ({why}); write JSON like {{"SPY": 0.6}} or lines like SPY,0.6.'
        ) from None
    found: dict[str, float] = {}
    for name, amount, line in amounts:
        if name in found:
            raise BadData(f"{path}, line {line}: {name!r} is there twice; give each asset one amount.")
        found[name] = amount
    for name, amount in found.items():
        if name not in names:
            raise BadData(
                f"{path} holds {name!r}, which is not in the table; its assets are {', '.join(names)}."
            )
        if not 0.0 <= amount < float("inf"):
            raise BadData(f"{path}: the amount of {name!r} is {amount:g}; give a finite one, 0 or more.")
    if not sum(found.values()) > 0:
        raise BadData(f"{path} holds nothing; give one amount above 0.")
    if sum(found.values()) == float("inf"):
        raise BadData(f"{path}: the amounts add to more than a number can hold; give them in a larger unit.")
    return {name: found.get(name, 0.0) for name in names}


def _json_rows(text: str) -> list[tuple[str, Any, int]]:
    """Return asset, amount and line of each pair, the repeated ones too, which a dictionary would lose."""
    document = json.loads(text, object_pairs_hook=list)
    seen: dict[str, int] = {}
    rows = []
    for name, amount in document:
        ends = [m.end() for m in re.finditer(re.escape(json.dumps(name, ensure_ascii=False)) + r"\s*:", text)]
        nth = seen.get(name, 0)
        seen[name] = nth + 1
        rows.append((name, amount, 1 + text.count("\n", 0, ends[min(nth, len(ends) - 1)] if ends else 0)))
    return rows


def _csv_rows(text: str) -> list[tuple[str, Any, int]]:
    reader = csv.reader(text.splitlines())
    rows = [(row, reader.line_num) for row in reader if row]
    if len(rows) > 1 and not _is_number(rows[0][0][-1]):
        rows = rows[1:]  # a line of names
    return [(name, amount, line) for (name, amount), line in rows]


def _amount(given: Any) -> float:
    if isinstance(given, bool):
        raise TypeError("true and false are no amounts")
    return float(given)


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def _print(today: Today) -> None:
    for line in today.reasons():
        say(line)
    head = (
        "asset",
        "held",
        "wanted",
        "trade",
        "amount",
        "forecast a year",
        "volatility",
        "risk share",
        "cost",
    )
    console = answer_console()
    console.print()
    console.print(Table(head, today.rows(), range(1, len(head))).terminal(console.width))
