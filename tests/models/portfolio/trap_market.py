"""A market whose risk-parity program has the dead-asset trap, and periods whose covariances differ.

The covariance is that of ten exchange-traded funds (bonds, long bonds, gold, commodities, property, shares, and four
sectors of shares) over 2,000 days to 2014, in squared percent a day, rounded: two bonds that move against the rest.
"""

import numpy as np

CALM = np.array(
    [
        [0.13, 0.19, 0.05, -0.02, -0.13, -0.05, -0.06, -0.14, -0.07, 0.00],
        [0.19, 0.92, 0.08, -0.39, -0.74, -0.61, -0.82, -0.91, -0.56, -0.35],
        [0.05, 0.08, 1.82, 0.82, 0.08, 0.15, 0.65, -0.06, 0.08, 0.12],
        [-0.02, -0.39, 0.82, 1.86, 1.09, 0.90, 1.80, 1.11, 0.77, 0.59],
        [-0.13, -0.74, 0.08, 1.09, 6.18, 2.82, 3.06, 5.20, 2.55, 1.72],
        [-0.05, -0.61, 0.15, 0.90, 2.82, 1.97, 2.40, 2.99, 1.83, 1.29],
        [-0.06, -0.82, 0.65, 1.80, 3.06, 2.40, 4.08, 3.23, 2.14, 1.74],
        [-0.14, -0.91, -0.06, 1.11, 5.20, 2.99, 3.23, 6.14, 2.66, 1.72],
        [-0.07, -0.56, 0.08, 0.77, 2.55, 1.83, 2.14, 2.66, 2.01, 1.17],
        [0.00, -0.35, 0.12, 0.59, 1.72, 1.29, 1.74, 1.72, 1.17, 1.48],
    ]
)
N = len(CALM)


def periods(H, n=N, drift=0.06):
    """Covariances (H, n, n) that go from the market as it was to one with louder shares and bonds that follow them."""
    loud = 1.5 * CALM[:n, :n]
    loud[:2, 2:] += 0.3
    loud[2:, :2] += 0.3
    part = 1.0 - (1.0 - drift) ** np.arange(H)
    return (1.0 - part)[:, None, None] * CALM[:n, :n] + part[:, None, None] * loud
