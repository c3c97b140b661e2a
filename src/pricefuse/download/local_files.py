"""Find the local image files that the user has beside the catalog."""

import os
import re
from pathlib import Path
from urllib.parse import unquote, urlsplit

from pricefuse.errors import InputError

FOLDER = "images"
EXTENSIONS = (".jpg", ".jpeg", ".png", ".webp", ".gif")
_SCHEME = re.compile(r"[a-z][a-z0-9+.-]*:", re.IGNORECASE)  # RFC 3986, 3.1


class OutsideFolderError(ValueError):
    """A link that is a path, but not one inside the catalog folder."""


class UnreadableFileError(ValueError):
    """An entry of the images folder that cannot be followed to a file."""


class LocalImages:
    """The image files of a catalog: those in its folder `images`, listed once, and those that links name as paths.

    `images` may be another folder. Files in it are found by comparing names with the listing: no path is made from an
    id or a URL. The listed files themselves may be symbolic links, as DVC's cache makes them.

    Raises InputError if there is an `images` that cannot be listed.
    """

    def __init__(self, catalog_folder: Path, images: Path | None = None) -> None:
        self._folder = catalog_folder
        self._resolved = catalog_folder.resolve()
        self._files: dict[str, Path] = {}
        self._unreadable: set[Path] = set()
        for path, readable in _listing(images or catalog_folder / FOLDER):
            if not readable:
                self._unreadable.add(path)
            self._files.setdefault(path.name, path)
        # A whole name wins over a name without its extension, whatever the order.
        for path in list(self._files.values()):
            self._files.setdefault(_stem(path.name), path)

    def find(self, sample_id: str, image_link: str) -> Path | None:
        """Return the file for a product, None if there is none.

        The file named by the sample id comes first, then the one named by the last part of the link, percent-decoded,
        both with any image extension; then, if the link has no scheme, the path relative to the catalog folder.

        Raises OutsideFolderError if such a path, or the symbolic link that it names, leaves the catalog folder;
        UnreadableFileError if the file is a symbolic link that cannot be followed.
        """
        for name in (sample_id, _last_part(image_link)):
            path = self._files.get(name) or self._files.get(_stem(name))
            if path in self._unreadable:
                raise UnreadableFileError("file cannot be read")
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


def _listing(folder: Path) -> list[tuple[Path, bool]]:
    """Return the files of a folder, by name, and whether each can be followed to its content."""
    if not os.path.lexists(folder):
        return []
    try:
        with os.scandir(folder) as entries:
            found = {entry.name: readable for entry in entries if (readable := _is_file(entry)) is not False}
    except OSError as error:
        raise InputError(
            f"{folder}: cannot be listed ({error.strerror}). Make it a readable folder of images, or remove it"
        ) from error
    return [(folder / name, bool(found[name])) for name in sorted(found)]


def _is_file(entry: os.DirEntry[str]) -> bool | None:
    """Return whether an entry is a file, or leads to one; None if it leads nowhere that can be told, as in a cycle."""
    try:
        return entry.is_file()
    except OSError:
        return None


def _stem(name: str) -> str:
    stem, dot, extension = name.rpartition(".")
    return stem if dot + extension.lower() in EXTENSIONS else name


def _last_part(link: str) -> str:
    try:
        path = urlsplit(link).path
    except ValueError:
        return ""
    return unquote(path.rpartition("/")[2])
