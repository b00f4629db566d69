"""A statement cut into the parts that share no column; fractions only."""

from __future__ import annotations

from proofolio.verification.proofs.lines import Line
from proofolio.verification.proofs.statement import Piece, Statement

__all__ = ["parts"]


def parts(statement: Statement) -> list[Statement]:
    """Return the statement cut into parts that share no column, each with columns of its own.

    A point satisfies the whole when each part is satisfied, and means something when each part does, so the
    parts are proved one by one. Columns in no row and no piece are left out.
    """
    parent = list(range(len(statement.names) + len(statement.entries)))

    def root(j: int) -> int:
        while parent[j] != j:
            parent[j] = parent[parent[j]]
            j = parent[j]
        return j

    def join(members: list[int]) -> None:
        for j in members[1:]:
            parent[root(j)] = root(members[0])

    for line in statement.rows:
        join(_columns(line))
    for k, entry in enumerate(statement.entries):
        join([len(statement.names) + k, *(j for piece in entry for line in piece for j in _columns(line))])
    groups: dict[int, tuple[list[int], list[Line], list[tuple[Piece, ...]]]] = {}

    def group(j: int) -> tuple[list[int], list[Line], list[tuple[Piece, ...]]]:
        return groups.setdefault(root(j), ([], [], []))

    for j in range(len(statement.names)):
        group(j)[0].append(j)
    for line in statement.rows:
        group(_columns(line)[0])[1].append(line)
    for k, entry in enumerate(statement.entries):
        group(len(statement.names) + k)[2].append(entry)
    return [_restricted(statement, *found) for found in groups.values() if found[1] or found[2]]


def _restricted(
    statement: Statement, columns: list[int], rows: list[Line], entries: list[tuple[Piece, ...]]
) -> Statement:
    place = {j: k for k, j in enumerate(columns)}

    def moved(line: Line) -> Line:
        when = None if line.when is None else (place[line.when[0]], line.when[1])
        return Line({place[j]: a for j, a in line.terms.items()}, line.low, line.high, when)

    return Statement(
        tuple(statement.names[j] for j in columns),
        tuple(statement.kinds[j] for j in columns),
        tuple(statement.lower[j] for j in columns),
        tuple(statement.upper[j] for j in columns),
        tuple(statement.integer[j] for j in columns),
        tuple(moved(line) for line in rows),
        tuple(tuple(tuple(moved(line) for line in piece) for piece in entry) for entry in entries),
        given_sizes=None if statement.curved_sizes is None else statement.curved_sizes.moved(place),
    )


def _columns(line: Line) -> list[int]:
    return [*line.terms, *(() if line.when is None else (line.when[0],))]
