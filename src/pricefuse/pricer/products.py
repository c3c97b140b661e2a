"""The products that a caller asks prices for: a table's columns, checked, and their pictures."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pandas as pd

from pricefuse.download.downloader import Download
from pricefuse.download.local_files import LocalImages
from pricefuse.download.settings import DownloadSettings
from pricefuse.errors import InputError

NOT_FETCHED = "not fetched"
NOWHERE = Path("/nonexistent")  # no folder: what links name as paths is not there
_USED = ("sample_id", "catalog_content", "image_link")


@dataclass(frozen=True)
class Products:
    """Ids, texts and links of the products, one of each a product; `notes` says what is unusual about the table."""

    sample_ids: list[str]
    contents: list[str]
    links: list[str]
    notes: list[str]

    @classmethod
    def of(cls, frame: pd.DataFrame) -> "Products":
        """Take the columns sample_id, catalog_content and image_link of a table; a missing value is an empty text.

        Without sample_id, products are numbered. A table may lack texts or links, but not both: raises InputError.
        """
        missing = [name for name in _USED if name not in frame]
        if {"catalog_content", "image_link"} <= set(missing):
            raise InputError(
                f"no column catalog_content. Found: {', '.join(map(str, frame)) or 'none'}. The text of a product is"
                " what it is priced by"
            )
        notes = {
            "sample_id": "no column sample_id: products are numbered from 0",
            "catalog_content": "no column catalog_content: products are priced by their picture alone",
            "image_link": "no column image_link: pictures are found by sample_id alone",
        }
        unused = [str(name) for name in frame if name not in _USED]
        ids = map(str, range(len(frame))) if "sample_id" in missing else _texts(frame, "sample_id")
        contents = _texts(frame, "catalog_content")
        empty = sum(not text.strip() for text in contents)
        said = [notes[name] for name in missing]
        said += [f"not used: columns {', '.join(unused)}"] if unused else []
        said += [f"{empty:,} of {len(frame):,} products have no text"] if empty and "catalog_content" in frame else []
        return cls(list(ids), contents, _texts(frame, "image_link"), said)

    def __len__(self) -> int:
        return len(self.sample_ids)


@dataclass
class Pictures:
    """The pictures of products, read some at a time as stage download reads them; `missing` counts reasons for none."""

    products: Products
    local: LocalImages
    settings: DownloadSettings
    fetch: bool
    missing: Counter[str] = field(default_factory=Counter)

    def read(self, positions: Sequence[int]) -> dict[int, bytes]:
        """Return the pictures at `positions` as JPEG; those that are missing or broken are counted, and left out."""
        ids, links = self.products.sample_ids, self.products.links
        download = Download([ids[at] for at in positions], [links[at] for at in positions], self.local, self.settings)
        wanted = [n for n in range(len(positions)) if self.fetch or not download.needs_network(n)]
        self.missing[NOT_FETCHED] += len(positions) - len(wanted)
        found = {}
        for n, record in download.compute(wanted):
            if record["jpeg"] is None:
                self.missing[record["error"]] += 1
            else:
                found[positions[n]] = record["jpeg"]
        return found

    def notes(self) -> list[str]:
        """Return what a caller should know of pictures that are missing."""
        reasons = [(reason, count) for reason, count in self.missing.most_common() if count]
        if not reasons:
            return []
        total = sum(count for _, count in reasons)
        listed = ", ".join(f"{reason} {count:,}" for reason, count in reasons)
        return [f"{total:,} of {len(self.products):,} products are priced without a picture: {listed}"]


def local_images(images: str | Path | LocalImages | None) -> LocalImages:
    """Return the image files of a folder; links that are paths are relative to it.

    Raises InputError where there is no such folder.
    """
    if isinstance(images, LocalImages):
        return images
    if images is None:
        return LocalImages(NOWHERE)
    folder = Path(images)
    if not folder.is_dir():
        raise InputError(f"{folder}: no such folder of images")
    return LocalImages(folder, folder)


def _texts(frame: pd.DataFrame, name: str) -> list[str]:
    if name not in frame:
        return [""] * len(frame)
    column = frame[name]
    return ["" if gone else str(value) for value, gone in zip(column, column.isna(), strict=True)]
