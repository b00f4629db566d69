"""A file of costs by asset."""

from __future__ import annotations

import csv
from pathlib import Path

from proofolio.backtesting.costs import SpreadAndImpact
from proofolio.errors import BadData, did_you_mean

__all__ = ["read_costs"]


COLUMNS = ("cost_bps", "asymmetry_bps", "impact", "volume")


def read_costs(path: Path, assets: tuple[str, ...], otherwise: dict[str, float | None]) -> SpreadAndImpact:
    """Return the costs in a CSV file: a line of names, ``asset`` first, then a line an asset.

    Parameters
    ----------
    path : Path
    assets : tuple of str
        Those of the table; one left out of the file costs what is said for all.
    otherwise : dict
        By column: basis points, basis points, a number, money a period; None for a volume that is not known.

    Raises
    ------
    BadData
        Naming the file, and the line, column or asset.
    """
    try:
        with path.open(encoding="utf-8-sig", newline="") as text:
            reader = csv.reader(text)
            rows = [(reader.line_num, [cell.strip() for cell in row]) for row in reader if row]
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise BadData(f"{path} cannot be read: {getattr(error, 'strerror', None) or error}.") from None
    head = rows[0][1] if rows else []
    if len(head) < 2 or head[0].casefold() not in ("asset", "symbol"):
        raise BadData(
            f"{path} needs a first line of names, asset and some of {', '.join(COLUMNS)}, then a line an asset."
        )
    for name in head[1:]:
        if name not in COLUMNS or head.count(name) > 1:
            raise BadData(
                f"{path}: the column {name!r} is {'there twice' if name in COLUMNS else 'unknown'}"
                f"{did_you_mean(name, COLUMNS)}; there may be {', '.join(COLUMNS)}, each once."
            )
    found: dict[str, dict[str, float]] = {}
    for line, row in rows[1:]:
        name = row[0]
        if len(row) != len(head):
            raise BadData(f"{path}, line {line}: {len(row)} cells, and the first line has {len(head)}.")
        if name not in assets:
            raise BadData(
                f"{path}, line {line}: there is no asset {name!r}{did_you_mean(name, assets)}; the assets are "
                f"{', '.join(assets)}."
            )
        if name in found:
            raise BadData(f"{path}, line {line}: {name!r} is there twice; give each asset one line.")
        try:
            found[name] = {
                column: float(cell) for column, cell in zip(head[1:], row[1:], strict=True) if cell
            }
        except ValueError as error:
            raise BadData(f"{path}, line {line}: {error}; write plain numbers, or nothing.") from None

    def column(name: str, scale: float = 1.0) -> tuple[float, ...]:
        return tuple((found.get(asset, {}).get(name, otherwise[name]) or 0.0) * scale for asset in assets)

    impact = column("impact")
    volume = []
    for asset, size in zip(assets, impact, strict=True):
        # Without impact nothing follows the volume, and any number will do.
        known = found.get(asset, {}).get("volume", otherwise["volume"]) if size else 1.0
        if known is None:
            raise BadData(f"{path}: {asset} has impact and no volume; add it, or --volume for all.")
        volume.append(known)
    try:
        return SpreadAndImpact(
            column("cost_bps", 1e-4),
            impact,
            tuple(volume) if any(impact) else (),
            column("asymmetry_bps", 1e-4),
        )
    except BadData as error:
        raise BadData(f"{path}: {error}") from None
