"""Recipes: files that state some of the parameters, and are written into params.yaml with its comments kept."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.comments import CommentedMap

from pricefuse.errors import InputError
from pricefuse.files import replacing
from pricefuse.pipeline.params import read_params

COMMENT_COLUMN = 35


def use(profile: Path, params: Path) -> list[str]:
    """Write the values of `profile` into `params`, atomically; return each change as 'section.key: old -> new'.

    Comments, order and everything that the profile does not state stay. Raises InputError, and changes nothing, for a
    profile that is not there, a key that `params` does not have, or values that the pipeline would refuse.
    """
    if not profile.is_file():
        there = ", ".join(sorted(path.stem for path in profile.parent.glob("*.yaml")))
        raise InputError(f"{profile}: no such profile. There are: {there}")
    yaml = YAML()
    yaml.preserve_quotes = True
    yaml.width = 4096  # never fold a line
    yaml.representer.add_representer(type(None), lambda to, _: to.represent_scalar("tag:yaml.org,2002:null", "null"))
    recipe, document = yaml.load(profile), yaml.load(params)
    changes = []
    for section, key, value in _settings(recipe, profile):
        if key not in document.get(section, {}):
            raise InputError(f"{profile}: {section}.{key} is not a parameter. Correct the key, or remove it")
        old = document[section][key]
        if old != value:
            document[section][key] = value
            changes.append(f"{section}.{key}: {old} -> {value}")
    _align_comments(document)
    with replacing(params) as temporary:
        with temporary.open("w", encoding="utf-8") as file:
            yaml.dump(document, file)
        try:
            read_params(temporary)
        except InputError as error:
            raise InputError(f"{profile}: {str(error).removeprefix(f'{temporary}: ')}") from None
    return changes


def _align_comments(document: CommentedMap) -> None:
    """Put the comments back into their column: a long value pushes its own away, where a short one would leave it."""
    for part in (document, *(value for value in document.values() if isinstance(value, CommentedMap))):
        for tokens in part.ca.items.values():
            if tokens[2] is not None:
                tokens[2].start_mark.column = COMMENT_COLUMN


def _settings(recipe: CommentedMap | None, profile: Path) -> Iterator[tuple[str, str, Any]]:
    for section, values in (recipe or {}).items():
        if not isinstance(values, dict):
            raise InputError(f"{profile}: {section}: a profile states sections of params.yaml, each with keys below it")
        for key, value in values.items():
            yield section, key, value
