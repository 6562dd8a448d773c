"""A program with OpenAI's Agents SDK and its defaults, as its documentation has them: it asks for responses."""

from __future__ import annotations

import asyncio
import json
import sys
from typing import Any

from agents import Agent, Runner, function_tool, set_default_openai_api
from pydantic import BaseModel


class Weather(BaseModel):
    city: str
    degrees: int


@function_tool
def get_weather(city: str) -> str:
    """The weather in a city."""
    return f"It is sunny in {city}."


async def main(model: str) -> dict[str, Any]:
    plain = Agent(name="Assistant", instructions="You are a helpful assistant", model=model)
    tooled = Agent(name="Forecaster", model=model, tools=[get_weather])
    typed = Agent(name="Reader", model=model, output_type=Weather)
    answer = await Runner.run(plain, "Hello there, agent!")
    streamed = Runner.run_streamed(plain, "Say it in pieces, please.")
    pieces = [
        event.data.delta
        async for event in streamed.stream_events()
        if event.type == "raw_response_event" and event.data.type == "response.output_text.delta"
    ]
    called = await Runner.run(tooled, "How is the weather?")
    again = await Runner.run(plain, [*answer.to_input_list(), {"role": "user", "content": "And once more."}])
    read = await Runner.run(typed, "How is the weather?")
    return {
        "answer": answer.final_output,
        "pieces": pieces,
        "called": [item.type for item in called.new_items],
        "told": called.final_output,
        "again": again.final_output,
        "read": read.final_output.model_dump(),
    }


if __name__ == "__main__":
    if "chat" in sys.argv[2:]:
        set_default_openai_api("chat_completions")
    print(json.dumps(asyncio.run(main(sys.argv[1]))))
