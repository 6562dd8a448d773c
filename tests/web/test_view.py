"""A view calls its handler with what it asks for, and holds its answers against the document."""

from __future__ import annotations

import inspect
import logging
from typing import Any

import flask
import pytest

from app.accounts import Client
from app.contract.document import Document
from app.contract.operations import Operation, operations
from app.contract.schemas import Schemas
from app.errors import ConfigurationError, ContractViolation, NotImplementedOperation, UpstreamFailed
from app.web.answers import Reply, Stream
from app.web.exchange import Exchange, Request
from app.web.view import PENDING, SCOPE, OperationView, ReplyEncoder, to_reply

from .asgi import http_scope, run
from .inprocess import openapi

CLOSED = {
    "type": "object",
    "properties": {"n": {"type": "integer"}},
    "required": ["n"],
    "additionalProperties": False,
}
RESPONSES = {
    "200": {
        "description": "",
        "content": {"application/json": {"schema": CLOSED}, "text/event-stream": {"schema": CLOSED}},
    },
    "4XX": {"description": "", "content": {"application/problem+json": {"schema": CLOSED}}},
}
PARAMETERS = [
    {"name": "itemId", "in": "path", "required": True, "schema": {"type": "string"}},
    {"name": "pageSize[]", "in": "query", "schema": {"type": "integer"}},
]


async def nothing() -> None:
    return None


def parts(**fields: Any) -> tuple[Operation, Schemas]:
    content = {"operationId": "it", "responses": RESPONSES, **fields}
    document = Document(openapi({"/it/{itemId}" if "parameters" in fields else "/it": {"get": content}}))
    (operation,) = operations(document)
    return operation, Schemas(document)


def view(handler: Any = nothing, *, spare: Any = None, quick: bool = False, **fields: Any) -> OperationView:
    operation, schemas = parts(**fields)
    return OperationView(operation, handler, schemas, {str: "a service"}, spare=spare, quick=quick)


def call(made: OperationView, exchange: Exchange | None = None) -> tuple[flask.Response, dict[str, Any]]:
    """What Flask is given by a view, and the environment that the bridge finds."""
    scope = http_scope(headers={"x-a": "1"}, exchange=exchange or Exchange("req_1", client=Client("key")))
    with flask.Flask("t").test_request_context(environ_overrides={SCOPE: scope}):
        answer = made(item_id="as Flask reads it")
        return answer, flask.request.environ


# -- what a handler is given -------------------------------------------------------------------------------------


def test_a_handler_is_given_what_it_asks_for_by_name() -> None:
    given: list[Any] = []

    def handler(body: Any, request: Request, item_id: str, page_size: int = 20) -> Reply:
        given.extend([body, request, item_id, page_size])
        return Reply({"n": 1})

    made = view(handler, parameters=PARAMETERS)
    keys = [parameter.key for parameter in made.operation.parameters]
    exchange = Exchange("req_1", client=Client("key"), body={"a": 1}, parameters=dict(zip(keys, ["x", 5], strict=True)))
    call(made, exchange)
    body, request, item_id, page_size = given
    assert (body, item_id, page_size) == ({"a": 1}, "x", 5)
    assert (request.id, request.key_name, request.lines("x-a")) == ("req_1", "key", ["1"])
    assert request.service(str) == "a service"
    assert exchange.body is None, "it is the handler's alone now"


def test_a_parameter_that_is_not_there_has_the_handlers_default() -> None:
    given: list[int] = []

    def handler(page_size: int = 20, item_id: str = "") -> Reply:
        given.append(page_size)
        return Reply({"n": 1})

    call(view(handler, parameters=PARAMETERS))
    assert given == [20]


def test_the_one_parameter_of_the_path_may_have_another_name() -> None:
    given: list[str] = []

    def handler(model: str) -> Reply:
        given.append(model)
        return Reply({"n": 1})

    made = view(handler, parameters=PARAMETERS)
    call(made, Exchange("req_1", parameters={made.operation.parameters[0].key: "x"}))
    assert given == ["x"]


def test_a_handler_that_asks_for_what_is_not_there_ends_the_start() -> None:
    def handler(item_id: str, colour: str) -> None: ...

    with pytest.raises(ConfigurationError, match=r"asks for colour; there is: body, request, item_id, page_size"):
        view(handler, parameters=PARAMETERS)


def test_an_operation_without_a_handler_says_so() -> None:
    _, environ = call(view(None))
    with pytest.raises(NotImplementedOperation, match="it, but this server has no handler"):
        run(environ[PENDING].result)


# -- how it is called --------------------------------------------------------------------------------------------


def test_a_coroutine_is_only_called_and_awaited_by_others() -> None:
    begun: list[bool] = []

    async def handler() -> Reply:
        begun.append(True)
        return Reply({"n": 1})

    made = view(handler)
    _, environ = call(made)
    assert made.is_async
    assert begun == []
    assert environ[PENDING].view is made
    assert inspect.iscoroutine(environ[PENDING].result)
    assert run(environ[PENDING].result).body == {"n": 1}


def test_a_function_is_answered_at_once() -> None:
    made = view(lambda: ({"n": 1}, 200, {"X-Mine": "1"}))
    answer, environ = call(made)
    assert not made.is_async
    assert PENDING not in environ
    assert (answer.status_code, answer.data, answer.headers["x-mine"]) == (200, b'{"n":1}', "1")


def test_a_function_may_give_an_answer_of_flasks_own() -> None:
    own = flask.Response("as it is")
    assert call(view(lambda: own))[0] is own


def test_a_function_cannot_stream() -> None:
    async def events() -> Any:
        yield {}

    with pytest.raises(TypeError, match="must be an async def"):
        call(view(lambda: Stream(events())))


@pytest.mark.parametrize(
    ("given", "reply"),
    [
        (None, Reply(None, 204)),
        ({"a": 1}, Reply({"a": 1}, 200)),
        (({"a": 1}, 201), Reply({"a": 1}, 201)),
        (("text", 202, {"x": "y"}), Reply("text", 202, {"x": "y"})),
        (Reply("as it is", 418), Reply("as it is", 418)),
    ],
)
def test_handlers_may_give_a_body_alone_or_with_status_and_headers(given: Any, reply: Reply) -> None:
    assert to_reply(given) == reply


# -- what is sent ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("reply", "headers", "body"),
    [
        (Reply({"n": 1}), {"content-type": "application/json", "content-length": "7"}, b'{"n":1}'),
        (Reply([1]), {"content-type": "application/json", "content-length": "3"}, b"[1]"),
        (Reply("ü", headers={"Content-Type": "text/plain"}), {"content-type": "text/plain", "content-length": "2"},
         "ü".encode()),
        (Reply(b"\0", media_type="a/b"), {"content-type": "a/b", "content-length": "1"}, b"\0"),
        (Reply(bytearray(b"\0")), {"content-length": "1"}, b"\0"),
        (Reply("text", media_type="application/json"), {"content-type": "application/json", "content-length": "6"},
         b'"text"'),
        (Reply({"n": 1}, headers={"content-type": "a/b+json"}), {"content-type": "a/b+json", "content-length": "7"},
         b'{"n":1}'),
        (Reply(None), {"content-length": "0"}, b""),
        (Reply(None, 204), {}, b""),
        (Reply(None, 304), {}, b""),
    ],
)  # fmt: skip
def test_a_reply_is_sent_by_its_type(reply: Reply, headers: dict[str, str], body: bytes) -> None:
    status, sent, content = ReplyEncoder().encode(reply)
    assert status == reply.status
    assert {name.decode(): value.decode() for name, value in sent} == headers
    assert content == body


def test_what_is_neither_json_nor_text_nor_bytes_is_an_error() -> None:
    with pytest.raises(TypeError, match="int"):
        ReplyEncoder().encode(Reply(7))


@pytest.mark.parametrize("quick", [False, True])
def test_an_answer_that_fits_the_document_is_sent(quick: bool) -> None:
    assert view(quick=quick).encode(Reply({"n": 1}))[2] == b'{"n":1}'
    assert view(quick=quick).encode_event({"n": 1}) == b'data: {"n":1}\n\n'


@pytest.mark.parametrize(
    "reply", [Reply({"n": "x"}), Reply({}), Reply({"m": 1}, 404, media_type="application/problem+json")]
)
def test_one_that_does_not_fit_is_not(reply: Reply, caplog: pytest.LogCaptureFixture) -> None:
    with pytest.raises(ContractViolation):
        view().encode(reply)


def test_where_the_document_says_nothing_anything_fits() -> None:
    assert view().encode(Reply({"m": 1}, 500))[2] == b'{"m":1}'
    assert view().encode(Reply({"m": 1}, media_type="a/b+json"))[2] == b'{"m":1}'


@pytest.mark.parametrize("body", [{"n": "x"}, {"n": float("nan")}])
def test_an_answer_of_another_server_that_does_not_fit_is_that_servers_fault(body: Any) -> None:
    with pytest.raises(UpstreamFailed):
        view().encode(Reply(body, foreign=True))
    with pytest.raises(UpstreamFailed):
        view().encode_event(body, foreign=True)
    with pytest.raises((ContractViolation, ValueError)):
        view().encode_event(body)


def test_events_bear_their_names_where_it_is_asked_for() -> None:
    encoder = ReplyEncoder()
    assert encoder.encode_event({"type": "made"}, named=True) == b'event: made\ndata: {"type":"made"}\n\n'
    assert encoder.encode_event({"type": "made"}) == b'data: {"type":"made"}\n\n'


def test_what_the_document_has_no_room_for_is_left_out_where_that_is_wanted(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(logging.getLogger("parley"), "propagate", True)
    caplog.set_level(logging.INFO, "parley")
    made = view(spare={("n",): 0})
    assert made.encode(Reply({"n": 1, "more": 2}))[2] == b'{"n":1}'
    assert made.encode(Reply({}))[2] == b'{"n":0}'
    assert made.encode(Reply({"n": 3, "more": 4}))[2] == b'{"n":3}'
    with pytest.raises(ContractViolation):
        made.encode(Reply({"n": "x"}))
    # Told once for each place.
    assert [message for message in caplog.messages if "does not allow" in message] == [
        "it: left out of an answer, because the document does not allow it: more"
    ]
