"""Whatever arrives, a client gets a clear answer in one shape: the error envelope, with an id for the request."""

from __future__ import annotations

import contextlib
import http.client
import json
import re
import select
import socket
import time
from typing import Any

import pytest

from ..live import Answer, Server, serve
from ..patience import PATIENCE

pytestmark = pytest.mark.live

CHAT = "/v1/chat/completions"
SECRET = "the-value-that-nobody-may-repeat"


def chat(**fields: Any) -> dict[str, Any]:
    return {"model": "parley-echo", "messages": [{"role": "user", "content": "Hello there"}], **fields}


def post(server: Server, body: Any, **headers: str) -> Answer:
    return server.request("POST", CHAT, body=body, headers={**server.bearer, **headers})


def error(answer: Answer, status: int) -> dict[str, Any]:
    """The error of an answer, after the checks that hold for every error."""
    assert answer.status == status, answer.body
    assert answer.headers["content-type"] == "application/json"
    assert answer.headers["x-request-id"]
    content = answer.json()
    assert list(content) == ["error"]
    assert set(content["error"]) == {"message", "type", "param", "code"}
    assert content["error"]["message"]
    assert SECRET.encode() not in answer.body
    found: dict[str, Any] = content["error"]
    return found


def raw(server: Server, data: bytes) -> tuple[int, dict[str, str], bytes]:
    """Send bytes as they are and read until the server closes, as it does after errors and when asked to."""
    with socket.create_connection(("127.0.0.1", server.port), timeout=PATIENCE) as connection:
        connection.sendall(data)
        received = b""
        while piece := connection.recv(65536):
            received += piece
    head, _, body = received.partition(b"\r\n\r\n")
    first, *lines = head.decode("latin-1").split("\r\n")
    headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
    return int(first.split()[1]), headers, body


# -- answers -----------------------------------------------------------------------------------------------------


def test_a_completion_has_everything_that_clients_read(echo_server: Server) -> None:
    begin = int(time.time())
    answer = post(echo_server, chat())
    assert answer.status == 200
    content = answer.json()
    assert re.fullmatch(r"chatcmpl-[0-9a-f]{32}", content["id"])
    assert content["object"] == "chat.completion"
    assert begin <= content["created"] <= time.time()
    assert content["model"] == "parley-echo"
    assert isinstance(content["system_fingerprint"], str)
    choice = content["choices"][0]
    assert choice["message"]["role"] == "assistant"
    assert choice["message"]["content"] == "Hello there"
    assert choice["message"]["refusal"] is None
    assert choice["logprobs"] is None
    assert choice["finish_reason"] == "stop"
    usage = content["usage"]
    assert usage["prompt_tokens"] + usage["completion_tokens"] == usage["total_tokens"]
    assert {"prompt_tokens_details", "completion_tokens_details"} <= set(usage)


def test_models_are_listed_and_described(echo_server: Server) -> None:
    listed = echo_server.request("GET", "/v1/models", headers=echo_server.bearer).json()
    assert [model["id"] for model in listed["data"]] == ["parley-echo"]
    one = echo_server.request("GET", "/v1/models/parley-echo", headers=echo_server.bearer)
    told = one.json()
    rows = {row["name"]: row for row in told.pop("x_parley")["parameters"]}
    assert told == listed["data"][0]
    assert told["context_length"] == told["max_model_len"] > 0
    assert rows["metadata"] == {
        "name": "metadata",
        "verdict": "honoured",
        "note": "comes back with a whole answer",
    }
    assert (rows["store"]["verdict"], "`parley db init`" in rows["store"]["note"]) == ("refused", True)


def test_a_request_id_of_a_proxy_is_kept_when_it_is_harmless(echo_server: Server) -> None:
    assert post(echo_server, chat(), **{"x-request-id": "abc-123"}).headers["x-request-id"] == "abc-123"
    assert post(echo_server, chat(), **{"x-request-id": "a b\tc"}).headers["x-request-id"].startswith("req_")


@pytest.mark.parametrize(
    "content_type",
    ["application/json", "Application/JSON", "application/json; charset=utf-8", "APPLICATION/JSON;charset=UTF-8"],
)
def test_the_media_type_is_read_in_any_case_and_with_a_charset(echo_server: Server, content_type: str) -> None:
    assert post(echo_server, json.dumps(chat()), **{"content-type": content_type}).status == 200
    # Stock Connexion applies no schema at all to `Application/JSON`.
    found = error(post(echo_server, '{"foo": 1}', **{"content-type": content_type}), 400)
    assert found["param"] == "foo"


def test_a_body_without_a_content_type_is_json(echo_server: Server) -> None:
    assert post(echo_server, json.dumps(chat())).status == 200


def test_a_chunked_body_is_read(echo_server: Server) -> None:
    body = json.dumps(chat()).encode()
    chunks = b"".join(b"%x\r\n%s\r\n" % (len(part), part) for part in (body[:10], body[10:])) + b"0\r\n\r\n"
    head = (
        f"POST {CHAT} HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {echo_server.key}\r\n"
        "content-type: application/json\r\ntransfer-encoding: chunked\r\nconnection: close\r\n\r\n"
    )
    status, _, _ = raw(echo_server, head.encode() + chunks)
    assert status == 200


def test_whole_messages_can_be_sent_back(echo_server: Server) -> None:
    messages = [
        {"role": "user", "content": "a"},
        {
            "role": "assistant",
            "content": None,
            "tool_calls": [{"id": "1", "type": "function", "function": {"name": "f", "arguments": "{}"}}],
        },
        {"role": "tool", "content": "b", "tool_call_id": "1"},
        {"role": "assistant", "content": "c", "refusal": None, "annotations": [], "reasoning_content": "x"},
        {"role": "user", "content": [{"type": "text", "text": "one"}, {"type": "text", "text": " two"}]},
    ]
    answer = post(echo_server, chat(messages=messages))
    assert answer.json()["choices"][0]["message"]["content"] == "one two"


# -- keys --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"authorization": "Bearer wrong"},
        {"authorization": "Bearer"},
        {"authorization": "Bearer "},
        {"authorization": "Basic dTpw"},
        {"authorization": "nonsense"},
        {"x-api-key": "sk-test-0123456789"},
        {"authorization": "Bearer sk-test-0123456789\xa0"},
    ],
)
def test_without_a_right_key_there_is_a_401_that_says_bearer(echo_server: Server, headers: dict[str, str]) -> None:
    for method, path, body in (("POST", CHAT, chat()), ("POST", CHAT, "broken"), ("GET", "/v1/models", None)):
        answer = echo_server.request(method, path, body=body, headers=headers)
        assert error(answer, 401)["code"] == "invalid_api_key"
        assert answer.headers["www-authenticate"] == "Bearer"


def test_two_authorization_headers_are_none(echo_server: Server) -> None:
    key = f"authorization: Bearer {echo_server.key}\r\n"
    for headers, status in ((key, 200), (key + key, 401), (key + "authorization: Bearer x\r\n", 401)):
        found, _, _ = raw(
            echo_server, f"GET /v1/models HTTP/1.1\r\nhost: x\r\nconnection: close\r\n{headers}\r\n".encode()
        )
        assert found == status


@pytest.mark.parametrize("scheme", ["Bearer", "bearer", "BEARER", "Bearer "])
def test_the_scheme_is_read_in_any_case(echo_server: Server, scheme: str) -> None:
    headers = {"authorization": f"{scheme} {echo_server.key}"}
    assert echo_server.request("GET", "/v1/models", headers=headers).status == 200


# -- addresses ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("path", ["/nowhere", "/v1/nowhere", "/v2/models", "//v1/models", "/v1//models", "/%00"])
def test_an_unknown_path_is_a_404(echo_server: Server, path: str) -> None:
    assert error(echo_server.request("GET", path, headers=echo_server.bearer), 404)["code"] == "not_found"


def test_an_unknown_model_is_a_404_also_for_a_stream_and_with_a_slash_in_its_id(echo_server: Server) -> None:
    for answer in (
        post(echo_server, chat(model=SECRET)),
        post(echo_server, chat(model=SECRET, stream=True)),
        echo_server.request("GET", "/v1/models/org/name", headers=echo_server.bearer),
        echo_server.request("GET", "/v1/models/org%2Fname", headers=echo_server.bearer),
    ):
        assert error(answer, 404)["code"] == "model_not_found"


@pytest.mark.parametrize(
    ("method", "path", "allow"),
    [
        ("PUT", CHAT, "GET, HEAD, POST"),
        ("DELETE", CHAT, "GET, HEAD, POST"),
        ("OPTIONS", CHAT, "GET, HEAD, POST"),
        ("GET", "/v1/embeddings", "POST"),
        ("POST", "/v1/models", "GET, HEAD"),
        ("PATCH", "/v1/models/parley-echo", "GET, HEAD"),
        ("POST", "/livez", "GET, HEAD"),
        ("PUT", "/v1/ui/", "GET, HEAD"),
    ],
)
def test_a_wrong_method_is_a_405_that_says_which_are_right(
    echo_server: Server, method: str, path: str, allow: str
) -> None:
    answer = echo_server.request(method, path, headers=echo_server.bearer)
    error(answer, 405)
    assert answer.headers["allow"] == allow


@pytest.mark.parametrize("path", [CHAT + "/", "/v1/models/", "/v1/models//"])
def test_a_slash_too_many_is_another_path_and_no_redirect_to_a_host_that_the_client_names(
    echo_server: Server, path: str
) -> None:
    headers = {**echo_server.bearer, "host": "evil.example"}
    answer = echo_server.request("POST" if path.startswith(CHAT) else "GET", path, headers=headers)
    assert error(answer, 404)["code"] in ("not_found", "model_not_found")


def test_a_target_in_absolute_form_is_the_path_in_it(echo_server: Server) -> None:
    for target, status in ((f"{echo_server.url}/livez", 200), ("http://other/v1/models", 401), ("ftp://x/livez", 404)):
        found, _, _ = raw(echo_server, f"GET {target} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n".encode())
        assert found == status, target


@pytest.mark.parametrize("host", ["..", "a..b", ".x", "x" * 70, "a/b", "a b", ""])
def test_a_strange_host_changes_nothing(echo_server: Server, host: str) -> None:
    for path, status in (("/livez", 200), ("/v1/models", 401)):
        found, _, _ = raw(echo_server, f"GET {path} HTTP/1.1\r\nhost: {host}\r\nconnection: close\r\n\r\n".encode())
        assert found == status


def test_a_websocket_upgrade_is_answered_as_the_plain_request_that_it_is(echo_server: Server) -> None:
    head = "upgrade: websocket\r\nsec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\nsec-websocket-version: 13\r\n"
    for path, status in (("/v1/models", 401), ("/nowhere", 404)):
        request = f"GET {path} HTTP/1.1\r\nhost: x\r\nconnection: upgrade, close\r\n{head}\r\n"
        found, headers, body = raw(echo_server, request.encode())
        assert found == status
        assert headers["x-request-id"]
        assert json.loads(body)["error"]["message"]


def test_head_is_get_without_the_body_and_leaves_no_warning(echo_server: Server) -> None:
    for path in ("/livez", "/healthz", "/v1/models", "/nowhere"):
        answer = echo_server.request("HEAD", path)
        assert answer.body == b""
        assert answer.headers["content-length"] == str(len(echo_server.request("GET", path).body))
    assert "no-body response" not in echo_server.log()


# -- bodies ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "body",
    [
        b"{",
        b"",
        b"nonsense",
        b'{"a": 1,}',
        b"{'a': 1}",
        b'\xff\xfe{"a": 1}',
        b'{"a": "\xff"}',
        b'{"a": "\\ud800"}',
        b'{"a": NaN}',
        b'{"a": Infinity}',
        b'{"a": -Infinity}',
        b'{"a": 1e400}',
        b"[" * 10_000,
        b"[" * 10_000 + b"]" * 10_000,
        b'{"a":' * 10_000 + b"1" + b"}" * 10_000,
        b'{"n": ' + b"9" * 5_000 + b"}",
        b'{"model": "a", "model": "b"}',
        b'{"a": 1} {"b": 2}',
        b"\xef\xbb\xbf{}",
    ],
    ids=range(19),
)
def test_a_body_that_is_not_strict_json_is_a_400(echo_server: Server, body: bytes) -> None:
    found = error(post(echo_server, body, **{"content-type": "application/json"}), 400)
    assert found["type"] == "invalid_request_error"
    assert found["code"] in ("invalid_json", "missing_body")
    assert found["param"] is None


@pytest.mark.parametrize(
    "content_type",
    ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x", "application/xml"],
)
def test_another_media_type_is_a_415_that_says_which_is_right(echo_server: Server, content_type: str) -> None:
    assert "application/json" in error(post(echo_server, chat(), **{"content-type": content_type}), 415)["message"]


def test_a_compressed_body_and_another_charset_are_a_415(echo_server: Server) -> None:
    error(post(echo_server, b"\x1f\x8b", **{"content-encoding": "gzip"}), 415)
    error(post(echo_server, chat(), **{"content-type": "application/json; charset=utf-16"}), 415)


def test_every_mistake_names_its_place_and_repeats_no_value(echo_server: Server) -> None:
    before = len(echo_server.log())
    for fields, param in (
        ({"messages": [{"role": SECRET, "content": "x"}]}, "messages[0].role"),
        ({"messages": [{"role": "user", "content": [{"type": SECRET}]}]}, "messages[0].content[0].type"),
        ({"temperature": SECRET}, "temperature"),
        ({"reasoning_effort": SECRET}, "reasoning_effort"),
        ({"unheard_of": SECRET}, "unheard_of"),
        ({"user": {"x": SECRET}}, "user"),
    ):
        assert error(post(echo_server, chat(**fields)), 400)["param"] == param
    assert SECRET not in echo_server.log()[before:]


@pytest.mark.parametrize(
    ("fields", "param"),
    [
        ({"logprobs": True}, "logprobs"),
        ({"frequency_penalty": 1}, "frequency_penalty"),
        ({"logit_bias": {"1": 1}}, "logit_bias"),
        ({"service_tier": "priority"}, "service_tier"),
        ({"store": True}, "store"),
        ({"modalities": ["audio", "text"]}, "modalities"),
        (
            {"messages": [{"role": "user", "content": [{"type": "image_url", "image_url": {"url": "data:,x"}}]}]},
            "messages[0].content[0]",
        ),
    ],
)
def test_what_a_model_cannot_honour_is_refused_by_name(echo_server: Server, fields: Any, param: str) -> None:
    found = error(post(echo_server, chat(**fields)), 400)
    assert (found["code"], found["param"]) == ("unsupported_parameter", param)


def test_asking_for_what_happens_anyway_is_no_error(echo_server: Server) -> None:
    neutral = {
        "n": 1, "logprobs": False, "tools": [], "tool_choice": "none", "response_format": {"type": "text"},
        "frequency_penalty": 0, "presence_penalty": 0.0, "logit_bias": None, "service_tier": "auto", "store": False,
        "modalities": ["text"], "stream_options": None, "metadata": None, "max_tokens": None, "seed": 1, "user": "u",
    }  # fmt: skip
    assert post(echo_server, chat(**neutral)).status == 200


def test_integers_may_be_written_as_floats_and_zero_tokens_are_asked_for(echo_server: Server) -> None:
    content = post(echo_server, chat(max_tokens=1.0)).json()
    assert content["choices"][0] == {**content["choices"][0], "finish_reason": "length"}
    # Two limits of the same thing are both kept.
    for fields in ({"max_tokens": 1, "max_completion_tokens": 5}, {"max_tokens": 5, "max_completion_tokens": 1}):
        assert post(echo_server, chat(**fields)).json()["usage"]["completion_tokens"] == 1
    content = post(echo_server, chat(max_completion_tokens=0)).json()
    assert content["choices"][0]["message"]["content"] == ""
    assert content["usage"]["completion_tokens"] == 0


def test_several_choices_are_counted_as_the_api_counts_them(echo_server: Server) -> None:
    content = post(echo_server, chat(n=128)).json()
    assert [choice["index"] for choice in content["choices"]] == list(range(128))
    assert content["usage"]["prompt_tokens"] == 2
    assert content["usage"]["completion_tokens"] == 256
    assert content["usage"]["total_tokens"] == 258


def test_metadata_comes_back(echo_server: Server) -> None:
    assert post(echo_server, chat(metadata={"a": "b"})).json()["metadata"] == {"a": "b"}


def test_choices_are_bounded_before_any_work() -> None:
    with serve("echo", {"PARLEY_MAX_CHOICES": "4", "PARLEY_MAX_TOTAL_TOKENS": "100"}) as server:
        assert error(post(server, chat(n=5)), 400)["param"] == "n"
        assert error(post(server, chat(n=2)), 400)["param"] == "n"
        assert post(server, chat(n=4, max_completion_tokens=25)).status == 200
        assert error(post(server, chat(n=4, max_completion_tokens=26)), 400)["param"] == "n"
        assert post(server, chat()).status == 200


def test_the_number_of_tools_is_bounded_before_any_work() -> None:
    tool = {"type": "function", "function": {"name": "f", "parameters": {"type": 7}}}
    with serve("echo", {"PARLEY_MAX_TOOLS": "2"}) as server:
        for name, value in (("tools", tool), ("functions", tool["function"])):
            refused = error(post(server, chat(**{name: [value] * 3})), 400)
            assert (refused["param"], refused["code"]) == (name, "array_above_max_length")
            assert "at most 2" in refused["message"]
            assert error(post(server, chat(**{name: [value] * 2})), 400)["code"] != "array_above_max_length"


def test_under_the_policy_warn_a_request_is_served_and_what_is_ignored_is_named() -> None:
    with serve("echo", {"PARLEY_UNSUPPORTED": "warn"}) as server:
        for stream in (False, True):
            answer = post(server, chat(store=True, logit_bias={"1": 1}, stream=stream))
            assert answer.status == 200
            assert answer.headers["x-unsupported-parameters"] == "store, logit_bias"
        assert server.log_line("ignored=store,logit_bias")
        assert "x-unsupported-parameters" not in post(server, chat()).headers
        assert post(server, chat(top_k=1)).headers["x-unsupported-parameters"] == "top_k"
        # What is wrong stays an error.
        assert error(post(server, chat(top_k=1, n=0)), 400)["param"] == "n"


# -- limits ------------------------------------------------------------------------------------------------------


def test_a_body_over_the_limit_is_a_413_however_it_is_sent() -> None:
    with serve("echo", {"PARLEY_MAX_BODY": "1000"}) as server:
        assert post(server, chat()).status == 200
        large = json.dumps(chat(user="x" * 3_000_000))
        assert error(post(server, large), 413)["code"] == "request_too_large"
        with contextlib.closing(http.client.HTTPConnection("127.0.0.1", server.port, timeout=PATIENCE)) as connection:
            headers = {**server.bearer, "content-type": "application/json"}
            connection.request("POST", CHAT, iter([b" " * 1000, b" "]), headers, encode_chunked=True)
            answer = connection.getresponse()
            assert (answer.status, answer.headers["content-type"]) == (413, "application/json")
            assert json.loads(answer.read())["error"]["code"] == "request_too_large"


def test_a_body_of_more_values_than_are_accepted_is_a_413_that_says_how_many(echo_server: Server) -> None:
    found = error(post(echo_server, chat(messages=[{}] * 100_000)), 413)
    assert found["code"] == "request_too_large"
    assert "more than the 500000 values" in found["message"]


def test_a_conversation_that_is_too_long_for_the_echo_is_refused(echo_server: Server) -> None:
    found = error(post(echo_server, chat(messages=[{"role": "user", "content": "a " * (1 << 19) + "a"}])), 400)
    assert (found["code"], found["param"]) == ("context_length_exceeded", "messages")


def test_a_body_that_is_wrong_everywhere_stops_nobody(echo_server: Server) -> None:
    # Listing every fault of it took minutes and gigabytes, while the worker answered nobody.
    begin = echo_server.cpu_seconds
    found = error(post(echo_server, chat(messages=[{"role": "user", "content": [{}] * 50_000}])), 400)
    assert found["param"] == "messages[0].content[0].type"
    assert echo_server.cpu_seconds - begin < 10


def test_a_long_run_of_spaces_stops_nobody(echo_server: Server) -> None:
    begin = echo_server.cpu_seconds
    assert post(echo_server, chat(messages=[{"role": "user", "content": "a" + " " * 300_000}])).status == 200
    assert echo_server.cpu_seconds - begin < 5


def test_a_large_body_with_a_wrong_key_still_gets_its_401(echo_server: Server) -> None:
    answer = echo_server.request(
        "POST", CHAT, body=b" " * 10_000_000, headers={"authorization": "Bearer no", "content-type": "application/json"}
    )
    error(answer, 401)


def unfinished(server: Server) -> socket.socket:
    """A connection on which the body of a request has stopped coming."""
    head = (
        f"POST {CHAT} HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {server.key}\r\n"
        "content-type: application/json\r\ncontent-length: 1000\r\n\r\n{"
    )
    connection = socket.create_connection(("127.0.0.1", server.port), timeout=PATIENCE)
    connection.sendall(head.encode())
    return connection


def test_a_body_that_stops_coming_is_a_408() -> None:
    with serve("echo", {"PARLEY_BODY_TIMEOUT": "0.2"}) as server, unfinished(server) as connection:
        first = connection.recv(65536)
        assert first.startswith(b"HTTP/1.1 408 ")
        assert b'"request_timeout"' in first


def test_bodies_that_stop_coming_starve_nobody(echo_server: Server) -> None:
    with contextlib.ExitStack() as stack:
        stalled = [stack.enter_context(unfinished(echo_server)) for _ in range(20)]
        assert post(echo_server, chat()).status == 200
        assert select.select(stalled, [], [], 0)[0] == [], "they were over before: this showed nothing"


@pytest.mark.parametrize(
    ("data", "status"),
    [
        (b"garbage\r\n\r\n", 400),
        (b"GET /" + b"x" * 20_000 + b" HTTP/1.1\r\nhost: x\r\n\r\n", 414),
        (b"GET / HTTP/1.1\r\nhost: x\r\nx-long: " + b"x" * 200_000 + b"\r\n\r\n", 431),
        (b"GET / HTTP/1.1\r\nhost: x\r\ncontent-length: abc\r\n\r\n", 400),
        (b"POST / HTTP/1.1\r\nhost: x\r\ncontent-length: " + b"9" * 5_000 + b"\r\n\r\n", 400),
    ],
    ids=["request line", "target", "header", "length", "long length"],
)
def test_what_the_http_server_refuses_has_the_same_shape(echo_server: Server, data: bytes, status: int) -> None:
    found, headers, body = raw(echo_server, data)
    assert found == status
    assert headers["content-type"] == "application/json"
    assert headers["x-request-id"]
    assert set(json.loads(body)["error"]) == {"message", "type", "param", "code"}


# -- log ---------------------------------------------------------------------------------------------------------


def test_each_request_has_one_line_in_the_log_without_its_body_or_key() -> None:
    with serve("echo", {"PARLEY_LOG_FORMAT": "json"}) as server:
        request_id = post(server, chat(user=SECRET)).headers["x-request-id"]
        line = json.loads(server.log_line(request_id))
        assert line["id"] == request_id
        assert line["method"] == "POST"
        assert line["path"] == CHAT
        assert line["status"] == 200
        assert line["model"] == "parley-echo"
        assert line["tokens"] == 4
        assert re.fullmatch("[0-9a-f]{8}", line["key"])
        assert re.fullmatch("[0-9a-f]{8}", line["user"])
        assert SECRET not in server.log()
        assert server.key not in server.log()
