"""Make the bundled prices from an installed skfolio: ``python scripts/make_prices.py``.

Made with skfolio 1.12.2, BSD-3-Clause, Copyright (c) 2023-2026 The skfolio developers
(the licence text is in NOTICE). Its files ``sp500_dataset`` and ``sp500_index`` give
adjusted daily closes of 20 US stocks in thousandths of a dollar and the S&P 500 index
in hundredths, 1990-01-02 to 2022-12-28; exactly these decimals are written, stocks
first, the index last.

The compressed file is left alone when its content is already right, because another
zlib may compress the same content to other bytes.
"""

from __future__ import annotations

import gzip
import io
from pathlib import Path

TARGET = Path(__file__).resolve().parent.parent / "src/proofolio/forecasts/data/us_stocks.csv.gz"


def content() -> bytes:
    """Return the CSV file that is bundled, uncompressed."""
    from skfolio.datasets import load_sp500_dataset, load_sp500_index

    stocks, index = load_sp500_dataset(), load_sp500_index()
    if not stocks.index.equals(index.index):
        raise SystemExit("skfolio's stocks and index no longer have the same dates.")
    lines = [",".join(["Date", *stocks.columns, *index.columns])]
    for day, prices, level in zip(stocks.index, stocks.to_numpy(), index.to_numpy()[:, 0], strict=True):
        cells = [f"{price:.3f}" for price in prices]
        lines.append(",".join([f"{day:%Y-%m-%d}", *cells, f"{level:.2f}"]))
    return ("\n".join(lines) + "\n").encode()


def compressed(text: bytes) -> bytes:
    """Return `text` as a gzip file without name and time."""
    buffer = io.BytesIO()
    with gzip.GzipFile("", "wb", compresslevel=9, fileobj=buffer, mtime=0) as file:
        file.write(text)
    return buffer.getvalue()


def main() -> None:
    """Write the bundled file unless it is right already."""
    text = content()
    if TARGET.exists() and gzip.decompress(TARGET.read_bytes()) == text:
        print(f"{TARGET.name} is up to date.")
        return
    TARGET.parent.mkdir(parents=True, exist_ok=True)
    TARGET.write_bytes(compressed(text))
    print(f"{TARGET.name} written, {TARGET.stat().st_size} bytes.")


if __name__ == "__main__":
    main()
