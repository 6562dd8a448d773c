"""What FastAPI and pydantic give: a request checked by models, a key by a dependency, an answer and chunks by models.

A stream is paced by the model's name, as that of `bench.upstream` is, and has ``max_tokens`` chunks of text.
"""

from __future__ import annotations

import asyncio
import json
import secrets
from collections.abc import AsyncIterator
from typing import Annotated, Any, Literal

from fastapi import Depends, FastAPI, HTTPException
from fastapi.responses import StreamingResponse
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer
from pydantic import BaseModel, ConfigDict, Field

from .answer import ANSWER
from .server import KEY


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid")


class TextPart(_Strict):
    type: Literal["text"]
    text: str


class ImageUrl(_Strict):
    url: str
    detail: Literal["auto", "low", "high"] = "auto"


class ImagePart(_Strict):
    type: Literal["image_url"]
    image_url: ImageUrl


Part = Annotated[TextPart | ImagePart, Field(discriminator="type")]


class SystemMessage(_Strict):
    role: Literal["system", "developer"]
    content: str | list[TextPart]
    name: str | None = None


class UserMessage(_Strict):
    role: Literal["user"]
    content: str | list[Part]
    name: str | None = None


class CalledFunction(_Strict):
    name: str
    arguments: str


class ToolCall(_Strict):
    id: str
    type: Literal["function"]
    function: CalledFunction


class AssistantMessage(_Strict):
    role: Literal["assistant"]
    content: str | list[TextPart] | None = None
    refusal: str | None = None
    name: str | None = None
    tool_calls: list[ToolCall] | None = None


class ToolMessage(_Strict):
    role: Literal["tool"]
    content: str | list[TextPart]
    tool_call_id: str


AnyMessage = Annotated[SystemMessage | UserMessage | AssistantMessage | ToolMessage, Field(discriminator="role")]


class Function(_Strict):
    name: str = Field(pattern=r"^[A-Za-z0-9_-]{1,64}$")
    description: str | None = None
    parameters: dict[str, Any] | None = None
    strict: bool | None = None


class Tool(_Strict):
    type: Literal["function"]
    function: Function


class StreamOptions(_Strict):
    include_usage: bool = False


class ChatRequest(_Strict):
    """The body of a request."""

    model: str
    messages: list[AnyMessage] = Field(min_length=1)
    frequency_penalty: float | None = Field(None, ge=-2, le=2)
    logprobs: bool | None = None
    top_logprobs: int | None = Field(None, ge=0, le=20)
    max_tokens: int | None = Field(None, ge=1)
    max_completion_tokens: int | None = Field(None, ge=1)
    n: int | None = Field(None, ge=1, le=128)
    presence_penalty: float | None = Field(None, ge=-2, le=2)
    seed: int | None = None
    stop: str | list[str] | None = None
    stream: bool | None = None
    stream_options: StreamOptions | None = None
    temperature: float | None = Field(None, ge=0, le=2)
    top_p: float | None = Field(None, ge=0, le=1)
    tools: list[Tool] | None = Field(None, max_length=128)
    tool_choice: Literal["none", "auto", "required"] | dict[str, Any] | None = None
    user: str | None = None


class AnswerMessage(BaseModel):
    role: Literal["assistant"]
    content: str | None
    refusal: str | None
    annotations: list[dict[str, Any]]


class Choice(BaseModel):
    index: int
    message: AnswerMessage
    logprobs: dict[str, Any] | None
    finish_reason: str


class Usage(BaseModel):
    prompt_tokens: int
    completion_tokens: int
    total_tokens: int


class Completion(BaseModel):
    """A whole answer."""

    id: str
    object: Literal["chat.completion"]
    created: int
    model: str
    choices: list[Choice]
    usage: Usage


class Delta(BaseModel):
    role: str | None = None
    content: str | None = None


class ChunkChoice(BaseModel):
    index: int = 0
    delta: Delta
    logprobs: dict[str, Any] | None = None
    finish_reason: str | None = None


class Chunk(BaseModel):
    """A piece of a stream."""

    id: str = "chatcmpl-0123456789abcdef0123456789abcdef"
    object: Literal["chat.completion.chunk"] = "chat.completion.chunk"
    created: int = 1_763_596_800
    model: str
    choices: list[ChunkChoice]


_ANSWER = json.loads(ANSWER)
_bearer = HTTPBearer()


async def check_key(credentials: Annotated[HTTPAuthorizationCredentials, Depends(_bearer)]) -> None:
    """Refuse every key but the bench's."""
    if not secrets.compare_digest(credentials.credentials, KEY):
        raise HTTPException(401, "Incorrect API key provided.")


app = FastAPI()


@app.post("/v1/chat/completions", response_model=Completion, dependencies=[Depends(check_key)])
async def create_chat_completion(body: ChatRequest) -> Any:
    """Give a constant answer, or a paced stream."""
    if body.stream:
        return StreamingResponse(_events(body), media_type="text/event-stream")
    return Completion.model_validate(_ANSWER)


async def _events(body: ChatRequest) -> AsyncIterator[bytes]:
    pause = int(body.model.removeprefix("every-")) / 1e3
    yield _event(body.model, Delta(role="assistant", content=""))
    loop = asyncio.get_running_loop()
    begin = loop.time()
    for number in range(1, (body.max_tokens or 16) + 1):
        if pause:
            await asyncio.sleep(max(begin + number * pause - loop.time(), 0))
        yield _event(body.model, Delta(content=" word"))
    yield _event(body.model, Delta(), "stop") + b"data: [DONE]\n\n"


def _event(model: str, delta: Delta, reason: str | None = None) -> bytes:
    chunk = Chunk(model=model, choices=[ChunkChoice(delta=delta, finish_reason=reason)])
    return b"data: " + chunk.model_dump_json(exclude_none=True).encode() + b"\n\n"
