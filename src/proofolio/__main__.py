"""``python -m proofolio`` is the command line."""

from proofolio.cli import main

if __name__ == "__main__":
    main()
