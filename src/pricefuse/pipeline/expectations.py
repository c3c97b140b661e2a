"""Say what of the pipeline will take long, from what dvc.lock says ran last."""

import configparser
from pathlib import Path
from typing import Any

from pricefuse.pipeline.duration import EMBEDDINGS, minutes
from pricefuse.pipeline.params import Params

import yaml

DURATION = f"On two CPU cores: {minutes(1500)} for the demo's 1,500 products, {minutes(5000)} for 5,000"


def what_takes_long(params: Params, root: Path) -> list[str]:
    """Return lines about the long stages that will run, from what dvc.lock says ran last; none if all is there."""
    locked = _locked_stages(root / "dvc.lock")
    there = all((root / folder).is_dir() for folder in EMBEDDINGS.values())
    ran = f"data/raw/{params.catalog}" in {dep["path"] for dep in locked.get("clean", {}).get("deps", [])}
    if ran and not there and has_remote(root):
        return [
            "What earlier runs made is not here: `dvc pull` fetches it. Without it, all is computed.",
            f"{DURATION}.",
        ]
    if not (ran and there):
        return [
            f"First run on catalog {params.catalog}: embedding every text and image, and then train, take long.",
            f"{DURATION}. A run that is stopped goes on from its finished rows and fits.",
        ]
    lines = []
    for name in EMBEDDINGS:
        model = getattr(params, name).model
        before = locked.get(name, {}).get("params", {}).get("params.yaml", {}).get(f"{name}.model", model)
        if model != before:
            fetched = "" if model.startswith("packaged:") or Path(model).exists() else " (fetched once, from its hub)"
            lines.append(
                f"{name} has another model, {model}{fetched}: every product is embedded anew, then train runs."
            )
    return lines


def has_remote(root: Path) -> bool:
    """Return whether this checkout knows a DVC remote."""
    config = configparser.ConfigParser(strict=False, interpolation=None)
    try:
        config.read([root / ".dvc/config", root / ".dvc/config.local"], encoding="utf-8")
    except configparser.Error:  # DVC will say what is wrong with it
        return False
    return any("remote " in section for section in config.sections())


def _locked_stages(path: Path) -> dict[str, Any]:
    if not path.is_file():
        return {}
    stages: dict[str, Any] = yaml.safe_load(path.read_bytes()).get("stages", {})
    return stages
