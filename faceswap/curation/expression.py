"""Conditions on the columns of faces, such as ``sharpness > 40 and abs(yaw) < 60``.

The text is parsed, not evaluated: each piece of its syntax tree is either one of those below, or
refused. What results is an expression of pyarrow, which only sees the columns of a table.
"""

import ast
import operator
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import reduce
from typing import Any, Literal

import pyarrow as pa
import pyarrow.compute as pc

from faceswap.core.errors import ConfigError

Kind = Literal["number", "text", "condition"]

_LONGEST = 1000  # characters
_HINT = (
    "Write comparisons of columns with numbers or texts, joined by `and`, `or`, `not`: "
    '"sharpness > 40 and abs(yaw) < 60", "person in (\'1\', \'Anna\')", "group is not null".'
)
_Operation = Callable[[pc.Expression, pc.Expression], pc.Expression]
_ARITHMETIC: dict[type[ast.operator], _Operation] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: lambda left, right: _call("divide", [left, right]),  # by zero: infinity, no error
}
_COMPARISONS: dict[type[ast.cmpop], _Operation] = {
    ast.Lt: operator.lt,
    ast.LtE: operator.le,
    ast.Gt: operator.gt,
    ast.GtE: operator.ge,
    ast.Eq: operator.eq,
    ast.NotEq: operator.ne,
}
_ARGUMENTS = {"abs": (1, 1), "min": (2, 9), "max": (2, 9)}
"""Functions, each with the fewest and the most arguments."""


@dataclass(frozen=True)
class Condition:
    """A parsed condition.

    Attributes:
        columns: Names of the columns that it reads, in order of appearance.
        expression: Expression of pyarrow, true for the rows that satisfy it; null where a value is
            missing.
    """

    columns: tuple[str, ...]
    expression: pc.Expression


def parse_condition(text: str, columns: Mapping[str, Kind]) -> Condition:
    """Parses a condition.

    Args:
        text: Comparisons (``< <= > >= == !=``, ``in``, ``is null``) of columns, numbers and quoted
            texts, with ``+ - * /``, ``abs``, ``min``, ``max``, ``and``, ``or``, ``not``.
        columns: Kind of each column that may be named.

    Raises:
        ConfigError: It is something else, names no column or an unknown one, or compares a number
            with a text.
    """
    if len(text) > _LONGEST:
        raise ConfigError(
            f"Expected a condition of at most {_LONGEST} characters, found {len(text)}.", _HINT
        )
    try:
        tree = ast.parse(text.strip(), mode="eval")
        parser = _Parser(columns)
        expression, kind = parser.parse(tree.body)
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        deep = isinstance(error, (RecursionError, MemoryError))
        # A null byte is a SyntaxError since Python 3.11.4, and was a ValueError before.
        reason = "it is nested too deeply" if deep else getattr(error, "msg", str(error))
        raise ConfigError(f"Expected a condition, found {text!r}: {reason}.", _HINT) from error
    if kind != "condition":
        raise ConfigError(f"Expected a condition, found a {kind}: {text!r}.", _HINT)
    if not parser.named:
        raise ConfigError(f"Expected a condition on a column, found none in {text!r}.", _HINT)
    return Condition(tuple(parser.named), expression)


def matching(condition: Condition, table: pa.Table) -> list[bool]:
    """Whether each row of a table satisfies a condition; a missing value satisfies no comparison.

    Args:
        condition: Parsed condition.
        table: Table with its columns.
    """
    # As the only column of a table: pyarrow evaluates expressions over tables alone.
    rows = table.append_column("", pa.array(range(table.num_rows), pa.int64()))
    found = set(rows.filter(condition.expression)[""].to_pylist())
    return [row in found for row in range(table.num_rows)]


class _Parser:
    """Turns a syntax tree into an expression, and remembers the columns that it names."""

    def __init__(self, columns: Mapping[str, Kind]) -> None:
        self._columns = columns
        self.named: dict[str, None] = {}

    def parse(self, node: ast.expr) -> tuple[pc.Expression, Kind]:
        parsers: dict[type[ast.expr], Callable[[Any], tuple[pc.Expression, Kind]]] = {
            ast.BoolOp: self._joined,
            ast.BinOp: self._arithmetic,
            ast.UnaryOp: self._unary,
            ast.Compare: self._comparison,
            ast.Call: self._call,
            ast.Name: self._column,
            ast.Constant: self._constant,
        }
        if type(node) not in parsers:
            raise _refused(node)
        return parsers[type(node)](node)

    def _of_kind(self, node: ast.expr, kind: Kind) -> pc.Expression:
        expression, found = self.parse(node)
        if found != kind:
            number = isinstance(node, ast.Constant) and kind == "text"
            raise ConfigError(
                f"Expected a {kind}, found a {found}: {ast.unparse(node)!r}.",
                f"Write it in quotes: '{ast.unparse(node)}'." if number else _HINT,
            )
        return expression

    def _column(self, node: ast.Name) -> tuple[pc.Expression, Kind]:
        if node.id not in self._columns:
            raise ConfigError(
                f"There is no column {node.id!r}.", f"Columns: {', '.join(sorted(self._columns))}."
            )
        self.named[node.id] = None
        field, kind = pc.field(node.id), self._columns[node.id]
        # As in Python: integers neither overflow nor lose what is behind the point.
        return (field.cast(pa.float64()) if kind == "number" else field), kind

    def _constant(self, node: ast.Constant) -> tuple[pc.Expression, Kind]:
        value = node.value
        if isinstance(value, bool):
            return pc.scalar(value), "condition"
        if isinstance(value, int | float):
            return pc.scalar(float(value)), "number"
        if isinstance(value, str):
            return pc.scalar(value), "text"
        raise _refused(node)

    def _joined(self, node: ast.BoolOp) -> tuple[pc.Expression, Kind]:
        parts = [self._of_kind(value, "condition") for value in node.values]
        join = operator.and_ if isinstance(node.op, ast.And) else operator.or_
        return reduce(join, parts), "condition"

    def _arithmetic(self, node: ast.BinOp) -> tuple[pc.Expression, Kind]:
        if type(node.op) not in _ARITHMETIC:
            raise _refused(node)
        left, right = self._of_kind(node.left, "number"), self._of_kind(node.right, "number")
        return _ARITHMETIC[type(node.op)](left, right), "number"

    def _unary(self, node: ast.UnaryOp) -> tuple[pc.Expression, Kind]:
        if isinstance(node.op, ast.Not):
            return ~self._of_kind(node.operand, "condition"), "condition"
        if isinstance(node.op, ast.USub):
            return pc.scalar(0.0) - self._of_kind(node.operand, "number"), "number"
        raise _refused(node)

    def _call(self, node: ast.Call) -> tuple[pc.Expression, Kind]:
        name = node.func.id if isinstance(node.func, ast.Name) else ""
        least, most = _ARGUMENTS.get(name, (1, 0))
        if node.keywords or not least <= len(node.args) <= most:
            raise _refused(node)
        arguments = [self._of_kind(argument, "number") for argument in node.args]
        if name == "abs":
            return _call(name, arguments), "number"
        return _call(f"{name}_element_wise", arguments, skip_nulls=False), "number"

    def _comparison(self, node: ast.Compare) -> tuple[pc.Expression, Kind]:
        sides = [node.left, *node.comparators]
        links = zip(node.ops, sides, sides[1:], strict=False)  # of a < b < c
        return reduce(operator.and_, (self._compared(node, *link) for link in links)), "condition"

    def _compared(
        self, node: ast.Compare, comparison: ast.cmpop, left: ast.expr, right: ast.expr
    ) -> pc.Expression:
        if isinstance(comparison, ast.Is | ast.IsNot):
            if not _is_null(right):
                raise _refused(node)
            missing = self.parse(left)[0].is_null(nan_is_null=True)
            return missing if isinstance(comparison, ast.Is) else ~missing
        first, kind = self.parse(left)
        if isinstance(comparison, ast.In | ast.NotIn):
            equal = (first == self._of_kind(value, kind) for value in _listed(node, right))
            among = reduce(operator.or_, equal)
            return among if isinstance(comparison, ast.In) else ~among
        return _COMPARISONS[type(comparison)](first, self._of_kind(right, kind))


def _listed(node: ast.Compare, right: ast.expr) -> Sequence[ast.expr]:
    """Values after ``in``; a single one in parentheses is no tuple in the syntax."""
    if isinstance(right, ast.Constant):
        return [right]
    if isinstance(right, ast.Tuple | ast.List) and right.elts:
        return right.elts
    raise _refused(node)


def _is_null(node: ast.expr) -> bool:
    names = isinstance(node, ast.Name) and node.id.lower() == "null"
    return names or (isinstance(node, ast.Constant) and node.value is None)


def _call(name: str, arguments: Sequence[pc.Expression], **options: bool) -> pc.Expression:
    return getattr(pc, name)(*arguments, **options)  # pyarrow makes them when it is imported


def _refused(node: ast.AST) -> ConfigError:
    return ConfigError(f"A condition cannot contain {ast.unparse(node)!r}.", _HINT)
