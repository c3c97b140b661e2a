"""Find a catalog's fields in its columns: those of the challenge, or those that the catalog's columns.yaml names.

Item Name: [brand, title]                 several columns are joined with a space
Bullet Point: [bullet_1, bullet_2]        each is a bullet of its own
Product Description: description
Value: size
Unit: unit
sample_id: id                             like image_link and price, where the column has another name

With any of these labels, `catalog_content` is composed from labeled lines, as the challenge writes it.
"""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import yaml

from pricefuse.errors import InputError

FILE = "columns.yaml"
NAME, BULLET, DESCRIPTION, VALUE, UNIT = "Item Name", "Bullet Point", "Product Description", "Value", "Unit"
LABELS = (NAME, BULLET, DESCRIPTION, VALUE, UNIT)
_ID, _CONTENT, _LINK, _PRICE = "sample_id", "catalog_content", "image_link", "price"
_FIELDS = {"train": (_ID, _CONTENT, _LINK, _PRICE), "test": (_ID, _CONTENT, _LINK)}
SPLITS = tuple(_FIELDS)
_SEVERAL = {NAME, BULLET, DESCRIPTION}  # what may come from more than one column

Content = Callable[[list[str]], str]


@dataclass(frozen=True, slots=True)
class Layout:
    """Where the fields of a product stand in a row of one file; `price` is None in test.csv."""

    sample_id: int
    image_link: int
    price: int | None
    content: Content
    price_column: str
    id_column: str
    unused: tuple[str, ...]


def read_columns(folder: Path) -> dict[str, tuple[str, ...]]:
    """Return the column names that `folder`/columns.yaml gives to fields and labels; {} where there is no such file.

    Raises InputError naming file and key for what is no mapping of known keys to column names.
    """
    path = folder / FILE
    try:
        # Every scalar stays the string that it is: a column may be called `no` or 1.
        root = yaml.compose(path.read_text(encoding="utf-8"), Loader=yaml.BaseLoader)
    except FileNotFoundError:
        return {}
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise InputError(f"{path}: not valid YAML: {' '.join(str(error).split())}. Correct it or remove it") from None
    if not isinstance(root, yaml.MappingNode):
        raise InputError(f"{path}: no lines `{NAME}: title` in it. Write one for each column, or remove the file")
    columns: dict[str, tuple[str, ...]] = {}
    for key_node, value in root.value:
        key = str(key_node.value)
        if key not in (known := (*LABELS, *_FIELDS["train"])):
            raise InputError(f"{path}, key {key[:80]}: there is no such field. The fields are {', '.join(known)}")
        if key in columns:
            raise InputError(f"{path}, key {key}: it is there twice. Put several columns into one list, [a, b]")
        columns[key] = _names(value, f"{path}, key {key}", several=key in _SEVERAL)
    if _CONTENT in columns and (labels := [label for label in LABELS if label in columns]):
        raise InputError(
            f"{path}, key {_CONTENT}: the labels ({', '.join(labels)}) already say what its text is made of. Remove"
            f" {_CONTENT}, or give its column to {DESCRIPTION}"
        )
    return columns


def _names(value: yaml.Node, place: str, *, several: bool) -> tuple[str, ...]:
    nodes = value.value if isinstance(value, yaml.SequenceNode) else [value]
    if not nodes or not all(isinstance(node, yaml.ScalarNode) and node.value for node in nodes):
        raise InputError(
            f"{place}: not the name of a column{' or a list of them' * several}. Write it as the header does"
        )
    if len(nodes) > 1 and not several:
        raise InputError(f"{place}: {len(nodes)} columns where one is read. Name one")
    return tuple(node.value for node in nodes)


def locate(header: list[str], columns: dict[str, tuple[str, ...]], path: Path, split: str) -> Layout:
    """Return where the fields stand in the file `path` with this header; `columns` is what `read_columns` returned.

    Raises InputError naming the file, the key and what columns there are, for one that is missing or there twice.
    """
    labels = [label for label in LABELS if label in columns]
    names = {field: columns.get(field, (field,)) for field in _FIELDS[split] if not (labels and field == _CONTENT)}
    names |= {label: columns[label] for label in labels}
    at: dict[str, tuple[int, ...]] = {}
    for field, wanted in names.items():
        for name in wanted:
            if header.count(name) != 1:
                raise _missing(header, name, path, field if field in columns else None)
        at[field] = tuple(header.index(name) for name in wanted)
    used = {position for positions in at.values() for position in positions}
    return Layout(
        sample_id=at[_ID][0],
        image_link=at[_LINK][0],
        price=at[_PRICE][0] if _PRICE in at else None,
        content=_composed({label: at[label] for label in labels}) if labels else _taken(at[_CONTENT][0]),
        price_column=columns.get(_PRICE, (_PRICE,))[0],
        id_column=names[_ID][0],
        unused=tuple(name for position, name in enumerate(header) if position not in used),
    )


def _missing(header: list[str], name: str, path: Path, key: str | None) -> InputError:
    problem = "is there twice" if name in header else "is missing"
    file, found = path.parent / FILE, ", ".join(header)
    if key:
        return InputError(f"{file}, key {key}: column {name!r} {problem} in {path}. Found: {found}. Name one of these")
    return InputError(
        f"{path}, header: column {name} {problem}. Found: {found}. Correct the header, or say in {file} which column"
        " it is (README: Your own catalog)"
    )


def _taken(position: int) -> Content:
    return lambda fields: fields[position]


def _composed(at: dict[str, tuple[int, ...]]) -> Content:
    """Return a function that writes a row's columns as labeled lines, without those that are empty.

    Line ends within a column become spaces: no text can pass for the next label.
    """

    def content(fields: list[str]) -> str:
        lines = []
        for label, positions in at.items():
            texts = [text for position in positions if (text := " ".join(fields[position].split()))]
            if label == BULLET:
                lines += [f"{BULLET} {number}: {text}" for number, text in enumerate(texts, start=1)]
            elif texts:
                lines.append(f"{label}: {' '.join(texts)}")
        return "\n".join(lines)

    return content
