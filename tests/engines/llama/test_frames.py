"""What stands around an answer shows in how the template renders an answer of the past."""

from __future__ import annotations

import asyncio

import pytest

from app.engines.llama.frames import Frame, find_frame, usual_frames
from app.jsontypes import Json

from . import templates
from .templates import Template, asks, plain, rendering

ON: Json = {"enable_thinking": True}
OFF: Json = {"enable_thinking": False}
ASK: Json = {"messages": [{"role": "user", "content": "Hello!"}], "chat_template_kwargs": ON}


def frame_of(template: Template, on: Json = ON, off: Json = OFF) -> Frame:
    return asyncio.run(find_frame(rendering(template), on, off))


CHANNELS = Frame(
    lead="<|channel|>final<|message|>",
    opening="<|channel|>analysis<|message|>",
    closing="<|end|>",
    after="<|end|><|start|>assistant<|channel|>final<|message|>",
)
FRAMES: list[tuple[Template, Frame]] = [
    (templates.qwen3, Frame("", "<think>\n", "</think>", "\n</think>\n\n")),
    (templates.qwen3_thinking, Frame("\n</think>\n\n", "", "</think>", "\n</think>\n\n")),
    (templates.r1, Frame("", "<think>", "</think>", "</think>\n\n")),
    (templates.gpt_oss, CHANNELS),
    (templates.magistral, Frame("", "[THINK]", "[/THINK]", "[/THINK]")),
    (templates.apriel, Frame("", "", "[BEGIN FINAL RESPONSE]", "\n[BEGIN FINAL RESPONSE]\n")),
    (templates.functionary, Frame("all\n")),
    (templates.plain, Frame()),
    (templates.seed_oss, Frame()),
]


@pytest.mark.parametrize(("template", "frame"), FRAMES, ids=[template.__name__ for template, _ in FRAMES])
def test_a_frame_shows_in_an_answer_of_the_past(template: Template, frame: Frame) -> None:
    assert frame_of(template) == frame
    assert frame.thinks is (frame.opening is not None)


@pytest.mark.parametrize(("template", "frame"), FRAMES, ids=[template.__name__ for template, _ in FRAMES])
def test_what_is_written_out_is_what_the_template_writes_of_an_answer(template: Template, frame: Frame) -> None:
    thoughts, words = "Well, well.", "Hi!"
    past = {"role": "assistant", "content": words, "reasoning_content": thoughts if frame.thinks else ""}
    written = template({**ASK, "messages": [*ASK["messages"], past], "add_generation_prompt": False})
    prompt = template(ASK)
    assert prompt is not None
    assert written is not None
    if template is templates.r1:
        return  # it leaves thoughts out
    if frame.thinks:
        assert written.startswith(f"{frame.open(prompt)}{thoughts}{frame.after}{words}")
        assert frame.after.strip().startswith(frame.closing)
    else:
        assert written.startswith(f"{prompt}{frame.lead}{words}")


def test_a_prompt_that_begins_thoughts_is_open_already() -> None:
    frame = Frame("", "<think>", "</think>", "</think>\n\n")
    assert frame.open("a<think>\n") == "a<think>\n"
    assert frame.open("a") == "a<think>"
    assert frame.open("<think>\n\n</think>\n\n") == "<think>\n\n</think>\n\n<think>"
    assert Frame("", "", "</think>", "</think>").open("a<think>\n") == "a<think>\n"


def test_the_lead_ends_thoughts_that_the_prompt_begins_and_none_that_it_has_ended() -> None:
    assert templates.qwen3({**ASK, "chat_template_kwargs": OFF}).endswith("<think>\n\n</think>\n\n")
    assert frame_of(templates.qwen3).lead == ""
    assert templates.qwen3_thinking({**ASK, "chat_template_kwargs": OFF}).endswith("<think>\n")
    assert frame_of(templates.qwen3_thinking).lead == "\n</think>\n\n"


def test_a_template_that_refuses_everything_has_a_frame_of_nothing() -> None:
    assert frame_of(lambda _: None) == Frame()


@pytest.mark.parametrize(
    ("template", "frame"), [(templates.r1, Frame("", "<think>", "</think>", "</think>\n\n")), (plain, Frame())]
)
def test_a_template_that_refuses_answers_of_the_past_shows_thoughts_that_it_begins(
    template: Template, frame: Frame
) -> None:
    assert frame_of(lambda payload: template(payload) if asks(payload) else None) == frame


def test_what_a_past_answer_has_in_the_place_of_what_the_prompt_begins_is_no_lead() -> None:
    def other(payload: Json) -> str:
        shown = [
            {**each, "content": f"<answer>{each['content']}"} if each["role"] == "assistant" else each
            for each in payload["messages"]
        ]
        return plain({**payload, "messages": shown}) + ("<think>\n" if asks(payload) else "")

    assert frame_of(other) == Frame("", "<think>", "</think>", "</think>\n\n")


def test_what_is_long_is_no_frame() -> None:
    def wordy(payload: Json) -> str:
        shown = [
            {**each, "content": "It is such a day. " * 10 + each["content"]} if each["role"] == "assistant" else each
            for each in payload["messages"]
        ]
        return plain({**payload, "messages": shown})

    assert frame_of(wordy) == Frame()


def test_thoughts_without_a_mark_at_their_end_are_not_told_apart() -> None:
    def bare(payload: Json) -> str:
        shown = [
            {**each, "content": each.get("reasoning_content", "") + each["content"]} for each in payload["messages"]
        ]
        return plain({**payload, "messages": shown})

    assert frame_of(bare) == Frame()


def test_the_usual_frames_keep_the_lead() -> None:
    frames = list(usual_frames("all\n"))
    assert {frame.lead for frame in frames} == {"all\n"}
    assert all(frame.thinks and frame.after.startswith(frame.closing) for frame in frames)
