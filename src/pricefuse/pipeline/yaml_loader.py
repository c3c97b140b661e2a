"""Read YAML 1.2 with PyYAML's safe loader, so that a stage sees the values that DVC sees.

PyYAML follows YAML 1.1: it takes 2e-3 for a string, `no` for false, 012 for ten and 1:30 for ninety, and of a key that
stands twice the last. DVC reads params.yaml as YAML 1.2.
"""

import re
from pathlib import Path
from typing import Any

import yaml


def load_yaml(path: Path) -> Any:
    """Return the content of a YAML 1.2 file. Raises yaml.YAMLError if it is not valid, or has a key twice."""
    try:
        with path.open("rb") as file:
            return yaml.load(file, Loader=_Loader)  # noqa: S506 - a subclass of the safe loader
    except ValueError as error:  # a date such as 2025-02-30
        raise yaml.YAMLError(str(error)) from None


class _Loader(yaml.SafeLoader):
    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:  # noqa: FBT001, FBT002
        seen = set()
        for key in (key for key, _ in node.value if isinstance(key, yaml.ScalarNode)):
            if (key.tag, key.value) in seen:
                raise yaml.constructor.ConstructorError(None, None, f"duplicate key {key.value}", key.start_mark)
            seen.add((key.tag, key.value))
        return super().construct_mapping(node, deep)

    def construct_int(self, node: yaml.ScalarNode) -> int:
        digits = self.construct_scalar(node).replace("_", "")
        return int(digits, 0 if re.match(r"[-+]?0[box]", digits) else 10)


# For each type: what its scalars may begin with, and how they are written (as in ruamel.yaml, which DVC reads with).
_SCALARS = {
    "bool": ("tTfF", r"true|True|TRUE|false|False|FALSE"),
    "int": ("-+0123456789", r"[-+]?(?:0b[01][01_]*|0o[0-7][0-7_]*|0x[0-9a-fA-F][0-9a-fA-F_]*|[0-9][0-9_]*)"),
    "float": (
        "-+.0123456789",
        (
            r"[-+]?(?:[0-9][0-9_]*\.[0-9_]*(?:[eE][-+]?[0-9]+)?|[0-9][0-9_]*[eE][-+]?[0-9]+"
            r"|\.[0-9][0-9_]*(?:[eE][-+][0-9]+)?|\.(?:inf|Inf|INF))|\.(?:nan|NaN|NAN)"
        ),
    ),
}
_TAG = "tag:yaml.org,2002:{}"
_Loader.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in resolvers if tag not in map(_TAG.format, _SCALARS)]
    for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
}
for _name, (_first, _pattern) in _SCALARS.items():
    _Loader.add_implicit_resolver(_TAG.format(_name), re.compile(rf"^(?:{_pattern})$"), list(_first))
_Loader.add_constructor(_TAG.format("int"), _Loader.construct_int)
