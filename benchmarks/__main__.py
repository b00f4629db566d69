"""Run the benchmarks: ``python -m benchmarks [NAME [OPTIONS]]``; without a name, the quick ones, quickly."""

import sys
from importlib import import_module

QUICK = ("regime_switching", "mpc", "risk_parity", "backtest", "control", "control_grids")


def main(arguments: list[str]) -> int:
    """Run the named benchmark with the options that follow it, and return how many checks failed."""
    if not arguments or arguments[0].startswith("-"):
        return sum(import_module(f"benchmarks.{name}").main(["--quick", *arguments]) for name in QUICK)
    return int(import_module(f"benchmarks.{arguments[0]}").main(arguments[1:]))


if __name__ == "__main__":
    sys.exit(min(main(sys.argv[1:]), 1))
