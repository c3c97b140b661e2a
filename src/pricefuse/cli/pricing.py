"""Price a table of products, or one product with the reasons for its price."""

import dataclasses
import json
import sys
from dataclasses import dataclass
from io import StringIO
from pathlib import Path
from tempfile import TemporaryDirectory

import pandas as pd
from rich.console import Console
from rich.table import Table
from rich.text import Text

from pricefuse.catalog import csv_file
from pricefuse.catalog.columns import FILE, locate, read_columns
from pricefuse.download.local_files import FOLDER, LocalImages
from pricefuse.errors import InputError
from pricefuse.files import replacing
from pricefuse.pricer import Pricer
from pricefuse.pricer.reasons import Reasons, Worth

STDIN = STDOUT = "-"
NAME_CHARACTERS = 70


@dataclass(frozen=True)
class Bundle:
    """A price model, the device, and encoders ("gemma=FOLDER") that are elsewhere than in training."""

    model: Path
    device: str
    encoders: list[str]

    def load(self) -> Pricer:
        """Load the model. Raises InputError where an encoder is not written as name=folder, and as `Pricer.load`."""
        pairs = [each.partition("=") for each in self.encoders]
        if wrong := [
            each for each, (_, sign, folder) in zip(self.encoders, pairs, strict=True) if not (sign and folder)
        ]:
            raise InputError(f"--encoder {wrong[0]}: write gemma=FOLDER or clip=FOLDER")
        return Pricer.load(self.model, self.device, {name: folder for name, _, folder in pairs})


def price_table(
    bundle: Bundle, table: str | None, out: str, images: Path | None, coverage: float, *, fetch: bool
) -> None:
    """Write the prices of the products of a CSV file, to a file or to standard output; say what is unusual.

    Pictures are looked for as in a catalog: in the folder `images` beside the file, or in the one given, and at paths
    relative to the file's folder. Raises InputError as `read_products` and `Pricer.price` do.
    """
    if table is None:
        raise InputError("no TABLE to price, and no --text. See `pricefuse predict --help`")
    if table == STDIN:
        with TemporaryDirectory(prefix="pricefuse-") as scratch:
            path = Path(scratch) / "stdin.csv"
            path.write_bytes(sys.stdin.buffer.read())
            try:
                frame, folder = read_products(path), Path()
            except InputError as error:
                raise InputError(str(error).replace(str(path), "standard input")) from None
    elif not Path(table).is_file():
        raise InputError(f"{table}: no such file of products")
    else:
        frame, folder = read_products(Path(table)), Path(table).parent
    if images is not None and not images.is_dir():
        raise InputError(f"{images}: no such folder of images")
    local = LocalImages(folder, images or folder / FOLDER)
    priced = bundle.load().price(frame, local, coverage, fetch=fetch, show_progress=True)
    for note in priced.notes:
        print(f"note: {note}", file=sys.stderr)
    if out == STDOUT:
        sys.stdout.write(priced.prices.to_csv(index=False, float_format="%.6g"))
        return
    with replacing(Path(out)) as temporary:
        priced.prices.to_csv(temporary, index=False, float_format="%.6g")
    print(f"{out}: {len(frame):,} prices, with intervals that hold {coverage:.0%} of them", file=sys.stderr)


def read_products(path: Path) -> pd.DataFrame:
    """Return sample_id, catalog_content and image_link of a CSV file, those that it has.

    A columns.yaml beside it says which columns these are, as for a catalog. Raises InputError naming file, row and line
    for what is not such a file.
    """
    _, header = next(csv_file.records(path), (0, None))
    if header is None:
        raise InputError(f"{path}: the file is empty. It needs a header and a row a product")
    if read_columns(path.parent):
        layout = locate(header, read_columns(path.parent), path, "test")
        rows = [
            (fields[layout.sample_id].strip(), layout.content(fields), fields[layout.image_link].strip())
            for _, _, fields in csv_file.rows(path)
        ]
        return pd.DataFrame(rows, columns=["sample_id", "catalog_content", "image_link"])
    if repeated := sorted({name for name in header if header.count(name) > 1}):
        raise InputError(f"{path}, header: column {', '.join(repeated)} is there twice. Rename one, or write {FILE}")
    return pd.DataFrame([fields for _, _, fields in csv_file.rows(path)], columns=header)


def price_one(bundle: Bundle, text: str, image: Path | None, coverage: float, *, as_json: bool) -> None:
    """Print the price of one product and the reasons for it: for people, or as JSON.

    Raises InputError as `Pricer.explain` does.
    """
    reasons = bundle.load().explain(text, image, coverage)
    if as_json:
        print(json.dumps(dataclasses.asdict(reasons) | _named(reasons), indent=2, ensure_ascii=False))
    else:
        sys.stdout.write(shown(reasons, color=sys.stdout.isatty()))


def shown(reasons: Reasons, *, color: bool) -> str:
    """Return what people are shown of a price: the interval, the strongest reasons, and products that resemble it."""
    written = StringIO()
    console = Console(file=written, force_terminal=color, no_color=not color, width=100, highlight=False)
    headline = Text.assemble((f"{reasons.price:,.2f}", "bold"), f"   {reasons.coverage:.0%} interval ")
    console.print(headline.append(f"{reasons.price_low:,.2f} to {reasons.price_high:,.2f}"))
    for note in reasons.notes:
        console.print(Text(f"note: {printable(note)}", style="yellow"))
    for title, worth in (("what each word adds", reasons.words), ("what it states adds", reasons.statements)):
        if worth:
            console.print(_worth_table(title, worth))
    if reasons.neighbors:
        table = Table("price", "alike", "training products that resemble it", box=None, pad_edge=False)
        for neighbor in reasons.neighbors:
            name = printable(neighbor.name)[:NAME_CHARACTERS]
            table.add_row(f"{neighbor.price:,.2f}", f"{neighbor.cosine:.2f}", Text(name, overflow="ellipsis"))
        console.print("", table, sep="\n")
    return written.getvalue()


def printable(text: str) -> str:
    """Return a text without control characters: a name from a catalog must not steer the terminal."""
    return "".join(character if character.isprintable() else " " for character in text)


def _worth_table(title: str, worth: list[Worth]) -> Table:
    table = Table("", title, box=None, pad_edge=False)
    for each in worth:
        table.add_row(
            Text(f"{each.share:+.0%}", style="green" if each.share > 0 else "red"), Text(printable(each.what))
        )
    return table


def _named(reasons: Reasons) -> dict[str, object]:
    """Return the reasons as objects with names, which JSON would make lists of."""
    return {name: [each._asdict() for each in getattr(reasons, name)] for name in ("neighbors", "words", "statements")}
