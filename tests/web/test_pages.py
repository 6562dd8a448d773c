"""The pages around the operations: open to all, safe to show in a browser, cheap to ask for again."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, get_args
from urllib.parse import urljoin

import pytest
import yaml

from app.contract.document import Document
from app.documents.convert.versions import Version, to_version
from app.engines.echo import EchoEngine

from ..live import Answer, Server, serve
from ..openapi import CONTRACT
from .inprocess import Client, application, openapi, served

_ROOT = Path(__file__).parents[2]
_UI_FILES = ["", "start.js", "swagger-ui.css", "swagger-ui-bundle.js", "favicon-32x32.png", "favicon-16x16.png"]
_PAGES = [
    "/",
    "/v1/ui",
    "/v1/ui/",
    "/v1/ui/start.js",
    "/v1/openapi.json",
    "/v1/openapi.yaml",
    "/v1/openapi-3.0.json",
    "/v1/openapi-3.1.json",
    "/v1/openapi-3.2.json",
    "/livez",
    "/healthz",
]


@pytest.fixture(scope="module")
def site() -> Iterator[Client]:
    """The pages of the contract that ships."""
    with served() as client:
        yield client


@pytest.mark.parametrize("path", ["/", "/v1", "/v1/", "/v1/ui"])
def test_the_root_and_the_ui_without_its_slash_lead_to_swagger_ui(site: Client, path: str) -> None:
    answer = site.request("GET", path)
    # A relative location stays right behind a proxy that serves us below a path of its own.
    location = answer.headers["location"]
    assert not location.startswith("/")
    assert (answer.status, urljoin(path, location), answer.body) == (307, "/v1/ui/", b"")


@pytest.mark.parametrize("name", _UI_FILES)
def test_every_file_of_the_ui_forbids_other_hosts_frames_and_guessing(site: Client, name: str) -> None:
    answer = site.request("GET", f"/v1/ui/{name}")
    assert answer.status == 200
    policy = dict(rule.strip().split(" ", 1) for rule in answer.headers["content-security-policy"].split(";"))
    assert policy == {
        "default-src": "'self'",
        "img-src": "'self' data:",
        "style-src": "'self' 'unsafe-inline'",
        "base-uri": "'none'",
        "form-action": "'none'",
        "frame-ancestors": "'none'",
    }
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.headers["referrer-policy"] == "no-referrer"


def test_the_page_has_no_inline_script_and_names_no_host(site: Client) -> None:
    page = site.request("GET", "/v1/ui/").body.decode()
    assert page.count("<script") == page.count('<script src="') == 2
    assert "//" not in page


def test_files_of_the_ui_package_that_the_page_does_not_need_are_not_served(site: Client) -> None:
    for name in ("index.html", "oauth2-redirect.html", "swagger-ui.js", "LICENSE", "x/start.js"):
        assert site.request("GET", f"/v1/ui/{name}").status == 404, name


@pytest.mark.parametrize(
    "name", ["../pages.py", "%2e%2e/pages.py", "..%2fpages.py", "/etc/passwd", "%00", "..%5cpages.py"]
)
@pytest.mark.live
def test_no_path_leads_out_of_the_folder_of_the_ui(echo_server: Server, name: str) -> None:
    answer = echo_server.request("GET", f"/v1/ui/{name}")
    assert answer.status == 404
    assert set(answer.json()["error"]) == {"message", "type", "param", "code"}


def test_the_files_of_the_document_are_served_as_one(site: Client) -> None:
    as_json = site.request("GET", "/v1/openapi.json")
    assert (as_json.status, as_json.headers["content-type"]) == (200, "application/json")
    served = as_json.json()
    written = {
        name: yaml.safe_load((_ROOT / "openapi" / f"{name}.yaml").read_bytes()) for name in ("openapi", "responses")
    }
    assert set(served) == set(written["openapi"]) - {"x-parley-beside"}
    assert list(served["paths"]) == [path for each in written.values() for path in each["paths"]]
    assert served["paths"]["/responses"]["post"]["operationId"] == "createResponse"
    schemas = [set(each["components"]["schemas"]) for each in written.values()]
    assert set(served["components"]["schemas"]) == set.union(*schemas)
    assert not set.intersection(*schemas)
    as_yaml = site.request("GET", "/v1/openapi.yaml")
    assert (as_yaml.status, as_yaml.headers["content-type"]) == (200, "application/yaml")
    assert yaml.load(as_yaml.body, Loader=yaml.CSafeLoader) == served
    assert as_json.headers["x-content-type-options"] == as_yaml.headers["x-content-type-options"] == "nosniff"


@pytest.mark.parametrize("path", ["/v1/openapi.json", "/v1/openapi.yaml", "/v1/ui/", "/v1/ui/swagger-ui-bundle.js"])
def test_what_has_not_changed_is_not_sent_again(site: Client, path: str) -> None:
    first = site.request("GET", path)
    tag = first.headers["etag"]
    assert tag.startswith('"')
    for sent in (tag, f'"other", {tag}', f"W/{tag}", "*"):
        again = site.request("GET", path, headers={"if-none-match": sent})
        assert (again.status, again.body, again.headers["etag"]) == (304, b"", tag), sent
    changed = site.request("GET", path, headers={"if-none-match": '"other"'})
    assert (changed.status, changed.body) == (200, first.body)


def test_the_document_and_the_page_are_asked_for_anew_and_the_bundle_is_kept(site: Client) -> None:
    def cache(path: str) -> str:
        return str(site.request("HEAD", path).headers["cache-control"])

    assert cache("/v1/openapi.json") == cache("/v1/ui/") == cache("/v1/ui/start.js") == "no-cache"
    assert cache("/v1/ui/swagger-ui-bundle.js") == "public, max-age=3600"
    assert cache("/healthz") == "no-store"


@pytest.mark.parametrize("path", _PAGES)
@pytest.mark.live
def test_head_has_the_head_of_get_and_no_body(echo_server: Server, path: str) -> None:
    head, get = echo_server.request("HEAD", path), echo_server.request("GET", path)
    assert (head.status, head.body) == (get.status, b"")
    changing = {"date", "x-request-id", "expires"}
    heads = [sorted((n.lower(), v) for n, v in a.headers.items() if n.lower() not in changing) for a in (head, get)]
    assert heads[0] == heads[1]
    assert head.headers["content-length"] == str(len(get.body))


@pytest.mark.parametrize("path", _PAGES)
@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "OPTIONS"])
def test_another_method_on_a_page_is_405_and_names_those_that_are_answered(
    site: Client, path: str, method: str
) -> None:
    answer = site.request(method, path)
    assert (answer.status, answer.headers["allow"]) == (405, "GET, HEAD")
    assert answer.json()["error"]["code"] == "method_not_allowed"


@pytest.mark.parametrize("path", _PAGES)
@pytest.mark.live
def test_every_page_carries_a_request_id_and_needs_no_key(echo_server: Server, path: str) -> None:
    answer = echo_server.request("GET", path)
    assert answer.status in (200, 307)
    assert answer.headers.get_all("x-request-id") == [answer.headers["x-request-id"]]
    assert len(answer.headers.get_all("date") or ()) == 1


@pytest.mark.parametrize("version", get_args(Version))
def test_the_document_is_shown_in_every_version_and_briefly_where_it_is_known(site: Client, version: Version) -> None:
    answer = site.request("GET", f"/v1/openapi-{version}.json")
    assert (answer.status, answer.headers["content-type"]) == (200, "application/json")
    assert answer.json() == to_version(Document.load(CONTRACT), version).content
    again = site.request("GET", f"/v1/openapi-{version}.json", headers={"if-none-match": answer.headers["etag"]})
    assert (again.status, again.body) == (304, b"")


def test_a_page_is_shown_to_a_wrong_key_too(site: Client) -> None:
    assert site.request("GET", "/v1/openapi.json", headers={"authorization": "Bearer wrong"}).status == 200


def test_it_lives_and_is_ready(site: Client) -> None:
    assert site.request("GET", "/livez").json() == {"status": "ok"}
    assert site.request("GET", "/healthz").json() == {"status": "ok"}


def test_a_path_of_the_document_wins_over_a_page(tmp_path: Path) -> None:
    operation = {
        "operationId": "listModels",
        "tags": ["Models"],
        "security": [],
        "responses": {"200": {"description": "OK"}},
    }
    document = {
        "openapi": "3.1.0",
        "info": {"title": "Own", "version": "1"},
        "paths": {"/": {"get": operation}},
    }
    with application(document, tmp_path) as site:
        assert site.request("GET", "/").json()["object"] == "list"
        assert site.request("GET", "/ui/").status == 200
        assert site.request("GET", "/ui").headers["location"] == "ui/"
        assert site.request("GET", "/openapi.yaml").json() == document


ANYTHING = {
    "responses": {"200": {"description": "d", "content": {"application/json": {"schema": {"const": "theirs"}}}}}
}
# Paths of a document with their methods, the path of its server, and what GET of some paths gives: what the document
# has, a page of ours by its beginning, where it leads, or a status.
ROOTS: list[tuple[dict[str, str], str, dict[str, str | int]]] = [
    ({"/": "get"}, "", {"/": "theirs", "/ui/": "<!doctype html>"}),
    ({"/": "get"}, "/v3", {"/": "to /v3/ui/", "/v3": "to /v3/ui/", "/v3/": "theirs", "/v3/ui/": "<!doctype html>"}),
    ({"/": "get"}, "/v3/", {"/": "to /v3/ui/", "/v3/": "theirs"}),
    ({"/": "post"}, "", {"/": 405, "/ui/": "<!doctype html>"}),
    ({"/": "post"}, "/v3", {"/": "to /v3/ui/", "/v3/": 405}),
    ({"/a": "get"}, "/v3", {"/": "to /v3/ui/", "/v3": "to /v3/ui/", "/v3/": "to /v3/ui/"}),
    ({"/{id}": "get"}, "", {"/": "to /ui/", "/ui/": "<!doctype html>", "/livez": '{"status":', "/x": "theirs"}),
    ({"/{id}": "get"}, "/v3", {"/": "to /v3/ui/", "/v3/ui/": "<!doctype html>", "/v3/x": "theirs"}),
    ({"/{a}/{b}": "get"}, "", {"/": "to /ui/", "/ui/start.js": "//", "/ui/x": "theirs"}),
    ({"/{id}": "get", "/livez": "get"}, "", {"/livez": "theirs"}),
    ({"/ui/": "get"}, "", {"/": "to /openapi.json", "/ui/": "theirs"}),
    ({"/ui/": "get", "/openapi.json": "get"}, "", {"/": 404, "/openapi.json": "theirs"}),
]


@pytest.mark.parametrize(("paths", "server", "expected"), ROOTS)
def test_the_root_and_the_pages_fit_the_document_in_force(
    paths: dict[str, str], server: str, expected: dict[str, str | int], tmp_path: Path
) -> None:
    with application(_document(paths, server), tmp_path, mock="all") as site:
        assert {path: _given(site.request("GET", path), path) for path in expected} == expected


@pytest.mark.live
def test_a_server_answers_the_root_as_the_document_has_it(tmp_path: Path) -> None:
    for number, (paths, server, expected) in enumerate((ROOTS[1], ROOTS[6])):
        spec = tmp_path / f"{number}.json"
        spec.write_text(json.dumps(_document(paths, server)))
        with serve("echo", env={"PARLEY_SPEC": str(spec), "PARLEY_MOCK": "all"}) as served:
            assert {path: _given(served.request("GET", path), path) for path in expected} == expected


def test_a_method_that_a_page_does_not_have_is_the_documents(tmp_path: Path) -> None:
    with application(_document({"/{id}": "post"}, ""), tmp_path, mock="all") as site:
        assert site.request("POST", "/livez").json() == "theirs"
        assert site.request("HEAD", "/livez").status == 200
        refused = site.request("DELETE", "/livez")
        assert (refused.status, refused.headers["allow"]) == (405, "GET, HEAD, POST")


def _document(paths: dict[str, str], server: str) -> dict[str, Any]:
    found = {path: {method: ANYTHING} for path, method in paths.items()}
    return openapi(found, servers=[{"url": f"https://api.example.org{server}"}], security=[])


def _given(answer: Answer, path: str) -> str | int:
    """What an answer is in the words of `ROOTS`."""
    if answer.status == 307:
        return f"to {urljoin(path, answer.headers['location'])}"
    if answer.status != 200:
        return answer.status
    if answer.body == b'"theirs"':
        return "theirs"
    return next(begin for begin in ("<!doctype html>", '{"status":', "//") if answer.body.startswith(begin.encode()))


def test_where_nothing_can_answer_it_lives_and_is_not_ready(monkeypatch: pytest.MonkeyPatch, site: Client) -> None:
    async def not_ready(_: EchoEngine) -> bool:
        return False

    monkeypatch.setattr(EchoEngine, "ready", not_ready)
    answer = site.request("GET", "/healthz")
    assert (answer.status, answer.json()) == (503, {"status": "unavailable"})
    assert (answer.headers["retry-after"], answer.headers["cache-control"]) == ("1", "no-store")
    assert site.request("GET", "/livez").status == 200
