"""Control problems that the tests share, made from their numbers alone."""

import numpy as np

G3 = np.array([[-0.2, 0.15, 0.05], [0.1, -0.2, 0.1], [0.05, 0.15, -0.2]])


def market(d, m=3, seed=0, **options):
    """Return the arguments of a problem with m regimes of calm to wild, d assets and general covariances."""
    rng = np.random.default_rng(seed)
    G = G3 if m == 3 else np.full((m, m), 0.2 / max(m - 1, 1)) * (1 - np.eye(m))
    if m != 3:
        G = G - np.diag(G.sum(axis=1))
    Sigma = []
    for i in range(m):
        loadings = rng.standard_normal((d, d + 3))
        C = loadings @ loadings.T
        scale = rng.uniform(0.1, 0.3, d) * (0.8 + 0.5 * i) / np.sqrt(np.diag(C))
        Sigma.append(C * np.outer(scale, scale))
    arguments = {"chain": G, "alpha": rng.normal(0.04, 0.06, (m, d)), "Sigma": np.array(Sigma)}
    return {**arguments, **options}


def non_diagonal(d, seed=1):
    """Return a positive definite matrix that commutes with nothing else here."""
    X = np.random.default_rng(seed).standard_normal((d, d + 2))
    return X @ X.T / d * 0.05


def reward(control, theta, z, u):
    """Return the running reward, from the arguments alone."""
    alpha, Sigma = control.alpha[z], control.Sigma[z]
    kept = (theta * alpha).sum(axis=-1) - control.gamma / 2 * np.einsum("ni,nij,nj->n", theta, Sigma, theta)
    return kept - control.eta / 2 * np.einsum("ni,ij,nj->n", u, control.Lambda, u)
