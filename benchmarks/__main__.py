"""Run the benchmarks: ``python -m benchmarks [NAME ...]``; without a name, the quick ones."""

import sys
from importlib import import_module

QUICK = ("regime_switching",)


def main(names: list[str]) -> int:
    """Run the named benchmarks and return how many failed a check."""
    return sum(import_module(f"benchmarks.{name}").main() for name in names or QUICK)


if __name__ == "__main__":
    sys.exit(min(main(sys.argv[1:]), 1))
