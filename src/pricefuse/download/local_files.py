"""Find the local image files that the user has beside the catalog."""

import os
import re
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import unquote, urlsplit

FOLDER = "images"
EXTENSIONS = (".jpg", ".jpeg", ".png", ".webp", ".gif")
_SCHEME = re.compile(r"[a-z][a-z0-9+.-]*:", re.IGNORECASE)  # RFC 3986, 3.1


class OutsideFolderError(ValueError):
    """A link that is a path, but not one inside the catalog folder."""


class LocalImages:
    """The image files of a catalog: those in its folder `images`, listed once, and those that links name as paths.

    Files in `images` are found by comparing names with the listing: no path is made from an id or a URL. The listed
    files themselves may be symbolic links, as DVC's cache makes them.
    """

    def __init__(self, catalog_folder: Path) -> None:
        self._folder = catalog_folder
        self._resolved = catalog_folder.resolve()
        self._files: dict[str, Path] = {}
        for path in _listing(catalog_folder / FOLDER):
            self._files.setdefault(path.name, path)
        # A whole name wins over a name without its extension, whatever the order.
        for path in list(self._files.values()):
            self._files.setdefault(_stem(path.name), path)

    def find(self, sample_id: str, image_link: str) -> Path | None:
        """Return the file for a product, None if there is none.

        The file named by the sample id comes first, then the one named by the last part of the link, percent-decoded,
        both with any image extension; then, if the link has no scheme, the path relative to the catalog folder.

        Raises OutsideFolderError if such a path, or the symbolic link that it names, leaves the catalog folder.
        """
        for name in (sample_id, _last_part(image_link)):
            path = self._files.get(name) or self._files.get(_stem(name))
            if path is not None:
                return path
        return None if not image_link or has_scheme(image_link) else self._relative(image_link)

    def _relative(self, link: str) -> Path | None:
        path = self._folder / link
        try:
            resolved, is_file = path.resolve(), path.is_file()
        except (OSError, ValueError, RuntimeError):  # too long, a null character, a cycle of symbolic links
            return None
        if Path(link).is_absolute() or not resolved.is_relative_to(self._resolved):
            raise OutsideFolderError("path leaves the catalog folder")
        return path if is_file else None


def has_scheme(link: str) -> bool:
    """Whether a link is a URL and not a path."""
    return _SCHEME.match(link) is not None


def _listing(folder: Path) -> Iterator[Path]:
    if not folder.is_dir():
        return
    with os.scandir(folder) as entries:
        names = sorted(entry.name for entry in entries if entry.is_file())
    for name in names:
        yield folder / name


def _stem(name: str) -> str:
    stem, dot, extension = name.rpartition(".")
    return stem if dot + extension.lower() in EXTENSIONS else name


def _last_part(link: str) -> str:
    try:
        path = urlsplit(link).path
    except ValueError:
        return ""
    return unquote(path.rpartition("/")[2])
