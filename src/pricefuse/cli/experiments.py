"""Show DVC's experiments in a table that fits a terminal: each one's SMAPE beside its commit's, and what it changed.

`dvc exp show` has a column for every parameter, and one for the digest of every file that a stage reads.
"""

import logging
import shutil
import textwrap
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from pricefuse.pipeline.params import Params

from pricefuse.errors import InputError

HEADER = ("experiment", "state", "SMAPE", "interval", "change")
NUMBERS = (2, 4)  # columns of the header that are aligned at their right
LAST = "changed parameters"
WIDTH = 120  # characters
MIN_ROOM = 30  # of the last column, however narrow the terminal
WORKSPACE = "workspace"
Row = Mapping[str, Any]


def show_experiments(commits: int) -> list[str]:
    """Return the lines of a table of the experiments that started from each of the last `commits` commits.

    It is as wide as the terminal, and WIDTH where there is none. Raises InputError where this is no repository of git
    and DVC with a commit.
    """
    from dvc.api import exp_show  # noqa: PLC0415 - takes a second
    from dvc.exceptions import DvcException  # noqa: PLC0415
    from scmrepo.exceptions import SCMError  # noqa: PLC0415

    logging.getLogger("dvc").setLevel(logging.CRITICAL)
    try:
        rows = exp_show(num=commits)
    except (DvcException, SCMError) as error:
        reason = " ".join(str(error).split())
        raise InputError(f"no experiments can be read ({reason}). Run this in the pipeline's repository") from None
    if all(row["rev"] == WORKSPACE for row in rows):
        raise InputError("no commit here, from which experiments could start. Commit first: `git commit`")
    return table(rows, shutil.get_terminal_size((WIDTH, 24)).columns)


def table(rows: Sequence[Row], width: int) -> list[str]:
    """Return a header, and a line or more of at most `width` characters for every row of `dvc.api.exp_show`.

    Below each commit stand the experiments that started from it, the lowest SMAPE first, unfinished ones behind; above
    them the workspace, where it differs from its commit. `change` is the SMAPE less that of the commit.
    """
    shown: list[tuple[tuple[str, ...], list[str]]] = [(HEADER, [LAST])]
    for commit, experiments in _by_commit(rows):
        shown.append((_cells(commit, None), []))
        shown += [(_cells(row, commit), _changes(row, commit)) for row in experiments]
    widths = [max(len(cells[column]) for cells, _ in shown) for column in range(len(HEADER))]
    indent = sum(widths) + 2 * len(widths)
    lines = []
    for cells, changes in shown:
        padded = [
            cell.rjust(size) if column in NUMBERS else cell.ljust(size)
            for column, (cell, size) in enumerate(zip(cells, widths, strict=True))
        ]
        room = max(width - indent, MIN_ROOM)
        beside = [part for change in changes for part in textwrap.wrap(change, room, subsequent_indent="  ")]
        lines.append("  ".join([*padded, *beside[:1]]).rstrip())
        lines += [" " * indent + part for part in beside[1:]]
    return lines


def _by_commit(rows: Sequence[Row]) -> Iterator[tuple[Row, list[Row]]]:
    """Yield each commit's row with those of its experiments, and the workspace's among those of the first commit."""
    commits: list[tuple[Row, list[Row]]] = []
    for row in rows:
        if row["rev"] == WORKSPACE:
            workspace = row
        elif row["typ"] == "baseline":
            commits.append((row, []))
        else:
            commits[-1][1].append(row)
    for number, (commit, experiments) in enumerate(commits):
        experiments.sort(key=lambda row: (_smape(row) is None, _smape(row)))
        changed = _changes(workspace, commit) or workspace.get("smape") != commit.get("smape")
        yield commit, [workspace, *experiments] if changed and not number else experiments


def _cells(row: Row, commit: Row | None) -> tuple[str, ...]:
    name, smape = row["Experiment"] or row["rev"], _smape(row)
    state = "" if row["typ"] == "baseline" else "done" if _is_done(row) else row["State"].lower()
    if smape is None:
        return name, state, "", "", ""
    known = None if commit is None else _smape(commit)
    change = "" if known is None else f"{smape - known:+.3f}"
    return name, state, f"{smape:.2f}", f"{row['smape_low']:.2f} to {row['smape_high']:.2f}", change


def _is_done(row: Row) -> bool:
    return row["State"] in (None, "Success")


def _smape(row: Row) -> float | None:
    return row.get("smape") if _is_done(row) else None


def _changes(row: Row, commit: Row) -> list[str]:
    """Return the parameters whose value differs from the commit's, old and new."""
    return [
        f"{name} {_text(commit.get(name))} -> {_text(row.get(name))}"
        for name in dict.fromkeys([*commit, *row])
        if name.partition(".")[0] in Params.model_fields and commit.get(name) != row.get(name)
    ]


def _text(value: Any) -> str:
    """Return a value as params.yaml has it: `dvc.api.exp_show` makes all numbers float, and all else text."""
    if value is None:  # null is text
        return "absent"
    if isinstance(value, float):
        return str(int(value)) if value.is_integer() else str(value)
    text = str(value).replace("'", "")
    return {"True": "true", "False": "false", "None": "null", "": "''"}.get(text, text)
