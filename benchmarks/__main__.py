"""Run the benchmarks: ``python -m benchmarks [NAME ...] [--quick]``; without a name, the quick ones, quickly."""

import sys
from importlib import import_module

QUICK = ("regime_switching",)


def main(arguments: list[str]) -> int:
    """Run the named benchmarks and return how many failed a check."""
    names = [a for a in arguments if not a.startswith("-")]
    if not names:
        sys.argv.append("--quick")
    return sum(import_module(f"benchmarks.{name}").main() for name in names or QUICK)


if __name__ == "__main__":
    sys.exit(min(main(sys.argv[1:]), 1))
