"""Handlers of one's own, and handlers of ours under the names of another author's document."""

import textwrap
import threading
from pathlib import Path
from typing import Any

import pytest

from app.errors import ConfigurationError

from .inprocess import BEARER, application, error, openapi

OBJECT = {"content": {"application/json": {"schema": {"type": "object"}}}, "description": "x"}


def package(folder: Path, name: str, **modules: str) -> None:
    (folder / name).mkdir()
    (folder / name / "__init__.py").write_text(textwrap.dedent(modules.pop("init", "")))
    for module, text in modules.items():
        (folder / name / f"{module}.py").write_text(textwrap.dedent(text))


def operation(name: str, tag: str | None = "Pets", **fields: Any) -> dict[str, Any]:
    tags = {"tags": [tag]} if tag else {}
    return {"operationId": name, "responses": {"200": OBJECT}, **tags, **fields}


def test_handlers_of_ones_own_are_found_by_tag_and_operation_id(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    package(
        tmp_path,
        "mine_a",
        init="async def noTag(): ...\nasync def no_tag():\n    return {'from': 'the package'}\n",
        pets="""
        import threading
        import flask

        async def get_pet(pet_id, request):
            return {"pet": pet_id, "thread": threading.current_thread().name, "key": request.key_name}

        def list_pets(limit=10):
            return {"limit": limit, "thread": threading.current_thread().name, "path": flask.request.path}
        """,
        models="async def list_models():\n    return {'mine': True}\n",
    )
    monkeypatch.syspath_prepend(tmp_path)
    pet = {"name": "petId", "in": "path", "required": True, "schema": {"type": "integer"}}
    limit = {"name": "limit", "in": "query", "schema": {"type": "integer"}}
    document = openapi(
        {
            "/pets/{petId}": {"get": operation("getPet", parameters=[pet])},
            "/pets": {"get": operation("listPets", parameters=[limit]), "post": operation("createPet")},
            "/none": {"get": operation("noTag", None)},
            "/models": {"get": operation("listModels", "Models")},
        }
    )
    with application(document, tmp_path, handlers=("mine_a",)) as client:
        one = client.get("/pets/7", headers=BEARER).json()
        assert one["pet"] == 7
        assert one["thread"] == threading.main_thread().name  # on the loop
        assert len(one["key"]) == 8
        many = client.get("/pets?limit=3", headers=BEARER).json()
        assert (many["limit"], many["path"]) == (3, "/pets")
        assert many["thread"] != threading.main_thread().name  # in a thread of its own
        assert client.get("/pets", headers=BEARER).json()["limit"] == 10
        assert client.get("/none", headers=BEARER).json() == {"from": "the package"}
        assert client.get("/models", headers=BEARER).json() == {"mine": True}  # before ours
        # 401 comes before 400 before 501.
        assert error(client.get("/pets?limit=x"), 401)
        assert error(client.get("/pets?limit=x", headers=BEARER), 400)["param"] == "limit"
        assert error(client.post("/pets", headers=BEARER), 501)["code"] == "not_implemented"


def test_an_answer_of_ones_own_handler_is_held_against_the_document(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    package(tmp_path, "mine_b", pets="async def get_pet():\n    return {'name': None, 'secret': 'x'}\n")
    monkeypatch.syspath_prepend(tmp_path)
    schema = {"type": "object", "properties": {"name": {"type": "string"}}, "additionalProperties": False}
    answer = {"200": {"description": "x", "content": {"application/json": {"schema": schema}}}}
    document = openapi({"/pet": {"get": operation("getPet", responses=answer)}})
    with application(document, tmp_path, handlers=("mine_b",)) as client:
        assert error(client.get("/pet", headers=BEARER), 500)["code"] == "contract_violation"


def test_a_package_that_cannot_be_imported_ends_the_start_in_words(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    package(tmp_path, "mine_c", pets="import nothing_of_this_name\n")
    monkeypatch.syspath_prepend(tmp_path)
    document = openapi({"/pet": {"get": operation("getPet")}})
    for name, part in (("mine_c", r"mine_c\.pets .*nothing_of_this_name"), ("nowhere_at_all", "nowhere_at_all")):
        with (
            pytest.raises(ConfigurationError, match=part),
            application(document, tmp_path, handlers=(name,)),
        ):
            pass


def test_a_handler_that_asks_for_what_is_not_there_ends_the_start(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    package(tmp_path, "mine_d", pets="async def get_pet(colour, size):\n    return {}\n")
    monkeypatch.syspath_prepend(tmp_path)
    with (
        pytest.raises(ConfigurationError, match="getPet asks for colour, size"),
        application(openapi({"/pet": {"get": operation("getPet")}}), tmp_path, handlers=("mine_d",)),
    ):
        pass


# -- our handlers under other names --------------------------------------------------------------------------------

MESSAGE = {
    "type": "object",
    "properties": {"role": {"type": "string"}, "content": {"type": "string"}},
    "required": ["role", "content"],
    "additionalProperties": False,
}
CHUNK = {
    "type": "object",
    "properties": {
        "id": {"type": "string"},
        "model": {"type": "string"},
        "choices": {
            "type": "array",
            "items": {
                "type": "object",
                "properties": {
                    "index": {"type": "integer"},
                    "delta": {"type": "object", "properties": {"content": {"type": "string"}}},
                    "finish_reason": {"enum": ["stop", None]},
                },
                "additionalProperties": False,
            },
        },
    },
    "additionalProperties": False,
}
# As strict as can be, with one of the fields that OpenAI does not have.
MODEL: dict[str, Any] = {
    "type": "object",
    "properties": {
        **{name: {"type": "string"} for name in ("id", "object", "owned_by")},
        **{name: {"type": "integer"} for name in ("created", "context_length")},
    },
    "additionalProperties": False,
}
FOREIGN = openapi(
    {
        "/v1/chat/completions": {
            "post": {
                "operationId": "chat_completion_v1_chat_completions_post",
                "tags": ["chat"],
                "requestBody": {
                    "required": True,
                    "content": {
                        "application/json": {
                            "schema": {
                                "type": "object",
                                "properties": {
                                    "model": {"type": ["string", "null"]},
                                    "messages": {"type": "array", "items": MESSAGE, "minItems": 1},
                                    "stream": {"type": "boolean", "default": False},
                                    "max_tokens": {"type": ["integer", "null"], "minimum": 1},
                                    "stop": {"type": ["object", "string", "null"]},
                                    "safe_prompt": {"type": "boolean", "default": False},
                                },
                                "required": ["messages"],
                                "additionalProperties": False,
                            }
                        }
                    },
                },
                "responses": {
                    "200": {
                        "description": "x",
                        "content": {
                            "application/json": {
                                "schema": {
                                    "type": "object",
                                    "properties": {
                                        "id": {"type": "string"},
                                        "choices": {
                                            "type": "array",
                                            "items": {
                                                "type": "object",
                                                "properties": {
                                                    "index": {"type": "integer"},
                                                    "message": MESSAGE,
                                                    "finish_reason": {"type": "string"},
                                                    "logprobs": {"type": "object"},
                                                },
                                            },
                                        },
                                    },
                                    "required": ["id", "choices"],
                                }
                            },
                            "text/event-stream": {
                                "schema": {"type": "object", "properties": {"data": CHUNK}, "required": ["data"]}
                            },
                        },
                    }
                },
            }
        },
        "/v1/models/{model_id}": {
            "get": {
                "operationId": "model_get",
                "parameters": [{"name": "model_id", "in": "path", "required": True, "schema": {"type": "string"}}],
                "responses": {"200": {"description": "OK", "content": {"application/json": {"schema": MODEL}}}},
            }
        },
    }
)
NAMES = ("createChatCompletion=chat_completion_v1_chat_completions_post", "retrieveModel=model_get")
CHAT = {"model": "parley-echo", "messages": [{"role": "user", "content": "hello"}]}


def test_our_handlers_answer_under_the_contract_of_another_author(tmp_path: Path) -> None:
    with application(FOREIGN, tmp_path, operations=NAMES) as client:
        answer = client.post("/v1/chat/completions", json=CHAT, headers=BEARER)
        assert answer.status_code == 200, answer.text
        (choice,) = answer.json()["choices"]
        # What the document has no room for is left out.
        assert choice["message"] == {"role": "assistant", "content": "hello"}
        assert "logprobs" not in choice
        told = client.get("/v1/models/parley-echo", headers=BEARER).json()
        assert told.keys() == {"id", "object", "created", "owned_by", "context_length"}
        # The rules are theirs.
        refused = client.post("/v1/chat/completions", json={**CHAT, "max_tokens": 0}, headers=BEARER)
        assert error(refused, 400)["param"] == "max_tokens"
        refused = client.post("/v1/chat/completions", json={**CHAT, "temperature": 1}, headers=BEARER)
        assert error(refused, 400)["code"] == "unknown_parameter"


def test_what_another_contract_lets_pass_must_still_mean_something_here(tmp_path: Path) -> None:
    with application(FOREIGN, tmp_path, operations=NAMES) as client:

        def ask(**fields: Any) -> Any:
            return client.post("/v1/chat/completions", json={**CHAT, **fields}, headers=BEARER)

        # Theirs needs no model and takes any stop; no engine knows what to do then.
        assert error(ask(model=None), 400)["param"] == "model"
        without = {"messages": CHAT["messages"]}
        missing = client.post("/v1/chat/completions", json=without, headers=BEARER)
        assert error(missing, 400)["code"] == "missing_required_parameter"
        assert error(ask(stop={"a": 1}), 400)["param"] == "stop"
        # Null and the default of their document ask for nothing; anything else is refused by name.
        assert ask(stop=None, max_tokens=None, safe_prompt=False).status_code == 200
        refused = error(ask(safe_prompt=True), 400)
        assert (refused["param"], refused["code"]) == ("safe_prompt", "unsupported_parameter")


def test_a_stream_under_the_contract_of_another_author_fits_it_too(tmp_path: Path) -> None:
    with application(FOREIGN, tmp_path, operations=NAMES) as client:
        answer = client.post("/v1/chat/completions", json={**CHAT, "stream": True}, headers=BEARER)
        assert answer.headers["content-type"].startswith("text/event-stream")
        assert answer.text.rstrip().endswith("data: [DONE]")
        assert '"object"' not in answer.text
        assert "hello" in answer.text


@pytest.mark.parametrize(
    ("pair", "part"),
    [
        ("createChatCompletion=nothing_of_theirs", "nothing_of_theirs, which the document does not have"),
        ("nothingOfOurs=model_get", "nothingOfOurs, for which there is no handler"),
    ],
)
def test_a_name_that_is_not_there_ends_the_start(pair: str, part: str, tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match=part), application(FOREIGN, tmp_path, operations=(pair,)):
        pass


# -- odd documents --------------------------------------------------------------------------------------------------


def test_paths_ids_and_parameters_may_be_called_anything(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    package(tmp_path, "mine_e", things="async def get_thing(thing_id, x_y):\n    return {'id': thing_id, 'y': x_y}\n")
    monkeypatch.syspath_prepend(tmp_path)
    both = [
        {"name": name, "in": "path", "required": True, "schema": {"type": "string"}} for name in ("thing-id", "x.y")
    ]
    document = openapi(
        {
            "/t/{thing-id}/{x.y}/z": {"get": operation("get thing", "Things", parameters=both)},
            "/t/{a}/b/z": {"get": operation("a.b", None)},
            "/t/b/b/z": {"get": operation("a_b", None)},
            "/u": {"get": {"responses": {}}, "put": {"responses": {}}},
            "/v": {"get": {"responses": {}, "servers": [{"url": "https://other.example/elsewhere"}]}},
        },
        servers=[{"url": "https://{host}/{base}", "variables": {"host": {"default": "h"}, "base": {"default": "v9"}}}],
    )
    with application(document, tmp_path, handlers=("mine_e",)) as client:
        answer = client.get("/v9/t/a%20b/c/z", headers=BEARER)
        assert answer.json() == {"id": "a b", "y": "c"}
        assert "operation a_b," in error(client.get("/v9/t/b/b/z", headers=BEARER), 501)["message"]
        assert "operation get_u," in error(client.get("/v9/u", headers=BEARER), 501)["message"]
        assert client.get("/elsewhere/v", headers=BEARER).status_code == 501
        assert client.get("/v9/v", headers=BEARER).status_code == 404
        refused = client.post("/v9/u", headers=BEARER)
        assert refused.status_code == 405
        assert refused.headers["allow"] == "GET, HEAD, PUT"


def test_a_handler_in_flask_answers_the_one_of_several_templates_whose_key_was_asked_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    package(
        tmp_path,
        "mine_of_templates",
        pets="""
        import flask

        def get_me(entity):
            return {"me": entity, "rule": flask.request.url_rule.rule, "view_args": flask.request.view_args}

        def get_book(book_id):
            return {"book": book_id, "rule": flask.request.url_rule.rule, "view_args": flask.request.view_args}
        """,
    )
    monkeypatch.syspath_prepend(tmp_path)

    def item(name: str, parameter: str, **fields: Any) -> dict[str, Any]:
        described = {"name": parameter, "in": "path", "required": True, "schema": {"type": "string"}}
        return {"get": operation(name, parameters=[described], **fields)}

    document = openapi(
        {"/{entity}/me": item("getMe", "entity"), "/books/{bookId}": item("getBook", "bookId", security=[])}
    )
    with application(document, tmp_path, handlers=("mine_of_templates",)) as client:
        assert error(client.get("/books/me"), 401)
        me = client.get("/books/me", headers=BEARER).json()
        assert me == {"me": "books", "rule": "/<entity>/me", "view_args": {"entity": "books"}}
        book = client.get("/books/a%0Ab").json()
        assert (book["book"], book["view_args"]) == ("a\nb", {"bookId": "a\nb"})
