"""The whole risk-parity step by machine code where it is plain: one covariance in, one step out."""

from __future__ import annotations

import time
from functools import partial

import numpy as np
from numpy.typing import ArrayLike

from proofolio.arrays import Floats, Mask
from proofolio.models.portfolio.risk_budgeting import definite, doubles
from proofolio.models.portfolio.risk_parity_kernels import step_kernel
from proofolio.models.portfolio.risk_parity_problem import RiskParityProblem
from proofolio.models.portfolio.risk_parity_step import Iteration, Measured, RiskParityStep, checked_step

__all__ = ["ACTIVE_SET", "CompiledStep"]


ACTIVE_SET = "active set"


class CompiledStep:
    """Solves step after step of a program that asks for no more than weights from 0 that add up to 1.

    Parameters
    ----------
    program : RiskParityProblem
    steady : ndarray of bool, shape (H - 1,)
        Whether a period has the budgets of the one before.
    tolerance, limit, method
        As for `proofolio.models.portfolio.risk_parity.RiskParityStepper`.
    """

    def __init__(
        self, program: RiskParityProblem, steady: Mask, tolerance: float, limit: int, method: str
    ) -> None:
        self._program, self._steady, self._method = program, steady, method
        self._tolerance, self._limit = float(tolerance), limit

    def solve(self, covariance: ArrayLike, w0: ArrayLike, began: float) -> RiskParityStep | None:
        """Return the step; None where the data, or the way to the answer, are not plain.

        Data and answer are checked by the kernel. What is known of an answer whose checks hold is put into words, and
        into objects, when it is asked for.
        """
        program = self._program
        n, H = program.n, program.H
        sigma, held = doubles(covariance), doubles(w0)
        if sigma is None or held is None or held.shape != (n,):
            return None
        if sigma.shape == (n, n):
            sigma = sigma[None] if H == 1 else np.repeat(sigma[None], H, axis=0)
        elif sigma.shape != (H, n, n):
            return None
        known = definite(sigma)
        if known is None:
            return None
        W, contributions, numbers = np.empty((H, n)), np.empty((H, n)), np.empty(8)
        log = np.empty((self._limit + 2, 5))
        try:
            rows = step_kernel(
                sigma, program.budgets, self._steady, known, program.gamma_trade, held, self._tolerance,
                self._limit, W, contributions, log, numbers,
            )  # fmt: skip
        except np.linalg.LinAlgError:
            return None
        if not rows:
            return None
        finish = partial(
            self._finished, held, W, contributions, log[:rows].copy(), numbers, began, time.perf_counter()
        )
        return RiskParityStep.later(W, finish) if numbers[7] else finish()

    def _finished(
        self,
        w0: Floats,
        W: Floats,
        contributions: Floats,
        log: Floats,
        numbers: Floats,
        began: float,
        ended: float,
    ) -> RiskParityStep:
        start_objective, enough, stayed, gap, missed, objective, smallest, _ = numbers.tolist()
        iterations = tuple(map(Iteration._make, log.tolist()))
        return checked_step(
            self._program, w0, W, Measured(contributions, gap, missed, objective, smallest), iterations,
            begun="holdings" if stayed else "erc", start_objective=start_objective, alternative=np.nan,
            tolerance=enough, solver=ACTIVE_SET, method=self._method, seconds=ended - began,
        )  # fmt: skip
