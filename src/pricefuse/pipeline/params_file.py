"""Change params.yaml as DVC does: in the form that `dvc exp run -S` writes, with comments and order kept."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from pricefuse.pipeline.params import read_params

from ruamel.yaml import YAML
from ruamel.yaml.comments import CommentedMap
from ruamel.yaml.error import YAMLError

from pricefuse.errors import InputError
from pricefuse.files import replacing

COMMENT_COLUMN = 35


@contextmanager
def editing(path: Path, purpose: str) -> Iterator[CommentedMap]:
    """Yield the content of params.yaml; when the block ends well, write what was changed in it, atomically.

    Assign plain Python values: they are written in DVC's form. Raises InputError that names `purpose`, and changes
    nothing, if the pipeline would refuse the values.
    """
    yaml = YAML()  # with DVC's own settings: dvc.utils.serialize
    yaml.default_flow_style = False
    try:
        document = yaml.load(path)
    except FileNotFoundError:
        raise InputError(f"{path}: no such file. Run from the repository's top folder") from None
    except YAMLError as error:
        raise InputError(f"{path}: not valid YAML: {' '.join(str(error).split())}") from None
    if not isinstance(document, CommentedMap):
        raise InputError(f"{path}: not a file of sections with parameters below them")
    yield document
    _align_comments(document)
    with replacing(path) as temporary:
        with temporary.open("w", encoding="utf-8") as file:
            yaml.dump(document, file)
        try:
            read_params(temporary)
        except InputError as error:
            raise InputError(f"{path} with {purpose}: {str(error).removeprefix(f'{temporary}: ')}") from None


def _align_comments(document: CommentedMap) -> None:
    """Put comments that follow a value into their column: a hand that changed the value may have moved its own."""
    for part in (document, *(value for value in document.values() if isinstance(value, CommentedMap))):
        for tokens in part.ca.items.values():
            if tokens[2] is not None:
                tokens[2].start_mark.column = COMMENT_COLUMN
