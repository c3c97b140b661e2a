"""Settings of the workers, from params.yaml and the environment."""

import os
import re
from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import Field, ValidationError

from pricefuse.errors import InputError
from pricefuse.settings import Auto, Settings

VARIABLE = "PRICEFUSE_WORKERS"
MAX_WORKERS, MAX_THREADS = 10_000, 1024
_GIVEN = re.compile(r"(here)|(processes|ray)(?::([0-9]{1,5})(?:x([0-9]{1,4}))?)?")
Seconds = Annotated[float, Field(gt=0, le=604_800)]


class WorkersSettings(Settings):
    """Section `workers` of params.yaml, whose comments say what each key means.

    No stage names it among its params: who computes changes no result.
    """

    kind: Literal["here", "processes", "ray"]
    count: Annotated[int, Field(ge=1, le=MAX_WORKERS)] | Auto
    threads: Annotated[int, Field(ge=1, le=MAX_THREADS)] | Literal["same"]
    address: Annotated[str, Field(min_length=1, max_length=300)] | None
    public_address: bool
    download: bool
    start_s: Seconds
    silence_s: Seconds

    def with_environment(self, environment: Mapping[str, str] = os.environ) -> "WorkersSettings":
        """Return these settings with what PRICEFUSE_WORKERS says, where it is set.

        That is a kind, a kind and a number of workers (`processes:4`), or their threads, too (`processes:4x2`). Raises
        InputError where it is set to something else.
        """
        given = environment.get(VARIABLE, "").strip()
        if not given:
            return self
        found = _GIVEN.fullmatch(given)
        changes: dict[str, Any] = {}
        if found is not None:
            here, kind, count, threads = found.groups()
            changes = {"kind": here or kind, "count": int(count) if count else "auto"}
            changes |= {"threads": int(threads)} if threads else {}
        try:
            return WorkersSettings.model_validate({**self.model_dump(), **changes} if changes else None)
        except ValidationError:
            raise InputError(
                f"{VARIABLE} is {given!r:.80}. Set it to here, processes or ray; the latter two, if you like, with the"
                " number of workers and the CPU threads of each: processes:4, processes:4x2"
            ) from None
