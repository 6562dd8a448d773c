"""Parameters and bodies of all kinds, checked by small documents in 3.0 and in 3.1, in process."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator, Mapping
from pathlib import Path
from typing import Any

import httpx
import pytest

from app.engines.echo import EchoEngine
from app.settings import Settings
from app.web import forms, urlencoded
from app.wiring import wire

from .echoing import echoes
from .twins import VERSIONS, write_twin

Files = list[tuple[str, Any]]


class Client:
    """Asks an application without a network."""

    def __init__(self, application: Any) -> None:
        self.application = application

    def request(self, method: str, path: str, headers: Any = None, **options: Any) -> httpx.Response:
        async def ask() -> httpx.Response:
            transport = httpx.ASGITransport(self.application)
            async with httpx.AsyncClient(transport=transport, base_url="http://test") as client:
                return await client.request(method, "/api" + path, headers=headers, **options)

        return asyncio.run(ask())

    def form(self, text: str) -> httpx.Response:
        return self.request(
            "POST", "/form", content=text, headers={"content-type": "application/x-www-form-urlencoded"}
        )

    def parts(self, *parts: str, boundary: str = "b", end: str = "--b--\r\n") -> httpx.Response:
        """Send a multipart body of parts that are written out, without their boundaries."""
        body = "".join(f"--{boundary}\r\n{part}\r\n" for part in parts) + end
        headers = {"content-type": f"multipart/form-data; boundary={boundary}"}
        return self.request("POST", "/files", content=body.encode(), headers=headers)


@pytest.fixture(params=VERSIONS)
def client(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Client]:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    settings = Settings(
        api_keys=("k",),
        spec=write_twin(request.param, tmp_path),
        handlers=("tests.web.echoing",),
        max_body=20_000,
        max_upload=200_000,
    )
    echoes.seen.clear()
    yield Client(wire(settings, EchoEngine()))
    assert not list(tmp_path.glob("parley-upload-*"))


def body(answer: httpx.Response) -> Any:
    assert answer.status_code == 200, answer.text
    return answer.json()["body"]


def fault(answer: httpx.Response, status: int = 400) -> tuple[str | None, str | None]:
    """The culprit and the code of an error."""
    assert answer.status_code == status, answer.text
    error = answer.json()["error"]
    return error["param"], error["code"]


def field(name: str, text: str, *headers: str) -> str:
    return "\r\n".join([f'content-disposition: form-data; name="{name}"', *headers, "", text])


def file(name: str, text: str, *headers: str, filename: str = "f.txt") -> str:
    return "\r\n".join([f'content-disposition: form-data; name="{name}"; filename="{filename}"', *headers, "", text])


# -- parameters --------------------------------------------------------------------------------------------------


def test_parameters_of_every_place_reach_the_handler_with_their_types(client: Client) -> None:
    answer = client.request("GET", "/thing%73/12/.a%2Eb.c%2Cd/;x=1;y=2")
    assert answer.json() == {"thing_id": 12, "ids": ["a.b", "c,d"], "spot": {"x": 1, "y": 2}}
    answer = client.request(
        "GET",
        "/search?q=a+b%2B&limit=3&tags=x&tags=y,z&ids=1,2&near%5Bx%5D=1&near[y]=-2&filter=%7B%22x%22%3A1%7D",
        headers=[
            ("x-COUNT", "4"),
            ("X-Tags", "a, b"),
            ("x-tags", "c"),
            ("accept", "text/html"),
            ("cookie", "session=5"),
        ],
    )
    assert answer.json() == {
        "q": "a b+",
        "limit": 3,
        "tags": ["x", "y,z"],
        "ids": [1, 2],
        "near": {"x": 1, "y": -2},
        "filter": {"x": 1},
        "x_count": 4,
        "x_tags": ["a", "b", "c"],
        "session": 5,
    }


def test_what_is_absent_stays_absent_and_an_empty_value_passes_only_where_it_may(client: Client) -> None:
    assert client.request("GET", "/search?q=").json() == {"q": ""}
    assert client.request("GET", "/search?q=&flag").json() == {"q": "", "flag": ""}
    assert client.request("GET", "/search?q=&flag=true").json() == {"q": "", "flag": True}
    assert client.request("GET", "/search?q=&limit=null").json() == {"q": "", "limit": None}
    assert client.request("GET", "/search?q=&tags=").json() == {"q": "", "tags": []}
    assert fault(client.request("GET", "/search?q=&flag=maybe")) == ("flag", "invalid_type")


@pytest.mark.parametrize(
    ("path", "headers", "param", "code", "place"),
    [
        ("/search", {}, "q", "missing_required_parameter", "query"),
        ("/search?q=a&q=b", {}, "q", "invalid_value", "query"),
        ("/search?q=a&limit=0", {}, "limit", "integer_below_min_value", "query"),
        ("/search?q=a&limit=x", {}, "limit", "invalid_type", "query"),
        ("/search?q=a&ids=1,2,x", {}, "ids[2]", "invalid_type", "query"),
        ("/search?q=a&near[y]=1", {}, "near.x", "missing_required_parameter", "query"),
        ("/search?q=a&near[x]=1&near[z]=1", {}, "near.z", "unknown_parameter", "query"),
        ("/search?q=a&near[x][y]=1", {}, "near", "invalid_value", "query"),
        ("/search?q=a&filter={", {}, "filter", "invalid_json", "query"),
        ("/search?q=a&filter=%7B%22x%22:%22secret%22%7D", {}, "filter.x", "invalid_type", "query"),
        ("/search?q=a", {"x-count": "many"}, "X-Count", "invalid_type", "headers"),
        ("/search?q=a", {"cookie": "session=x"}, "session", "invalid_type", "cookies"),
        ("/search?q=a", {"cookie": "session=1; session=2"}, "session", "invalid_value", "cookies"),
        ("/things/0/.a/;x=1", {}, "thing-id", "integer_below_min_value", "path"),
        ("/things/1/a/;x=1", {}, "ids", "invalid_value", "path"),
        ("/things/1/.a/;y=1", {}, "spot.x", "missing_required_parameter", "path"),
    ],
)
def test_a_wrong_parameter_is_named_with_its_place(
    client: Client, path: str, headers: Mapping[str, str], param: str, code: str, place: str
) -> None:
    answer = client.request("GET", path, headers=headers)
    assert fault(answer) == (param, code)
    assert f"'{param}' in the {place}" in answer.json()["error"]["message"]
    assert "secret" not in answer.text


# -- forms -------------------------------------------------------------------------------------------------------


def test_the_fields_of_a_form_get_the_types_of_the_schema(client: Client) -> None:
    assert body(client.form("name=a+b%26&age=12&ok=true&tags=x&tags=y&counts=1")) == {
        "name": "a b&",
        "age": 12,
        "ok": True,
        "tags": ["x", "y"],
        "counts": [1],
    }
    assert body(client.form("name=a&age=")) == {"name": "a", "age": None}
    assert body(client.form("name=a&point=%7B%22x%22%3A1%7D")) == {"name": "a", "point": {"x": 1}}


def test_the_encodings_of_a_form_are_honoured(client: Client) -> None:
    assert body(client.form("name=a&ids=1,2&place[x]=3")) == {"name": "a", "ids": [1, 2], "place": {"x": 3}}
    # Many clients write each comma so, and no number has one.
    assert body(client.form("name=a&ids=1%2C2"))["ids"] == [1, 2]


def test_names_with_brackets_are_arrays_and_objects(client: Client) -> None:
    text = "name=a&tags[]=x&tags[]=y&point[x]=1&point[y]=2&points[][x]=1&points[][y]=2&points[][x]=3"
    assert body(client.form(text + "&counts[1]=2&counts[0]=1")) == {
        "name": "a",
        "tags": ["x", "y"],
        "point": {"x": 1, "y": 2},
        "points": [{"x": 1, "y": 2}, {"x": 3}],
        "counts": [1, 2],
    }


@pytest.mark.parametrize(
    ("text", "param", "code"),
    [
        ("age=1", "name", "missing_required_parameter"),
        ("name=a&name=b", "name", "invalid_value"),
        ("name=", "name", "string_below_min_length"),
        ("name=a&age=secret", "age", "invalid_type"),
        ("name=a&colour=secret", "colour", "unknown_parameter"),
        ("name=a&counts=1&counts=x", "counts[1]", "invalid_type"),
        ("name=a&tags=1&tags=2&tags=3&tags=4", "tags", "array_above_max_length"),
        ("name=a&point={", "point", "invalid_json"),
        ("name=a&point[x]=1&point[z]=2", "point.z", "unknown_parameter"),
        ("name=a&point=%7B%7D&point[x]=1", "point", "invalid_value"),
        ("name=%ff", "name", "invalid_value"),
        ("", None, "missing_body"),
    ],
)
def test_an_error_in_a_form_names_the_field(client: Client, text: str, param: str | None, code: str) -> None:
    answer = client.form(text)
    assert fault(answer) == (param, code)
    assert "secret" not in answer.text


def test_a_form_that_is_no_text_is_an_error(client: Client) -> None:
    headers = {"content-type": "application/x-www-form-urlencoded"}
    answer = client.request("POST", "/form", content=b"name=\xff", headers=headers)
    assert fault(answer) == (None, "invalid_form")


def test_a_form_may_not_have_any_number_of_fields(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(urlencoded, "MAX_FIELDS", 5)
    assert body(client.form("name=a&counts=1&counts=2&counts=3&counts=4"))["counts"] == [1, 2, 3, 4]
    assert fault(client.form("name=a&counts=1&counts=2&counts=3&counts=4&counts=5"), 413)[1] == "request_too_large"


def test_names_with_brackets_have_a_depth(client: Client) -> None:
    answer = client.form("name=a&point" + "[x]" * 50 + "=1")
    assert fault(answer)[1] == "invalid_value"
    assert "at most 8 levels" in answer.json()["error"]["message"]


# -- multipart ---------------------------------------------------------------------------------------------------


def test_files_reach_the_handler_beside_the_fields_and_are_gone_afterwards(client: Client) -> None:
    answer = client.parts(
        file("file", "line\r\n--b-like\r\n", "content-type: audio/x-thing", filename="../a\\naïve.txt"),
        field("count", "3"),
        field("note", "naïve"),
        field("tags[]", "one"),
        field("tags[]", "two"),
        field("point", '{"x": 1}', "content-type: application/json"),
    )
    assert body(answer) == {
        "file": {"filename": "naïve.txt", "type": "audio/x-thing", "content": "line\r\n--b-like\r\n"},
        "count": 3,
        "note": "naïve",
        "tags": ["one", "two"],
        "point": {"x": 1},
    }
    assert len(echoes.seen) == 1
    assert not echoes.seen[0].exists()


def test_several_files_are_an_array_under_one_name_or_with_brackets(client: Client) -> None:
    def contents(name: str, *parts: str) -> Any:
        found = body(client.parts(file("file", ""), *parts))[name]
        return [item["content"] for item in found] if isinstance(found, list) else found["content"]

    assert contents("several", file("several", "a"), file("several", "b")) == ["a", "b"]
    assert contents("several", file("several[]", "a")) == ["a"]
    assert contents("several", file("several", "a")) == ["a"]
    assert contents("one_or_more", file("one_or_more", "a")) == "a"
    assert contents("one_or_more", file("one_or_more[]", "a"), file("one_or_more[]", "b")) == ["a", "b"]
    assert contents("one_or_more", file("one_or_more", "a"), file("one_or_more", "b")) == ["a", "b"]


def test_a_field_is_a_field_also_when_it_comes_with_a_filename(client: Client) -> None:
    answer = client.parts(file("file", "x"), file("point", '{"x": 2}', "content-type: application/json"))
    assert body(answer)["point"] == {"x": 2}
    # And a file one without.
    assert body(client.parts(field("file", "x")))["file"]["filename"] is None


def test_a_charset_of_a_part_is_honoured(client: Client) -> None:
    answer = client.parts(file("file", ""), field("note", "ab", "content-type: text/plain; charset=utf-16le"))
    assert body(answer)["note"] == "\u6261"
    for charset in ("nonsense", "hex", "punycode", "utf-7", "\0"):
        answer = client.parts(file("file", ""), field("note", "x", f"content-type: text/plain; charset={charset}"))
        assert fault(answer, 415)[1] == "unsupported_media_type"


@pytest.mark.parametrize(
    ("parts", "param", "code"),
    [
        ([field("count", "1")], "file", "missing_required_parameter"),
        ([file("file", "x"), field("count", "secret")], "count", "invalid_type"),
        ([file("file", "x"), field("other", "secret")], "other", "unknown_parameter"),
        ([file("file", "x"), file("other", "secret")], "other", "unknown_parameter"),
        ([file("file", "x"), file("file", "y")], "file", "invalid_value"),
        ([file("file", "x"), *[file("several", "y")] * 3], "several", "array_above_max_length"),
        ([file("file", "x"), file("small", "0123456789a")], "small", "string_above_max_length"),
        ([file("file", "x"), file("small", "0")], "small", "string_below_min_length"),
        ([file("file", "x"), file("image", "y", "content-type: text/html", "x-width: 1")], "image", "invalid_value"),
        (
            [file("file", "x"), file("image", "y", "content-type: image/png")],
            "image.X-Width",
            "missing_required_parameter",
        ),
        (
            [file("file", "x"), file("image", "y", "content-type: image/png", "x-width: wide")],
            "image.X-Width",
            "invalid_type",
        ),
        ([file("file", "x"), field("point", "{", "content-type: application/json")], "point", "invalid_json"),
        ([file("file", "x"), field("point[x]", "secret")], "point.x", "invalid_type"),
    ],
)
def test_an_error_in_a_multipart_form_names_the_field(client: Client, parts: list[str], param: str, code: str) -> None:
    answer = client.parts(*parts)
    assert fault(answer) == (param, code)
    assert "secret" not in answer.text


def test_what_the_document_says_of_a_part_is_honoured(client: Client) -> None:
    answer = client.parts(
        file("file", "x"), file("image", "y", "content-type: image/png", "x-width: 5"), file("small", "0123456789")
    )
    assert body(answer)["image"] == {"filename": "f.txt", "type": "image/png", "content": "y"}
    assert body(answer)["small"]["content"] == "0123456789"


@pytest.mark.parametrize(
    ("content", "content_type"),
    [
        ("--b--\r\n", "multipart/form-data"),
        ("--b\r\n" + file("file", "x") + "\r\n", "multipart/form-data; boundary=b"),
        ("--b\r\n" + file("file", "x")[:20], "multipart/form-data; boundary=b"),
        ("garbage", "multipart/form-data; boundary=b"),
        ("--other\r\n" + file("file", "x") + "\r\n--other--\r\n", "multipart/form-data; boundary=b"),
        ("--b\r\n\r\nx\r\n--b--\r\n", "multipart/form-data; boundary=b"),
        ("--b\r\ncontent-disposition: attachment; name=a\r\n\r\nx\r\n--b--\r\n", "multipart/form-data; boundary=b"),
        ("--b\r\nsecret\x01: x\r\n\r\nx\r\n--b--\r\n", "multipart/form-data; boundary=b"),
        ("--b\r\n" + field("note", "x", *["x-a: b"] * 40) + "\r\n--b--\r\n", "multipart/form-data; boundary=b"),
        ("--b\r\n" + field("note", "x", "x-a: " + "b" * 9_000) + "\r\n--b--\r\n", "multipart/form-data; boundary=b"),
        ("--b--\r\n", f"multipart/form-data; boundary={'b' * 300}"),
    ],
    ids=range(11),
)
def test_a_body_that_is_no_whole_multipart_form_is_an_error_with_a_reason(
    client: Client, content: str, content_type: str, caplog: pytest.LogCaptureFixture
) -> None:
    answer = client.request("POST", "/files", content=content.encode(), headers={"content-type": content_type})
    assert fault(answer) == (None, "invalid_multipart")
    assert "secret" not in answer.text + caplog.text


def test_a_form_is_bounded_in_fields_in_files_and_in_parts(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    assert fault(client.parts(file("file", "x"), field("note", "n" * 30_000)), 413)[1] == "request_too_large"
    assert body(client.parts(file("file", "x" * 100_000)))["file"]["content"] == "x" * 100_000
    assert fault(client.parts(file("file", "x" * 300_000)), 413)[1] == "request_too_large"
    assert fault(client.parts(*[file("several", "")] * 100)) == ("file", "missing_required_parameter")
    monkeypatch.setattr(forms, "MAX_PARTS", 99)
    assert "99 parts" in client.parts(*[file("several", "")] * 100).json()["error"]["message"]
    assert fault(client.form("name=" + "x" * 30_000), 413)[1] == "request_too_large"


def test_files_in_many_pieces_are_whole(client: Client) -> None:
    content = ("x" * 61 + "\r\n--") * 1_500
    whole = f"--b\r\n{file('file', content)}\r\n--b--\r\n".encode()

    async def pieces() -> AsyncIterator[bytes]:
        for start in range(0, len(whole), 37):
            yield whole[start : start + 37]

    headers = {"content-type": 'multipart/form-data; boundary="b"'}
    answer = client.request("POST", "/files", content=pieces(), headers=headers)
    assert body(answer)["file"]["content"] == content


# -- other bodies ------------------------------------------------------------------------------------------------


def test_ranges_of_media_types_are_matched_by_the_closest(client: Client) -> None:
    def send(content: bytes, content_type: str) -> httpx.Response:
        return client.request("POST", "/any", content=content, headers={"content-type": content_type})

    assert body(send(b'{"x": 1}', "application/vnd.point+json")) == {"x": 1}
    assert fault(send(b'{"x": "a"}', "Application/VND.point+JSON; charset=utf-8")) == ("x", "invalid_type")
    assert body(send("naïve".encode("latin-1"), "text/plain; charset=iso-8859-1")) == "naïve"
    assert fault(send(b"too long", "text/plain")) == (None, "string_above_max_length")
    assert body(send(b"12", "text/x-number")) == 12
    assert fault(send(b"twelve", "text/x-number")) == (None, "invalid_type")
    assert send(b"\x89PNG", "image/png").json() == {"body": "\x89PNG", "type": "bytes"}
    assert "image/*" in send(b"<a/>", "application/xml").json()["error"]["message"]
    assert fault(send(b"\xff", "text/plain")) == (None, "invalid_value")
    # Without a Content-Type, and with nothing at all.
    assert body(client.request("POST", "/any", content=b'{"x": 1}')) == {"x": 1}
    assert body(client.request("POST", "/any")) is None


def test_a_compressed_form_is_refused(client: Client) -> None:
    headers = {"content-type": "multipart/form-data; boundary=b", "content-encoding": "gzip"}
    assert fault(client.request("POST", "/files", content=b"x", headers=headers), 415)[1] == "unsupported_media_type"


# -- answers -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("kind", "status", "fits"),
    [
        ("none", 200, True),
        ("application-vnd.x+json", 201, True),
        ("Application-JSON; charset=utf-8", 200, True),
        ("application-problem+json", 200, False),
        ("none", 404, False),
        ("text-x", 200, True),
    ],
)
def test_an_answer_is_held_against_the_closest_status_and_media_type(
    client: Client, kind: str, status: int, fits: bool
) -> None:
    answer = client.request("GET", f"/answers/{kind}?kind={status}")
    if fits:
        assert (answer.status_code, answer.json()) == (status, {"x": 1})
        expected = "application/json" if kind == "none" else kind.replace("-", "/")
        assert answer.headers.get_list("content-type") == [expected]
    else:
        assert fault(answer, 500)[1] == "contract_violation"
