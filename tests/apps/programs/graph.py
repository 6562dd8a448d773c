"""An agent of LangGraph, as LangChain's documentation makes one: with a tool, streamed, and with a typed answer."""

from __future__ import annotations

import json
import sys
from typing import Any

from langchain.agents import create_agent
from langchain.chat_models import init_chat_model
from langchain.tools import tool
from langgraph.checkpoint.memory import InMemorySaver
from pydantic import BaseModel


class Weather(BaseModel):
    city: str
    degrees: int


@tool
def get_weather(city: str) -> str:
    """The weather in a city."""
    return f"It is sunny in {city}."


def said(text: str) -> dict[str, Any]:
    return {"messages": [{"role": "user", "content": text}]}


def main(name: str) -> dict[str, Any]:
    model = init_chat_model(name, model_provider="openai")
    plain = create_agent(model, system_prompt="You are a helpful assistant.", checkpointer=InMemorySaver())
    thread = {"configurable": {"thread_id": "1"}}
    first = plain.invoke(said("Hello there, graph!"), thread)
    pieces = [
        message.content
        for message, _ in plain.stream(said("Say it in pieces, please."), thread, stream_mode="messages")
    ]
    called = create_agent(model, tools=[get_weather]).invoke(said("How is the weather?"))
    read = model.with_structured_output(Weather).invoke("How is the weather?")
    return {
        "answer": first["messages"][-1].content,
        "pieces": [piece for piece in pieces if piece],
        "turns": [message.type for message in plain.get_state(thread).values["messages"]],
        "called": [message.type for message in called["messages"]],
        "told": called["messages"][-1].content,
        "read": read.model_dump(),
    }


if __name__ == "__main__":
    print(json.dumps(main(sys.argv[1])))
