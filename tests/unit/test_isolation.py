import os
import socket

import pytest


@pytest.mark.parametrize("host", ["192.0.2.1", "huggingface.co", "2001:db8::1"])
def test_no_test_reaches_the_internet(host: str) -> None:
    with pytest.raises(AssertionError, match=host):
        socket.create_connection((host, 80), timeout=1)


def test_loopback_is_open() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server, socket.create_connection(server.getsockname()):
        accepted, address = server.accept()
        accepted.close()
        assert address[0] == "127.0.0.1"


def test_the_hub_is_offline() -> None:
    assert os.environ["HF_HUB_OFFLINE"] == "1"
    assert not [name for name in os.environ if name.startswith("UIC_")]
