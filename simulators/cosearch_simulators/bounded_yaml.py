"""YAML that users wrote: aliases and merge keys count as often as they are used, and no key is given twice.

Anchors let some hundred bytes stand for any number of values, so nodes are counted while they are composed,
before any value is made.
"""

from __future__ import annotations

import re
from typing import Any

import yaml
from yaml.composer import Composer

from cosearch_simulators.bounded_json import MOST_DEPTH, MOST_DIGITS
from cosearch_simulators.errors import ConfigurationError, shown

MOST_NODES = 300_000
"""Keys, values and lists, each as often as aliases repeat it."""

YAML_BYTES = 16 << 20
_MOST_DIRECTIVES = 16
_DIRECTIVE = re.compile("^%", re.MULTILINE)

_DAMAGES = (LookupError, ArithmeticError, AttributeError, TypeError, ValueError)
"""What PyYAML makes of `!!int ""`, of `!!bool 7` and of the 30th of February."""

# libyaml parses ten times as fast; some builds of PyYAML are without it.
_Parser: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


TAG = "!tag"
"""The key under which a mapping of a local tag keeps it, where tags are asked for."""


def parse_yaml(text: str, *, tags: bool = False) -> Any:
    """The values that a YAML text holds.

    Args:
        text: of YAML.
        tags: whether it is another tool's, whose values may have tags of their own (`!Component`): such a
            mapping has it under `TAG`, any other value loses it. Of a key given twice the last counts.

    Raises:
        ConfigurationError: it is no YAML, gives a key twice, or is too deep or too large; one short line.
    """
    if len(_DIRECTIVE.findall(text)) > _MOST_DIRECTIVES:
        raise ConfigurationError(f"it has more than {_MOST_DIRECTIVES} lines that begin with %")
    try:
        return yaml.load(text, _TaggedLoader if tags else _Loader)
    except ConfigurationError:
        raise
    except yaml.YAMLError as error:
        text = " ".join(str(error).replace('in "<unicode string>",', "at").split())
        raise ConfigurationError(f"is no YAML: {text[:300]}") from error
    except RecursionError:
        raise ConfigurationError("it is nested too deeply") from None
    except _DAMAGES as error:
        plain = type(error) is ValueError
        raise ConfigurationError(str(error)[:300] if plain else "a value does not fit its !!tag") from error


class _Loader(_Parser):
    """Composes nodes in Python, so that they can be counted, from the events of the parser."""

    get_single_node = Composer.get_single_node
    compose_document = Composer.compose_document
    compose_scalar_node = Composer.compose_scalar_node
    compose_sequence_node = Composer.compose_sequence_node

    def __init__(self, stream: Any) -> None:
        super().__init__(stream)
        self.anchors: dict[str, yaml.Node] = {}
        self._sizes: dict[str, int] = {}
        self._nodes = self._depth = 0

    def compose_node(self, parent: Any, index: Any) -> Any:
        """A node; counts it."""
        before, event = self._nodes, self.peek_event()
        if isinstance(event, yaml.AliasEvent):
            if event.anchor in self.anchors and event.anchor not in self._sizes:
                raise ConfigurationError(f"alias {shown(event.anchor)} stands inside of what it names")
            self._nodes += self._sizes.get(str(event.anchor), 0)
        self._nodes += 1
        self._depth += 1
        if self._depth > MOST_DEPTH:
            raise ConfigurationError(f"it is nested too deeply, more than {MOST_DEPTH} levels")
        if self._nodes > MOST_NODES:
            raise ConfigurationError(
                f"it holds more than {MOST_NODES:,} keys and values, those of aliases counted as often as "
                f"they are used (line {event.start_mark.line + 1})"
            )
        node = Composer.compose_node(self, parent, index)
        self._depth -= 1
        if getattr(event, "anchor", None) and not isinstance(event, yaml.AliasEvent):
            self._sizes[event.anchor] = self._nodes - before
        return node

    def compose_mapping_node(self, anchor: Any) -> yaml.MappingNode:
        """A mapping. Of a key that is given twice YAML keeps the last; here it is an error."""
        mapping = Composer.compose_mapping_node(self, anchor)
        seen = set()
        for key_node, _ in mapping.value:
            if not isinstance(key_node, yaml.ScalarNode) or key_node.tag == "tag:yaml.org,2002:merge":
                continue  # `<<`, of which others may override keys
            key = self.construct_object(key_node)
            if key in seen:
                raise ConfigurationError(f"{shown(key)} is given twice (line {key_node.start_mark.line + 1})")
            seen.add(key)
        return mapping

    def construct_yaml_int(self, node: yaml.ScalarNode) -> int:
        """A whole number that is not endless."""
        if len(node.value) > MOST_DIGITS:
            raise ConfigurationError(
                f"a number of {len(node.value):,} digits; expected {MOST_DIGITS} at most "
                f"(line {node.start_mark.line + 1})"
            )
        return int(super().construct_yaml_int(node))


_Loader.add_constructor("tag:yaml.org,2002:int", _Loader.construct_yaml_int)


class _TaggedLoader(_Loader):
    """Takes mappings with tags that YAML does not know, and keys that are given twice, as PyYAML does."""

    compose_mapping_node = Composer.compose_mapping_node

    def construct_tagged(self, suffix: str, node: yaml.Node) -> Any:
        """A value of a local tag."""
        if isinstance(node, yaml.MappingNode):
            return {TAG: suffix, **self.construct_mapping(node, deep=True)}
        if isinstance(node, yaml.SequenceNode):
            return self.construct_sequence(node, deep=True)
        return self.construct_scalar(node) or {TAG: suffix}


_TaggedLoader.add_multi_constructor("!", _TaggedLoader.construct_tagged)
