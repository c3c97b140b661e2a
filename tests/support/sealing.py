"""Change a price model or features as somebody would who also knows how their digests are computed."""

import json

from pricefuse.files import digests, json_digest, write_sealed


def seal(folder):
    """Make model.json state the files as they are now."""
    path = folder / "model.json"
    content = json.loads(path.read_text())
    del content["digest"]
    there = [name for name in content["files"] if (folder / name).is_file()]
    content["files"] |= {name: kept.model_dump() for name, kept in digests(folder, there).items()}
    path.write_text(json.dumps({**content, "digest": json_digest(content)}))


def tamper(folder, change):
    """Apply `change` to the content of model.json, and seal it."""
    path = folder / "model.json"
    content = json.loads(path.read_text())
    change(content)
    path.write_text(json.dumps(content))
    seal(folder)


def seal_features(folder, layout=None):
    """Make layout.json, of the content given or as it is, state the files as they are now."""
    content = layout or json.loads((folder / "layout.json").read_text())
    content.pop("digest", None)
    files = {name: kept.model_dump() for name, kept in digests(folder, content["files"]).items()}
    write_sealed(folder / "layout.json", {**content, "files": files})
