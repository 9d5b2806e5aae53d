"""Reads the data in a pickle without unpickling it: no class is looked up, nothing is called.

A pickle is a program for a stack machine. ``parse`` executes the instructions that build numbers,
text, bytes, lists, tuples and dictionaries, and refuses all others by name. Arrays, scalars and
enumerations, which are calls in a pickle, are recognised by ``known_calls``. What comes out is a
tree of limited depth in which nothing is shared: a container that is used twice is copied.
"""

import io
import pickletools
import re
from collections.abc import Sequence
from operator import itemgetter
from typing import Any, NamedTuple

from faceswap.core.errors import DocumentError
from peers.known_calls import ElementType, Name, UnfilledArray, call, fill, known_name

_DEEPEST = 32
_COPIED_VALUES = 1_000_000  # and as many as the pickle has bytes
_HINT = "The file is damaged, or was made to run code on the machine that unpickles it."

_LITERALS = frozenset(
    {"BININT", "BININT1", "BININT2", "LONG1", "BINFLOAT", "SHORT_BINUNICODE", "BINUNICODE"}
    | {"BINUNICODE8", "SHORT_BINBYTES", "BINBYTES", "BINBYTES8"}
)
_CONSTANTS = {"NONE": None, "NEWTRUE": True, "NEWFALSE": False, "EMPTY_TUPLE": ()}
_WITHOUT_EFFECT = frozenset({"PROTO", "FRAME", "STOP"})
_PARTS = (Name, ElementType, UnfilledArray)
"""What stands in the arguments of calls only."""
_TUPLES = {"TUPLE1": 1, "TUPLE2": 2, "TUPLE3": 3}


class _Item(NamedTuple):
    """A value on the stack.

    Attributes:
        value: The value.
        depth: Number of levels of containers in it.
        is_data: Whether it is free of names and of arrays without elements.
    """

    value: Any
    depth: int = 0
    is_data: bool = True


# In C: a file may hold millions of values.
_value_of, _depth_of, _is_data = (itemgetter(place) for place in range(3))
_SMALL_INTEGERS = re.compile(rb"(?:K.)+", re.DOTALL)  # instructions BININT1
_OF_BYTES = [_Item(value) for value in range(256)]


def parse(data: bytes, where: object) -> Any:
    """Reads the data in a pickle of protocol 2 or later.

    Args:
        data: The pickle.
        where: Origin of the pickle for messages.

    Returns:
        Numbers, text, bytes, None, lists, tuples, dictionaries and NumPy arrays. Keys are text or
        integers; an enumeration is its number.

    Raises:
        DocumentError: It is damaged, nested too deeply, or contains anything else.
    """
    machine, stream = _Machine(_COPIED_VALUES + len(data)), io.BytesIO(data)
    try:
        for opcode, argument, _ in pickletools.genops(stream):
            machine.execute(opcode.name, argument)
            # Thumbnails are lists of thousands of bytes: a run of them is read at once.
            run = _SMALL_INTEGERS.match(data, stream.tell())
            if run and opcode.name != "STOP":
                machine.push_integers(data[run.start() + 1 : run.end() : 2])
                stream.seek(run.end())
        return machine.result()
    except DocumentError as problem:
        raise DocumentError(f"{where}: {problem.message}", _HINT) from problem
    except (ValueError, IndexError, KeyError, TypeError, OverflowError) as problem:
        raise DocumentError(f"{where} contains a damaged pickle: {problem}.", _HINT) from problem


class _Machine:
    """Stack and memory of the machine.

    Args:
        most_copied: Number of values that containers used more than once may have together.
    """

    def __init__(self, most_copied: int) -> None:
        self._stack: list[_Item] = []
        self._marks: list[int] = []
        self._memory: dict[int, Any] = {}
        self._recalled: set[int] = set()
        self._left = most_copied

    def execute(self, name: str, argument: Any) -> None:
        """Executes one instruction."""
        if name in _LITERALS:
            self._push(argument)
        elif name in _CONSTANTS:
            self._push(_CONSTANTS[name])
        elif name in _TUPLES:
            self._push_tuple([self._pop() for _ in range(_TUPLES[name])][::-1])
        elif name in _INSTRUCTIONS:
            _INSTRUCTIONS[name](self, argument)
        elif name not in _WITHOUT_EFFECT:
            raise DocumentError(f"The pickle has the instruction {name}, which is no data.")

    def push_integers(self, values: bytes) -> None:
        """Executes the instructions that push these integers."""
        self._stack.extend(map(_OF_BYTES.__getitem__, values))

    def result(self) -> Any:
        """The value that is left at the end."""
        (item,) = self._stack
        _check_data([item])
        return item.value

    def _push(self, value: Any, depth: int = 0, is_data: bool | None = None) -> None:
        if depth > _DEEPEST:
            raise DocumentError(f"The pickle is nested more than {_DEEPEST} levels deep.")
        if is_data is None:
            is_data = not isinstance(value, _PARTS)
        self._stack.append(_Item(value, depth, is_data))

    def _pop(self) -> _Item:
        if len(self._stack) <= (self._marks[-1] if self._marks else 0):
            raise ValueError("a value is missing")
        return self._stack.pop()

    def _mark(self) -> None:
        self._marks.append(len(self._stack))

    def _pop_to_mark(self) -> list[_Item]:
        place = self._marks.pop()
        items = self._stack[place:]
        del self._stack[place:]
        return items

    def _push_tuple(self, items: Sequence[_Item]) -> None:
        value = tuple(map(_value_of, items))
        self._push(value, 1 + _depth(items), is_data=all(map(_is_data, items)))

    def _extend(self, items: Sequence[_Item]) -> None:
        target, depth, _ = self._pop()
        if not isinstance(target, list):
            raise ValueError(f"a list is expected, not {type(target).__name__}")
        self._check_open(target)
        _check_data(items)
        target.extend(map(_value_of, items))
        self._push(target, max(depth, 1 + _depth(items)))

    def _update(self, items: Sequence[_Item]) -> None:
        target, depth, _ = self._pop()
        if not isinstance(target, dict):
            raise ValueError(f"a dictionary is expected, not {type(target).__name__}")
        self._check_open(target)
        _check_data(items)
        for key, item in zip(items[::2], items[1::2], strict=True):
            if not isinstance(key.value, str | int):
                raise ValueError(f"a key is {type(key.value).__name__}, not text or an integer")
            target[key.value] = item.value
        self._push(target, max(depth, 1 + _depth(items)))

    def _remember(self, index: int | None) -> None:
        self._memory[len(self._memory) if index is None else index] = self._stack[-1].value

    def _recall(self, index: int) -> None:
        # Lists in lists, each used twice, would be small in the file and endless when read.
        value = self._memory[index]
        self._recalled.add(id(value))
        self._push(*self._copy(value))

    def _check_open(self, container: Any) -> None:
        if id(container) in self._recalled:  # what memory holds lives, so the number is its own
            raise DocumentError("The pickle has a list or dictionary that contains itself.")

    def _spend(self, values: int) -> None:
        self._left -= values
        if self._left < 0:
            raise DocumentError("The pickle holds more values than a file of its size has.")

    def _copy(self, value: Any) -> _Item:
        if isinstance(value, UnfilledArray) and value.array is not None:
            return _Item(value.array)
        if not isinstance(value, list | tuple | dict):
            return _Item(value, is_data=not isinstance(value, _PARTS))
        parts = value.values() if isinstance(value, dict) else value
        self._spend(1 + len(parts))
        copied = [self._copy(part) for part in parts]
        values = [part.value for part in copied]
        same = dict(zip(value, values, strict=True)) if isinstance(value, dict) else values
        made = tuple(values) if isinstance(value, tuple) else same
        return _Item(made, 1 + _depth(copied), all(map(_is_data, copied)))

    def _name(self, text: str) -> None:
        module, _, name = text.partition(" ")
        self._push(known_name(module, name))

    def _name_on_stack(self) -> None:
        name, module = self._pop().value, self._pop().value
        self._push(known_name(str(module), str(name)))

    def _call(self) -> None:
        arguments, function = self._pop().value, self._pop().value
        if not isinstance(function, Name) or not isinstance(arguments, tuple):
            raise ValueError("a call has no name or no arguments")
        self._push(call(function, arguments))

    def _fill(self) -> None:
        state, target = self._pop().value, self._pop().value
        self._push(fill(target, state))


_INSTRUCTIONS = {
    "BYTEARRAY8": lambda machine, content: machine._push(bytes(content)),
    "EMPTY_LIST": lambda machine, _: machine._push([], 1),
    "EMPTY_DICT": lambda machine, _: machine._push({}, 1),
    "MARK": lambda machine, _: machine._mark(),
    "TUPLE": lambda machine, _: machine._push_tuple(machine._pop_to_mark()),
    "APPEND": lambda machine, _: machine._extend([machine._pop()]),
    "APPENDS": lambda machine, _: machine._extend(machine._pop_to_mark()),
    "SETITEM": lambda machine, _: machine._update([machine._pop(), machine._pop()][::-1]),
    "SETITEMS": lambda machine, _: machine._update(machine._pop_to_mark()),
    "MEMOIZE": lambda machine, _: machine._remember(None),
    "BINPUT": lambda machine, index: machine._remember(index),
    "LONG_BINPUT": lambda machine, index: machine._remember(index),
    "BINGET": lambda machine, index: machine._recall(index),
    "LONG_BINGET": lambda machine, index: machine._recall(index),
    "GLOBAL": lambda machine, text: machine._name(text),
    "STACK_GLOBAL": lambda machine, _: machine._name_on_stack(),
    "REDUCE": lambda machine, _: machine._call(),
    "BUILD": lambda machine, _: machine._fill(),
}


def _depth(items: Sequence[_Item]) -> int:
    return max(map(_depth_of, items), default=0)


def _check_data(items: Sequence[_Item]) -> None:
    """Refuses a name or an unfinished array among the data."""
    if not all(map(_is_data, items)):
        odd = next(item.value for item in items if not item.is_data)
        raise ValueError(f"{odd} stands where data is expected")
