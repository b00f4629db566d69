"""What a run sends back, made fit to be written: text that can be encoded, and numbers that are numbers."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

__all__ = ["NUMBERS", "encodable", "fit", "plain"]


LONGEST = 2000
# Beyond it a whole number is no float any more, and no count that a solver could have reached.
LARGEST = 1e300
NUMBERS = (
    "seconds",
    "cpu_seconds",
    "build_seconds",
    "check_seconds",
    "objective",
    "bound",
    "allowance",
    "nodes",
    "gap",
    "integral",
    "load",
    "memory_before",
    "memory_peak",
    "runs_before",
    "columns",
    "rows",
    "integers",
)


def encodable(text: str) -> str:
    r"""Return a text with what UTF-8 cannot hold, such as bytes of a file name, written out.

    Examples
    --------
    >>> encodable("file \udce8")
    'file \\udce8'
    """
    return text.encode("utf-8", "backslashreplace").decode("utf-8")


def plain(value: Any) -> Any:
    """Return a value as JSON can hold it; a number that is not finite is None, and a stranger is its words."""
    if isinstance(value, Mapping):
        return {encodable(str(name)): plain(item) for name, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(item) for item in value]
    if isinstance(value, str):
        return encodable(str(value))
    if value is None or isinstance(value, bool):
        return value
    if hasattr(value, "item"):
        try:
            value = value.item()
        except Exception:  # noqa: BLE001  # a solver's object may raise anything, as may its words below
            return None
    if isinstance(value, int):
        return int(value) if abs(value) <= LARGEST else None
    if isinstance(value, float):
        return float(value) if math.isfinite(value) else None
    try:
        return encodable(str(value))
    except Exception:  # noqa: BLE001  # as above
        return type(value).__name__


def fit(measured: Mapping[str, Any]) -> dict[str, Any]:
    """Return what was measured of a run as it may be recorded.

    A number that is none, or is not finite, becomes None, and the run an ``error`` that says which: nothing
    that came with it is to be believed. A message is cut to 2,000 characters.
    """
    found: dict[str, Any] = plain(measured)
    wrong = [name for name in NUMBERS if measured.get(name) is not None and not _number(found[name])]
    if wrong:
        found |= dict.fromkeys(wrong)
        said = encodable(_words(measured[wrong[0]]))
        found |= {"status": "error", "message": f"it gives {said} for {wrong[0]}, which is no finite number"}
    message = found.get("message", "")
    found["message"] = _cut(message if isinstance(message, str) else _words(message))
    return found


def _number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def _cut(text: str) -> str:
    return text if len(text) <= LONGEST else f"{text[: LONGEST - 4]} ..."


def _words(value: Any) -> str:
    try:
        return repr(value)[:60]
    except Exception:  # noqa: BLE001  # as above: also an integer too long to be written
        return f"a {type(value).__name__}"
