"""Write a profile into params.yaml: python -m pricefuse.pipeline.profiles seed.

A profile is a whole recipe: profiles/<name>.yaml states the values of KEYS and every parameter of the sections in
RECIPE, so that nothing of the recipe before it remains. The catalog and the other sections of params.yaml stay as they
are.
"""

import sys
from pathlib import Path
from typing import Any

from pricefuse.pipeline import stage
from pricefuse.pipeline.params import Params
from pricefuse.pipeline.params_file import editing
from pricefuse.pipeline.yaml_loader import load_yaml

from yaml import YAMLError

from pricefuse.errors import InputError

KEYS = ("license_policy",)
RECIPE = (
    "clean",
    "embed_gemma",
    "embed_clip",
    "fuse",
    "train",
    "ensemble",
    "simple_nn",
    "lexical",
    "boosted",
    "learning_curve",
)


def use(profile: Path, params: Path) -> list[str]:
    """Write the values of `profile` into `params`, atomically; return each change as 'section.key: old -> new'.

    Comments, order and the sections outside RECIPE stay. Raises InputError, and changes nothing, for a profile that
    does not exist, does not state exactly the parameters of RECIPE, or has values that the pipeline would refuse.
    """
    recipe = _load(profile)
    _require_whole(profile, recipe)
    changes = []
    with editing(params, str(profile)) as document:
        places = [(document, key, key, recipe[key]) for key in KEYS]
        places += [
            (document.setdefault(section, {}), key, f"{section}.{key}", value)
            for section in RECIPE
            for key, value in recipe[section].items()
        ]
        for part, key, name, value in places:
            old = part.get(key)
            if old != value:
                changes.append(f"{name}: {old} -> {value}")
                part[key] = value
    return changes


def about(profile: Path) -> str:
    """Return the comment at the top of a profile: what the recipe is for, and the licenses that it depends on."""
    lines = profile.read_text(encoding="utf-8").splitlines()
    end = next((number for number, line in enumerate(lines) if not line.startswith("#")), len(lines))
    return "\n".join(line.removeprefix("#").strip() for line in lines[:end])


def _load(profile: Path) -> dict[str, Any]:
    try:
        recipe = load_yaml(profile)
    except FileNotFoundError:
        names = ", ".join(sorted(path.stem for path in profile.parent.glob("*.yaml")))
        raise InputError(f"{profile}: no such profile. There are: {names}") from None
    except YAMLError as error:
        raise InputError(f"{profile}: not valid YAML: {' '.join(str(error).split())}") from None
    if not isinstance(recipe, dict):
        raise InputError(f"{profile}: not a file of sections with parameters below them")
    return recipe


def _require_whole(profile: Path, recipe: dict[str, Any]) -> None:
    expected = [*KEYS, *(f"{section}.{key}" for section in RECIPE for key in _fields(section))]
    stated = [
        name
        for section, values in recipe.items()
        for name in ([f"{section}.{key}" for key in values] if isinstance(values, dict) else [section])
    ]
    if unknown := [name for name in stated if name not in expected]:
        raise InputError(f"{profile}: not parameters of a recipe: {', '.join(unknown)}. Correct or remove them")
    if missing := [name for name in expected if name not in stated]:
        raise InputError(
            f"{profile}: {', '.join(missing)} missing. A profile states every parameter of the sections"
            f" {', '.join(RECIPE)}: take them from params.yaml"
        )


def _fields(section: str) -> list[str]:
    settings: Any = Params.model_fields[section].annotation
    return list(settings.model_fields)


def main() -> None:
    name = Path(sys.argv[1]).name if len(sys.argv) == 2 else ""
    profile = Path("profiles") / f"{name}.yaml"
    changes = use(profile, Path("params.yaml"))
    print(about(profile))
    print("\n".join(["", *changes]) if changes else f"\nparams.yaml already is profile {name}")


if __name__ == "__main__":
    stage.run(main)
