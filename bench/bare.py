"""The floor: a Starlette application that reads the body and gives a constant answer, and does nothing else."""

from __future__ import annotations

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from .answer import ANSWER


async def create_chat_completion(request: Request) -> Response:
    await request.body()
    return Response(ANSWER, media_type="application/json")


app = Starlette(routes=[Route("/v1/chat/completions", create_chat_completion, methods=["POST"])])
