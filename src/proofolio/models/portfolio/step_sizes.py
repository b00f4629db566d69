"""Up to which sizes one way of taking a step is quicker than another: measured, not remembered.

The numbers are written by ``python -m benchmarks step_sizes --write``, which times both ways in turn on the same days.
"""

from __future__ import annotations

from math import log

import numpy as np

__all__ = ["compiled_up_to", "sparse_up_to"]

# Periods: the number of assets from which blocks by LAPACK are quicker than blocks by machine code ...
COMPILED = {1: 300, 5: 105, 30: 68}
# ... and, without machine code, quicker than PIQP's sparse factors.
SPARSE = {1: 123, 5: 58, 30: 39}


def compiled_up_to(H: int) -> float:
    """Return the most assets for which a step of H periods is quickest as machine code."""
    return _between(COMPILED, H)


def sparse_up_to(H: int) -> float:
    """Return the most assets for which a step of H periods is quickest by PIQP, where it is not machine code."""
    return _between(SPARSE, H)


def _between(measured: dict[int, int], H: int) -> float:
    periods = sorted(measured)
    return float(np.interp(log(H), [log(each) for each in periods], [measured[each] for each in periods]))
