"""What memory this process takes, and a limit on it."""

from __future__ import annotations

import os
import resource
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

__all__ = ["forget_peak", "limited", "peak_megabytes", "resident_megabytes"]

STATUS = Path("/proc/self/status")
PAGE = os.sysconf("SC_PAGE_SIZE")
MEGABYTE = 2**20
# The limit the system keeps is a little above the one that is watched, which says better what happened.
ROOM = 1.25


def _field(name: str) -> float | None:
    """Return a field of /proc/self/status in megabytes; None where there is no such file."""
    try:
        text = STATUS.read_text(encoding="ascii", errors="replace")
    except OSError:
        return None
    for line in text.splitlines():
        if line.startswith(name + ":"):
            return float(line.split()[1]) / 1024
    return None


def peak_megabytes() -> float:
    """Return the most memory this process has held since `forget_peak` (VmHWM; elsewhere since it began)."""
    found = _field("VmHWM")
    if found is not None:
        return found
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / MEGABYTE if sys.platform == "darwin" else peak / 1024


def forget_peak() -> None:
    """Let the peak begin anew, where the system can."""
    with suppress(OSError):
        Path("/proc/self/clear_refs").write_text("5", encoding="ascii")


def resident_megabytes(process: int | None = None) -> float | None:
    """Return the memory a process holds now; None where that cannot be read, as of one that has ended."""
    try:
        words = Path(f"/proc/{process or 'self'}/statm").read_text(encoding="ascii").split()
        return int(words[1]) * PAGE / MEGABYTE
    except (OSError, IndexError, ValueError):
        return None


@contextmanager
def limited(megabytes: float) -> Iterator[None]:
    """Let allocations fail that would take this process far beyond a limit, all at once."""
    before = _field("VmData")
    soft, hard = resource.getrlimit(resource.RLIMIT_DATA)
    if before is None:
        yield
        return
    wanted = int((before + ROOM * megabytes) * MEGABYTE)
    with suppress(OSError, ValueError):
        resource.setrlimit(resource.RLIMIT_DATA, (wanted if hard < 0 else min(wanted, hard), hard))
    try:
        yield
    finally:
        with suppress(OSError, ValueError):
            resource.setrlimit(resource.RLIMIT_DATA, (soft, hard))
