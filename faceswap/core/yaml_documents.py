"""The one way into YAML: without aliases, of limited size and depth; and the way back out."""

import re
from pathlib import Path
from typing import Any

import yaml
from yaml.composer import ComposerError
from yaml.events import AliasEvent

from faceswap.core.documents import check_values, read_content, size_limit, too_large
from faceswap.core.errors import ConfigError

_BYTES = 1 << 20
_DEEPEST = 32
_FLOAT = re.compile(
    r"^[-+]?(?:\d[\d_]*\.[\d_]*(?:[eE][-+]?\d+)?|\.\d[\d_]*(?:[eE][-+]?\d+)?|\d[\d_]*[eE][-+]?\d+"
    r"|\.inf|\.nan)$"
)
_HINT = "Correct its syntax."


class _Loader(yaml.SafeLoader):
    """YAML loader in which ``5e-5`` is a number, and ``no``, ``on`` and dates are text.

    Aliases are refused: a few lines of them stand for any amount of data.
    """

    depth = 0

    def compose_node(self, parent: Any, index: Any) -> Any:
        """Composes a node, unless it is an alias or nested too deep."""
        event: Any = self.peek_event()
        if isinstance(event, AliasEvent):
            problem = "aliases (*name) are not supported: repeat the value"
            raise ComposerError(None, None, problem, event.start_mark)
        self.depth += 1
        if self.depth > _DEEPEST:
            problem = f"nested more than {_DEEPEST} levels deep"
            raise ComposerError(None, None, problem, event.start_mark)
        node = super().compose_node(parent, index)
        self.depth -= 1
        return node


class _Dumper(yaml.SafeDumper):
    """YAML dumper that quotes text which ``_Loader`` would not read back as text."""

    def ignore_aliases(self, data: Any) -> bool:  # noqa: ARG002 (pyyaml names it)
        """Writes repeated values in full, without aliases."""
        return True


def _set_resolvers(kind: type[_Loader] | type[_Dumper]) -> None:
    unwanted = {"tag:yaml.org,2002:bool", "tag:yaml.org,2002:float", "tag:yaml.org,2002:timestamp"}
    kind.yaml_implicit_resolvers = {
        first: [(tag, pattern) for tag, pattern in resolvers if tag not in unwanted]
        for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
    }
    boolean = re.compile(r"^(?:true|True|TRUE|false|False|FALSE)$")
    kind.add_implicit_resolver("tag:yaml.org,2002:bool", boolean, list("tTfF"))
    kind.add_implicit_resolver("tag:yaml.org,2002:float", _FLOAT, list("-+.0123456789"))


_set_resolvers(_Loader)
_set_resolvers(_Dumper)


def read_yaml(path: Path, what: str) -> Any:
    """Reads and checks a YAML file.

    Args:
        path: The file.
        what: Noun for messages ("The recipe v1.yaml").

    Returns:
        Text, numbers, booleans, None, and lists and mappings of these.

    Raises:
        ConfigError: It is too large, not UTF-8 or not YAML, or has aliases or other values.
        OSError: It cannot be read.
    """
    content = read_content(path, _BYTES, ConfigError, _HINT)
    try:
        text = content.decode()
    except UnicodeDecodeError as error:
        raise ConfigError(f"{what} is not text in UTF-8: {error}.", "Save it as UTF-8.") from error
    return parse_yaml(text, what)


def parse_yaml(text: str, what: str) -> Any:
    """Parses and checks YAML that is not a file of its own; see ``read_yaml``."""
    limit = size_limit(_BYTES)
    if len(text) > limit:
        raise too_large(what, limit, ConfigError)
    try:
        value = yaml.load(text, _Loader)
    except yaml.YAMLError as error:
        message = " ".join(str(error).split())
        raise ConfigError(f"{what} is not valid YAML: {message}", _HINT) from error
    except (ValueError, LookupError, TypeError, AttributeError) as error:
        # The library raises these for tagged values that their tag does not allow.
        raise ConfigError(f"{what} has a value of the wrong type: {error}.", _HINT) from error
    check_values(value, what, ConfigError, "Use text, numbers, lists or mappings.")
    return value


def format_yaml(data: Any) -> str:
    """YAML that ``parse_yaml`` reads back unchanged."""
    return yaml.dump(data, Dumper=_Dumper, sort_keys=False, allow_unicode=True)
