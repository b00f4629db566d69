"""Check that a wheel holds exactly the files git tracks under src: `python tests/check_wheel.py WHEEL`."""

import subprocess
import sys
import zipfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]


def tracked() -> set[str]:
    listing = subprocess.run(["git", "ls-files", "-z", "src"], cwd=ROOT, capture_output=True, text=True)
    if listing.returncode:
        raise SystemExit(f"git cannot list the files under src: {listing.stderr.strip()}")
    return {name.removeprefix("src/") for name in listing.stdout.split("\0") if name}


def packed(wheel: Path) -> set[str]:
    with zipfile.ZipFile(wheel) as archive:
        names = archive.namelist()
    return {name for name in names if not name.endswith("/") and ".dist-info/" not in name}


def differences(in_git: set[str], in_wheel: set[str]) -> list[str]:
    lacking = [f"in git, not in the wheel: {name}" for name in sorted(in_git - in_wheel)]
    extra = [f"in the wheel, not in git: {name} (forgotten `git add`?)" for name in sorted(in_wheel - in_git)]
    return lacking + extra


def main(arguments: list[str]) -> int:
    if len(arguments) != 1 or not Path(arguments[0]).is_file():
        print("Give one wheel file: python tests/check_wheel.py WHEEL", file=sys.stderr)
        return 2
    wheel = Path(arguments[0])
    in_git = tracked()
    if not in_git:
        print("git tracks no file under src, so there is nothing to compare the wheel with.", file=sys.stderr)
        return 1
    found = differences(in_git, packed(wheel))
    if found:
        print(
            f"{wheel.name} does not hold what `git ls-files src` lists:", *found, sep="\n  ", file=sys.stderr
        )
        return 1
    print(f"{wheel.name} holds exactly the {len(in_git)} files git tracks under src")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
