"""What is logged, and what is not."""

from __future__ import annotations

import logging
from collections.abc import Iterator

import pytest

from app.contract.document import Document
from app.contract.operations import operations
from app.errors import BadRequest
from app.web.bodies import BodyReader
from app.web.forms import read_multipart
from app.web.logs import configure_logs
from app.web.uploads import UploadFolder

from .asgi import Client, run
from .inprocess import openapi


@pytest.fixture
def _untouched() -> Iterator[None]:
    """The loggers that are configured, as they were when nobody had done so, and are again afterwards."""
    loggers = [logging.getLogger(name) for name in (None, "parley", "python_multipart")]
    before = [(logger.handlers[:], logger.level, logger.propagate) for logger in loggers]
    for logger in loggers[1:]:
        logger.handlers[:], logger.propagate = [], True
        logger.setLevel(logging.NOTSET)
    yield
    for logger, (handlers, level, propagate) in zip(loggers, before, strict=True):
        logger.handlers[:], logger.propagate = handlers, propagate
        logger.setLevel(level)


@pytest.mark.usefixtures("_untouched")
def test_our_loggers_have_a_handler_of_their_own_unless_the_program_around_has_one() -> None:
    root, ours = logging.getLogger(), logging.getLogger("parley")
    around = logging.NullHandler()
    root.handlers[:] = [around]
    configure_logs()
    assert ours.handlers == []
    root.handlers[:] = []
    configure_logs()
    configure_logs()
    assert len(ours.handlers) == 1
    assert (ours.level, ours.propagate) == (logging.INFO, False)


@pytest.mark.usefixtures("_untouched")
def test_what_a_client_sends_in_a_broken_form_is_not_logged(caplog: pytest.LogCaptureFixture) -> None:
    content = {"multipart/form-data": {"schema": {"type": "object"}}}
    body = {"requestBody": {"content": content}, "operationId": "it", "responses": {}}
    (operation,) = operations(Document(openapi({"/it": {"post": body}})))
    form = operation.request["multipart/form-data"].form
    assert form is not None

    async def read(sent: bytes) -> None:
        stream = BodyReader(1000, 60, 500).stream([], Client(sent).receive)
        with pytest.raises(BadRequest):
            await read_multipart(await stream.next(), stream, "b", form, UploadFolder(), 1000)

    async def read_all() -> None:
        for sent in (b"secret", b"--bsecret", b"--b\r\nsecret\r\n\r\n"):
            await read(sent)

    run(read_all())
    assert len(caplog.records) == 3, "the reader says nothing by itself: this shows nothing"
    caplog.clear()
    configure_logs()
    run(read_all())
    assert caplog.records == []
