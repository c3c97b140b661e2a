"""Say in one line which model is loaded, and how it computes."""

from collections.abc import Mapping
from typing import Any

import torch


def summarize(card: Mapping[str, Any], device: torch.device, batch: str) -> str:
    """Return model, revision, license, parameters, device, precision and batch, from what `describe` gives."""
    resolved = card["resolved_dtype"]
    precision = resolved if isinstance(resolved, str) else " and ".join(f"{of} {name}" for of, name in resolved.items())
    revision = card["revision"] or card["identity"][:19]
    return (
        f"{card['model']} ({revision}; license {card['license']}; {card['parameters'] / 1e6:,.1f} M parameters) on"
        f" {device.type} in {precision}, batches of {batch}"
    )
