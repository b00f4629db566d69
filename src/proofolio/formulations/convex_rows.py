r"""Convex quadratic rows :math:`x'Qx + a'x \le b` that a binary switches: one side each, and their perspective."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from scipy import sparse

from proofolio.errors import BadData
from proofolio.formulations.perspective import square_root
from proofolio.program.builder import Builder
from proofolio.program.expression import Expression, Rows, apply_matrix
from proofolio.program.quadratic import Quadratic, gathered_forms

__all__ = ["affine_part", "curved_columns", "is_curved", "perspective_squares", "upright"]


def is_curved(rows: Rows) -> bool:
    """Whether some row has a quadratic part."""
    body = rows.body
    return isinstance(body, Quadratic) and any(np.any(f.matrix) for entry in body.forms for f in entry)


def affine_part(rows: Rows) -> Expression:
    """Return the body without its quadratic part."""
    return rows.body.affine


def upright(name: str, rows: Rows) -> Rows:
    """Return rows as they are when they are affine, and quadratic ones as body <= limit.

    Raises
    ------
    BadData
        For quadratic rows with two sides, which hold on no convex set.
    """
    if not is_curved(rows):
        return Rows(affine_part(rows), rows.lower, rows.upper)
    if np.all(np.isfinite(rows.upper)) and not np.any(np.isfinite(rows.lower)):
        return rows
    if np.all(np.isfinite(rows.lower)) and not np.any(np.isfinite(rows.upper)):
        return Rows(-rows.body, -rows.upper, -rows.lower)
    raise BadData(f"a quadratic row of {name!r} needs one finite side: write x'Qx + a'x <= b")


def curved_columns(rows: Rows) -> list[tuple[int, int]]:
    """Return the pairs of an entry and a column of its quadratic part."""
    if not isinstance(rows.body, Quadratic):
        return []
    return [
        (entry, int(j))
        for entry, forms in enumerate(rows.body.forms)
        for form in forms
        for j in form.columns[np.any(form.matrix, axis=1)]
    ]


def perspective_squares(
    model: Builder,
    name: str,
    rows: Rows,
    place: Mapping[tuple[int, int], int],
    y: Expression,
    on: Expression,
) -> Expression:
    r"""Add s with :math:`s\,z \ge y'Qy`, entry by entry: the perspective of the rows' quadratic part.

    With :math:`Q = FF'` it is the rotated cone :math:`\sum (F'y)^2 \le s\,z`; z = 0 asks for F'y = 0, and
    z = 1 for :math:`s \ge y'Qy` (Ceria & Soares 1999).

    Parameters
    ----------
    model : Model
    name : str
        Of s; the cones are called ``{name}_cone``.
    rows : Rows
        Curved.
    place : mapping
        For an entry and a column, where its copy stands in `y`.
    y : Expression, shape (count,)
    on : Expression
        z, of the rows' shape.

    Raises
    ------
    UnsupportedProgram
        For a Q that is indefinite.
    """
    assert isinstance(rows.body, Quadratic)
    width = y.matrix.shape[1]
    parts, rank = [], 1
    for entry, forms in enumerate(rows.body.forms):
        Q = gathered_forms(forms, width)
        columns = np.flatnonzero(np.diff(Q.indptr))
        root = square_root(Q[columns][:, columns].toarray()[None])[0] if columns.size else np.zeros((0, 0))
        parts.append((entry, columns, root))
        rank = max(rank, root.shape[1])
    gather = sparse.lil_array((rows.body.size * rank, y.size))
    for entry, columns, root in parts:
        at = [place[entry, int(j)] for j in columns]
        for k in range(root.shape[1]):
            gather[[entry * rank + k], at] = root[:, k]
    s = model.variable(name, rows.shape, lower=0.0)
    model.cone(f"{name}_cone", apply_matrix(gather.tocsr(), y).reshape((*rows.shape, rank)), s, on)
    return s
