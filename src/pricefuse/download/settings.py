"""Settings of the image download."""

from typing import Annotated, Literal

from pydantic import Field

from pricefuse.settings import Count, Positive, Settings, Share


class DownloadSettings(Settings):
    """Section `download` of params.yaml, whose comments say what each key means."""

    side: Annotated[int, Field(ge=16, le=4096)]
    jpeg_quality: Annotated[int, Field(ge=1, le=95)]
    max_pixels: Count
    max_bytes: Count
    connections: Annotated[int, Field(ge=1, le=512)]
    connections_per_host: Count
    requests_per_second_per_host: Positive
    connect_timeout_s: Positive
    read_timeout_s: Positive
    deadline_s: Positive
    retries: Annotated[int, Field(ge=0)]
    max_redirects: Annotated[int, Field(ge=0)]
    give_up_after: Count
    allowed_hosts: tuple[str, ...]
    retry: Literal["transient", "all"]
    max_failed_share: Share
