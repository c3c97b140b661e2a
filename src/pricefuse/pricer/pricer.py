"""Prices for new products: a price model and its encoders, loaded once, on any machine."""

import warnings
from collections.abc import Iterator, Mapping
from contextlib import nullcontext
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Self

import numpy as np
import pandas as pd
import torch

from pricefuse.device import pick_device
from pricefuse.download.local_files import LocalImages
from pricefuse.download.settings import DownloadSettings
from pricefuse.errors import InputError
from pricefuse.features.settings import FuseSettings
from pricefuse.models.price_model import PriceModel
from pricefuse.pricer.encoders import load_encoders, settings_of
from pricefuse.pricer.feature_rows import FeatureRows
from pricefuse.pricer.products import NOWHERE, Pictures, Products, local_images
from pricefuse.pricer.reasons import Reasons, reasons
from pricefuse.progress import progress
from pricefuse.text.settings import CleanSettings

COVERAGE = 0.8
WINDOW_ROWS = 256  # whose pictures are in memory
COLUMNS = ["sample_id", "price", "price_low", "price_high"]


class PricerWarning(UserWarning):
    """Something about the products that the caller should know; their prices are as good as can be all the same."""


@dataclass(frozen=True)
class Priced:
    """`prices`: sample_id, price, price_low, price_high; `notes`: what the caller should know of them, a line each."""

    prices: pd.DataFrame
    notes: list[str]


class Pricer:
    """A price model, ready to price products: `Pricer.load(folder).predict(frame)`.

    Key properties:
    - It needs neither DVC, git, a GPU nor, but for `fetch`, the network: encoders are found in installed packages, in
      folders, or in the model hub's local cache, and have to give the vectors that they gave in training.
    - Text, attributes, pictures and features are made by the code of the stages.
    - A product's price does not depend on the products beside it: each is encoded, and priced, alone. Prices can differ
      from the pipeline's, which encodes in batches, in their last digits.
    """

    def __init__(self, model: PriceModel, rows: FeatureRows, pictures: DownloadSettings) -> None:
        self.model = model
        self._rows, self._pictures = rows, pictures

    @classmethod
    def load(cls, folder: str | Path, device: str = "auto", encoders: Mapping[str, str | Path] | None = None) -> Self:
        """Load the price model of `folder`, and its encoders.

        `device` is "cpu", "cuda" or "auto". `encoders` names folders of encoders ("gemma", "clip") that are now
        elsewhere than in training. Raises InputError where a file of the model is missing or damaged, and where an
        encoder is not here or gives other vectors than in training.
        """
        stored = PriceModel.load(Path(folder))
        members = {member: dict(fits) for member, fits in stored.members.items()}  # read once, and kept
        model = replace(stored, members=members)
        recipe, cards = model.recipe, model.provenance.get("encoders")
        if not recipe or not isinstance(cards, Mapping):
            raise InputError(
                f"{folder}: the model does not say how new products are prepared. Run `dvc repro ensemble`"
            )
        unknown = sorted(set(encoders or {}) - set(cards))
        if unknown:
            raise InputError(f"no such encoder: {', '.join(unknown)}. There are: {', '.join(cards)}")
        folders = {name: Path(path) for name, path in (encoders or {}).items()}
        blocks = {block.name for block in model.blocks}
        loaded = load_encoders(recipe, cards, blocks, _device(device), folders)
        clean = settings_of(CleanSettings, recipe.get("clean"), "clean")
        fuse = settings_of(FuseSettings, recipe.get("fuse"), "fuse")
        download = settings_of(DownloadSettings, recipe.get("download"), "download")
        rows = FeatureRows(model.blocks, model.attributes, clean, fuse, loaded)
        # A model may come from anywhere: which private addresses this machine fetches from is not its decision.
        return cls(model, rows, download.model_copy(update={"allowed_hosts": ()}))

    def predict(
        self,
        frame: pd.DataFrame,
        images: str | Path | LocalImages | None = None,
        coverage: float = COVERAGE,
        *,
        fetch: bool = False,
    ) -> pd.DataFrame:
        """Return sample_id, price, price_low and price_high, a row for each of `frame`, in its order.

        sample_id is as the frame has it. See `price`, whose notes become warnings (PricerWarning).
        """
        priced = self.price(frame, images, coverage, fetch=fetch)
        for note in priced.notes:
            warnings.warn(note, PricerWarning, stacklevel=2)
        return priced.prices

    def price(
        self,
        frame: pd.DataFrame,
        images: str | Path | LocalImages | None = None,
        coverage: float = COVERAGE,
        *,
        fetch: bool = False,
        show_progress: bool = False,
    ) -> Priced:
        """Return the prices of products, and what the caller should know of them.

        `frame` has sample_id, catalog_content and image_link (see `Products.of` for what may be missing). Pictures are
        files of the folder `images`, named by sample_id or by the last part of the link, or paths relative to it; links
        are fetched only with `fetch`. The interval holds `coverage` (0 to 1) of the prices. Raises InputError where the
        table has none of the columns, and where there is no folder `images`.
        """
        _require_share(coverage)
        products = Products.of(frame)
        pictures = Pictures(products, local_images(images), self._pictures, fetch)
        parts, far = [pd.DataFrame(columns=COLUMNS[1:], dtype=np.float64)], []
        shown = progress(total=len(products), title="prices", unit="product") if show_progress else nullcontext()
        with shown as bar:
            for start in range(0, len(products), WINDOW_ROWS):
                window = range(start, min(start + WINDOW_ROWS, len(products)))
                found = pictures.read(window)
                for at in window:
                    features = self._rows.of(self._rows.prepared(products.contents[at]), found.get(at))
                    parts.append(self.model.predict_with_bounds(features, coverage))
                    far += [products.sample_ids[at]] if self._is_far(features.matrix) else []
                    if bar is not None:
                        bar.update()
        prices = pd.concat(parts, ignore_index=True)
        ids = frame["sample_id"] if "sample_id" in frame else pd.Series(range(len(frame)))
        prices.insert(0, "sample_id", ids.reset_index(drop=True))
        return Priced(prices, [*products.notes, *pictures.notes(), *_guesses(far, len(products))])

    def explain(self, text: str, image: Path | None = None, coverage: float = COVERAGE) -> Reasons:
        """Return the price of one product, by its catalog_content and perhaps a picture's file, and the reasons for it.

        Raises InputError where the file is not there; a picture that cannot be used is a note.
        """
        _require_share(coverage)
        if image is not None and not image.is_file():
            raise InputError(f"{image}: no such file")
        image = None if image is None else image.resolve()
        frame = pd.DataFrame({"sample_id": [""], "catalog_content": [text]})
        products = Products.of(frame.assign(image_link="" if image is None else image.name))
        local = LocalImages(NOWHERE if image is None else image.parent, NOWHERE)
        pictures = Pictures(products, local, self._pictures, fetch=False)
        found = pictures.read(range(1))
        prepared = self._rows.prepared(text)
        features = self._rows.of(prepared, found.get(0))
        notes = [*(pictures.notes() if image is not None else []), *products.notes]
        return reasons(self.model, self._rows, prepared, features, coverage, notes)

    def _is_far(self, matrix: np.ndarray) -> bool:
        neighbors = self.model.neighbors
        if neighbors is None:
            return False
        ((start, stop),) = ((b.start, b.stop) for b in self.model.blocks if b.name == neighbors.block)
        return bool(neighbors.far(matrix[:, start:stop])[0])


def _require_share(coverage: float) -> None:
    if not 0 < coverage < 1:
        raise InputError(f"coverage {coverage} is not between 0 and 1")


def _guesses(far: list[str], count: int) -> Iterator[str]:
    if far:
        ids = ", ".join(far[:5])
        yield f"{len(far):,} of {count:,} prices are guesses: no training product resembles sample_id {ids}"


def _device(name: str) -> torch.device:
    if name == "auto":
        return pick_device()
    if name not in ("cpu", "cuda"):
        raise InputError(f"device {name!r}: there are auto, cpu and cuda")
    if name == "cuda" and not torch.cuda.is_available():
        raise InputError("device cuda: this machine has no GPU that torch can use. Use auto or cpu")
    return torch.device(name)
