"""Name where the team's data lies: python -m pricefuse.pipeline.remote s3://bucket/pricefuse.

The place becomes DVC's default remote, `team`, in .dvc/config, which git carries to everybody. Secrets have no place
there: a URL that holds one is refused before anything is written. Without a URL, the remote of .dvc/config stays as it
is, and its plug-in is installed: what a team mate needs after `git clone`.
"""

import subprocess
import sys
from collections.abc import Callable
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from pricefuse.pipeline import stage
from pricefuse.pipeline.remote_url import FOLDER, KNOWN, NAME, WEB, Kind, check_endpoint, checked_kind, same_place

from dvc.config import Config, ConfigError

from pricefuse.errors import InputError


def set_remote(url: str, endpoint: str, root: Path, install: Callable[[str], None]) -> list[str]:
    """Make `url` the default remote of the DVC repository in `root`; return lines that say what changed, and what next.

    `endpoint` is the address of an S3 server other than Amazon's; empty leaves the one that is there. An empty `url` is
    that of .dvc/config. A plug-in that is missing is given to `install`, as a requirement of pip, before anything is
    written.

    Raises InputError, and changes nothing, for a URL that DVC does not know or that carries a secret, and where this
    machine's own options for the remote are those of another kind.
    """
    before = _configured(root)
    old = before.get("url", "")
    place = url or old
    if not place:
        raise InputError(f"name where the team's data is to lie ({KNOWN}): make remote URL=s3://bucket/pricefuse")
    kind = checked_kind(place, root)
    if endpoint:
        check_endpoint(endpoint, place)
    _require_fitting_options(place, root)
    if kind.plug_in and not _installed(kind.plug_in):
        install(kind.plug_in)

    said = []
    if not same_place(place, old, root):
        _dvc(root, "remote", "add", "-q", "-d", "-f", NAME, place if "://" in place else str(Path(place).expanduser()))
        said.append(f"{NAME}: {place}")
        if old:
            said.append(f"It replaces {old}: what lies there stays there")
        before = {}
    elif not before["default"]:
        _dvc(root, "remote", "default", "-q", NAME)
        said.append(f"{NAME}: {place} is the default remote now")
    if endpoint and endpoint != before.get("endpointurl"):
        _dvc(root, "remote", "modify", "-q", NAME, "endpointurl", endpoint)
        said.append(f"{NAME}: endpoint {endpoint}")

    if said:
        push = "" if kind is WEB else " && dvc push"
        said.append(f"Next: git commit -m 'Name the remote' .dvc/config && git push{push}")
    else:
        said.append(f"{NAME} already is {place}: nothing to change. `dvc pull` fetches its data")
    return said + _advice(kind, place) + _overridden(root)


def _advice(kind: Kind, place: str) -> list[str]:
    if kind is FOLDER:
        return [] if Path(place).expanduser().is_absolute() else [kind.note]
    options = ", ".join(kind.secrets)
    said = [f"Secrets stay on this machine: dvc remote modify --local {NAME} <option> ... ({options})"]
    return said + [kind.note] * bool(kind.note)


def _config(root: Path) -> Config:
    try:
        return Config(str(root / ".dvc"), validate=False)
    except ConfigError as error:
        raise InputError(f"{root / '.dvc/config'} or config.local cannot be read: {error}") from None


def _configured(root: Path) -> dict[str, Any]:
    """Return the options of the remote in .dvc/config, folders as absolute paths, and whether it is the default."""
    config = _config(root).read("repo")
    return {**config["remote"].get(NAME, {}), "default": config["core"].get("remote") == NAME}


def _require_fitting_options(url: str, root: Path) -> None:
    """Raise InputError if this machine's own options are those of another kind of remote, with which DVC would fail."""
    own = _config(root).read("local")["remote"].get(NAME, {})
    try:
        Config.validate({"remote": {NAME: {**own, "url": url}}})
    except ConfigError:
        raise InputError(
            f"this machine's .dvc/config.local has options for {NAME} that its new kind does not know"
            f" ({', '.join(own)}): `dvc remote remove --local {NAME}` drops them"
        ) from None


def _overridden(root: Path) -> list[str]:
    """Return a line if this machine's own settings name another remote than .dvc/config does."""
    settings = _config(root)
    name = settings["core"].get("remote")
    url = settings["remote"].get(name, {}).get("url")
    if name == NAME and url == _configured(root)["url"]:
        return []
    return [f"But this machine's own settings (.dvc/config.local) name another, which DVC takes here: {name}: {url}"]


def _installed(requirement: str) -> bool:
    name, _, pin = requirement.partition("==")
    try:
        found = version(name)
    except PackageNotFoundError:
        return False
    return found == (pin or found)


def pip_install(requirement: str) -> None:
    """Install a plug-in into the environment that runs this, at versions that leave the pinned ones as they are."""
    print(f"Installing {requirement}, once for this environment", flush=True)
    command = [sys.executable, "-m", "pip", "--disable-pip-version-check", "--quiet", "install"]
    done = subprocess.run([*command, "-c", "constraints.txt", requirement], check=False)  # noqa: S603 - from KINDS
    if done.returncode:
        raise InputError(f"{requirement} could not be installed: see pip's message above. The remote is as it was")


def _dvc(root: Path, *arguments: str) -> None:
    command = [sys.executable, "-m", "dvc", *arguments]
    done = subprocess.run(command, cwd=root, capture_output=True, check=False, text=True)  # noqa: S603 - a checked URL
    if done.returncode:
        raise InputError(f"DVC could not set the remote: {done.stderr.strip()}")


def main() -> None:
    url, endpoint = ([argument.strip() for argument in sys.argv[1:]] + ["", ""])[:2]
    print("\n".join(set_remote(url, endpoint, Path(), pip_install)))


if __name__ == "__main__":
    stage.run(main)
