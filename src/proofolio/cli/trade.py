"""``proofolio trade``: what to trade after the last close, and why."""

from __future__ import annotations

import csv
import json
import math
import re
from pathlib import Path
from typing import Any

import click

from proofolio.backtesting.holdings import CASH, WHOLE, Holdings, Unit
from proofolio.backtesting.today import Today, trades_today
from proofolio.cli.market_options import (
    costs_asked,
    features_asked,
    market_asked,
    market_options,
    plan_asked,
    rules_asked,
    strategies_asked,
    strategy_options,
)
from proofolio.cli.output import GOOD, complain, print_document, say, stdout_kept_free
from proofolio.cli.progress import answer_console
from proofolio.errors import BadData
from proofolio.report.table import Table

__all__ = ["read_holdings", "trade_command"]


SHOWN = 120  # characters of a reason
# On a narrow terminal the first of these that are too many are left out.
LESS_NEEDED = ("risk share", "volatility", "cost", "forecast a year")
EXAMPLE = """
\b
Examples:
  proofolio trade prices.csv --holdings shares.csv --strategy mpo-rp --lots --min-trade 500 --cash
  proofolio trade returns.csv --returns --holdings held.csv --strategy mpo --gamma-trade 0.001 --json
  proofolio trade prices.csv --holdings held.csv --view "AAPL - GE = 4 % a year"
"""


@click.command("trade", epilog=EXAMPLE)
@market_options
@click.option(
    "--holdings",
    type=click.Path(path_type=Path),
    required=True,
    metavar="FILE",
    help="What is held: CSV lines ASSET,amount below a line that names the unit (Symbol,Shares), or JSON "
    '{"shares": {"ASSET": amount}}: weights, shares or money; the asset CASH is money in none.',
)
@click.option(
    "--holdings-in",
    type=click.Choice(["weights", "shares", "money"]),
    help="The unit of the holdings, where the file does not name it.",
)
@click.option(
    "--cash",
    is_flag=True,
    help="What weights lack and lots leave over is cash, which spo and mpo may keep.",
)
@click.option(
    "--lots",
    "lot",
    is_flag=False,
    flag_value=1,
    default=None,
    type=click.IntRange(min=1),
    metavar="[SHARES]",
    help="Trade whole shares, or multiples of so many: the nearest plan that leaves no debt.",
)
@click.option(
    "--min-trade",
    "smallest",
    type=click.FloatRange(min=0.0),
    default=0.0,
    metavar="MONEY",
    help="The smallest trade, in whole shares.",
)
@click.option(
    "--strategy", help="As for `proofolio backtest`; mpo-rp by default, and views where views are given."
)
@strategy_options
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document and nothing else.")
def trade_command(
    holdings: Path,
    holdings_in: Unit | None,
    strategy: str | None,
    cash: bool,
    lot: int | None,
    smallest: float,
    as_json: bool,
    **given: Any,
) -> int:
    """Say what one strategy trades after the last close of a table of prices, and why.

    The reason is the regime, the forecast and the cost. Amounts are money; of weights without --value, fractions.
    """
    with stdout_kept_free():
        for option in ("borrow_bps", "margin_bps"):
            if given[option]:
                raise BadData(
                    f"--{option.replace('_', '-')} is charged period by period in a backtest, and no trade depends on "
                    "it; leave it out."
                )
        market = market_asked(given, spare=0)
        held = read_holdings(holdings, market.names, holdings_in)
        if strategy is None:
            strategy = "views" if given["views_file"] is not None or given["sentences"] else "mpo-rp"
        named = strategies_asked(given, [strategy], market)
        if len(named) > 1:
            raise BadData(
                f"--strategy is {strategy!r}, which is {len(named)} strategies; name the one to trade by."
            )
        rules = rules_asked(given, market)
        named, plan = features_asked(given, rules, named, plan_asked(given, market))
        today = trades_today(
            market, held, named[0], plan, costs_asked(given, market), rules=rules, value=given["value"], cash=cash,
            lot=lot, smallest=smallest,
        )  # fmt: skip
    if as_json:
        print_document(today.document())
    else:
        _print(today)
    for sentence in () if as_json else today.warnings:
        say(f"warning: {sentence}")
    if not today.proved:
        complain("the plan keeps every rule, but was not proved to be the best within the solver's tolerance")
    return GOOD


# Words a file's first line, or the key of a JSON file, names the unit by.
UNITS: dict[str, Unit] = {
    **dict.fromkeys(("weights", "weight", "share of portfolio", "allocation", "fraction"), "weights"),
    **dict.fromkeys(
        ("shares", "share", "quantity", "qty", "units", "position", "number of shares"), "shares"
    ),
    **dict.fromkeys(("money", "value", "market value", "usd", "eur", "gbp", "chf"), "money"),
}


def read_holdings(path: Path, names: tuple[str, ...], unit: Unit | None = None) -> Holdings:
    """Return the holdings in a file, in the unit that its first line or its key names.

    A file that names no unit is in the one given; without one, amounts that add up to 1 are weights.

    Raises
    ------
    BadData
        When the file cannot be read, names an asset that the table does not have, holds no amounts, or
        their unit is not known, or not the one given.
    """
    try:
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise BadData(f"{path} cannot be read: {getattr(error, 'strerror', None) or error}.") from None
    try:
        word, rows = _json_rows(text) if text.lstrip().startswith("{") else _csv_rows(text)
        amounts = [(name.strip(), _amount(amount), line) for name, amount, line in rows]
    except (ValueError, TypeError, OverflowError, RecursionError, csv.Error) as error:
        why = "brackets too deep" if isinstance(error, RecursionError) else str(error)
        if len(why) > SHOWN:
            why = why[:SHOWN] + "..."
        raise BadData(
            f'{path} holds no amounts by asset ({why}); write JSON like {{"shares": {{"SPY": 10}}}} or lines like '
            "SPY,10 below the line Symbol,Shares."
        ) from None
    found: dict[str, float] = {}
    for name, amount, line in amounts:
        if name in found:
            raise BadData(f"{path}, line {line}: {name!r} is there twice; give each asset one amount.")
        found[name] = amount
    cash = 0.0
    for name in [name for name in found if name.casefold() == CASH and name not in names]:
        cash += found.pop(name)
    for name in found:
        if name not in names:
            raise BadData(
                f"{path} holds {name!r}, which is not in the table; its assets are {', '.join(names)}."
            )
    total = sum(found.values()) + cash
    return Holdings(_unit(path, word, unit, total), found, cash, f"{path}")


def _unit(path: Path, word: str | None, given: Unit | None, total: float) -> Unit:
    """Return the unit that a file's word names, or the one given, or weights for amounts that add up to 1."""
    named = None if word is None else UNITS.get(word.strip().strip("%").casefold())
    if word is not None and named is None and given is None:
        raise BadData(
            f"{path}: the amounts are called {word!r}, which is none of weights, shares and money; say which with "
            "--holdings-in, or name the column so."
        )
    if named is not None and given is not None and named != given:
        raise BadData(
            f"{path} says {word!r}, which is {named}, and --holdings-in {given}; drop one of the two."
        )
    unit = named or given
    if unit is None and abs(total - 1.0) > WHOLE and total and math.isfinite(total):
        raise BadData(
            f"{path}: the amounts add up to {total:g} and nothing says whether they are weights, shares or money; say "
            "so with --holdings-in, or in the first line, like Symbol,Shares."
        )
    return unit or "weights"


def _json_rows(text: str) -> tuple[str | None, list[tuple[str, Any, int]]]:
    """Return the unit's word, and asset, amount and line of each pair: the repeated ones too."""
    document = json.loads(text, object_pairs_hook=list)
    word = None
    if len(document) == 1 and isinstance(document[0][1], list):
        word, document = document[0]
    seen: dict[str, int] = {}
    rows = []
    for name, amount in document:
        ends = [m.end() for m in re.finditer(re.escape(json.dumps(name, ensure_ascii=False)) + r"\s*:", text)]
        nth = seen.get(name, 0)
        seen[name] = nth + 1
        rows.append((name, amount, 1 + text.count("\n", 0, ends[min(nth, len(ends) - 1)] if ends else 0)))
    return word, rows


def _csv_rows(text: str) -> tuple[str | None, list[tuple[str, Any, int]]]:
    reader = csv.reader(text.splitlines())
    rows = [(row, reader.line_num) for row in reader if row]
    word = None
    if len(rows) > 1 and not _is_number(rows[0][0][-1]):
        word = rows[0][0][-1]  # a line of names
        rows = rows[1:]
    if rows and all(len(row) == 1 and ";" in row[0] for row, _ in rows):
        raise ValueError("its cells are separated by semicolons; separate them by commas")
    odd = next(((row, line) for row, line in rows if len(row) != 2), None)
    if odd is not None:
        raise ValueError(f"line {odd[1]} has {len(odd[0])} of the two cells, a name and an amount")
    return word, [(name, amount, line) for (name, amount), line in rows]


def _amount(given: Any) -> float:
    if isinstance(given, bool):
        raise TypeError("true and false are no amounts")
    try:
        return float(given)
    except ValueError:
        raise ValueError(f"{given!r} is no plain number, like 0.6 or 1000") from None


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def _print(today: Today) -> None:
    for line in today.reasons():
        say(line)
    console = answer_console()
    console.print()
    head = ("asset", *today.to_frame().columns)
    Table(head, today.rows(), range(1, len(head))).show(console, LESS_NEEDED)
