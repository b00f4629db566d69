"""The mutants of a module: each is its source with one small mistake in it.

Mistakes are made in the syntax tree and written back into the text, so that the lines of a mutant are those of the
module. What no answer depends on is left alone: texts and what is raised, annotations, docstrings, how objects are
shown, whether `zip` insists on equal lengths, and the questions for the time (`check_time`), which the tests of time
limits answer for.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

__all__ = ["Mutant", "mutants_of"]

# A comparison becomes its boundary neighbour and its opposite.
COMPARISONS: dict[type[ast.cmpop], tuple[type[ast.cmpop], ...]] = {
    ast.Lt: (ast.LtE, ast.GtE),
    ast.LtE: (ast.Lt, ast.Gt),
    ast.Gt: (ast.GtE, ast.LtE),
    ast.GtE: (ast.Gt, ast.Lt),
    ast.Eq: (ast.NotEq,),
    ast.NotEq: (ast.Eq,),
    ast.In: (ast.NotIn,),
    ast.NotIn: (ast.In,),
    ast.Is: (ast.IsNot,),
    ast.IsNot: (ast.Is,),
}
ARITHMETIC: dict[type[ast.operator], type[ast.operator]] = {
    ast.Add: ast.Sub,
    ast.Sub: ast.Add,
    ast.Mult: ast.Div,
    ast.Div: ast.Mult,
    ast.FloorDiv: ast.Mult,
    ast.Mod: ast.Mult,
    ast.Pow: ast.Mult,
    ast.BitAnd: ast.BitOr,
    ast.BitOr: ast.BitAnd,
    ast.LShift: ast.RShift,
    ast.RShift: ast.LShift,
}
CALLS = {"min": "max", "max": "min", "all": "any", "any": "all", "floor": "ceil", "ceil": "floor"}
NOT_ANSWERS = frozenset({"check_time"})
SHOWN = frozenset({"__repr__", "__str__", "_repr_html_"})


@dataclass(frozen=True)
class Mutant:
    """One mistake: the function that holds it, the lines of its statement, and the text it replaces."""

    file: Path
    function: str
    lines: range
    line: int
    before: str
    after: str
    source: str

    @property
    def key(self) -> tuple[str, str, str]:
        """What the mistake is found by when other lines move: the function and its line before and after."""
        return self.function, self.before, self.after

    @cached_property
    def names(self) -> tuple[str, ...]:
        """The function's name in parts, outermost first; none for the module itself."""
        return tuple(self.function.split(".")) if self.function else ()


def mutants_of(file: Path) -> list[Mutant]:
    """Return every mutant of a module, in the order of its lines."""
    text = file.read_text()
    found: dict[str, Mutant] = {}
    for function, statement, node, after in _changes(ast.parse(text), "", None):
        source = _replaced(text, node, after)
        if source in found or source == text:
            continue
        start, end = node.lineno, node.end_lineno or node.lineno
        extra = source.count("\n") - text.count("\n")
        found[source] = Mutant(
            file,
            function,
            statement,
            start,
            _joined(text, start, end),
            _joined(source, start, end + extra),
            source,
        )
    return sorted(found.values(), key=lambda mutant: mutant.line)


def _joined(text: str, start: int, end: int) -> str:
    return " ".join(line.strip() for line in text.splitlines()[start - 1 : end])


def _replaced(text: str, node: ast.expr | ast.stmt, after: str) -> str:
    """Return a text with the characters of a node replaced."""
    lines = text.splitlines(keepends=True)
    first, last = lines[node.lineno - 1].encode(), lines[(node.end_lineno or 0) - 1].encode()
    before = "".join(lines[: node.lineno - 1]) + first[: node.col_offset].decode()
    rest = last[node.end_col_offset :].decode() + "".join(lines[node.end_lineno or 0 :])
    return before + after + rest


Change = tuple[str, range, "ast.expr | ast.stmt", str]


def _changes(node: ast.AST, function: str, statement: range | None, returns: str = "") -> Iterator[Change]:
    """Yield the function, the lines of the statement, the node and its new text, for every mistake below a node."""
    if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
        if node.name in SHOWN:
            return
        function = f"{function}.{node.name}" if function else node.name
        returns = ast.unparse(node.returns) if node.returns else ""
        lines = range(
            node.lineno, (node.end_lineno or node.lineno) + 1
        )  # a default counts wherever it is called
        for default in [*node.args.defaults, *node.args.kw_defaults]:
            if default is not None:
                yield from _changes(default, function, lines, returns)
        for child in node.body:
            yield from _changes(child, function, None, returns)
        return
    if isinstance(node, ast.ClassDef):
        for child in node.body:
            yield from _changes(child, f"{function}.{node.name}" if function else node.name, None)
        return
    if isinstance(node, ast.keyword) and node.arg == "strict":
        return
    if isinstance(node, ast.stmt):
        if _is_silent(node):
            return
        body = getattr(node, "body", None)
        end = body[0].lineno if body else (node.end_lineno or node.lineno) + 1
        statement = range(node.lineno, max(end, node.lineno + 1))
        for after in _statements(node, returns):
            yield function, statement, node, after
        if isinstance(node, ast.Raise):
            return
    if isinstance(node, ast.expr):
        assert statement is not None
        if isinstance(node, ast.JoinedStr):
            return
        for changed in _expressions(node, function):
            yield function, statement, node, f"({ast.unparse(changed)})"
    tests = [node.test] if isinstance(node, ast.If | ast.While | ast.IfExp) else getattr(node, "ifs", [])
    for test in tests:
        if not _has_opposite(test):
            yield function, statement or range(0), test, f"(not ({ast.unparse(test)}))"
    for name, value in ast.iter_fields(node):
        if name in ("annotation", "type_comment", "returns", "decorator_list", "type_params"):
            continue
        for child in value if isinstance(value, list) else [value]:
            if isinstance(child, ast.AST):
                yield from _changes(child, function, statement, returns)


def _has_opposite(test: ast.expr) -> bool:
    """Whether the mistakes in an expression turn it around anyway."""
    if isinstance(test, ast.Compare):
        return len(test.ops) == 1
    return isinstance(test, ast.UnaryOp) and isinstance(test.op, ast.Not)


def _is_silent(node: ast.stmt) -> bool:
    """Whether a statement does nothing that an answer depends on."""
    if isinstance(node, ast.Import | ast.ImportFrom | ast.Pass | ast.Global | ast.Nonlocal):
        return True
    if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
        return True  # a docstring, or the dots of an empty body
    if isinstance(node, ast.Expr) and isinstance(node.value, ast.Call):
        return isinstance(node.value.func, ast.Name) and node.value.func.id in NOT_ANSWERS
    if isinstance(node, ast.Assign):
        return any(isinstance(target, ast.Name) and target.id == "__all__" for target in node.targets)
    return isinstance(node, ast.AnnAssign) and node.value is None


def _statements(node: ast.stmt, returns: str) -> Iterator[str]:
    if isinstance(node, ast.Expr | ast.AugAssign | ast.Raise | ast.Assert | ast.Delete):
        yield "pass"
    if isinstance(node, ast.Continue):
        yield "break"
    if isinstance(node, ast.Break):
        yield "continue"
    if isinstance(node, ast.Return) and node.value is not None:
        constant = node.value.value if isinstance(node.value, ast.Constant) else node
        if isinstance(constant, str):
            yield "return ''"
        elif returns == "bool" and not isinstance(constant, bool):
            yield f"return not ({ast.unparse(node.value)})"
        elif returns != "bool" and constant is not None:
            yield "return None"


def _expressions(node: ast.expr, function: str) -> Iterator[ast.expr]:
    if isinstance(node, ast.Compare):
        for place, op in enumerate(node.ops):
            for other in COMPARISONS[type(op)]:
                ops = [*node.ops[:place], other(), *node.ops[place + 1 :]]
                yield ast.Compare(node.left, ops, node.comparators)
    elif isinstance(node, ast.BinOp) and type(node.op) in ARITHMETIC:
        if function or not isinstance(node.op, ast.BitOr):  # outside functions it makes types
            yield ast.BinOp(node.left, ARITHMETIC[type(node.op)](), node.right)
    elif isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub | ast.Not):
        yield node.operand
    elif isinstance(node, ast.BoolOp):
        yield ast.BoolOp(ast.Or() if isinstance(node.op, ast.And) else ast.And(), node.values)
        for place in range(len(node.values)):
            left = [*node.values[:place], *node.values[place + 1 :]]
            yield left[0] if len(left) == 1 else ast.BoolOp(node.op, left)
    elif isinstance(node, ast.Constant):
        if isinstance(node.value, bool):
            yield ast.Constant(not node.value)
        elif isinstance(node.value, int):
            yield ast.Constant(node.value + 1)
        elif isinstance(node.value, float):
            yield ast.Constant(node.value * 2 or 1.0)
    elif isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in CALLS:
        yield ast.Call(ast.Name(CALLS[node.func.id]), node.args, node.keywords)
