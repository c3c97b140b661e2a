import pytest
from misbehaving_server import MisbehavingServer


@pytest.fixture
def server():
    with MisbehavingServer() as server:
        yield server
