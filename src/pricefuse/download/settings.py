"""Settings of the image download."""

from typing import Annotated, Literal

from pydantic import Field

from pricefuse.resources import available_cores
from pricefuse.settings import Auto, Settings, Share

# A core decodes some 16 images in the time that a server far away takes to send one.
CONNECTIONS_A_CORE, MIN_CONNECTIONS, MAX_CONNECTIONS = 16, 32, 256


class DownloadSettings(Settings):
    """Section `download` of params.yaml. Sizes in pixels and bytes, times in seconds.

    `deadline_s` covers one image with its redirects and retries, but not the wait for a turn under our own limits.
    `read_timeout_s` is the longest silence. `allowed_hosts` may be at private addresses, such as a local mirror. After
    `give_up_after` failed connections and time-outs in a row a host counts as unreachable, and its remaining links fail
    at once; one that has answered before is given a minute since its last answer, too. The limits on connections and
    requests hold over all threads.
    """

    side: Annotated[int, Field(ge=16, le=4096)]
    jpeg_quality: Annotated[int, Field(ge=1, le=95)]
    max_pixels: Annotated[int, Field(ge=1, le=1_000_000_000)]
    max_bytes: Annotated[int, Field(ge=1, le=1_000_000_000)]
    connections: Annotated[int, Field(ge=1, le=512)] | Auto
    connections_per_host: Annotated[int, Field(ge=1, le=512)]
    requests_per_second_per_host: Annotated[float, Field(ge=0.001, le=10_000)]
    connect_timeout_s: Annotated[float, Field(ge=0.001, le=600)]
    read_timeout_s: Annotated[float, Field(ge=0.001, le=600)]
    deadline_s: Annotated[float, Field(ge=0.001, le=3600)]
    retries: Annotated[int, Field(ge=0, le=20)]
    max_redirects: Annotated[int, Field(ge=0, le=20)]
    give_up_after: Annotated[int, Field(ge=1, le=1_000_000)]
    allowed_hosts: tuple[str, ...]
    retry: Literal["transient", "all"]
    max_failed_share: Share

    @property
    def open_connections(self) -> int:
        """The connections that are open at once: as set, or for `auto` by the cores that decode what they bring."""
        if self.connections != "auto":
            return self.connections
        return min(max(CONNECTIONS_A_CORE * available_cores(), MIN_CONNECTIONS), MAX_CONNECTIONS)
