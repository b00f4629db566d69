r"""A learned policy: a small network that corrects the exact step, trained on the losses of simulated paths.

The next positions are :math:`\theta + T(\hat y + n(\theta, \hat y, z) - \theta)`, kept within the box; n is a network
that begins at zero and T a threshold by asset, learned too, below which nothing is traded. It is trained by Adam
through the simulator. PyTorch (the extra ``learned``) does the training only: what comes out trades with numpy.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np

from proofolio.arrays import Floats
from proofolio.errors import BadData, UnsupportedProgram
from proofolio.models.arguments import whole
from proofolio.models.control.policies import Policy, in_steps
from proofolio.models.control.problem import ControlProblem

__all__ = ["Learned", "trained"]


WIDTH = 64  # of two hidden layers
RATE = 3e-3  # Adam's steps
LOOK = 20  # steps between two looks at the paths of validation
STREAM = 4  # number of the stream of training paths: never those of a bound or a choice
SOFT = (
    0.05  # slope below the threshold while training, so that a threshold can be unlearned; none when trading
)


@dataclass(frozen=True, eq=False)
class Learned(Policy):
    """The network's numbers, trading without PyTorch; see `proofolio.models.control.learned`."""

    layers: tuple[tuple[Floats, Floats], ...] = ()
    threshold: Floats = field(default_factory=lambda: np.zeros(0))
    scale: Floats = field(default_factory=lambda: np.zeros(0))

    def at(self, steps_per_year: float) -> Learned:
        """Refuse other steps than those it was trained with."""
        if steps_per_year != self.steps_per_year:
            raise BadData(
                f"this policy was trained with {self.steps_per_year:g} steps a year, and {steps_per_year:g} are asked "
                "for"
            )
        return self

    def _next(self, theta: Floats, p: Floats, k: int) -> Floats:
        _, inverse, q = self._mean_terms(p, k)
        wanted = np.einsum(
            "sij,bj->bi" if len(p) == 1 else "bij,bj->bi", inverse, q + theta @ self.discrete.K
        )
        x = np.hstack([theta / self.scale, wanted / self.scale, np.broadcast_to(p, (len(theta), p.shape[1]))])
        for i, (weight, shift) in enumerate(self.layers):
            x = x @ weight.T + shift
            if i + 1 < len(self.layers):
                x = np.tanh(x)
        step = wanted + x * self.scale - theta
        step = np.sign(step) * np.maximum(np.abs(step) - self.threshold, 0.0)
        return self.limits.project(theta + step)


def trained(control: ControlProblem, steps: int, paths: int, seed: int, steps_per_year: float) -> Learned:
    """Return a trained policy; see `RegimeControl.learned`."""
    try:
        import torch  # the extra `learned`: heavy, and only this needs it
    except ImportError:
        raise UnsupportedProgram(
            "a learned policy needs PyTorch: install the extra, pip install 'proofolio[learned]'; lookahead does "
            "without"
        ) from None
    steps, paths = whole("steps", steps, 1), whole("paths", paths, 1)
    discrete, limits = (
        in_steps(control, steps_per_year),
        Policy(control, steps_per_year=steps_per_year).limits,
    )
    if len(limits.rows) or limits.gross is not None or control.fixed.any():
        raise BadData(
            "a learned policy keeps a box and pays linear costs; for other limits and costs use lookahead"
        )
    return _Training(torch, control, discrete, limits, steps_per_year).run(steps, paths, seed)


class _Training:
    def __init__(
        self,
        torch: Any,
        control: ControlProblem,
        discrete: Any,
        limits: Any,
        steps_per_year: float,
    ) -> None:
        self.torch, self.control, self.discrete, self.steps = torch, control, discrete, steps_per_year
        as_tensor = self._tensor
        self.M, self.inverse, self.q = (
            as_tensor(discrete.M),
            as_tensor(discrete.inverse),
            as_tensor(discrete.q),
        )
        self.K, self.l1 = as_tensor(discrete.K), as_tensor(control.l1)
        self.lower, self.upper = as_tensor(limits.lower), as_tensor(limits.upper)
        targets = np.abs(
            np.linalg.solve(discrete.A[0] + 1e-12 * discrete.K, discrete.b[0][..., None])[..., 0]
        ).max(0)
        box = np.minimum(np.abs(limits.lower), np.abs(limits.upper))
        self.scale = np.maximum(np.minimum(targets, box), 1e-3)

    def _tensor(self, array: Floats) -> Any:
        return self.torch.tensor(np.ascontiguousarray(array), dtype=self.torch.float64)

    def run(self, steps: int, paths: int, seed: int) -> Learned:
        """Train for so many steps of Adam, and return what lost least on paths of validation."""
        torch, control, d, m = self.torch, self.control, self.control.d, self.control.m
        torch.manual_seed(seed)
        net = torch.nn.Sequential(
            torch.nn.Linear(2 * d + m, WIDTH), torch.nn.Tanh(), torch.nn.Linear(WIDTH, WIDTH), torch.nn.Tanh(),
            torch.nn.Linear(WIDTH, d),
        ).double()  # fmt: skip
        torch.nn.init.zeros_(net[-1].weight)
        torch.nn.init.zeros_(net[-1].bias)
        first = control.l1 / np.einsum("zii->zi", self.discrete.M[0]).mean(0) / self.scale
        threshold = torch.nn.Parameter(self._tensor(np.log(np.maximum(first, 1e-6))))
        optimiser = torch.optim.Adam([*net.parameters(), threshold], lr=RATE)
        rng = np.random.default_rng([STREAM, seed])
        years = (self.discrete.steps or round(5.0 * self.steps)) / self.steps
        held_out = control.chain.simulate(paths, years, self.steps, rng)
        best, kept = np.inf, self._numbers(net, threshold)
        for step in range(steps + 1):
            if step % LOOK == 0 or step == steps:
                with torch.no_grad():
                    lost = float(self._loss(net, threshold, held_out, 0.0))
                if lost < best:
                    best, kept = lost, self._numbers(net, threshold)
            z = control.chain.simulate(paths, years, self.steps, rng)
            optimiser.zero_grad()
            self._loss(net, threshold, z, SOFT).backward()
            torch.nn.utils.clip_grad_norm_(net.parameters(), 1.0)
            optimiser.step()
        layers, cut = kept
        return Learned(control, steps_per_year=self.steps, layers=layers, threshold=cut, scale=self.scale)

    def _loss(self, net: Any, threshold: Any, z: Any, soft: float) -> Any:
        torch, scale = self.torch, self._tensor(self.scale)
        theta = torch.zeros((len(z), self.control.d), dtype=torch.float64)
        states = torch.eye(self.control.m, dtype=torch.float64)
        total = torch.zeros(len(z), dtype=torch.float64)
        cut = torch.exp(threshold) * scale
        for k in range(z.shape[1] - 1):
            row, here = self.discrete.row(k), torch.as_tensor(z[:, k])
            wanted = torch.einsum("bij,bj->bi", self.inverse[row][here], self.q[row][here] + theta @ self.K)
            step = wanted + net(torch.hstack([theta / scale, wanted / scale, states[here]])) * scale - theta
            over = torch.relu(torch.abs(step) - cut)
            moved = torch.sign(step) * over + (soft * step if soft else 0.0)
            y = torch.clamp(theta + moved, self.lower, self.upper)
            away = y - wanted
            curved = 0.5 * torch.einsum("bi,bij,bj->b", away, self.M[row][here], away)
            total = total + self.discrete.r**k * (curved + torch.abs(y - theta) @ self.l1)
            theta = y
        return total.mean()

    def _numbers(self, net: Any, threshold: Any) -> tuple[tuple[tuple[Floats, Floats], ...], Floats]:
        layers = tuple(
            (layer.weight.detach().numpy().copy(), layer.bias.detach().numpy().copy()) for layer in net[::2]
        )
        return layers, np.exp(threshold.detach().numpy()) * self.scale
