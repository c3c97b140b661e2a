"""Change a price model as somebody would who also knows how its digests are computed."""

import json

from pricefuse.models import manifest


def seal(folder):
    """Make model.json state the files as they are now."""
    path = folder / "model.json"
    content = json.loads(path.read_text())
    del content["digest"]
    there = [name for name in content["files"] if (folder / name).is_file()]
    content["files"] |= {name: kept.model_dump() for name, kept in manifest.digests(folder, there).items()}
    path.write_text(json.dumps({**content, "digest": manifest._digest(content)}))


def tamper(folder, change):
    """Apply `change` to the content of model.json, and seal it."""
    path = folder / "model.json"
    content = json.loads(path.read_text())
    change(content)
    path.write_text(json.dumps(content))
    seal(folder)
