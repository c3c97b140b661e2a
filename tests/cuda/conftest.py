"""These tests need a CUDA device, and are skipped without one."""

import pytest
import torch


def pytest_collection_modifyitems(items):
    if torch.cuda.is_available():
        return
    for item in items:
        if item.path.parent.name == "cuda":
            item.add_marker(pytest.mark.skip(reason="there is no CUDA device"))
