"""The types of arrays, one name each: every signature in the package says with these what it takes and returns."""

from __future__ import annotations

from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

__all__ = ["Floats", "Integers", "Mask", "Sparse"]

Floats: TypeAlias = NDArray[np.float64]
Integers: TypeAlias = NDArray[np.intp]
Mask: TypeAlias = NDArray[np.bool_]
# A string: the class cannot be subscripted at run time by every scipy that is supported.
Sparse: TypeAlias = "sparse.csr_array[np.float64, tuple[int, int]]"
