"""A model with a projector reads pictures and sounds: real llama.cpp, the bundled model, a projector of random weights
whose embeddings mean nothing, but are another thing for another picture."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import socket
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from openai import BadRequestError, OpenAI

from tests.live import Answer, Server, StartError, serve

from ..patience import wait_until
from .conftest import child_of
from .gguf_writer import AUDIO_TOKENS, IMAGE_TOKENS, write_projector
from .media_files import BLUE, GIF, audio, bmp, image, jpeg, mp3, png, text, wav, wav_of

pytestmark = pytest.mark.live

EMBEDDING = 192  # the bundled model's

_SCHEMA = {"type": "object", "properties": {"a": {"enum": [1, 2]}}, "required": ["a"], "additionalProperties": False}
_TOOL = {"type": "function", "function": {"name": "look", "parameters": _SCHEMA}}


@pytest.fixture(scope="module")
def projector(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_projector(tmp_path_factory.mktemp("projector") / "mmproj.gguf", EMBEDDING)


@pytest.fixture(scope="module")
def server(projector: Path) -> Iterator[Server]:
    with serve("llama", env={"PARLEY_MMPROJ": str(projector)}) as running:
        yield running


def _ask(server: Server, *parts: dict[str, Any], before: tuple[Any, ...] = (), **more: Any) -> Answer:
    body = {
        "model": "parley-tiny",
        "messages": [*before, {"role": "user", "content": list(parts)}],
        "temperature": 0,
        "max_completion_tokens": 12,
        **more,
    }
    return server.request("POST", "/v1/chat/completions", body=body, headers=server.bearer)


def _answer(server: Server, *parts: dict[str, Any], **more: Any) -> Any:
    answer = _ask(server, *parts, logprobs=True, **more)
    assert answer.status == 200, answer.body
    return answer.json()


def _tokens(answer: Any) -> list[tuple[str, float]]:
    return [(entry["token"], round(entry["logprob"], 4)) for entry in answer["choices"][0]["logprobs"]["content"]]


def _prompt_tokens(answer: Any) -> int:
    count: int = answer["usage"]["prompt_tokens"]
    return count


def _error(answer: Answer, status: int = 400) -> Any:
    assert answer.status == status, answer.body
    return answer.json()["error"]


def test_a_picture_and_a_sound_take_tokens_of_the_prompt(server: Server) -> None:
    words = _prompt_tokens(_answer(server, text("Hello!")))
    assert _prompt_tokens(_answer(server, text("Hello!"), image(png()))) == words + IMAGE_TOKENS
    assert _prompt_tokens(_answer(server, text("Hello!"), image(png()), image(GIF))) == words + 2 * IMAGE_TOKENS
    assert _prompt_tokens(_answer(server, text("Hello!"), audio(wav()))) == words + AUDIO_TOKENS
    assert _prompt_tokens(_answer(server, text("Hello!"), audio(wav(seconds=31)))) == words + 2 * AUDIO_TOKENS
    both = _answer(server, image(png()), text("Hello!"), audio(mp3(), "mp3"))
    assert _prompt_tokens(both) == words + IMAGE_TOKENS + AUDIO_TOKENS


@pytest.mark.parametrize(("one", "other"), [(image(png()), image(png(colour=BLUE))), (audio(wav()), audio(wav(880)))])
def test_the_answer_hangs_on_the_picture_or_sound(server: Server, one: Any, other: Any) -> None:
    asked = [_tokens(_answer(server, text("What is it?"), part)) for part in (one, other, one, other)]
    assert asked[0] == asked[2]
    assert asked[1] == asked[3]
    assert asked[0] != asked[1]


def test_the_order_of_the_parts_matters(server: Server) -> None:
    red, blue = image(png()), image(png(colour=BLUE))
    orders = [(red, text("Hello!"), blue), (blue, text("Hello!"), red), (text("Hello!"), red, blue)]
    assert len({str(_tokens(_answer(server, *order))) for order in orders}) == 3


def test_every_form_of_picture_is_read(server: Server) -> None:
    for data in (png(), jpeg(), jpeg(50, 30), GIF, bmp(3, 3), bmp(3, -3), png(1, 1), png(200, 1), png(1, 200)):
        # The model has not learned to see: it may have nothing to say to some.
        assert _prompt_tokens(_answer(server, image(data))) > IMAGE_TOKENS


def test_a_stream_says_what_the_whole_answer_says(server: Server) -> None:
    parts = text("Hello!"), image(png())
    whole = _answer(server, *parts)
    streamed = _ask(server, *parts, stream=True, stream_options={"include_usage": True})
    events = [line.removeprefix("data: ") for line in streamed.body.decode().splitlines() if line.startswith("data: ")]
    assert events[-1] == "[DONE]"
    chunks = [json.loads(event) for event in events[:-1]]
    content = "".join(choice["delta"].get("content", "") for chunk in chunks for choice in chunk["choices"])
    assert content == whole["choices"][0]["message"]["content"]
    assert chunks[-1]["usage"]["prompt_tokens"] == _prompt_tokens(whole)


def test_the_openai_sdk_sends_pictures_and_sounds(server: Server) -> None:
    content: Any = [text("Hello!"), image(png(), detail="auto"), audio(wav())]
    with OpenAI(base_url=server.base, api_key=server.key, max_retries=0) as client:
        answer = client.chat.completions.create(
            model="parley-tiny", messages=[{"role": "user", "content": content}], max_completion_tokens=4
        )
        assert answer.usage is not None
        assert answer.usage.prompt_tokens > IMAGE_TOKENS + AUDIO_TOKENS
        content[1]["image_url"]["url"] = "https://example.com/a.png"
        with pytest.raises(BadRequestError) as caught:
            client.chat.completions.create(model="parley-tiny", messages=[{"role": "user", "content": content}])
    assert caught.value.code == "invalid_image_url"
    assert caught.value.param == "messages[0].content[1].image_url.url"


def test_pictures_of_earlier_turns_are_read(server: Server) -> None:
    def before(part: Any) -> tuple[Any, ...]:
        return ({"role": "user", "content": [part]}, {"role": "assistant", "content": "I see."})

    asked = [_tokens(_answer(server, text("And?"), before=before(image(png(colour=c))))) for c in ((255, 0, 0), BLUE)]
    assert asked[0] != asked[1]


def test_a_prompt_with_pictures_that_is_too_long_is_told_so(server: Server) -> None:
    error = _error(_ask(server, *[image(png())] * 100, text("word " * 3000)))
    assert error["code"] == "context_length_exceeded"
    assert error["param"] == "messages"


def test_choices_tools_formats_and_stops_work_with_pictures(server: Server) -> None:
    parts = text("Hello!"), image(png())
    assert len(_answer(server, *parts, n=2, seed=1, temperature=1)["choices"]) == 2
    formatted = _answer(
        server, *parts, response_format={"type": "json_schema", "json_schema": {"name": "x", "schema": _SCHEMA}}
    )
    assert json.loads(formatted["choices"][0]["message"]["content"])["a"] in (1, 2)
    called = _ask(server, *parts, tools=[_TOOL], tool_choice="required", max_completion_tokens=60).json()
    assert called["choices"][0]["message"]["tool_calls"][0]["function"]["name"] == "look"
    assert _ask(server, *parts, stop=["o"]).json()["usage"]["prompt_tokens"] > IMAGE_TOKENS


def test_the_prompt_cache_knows_pictures_apart(server: Server) -> None:
    first = text("Look: "), image(png())
    _answer(server, *first)
    again = _answer(server, *first)
    assert again["usage"]["prompt_tokens_details"]["cached_tokens"] >= IMAGE_TOKENS
    other = _answer(server, first[0], image(png(colour=(0, 255, 0))))
    assert other["usage"]["prompt_tokens_details"]["cached_tokens"] < IMAGE_TOKENS


def test_many_requests_with_pictures_at_once_are_all_answered(server: Server) -> None:
    def ask(number: int) -> tuple[int, str]:
        broken = image(png()[:-30])
        part = broken if number % 5 == 4 else image(png(colour=(255 if number % 2 else 0, 0, 0)))
        more: dict[str, Any] = {"tools": [_TOOL], "logprobs": True} if number % 3 == 0 else {}
        answer = _ask(server, text("Hello!"), part, stream=number % 2 == 0 and not more, **more)
        return number, str(answer.status)

    with ThreadPoolExecutor(24) as pool:
        statuses = dict(pool.map(ask, range(24)))
    assert statuses == {number: "400" if number % 5 == 4 else "200" for number in range(24)}


def test_a_text_cannot_stand_for_a_picture(projector: Path) -> None:
    env = {"PARLEY_MMPROJ": str(projector), "LLAMA_MEDIA_MARKER": "<known>"}
    with serve("llama", env=env) as server:
        assert _ask(server, text("<known> <__media__>")).status == 200
        counts = [_prompt_tokens(_answer(server, text(words), image(png()))) for words in ("<known>", "<knowx>")]
    assert abs(counts[0] - counts[1]) <= 1


@contextlib.contextmanager
def _listener() -> Iterator[tuple[int, list[object]]]:
    """A port, and the connections that anybody made to it."""
    met: list[object] = []
    with socket.create_server(("127.0.0.1", 0)) as listening:

        def accept() -> None:
            with contextlib.suppress(OSError):
                while True:
                    connection, address = listening.accept()
                    met.append(address)
                    connection.close()

        threading.Thread(target=accept, daemon=True).start()
        yield listening.getsockname()[1], met
        with socket.create_connection(listening.getsockname()):
            pass
        wait_until(lambda: met, "the listener hears nothing")
        met.pop()


def test_nothing_is_fetched(server: Server) -> None:
    with _listener() as (port, met):
        for address in (f"http://127.0.0.1:{port}/a.png", f"HTTP://127.0.0.1:{port}/a.png", f"//127.0.0.1:{port}/a"):
            part = {"type": "image_url", "image_url": {"url": address}}
            error = _error(_ask(server, text("x"), part))
            assert error["param"].startswith("messages[0].content[1].image_url.url")
            sound = {"type": "input_audio", "input_audio": {"data": address, "format": "wav"}}
            assert _error(_ask(server, sound))["param"] == "messages[0].content[0].input_audio.data"
    assert met == []


def test_files_of_the_server_are_not_read(server: Server, tmp_path: Path) -> None:
    (tmp_path / "a.png").write_bytes(png())
    part = {"type": "image_url", "image_url": {"url": f"file://{tmp_path}/a.png"}}
    assert _error(_ask(server, part))["code"] == "invalid_image_url"


BROKEN = [
    image(png()[:-30]),
    image(png()[:60] + b"x" * 40),
    image(b"\xff\xd8\xff\xc3\0\x0b\x08\0\4\0\4\1\1\x11\0" + bytes(40)),
    image(bmp(2, 2)[:26] + bytes(28)),
    audio(wav_of(b"")),
    audio(wav_of(b"\1\0")),
    audio(b"ID3" + bytes(200), "mp3"),
    audio((b"\xff\xfb\x90\x64" + b"\xff" * 413) * 10, "mp3"),
]


@pytest.mark.parametrize("part", BROKEN, ids=range(len(BROKEN)))
def test_damaged_data_are_refused_and_the_model_lives_on(server: Server, part: Any) -> None:
    answer = _ask(server, text("x"), part)
    assert answer.status == 400, answer.body
    assert _ask(server, text("x"), image(png())).status == 200


def test_a_picture_that_llama_cpp_cannot_decode_is_told_so(server: Server) -> None:
    error = _error(_ask(server, image(png()[:60] + b"x" * 40)))
    assert error["code"] == "image_parse_error"
    assert "damaged" in error["message"]


@pytest.mark.parametrize("detail", ["low", "high"])
def test_detail_that_is_not_honoured_is_refused_by_name(server: Server, detail: str) -> None:
    error = _error(_ask(server, text("x"), image(png(), detail=detail)))
    assert error["param"] == "messages[0].content[1].image_url.detail"
    assert error["code"] == "unsupported_parameter"
    assert _ask(server, text("x"), image(png(), detail="auto")).status == 200


def test_audio_to_hear_is_another_thing_than_audio_to_read(server: Server) -> None:
    error = _error(_ask(server, audio(wav()), modalities=["text", "audio"], audio={"voice": "alloy", "format": "wav"}))
    assert error["param"] in ("modalities", "audio")


@pytest.mark.parametrize(("engine", "model"), [("echo", "parley-echo"), ("llama", "parley-tiny")])
def test_without_a_projector_pictures_and_sounds_are_refused_by_name(engine: Any, model: str) -> None:
    with serve(engine) as server:
        for part in (image(png()), audio(wav())):
            error = _error(_ask(server, text("x"), part, model=model))
            assert error["param"] == "messages[0].content[1]"
            assert error["code"] == "unsupported_parameter"


def test_a_projector_for_one_of_them_refuses_the_other(tmp_path: Path) -> None:
    eyes = write_projector(tmp_path / "eyes.gguf", EMBEDDING, audio=False)
    with serve("llama", env={"PARLEY_MMPROJ": str(eyes)}) as server:
        assert _ask(server, text("x"), image(png())).status == 200
        assert _error(_ask(server, text("x"), audio(wav())))["param"] == "messages[0].content[1]"
    ears = write_projector(tmp_path / "ears.gguf", EMBEDDING, images=False)
    with serve("llama", env={"PARLEY_MMPROJ": str(ears)}) as server:
        assert _ask(server, text("x"), audio(wav())).status == 200
        assert _error(_ask(server, text("x"), image(png())))["param"] == "messages[0].content[1]"


def test_pictures_are_read_again_after_the_model_process_died(projector: Path) -> None:
    with serve("llama", env={"PARLEY_MMPROJ": str(projector)}) as server:
        before = _tokens(_answer(server, image(png())))
        supervisor = next(pid for pid in _below(server.pid) if pid not in server.workers)
        child = child_of(supervisor)
        assert child is not None
        os.kill(child, signal.SIGKILL)
        wait_until(lambda: _ask(server, image(png())).status == 200)
        assert _tokens(_answer(server, image(png()))) == before


def _below(pid: int) -> list[int]:
    return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def test_a_wrong_projector_ends_the_start_with_a_sentence(tmp_path: Path) -> None:
    with pytest.raises(StartError) as caught, serve("llama", env={"PARLEY_MMPROJ": str(tmp_path / "none.gguf")}):
        pass
    assert "none.gguf does not exist" in caught.value.log
    assert "Traceback" not in caught.value.log
