"""Whether a code server still has its definitions: what its ping says, played by a bare server."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

import grpc
import pytest

from fundplatform import deployment
from fundplatform_tests.storage.postgres import free_port


@contextmanager
def pinged(code: grpc.StatusCode) -> Iterator[int]:
    """A server that answers a ping with this code."""

    def ping(_: bytes, context: Any) -> bytes:  # noqa: ANN401  # grpc has no types
        if code is not grpc.StatusCode.OK:
            context.abort(code, "the inner process is gone")
        return b""

    server = grpc.server(ThreadPoolExecutor(1))
    handlers = {"Ping": grpc.unary_unary_rpc_method_handler(ping)}
    server.add_generic_rpc_handlers(
        (grpc.method_handlers_generic_handler("api.DagsterApi", handlers),)
    )
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    try:
        yield port
    finally:
        server.stop(0)


@pytest.mark.parametrize(
    ("code", "there"),
    [("OK", True), ("DEADLINE_EXCEEDED", True), ("UNKNOWN", False), ("UNAVAILABLE", False)],
)
def test_the_definitions_are_there_unless_the_ping_fails(code: str, there: bool) -> None:
    with pinged(grpc.StatusCode[code]) as port:
        assert deployment._defines("127.0.0.1", port) is there


def test_nobody_listens() -> None:
    assert not deployment._defines("127.0.0.1", free_port())
