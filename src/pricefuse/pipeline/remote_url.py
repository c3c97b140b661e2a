"""The kinds of remotes that `make remote` knows, and the check that a URL names one and carries no secret."""

import re
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import SplitResult, urlsplit

from pricefuse.errors import InputError

NAME = "team"


@dataclass(frozen=True)
class Kind:
    """What one kind of remote needs: DVC's plug-in, and the options that hold its secrets, which stay out of git.

    A plug-in without a version is pinned by requirements.txt, and one that is None is a part of DVC.
    """

    plug_in: str | None = None
    secrets: tuple[str, ...] = ()
    note: str = ""


WEB = Kind(
    secrets=("user", "password"),
    note=f"Read-only, unless the server takes uploads: by POST, or by PUT after `dvc remote modify {NAME} method PUT`",
)
WEBDAV = Kind(
    "dvc-webdav==3.0.1",
    secrets=("user", "password", "token"),
    note="The URL's folder has to be there: DVC makes folders in it, and not the folder itself",
)
KINDS = {
    "s3": Kind("dvc-s3", secrets=("access_key_id", "secret_access_key")),
    "gs": Kind("dvc-gs==3.1.0", secrets=("credentialpath",)),
    "azure": Kind(
        "dvc-azure==3.1.1",
        secrets=("account_key", "sas_token", "connection_string"),
        note=f"The storage account is no secret: `dvc remote modify {NAME} account_name ...` tells everybody",
    ),
    "ssh": Kind("dvc-ssh", secrets=("keyfile", "password")),
    "http": WEB,
    "https": WEB,
    "webdav": WEBDAV,
    "webdavs": WEBDAV,
}
FOLDER = Kind(note="A relative path is relative to the checkout: each clone looks beside itself")
BUCKETS = ("s3", "gs", "azure")
KNOWN = f"a folder, {', '.join(f'{scheme}://' for scheme in KINDS)}"
# What secrets look like wherever they stand: AWS's key ids, and the names that Azure and others give to theirs.
_SECRET = re.compile(
    r"\b(AKIA|ASIA)[0-9A-Z]{16}\b|(?i:(account|access|shared)_?key|signature|\bsig|token|secret|password)="
)


def checked_kind(url: str, root: Path) -> Kind:
    """Return the kind of remote that `url`, seen from the checkout `root`, names.

    Raises InputError, which does not repeat the URL, if it carries a secret; and InputError for a scheme that is not in
    KINDS, a URL without a host, and a folder inside the checkout.
    """
    scheme, colon, _ = url.partition("://")
    if not colon:
        _check_folder(url, root)
        return FOLDER
    if scheme not in KINDS:
        name = scheme if re.fullmatch(r"[A-Za-z][\w+.-]*", scheme) else "..."  # it may be a secret
        raise InputError(f"{name}:// is no kind of remote that is known here. Known: {KNOWN}")
    _refuse_secret("URL", url, scheme)
    if not _split("URL", url).hostname:
        raise InputError(f"{url}: no {'bucket' if scheme in BUCKETS else 'host'} after {scheme}://")
    return KINDS[scheme]


def check_endpoint(endpoint: str, url: str) -> None:
    """Raise InputError if `endpoint` is no address of a server, carries a secret, or `url` is none of S3."""
    if not url.startswith("s3://"):
        raise InputError(f"ENDPOINT is the address of an S3 server: it goes with an s3:// URL, not with {url}")
    _refuse_secret("ENDPOINT", endpoint, "s3")
    parts = _split("ENDPOINT", endpoint)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise InputError(f"ENDPOINT {endpoint} is no address of a server: http://host:9000, or https://...")


def same_place(url: str, other: str, root: Path) -> bool:
    """Return whether two URLs or folders, seen from `root`, are one place."""
    return _absolute(url, root) == _absolute(other, root)


def _absolute(url: str, root: Path) -> str:
    if not url or "://" in url:
        return url.rstrip("/")
    return str((root / Path(url).expanduser()).resolve())


def _check_folder(folder: str, root: Path) -> None:
    _refuse_secret("folder's name", folder, "")
    if re.match(r"[^/]+:", folder):
        raise InputError(
            f"{folder.partition(':')[0]}: ... is neither a folder nor a URL: ssh://host/path is a folder of another"
            f" machine. Known: {KNOWN}"
        )
    path = Path(_absolute(folder, root))
    if path.is_relative_to(root.resolve()):
        raise InputError(f"{folder} lies in this checkout, which no team mate can reach: name a folder outside of it")
    if path.exists() and not path.is_dir():
        raise InputError(f"{folder} is a file: name a folder")


def _split(what: str, url: str) -> SplitResult:
    try:
        parts = urlsplit(url)
        _ = parts.port  # checked when it is asked for
    except ValueError:
        raise InputError(f"{what}: no URL with a host, and a number as its port") from None  # it may hold a secret
    return parts


def _refuse_secret(what: str, url: str, scheme: str) -> None:
    if found := _secret_in(url, scheme):
        options = " or ".join(KINDS[scheme].secrets) if scheme else "<option>"
        raise InputError(
            f"the {what} carries {found}, and .dvc/config goes into git, for everybody and for ever. Give it without,"
            f" and keep the secret on this machine: dvc remote modify --local {NAME} {options} ..."
            " (in .dvc/config.local, which git ignores). If it is in git already, revoke it"
        )


def _secret_in(url: str, scheme: str) -> str | None:
    """Return what kind of secret a URL carries, in words that do not repeat it; None if it carries none."""
    if _SECRET.search(url):
        return "an access key, a token or a signature"
    if not scheme:
        return None
    rest = url.partition("://")[2] or url
    user, at, _ = rest.partition("/")[0].rpartition("@")
    if at and not (scheme == "ssh" and re.fullmatch(r"[\w.+-]+", user)):
        return "a user's name or password"
    if re.search(r":.*@", rest[len(user) :]):  # a password may hold a slash
        return "what looks like a password"
    return "a query string, where tokens and signatures stand" if re.search(r"[?#]", rest) else None
