"""``python -m bench.flood URL MODEL RATE``: requests with wrong keys, so many a second, until it is ended.

A process of its own, so that what it takes is not its victim's client's. It prints a line once it has begun.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import sys

import aiohttp

_AT_ONCE = 16


async def flood(url: str, model: str, rate: float) -> None:
    """Send requests at this rate a second, each with a key of its own, as far as the server answers them in time."""
    body = json.dumps({"model": model, "messages": [{"role": "user", "content": "Hi"}]}).encode()
    loop = asyncio.get_running_loop()
    begin, sent = loop.time(), 0
    async with aiohttp.ClientSession(headers={"Content-Type": "application/json"}) as session:

        async def one() -> None:
            nonlocal sent
            while True:
                sent += 1
                await asyncio.sleep(max(0.0, begin + sent / rate - loop.time()))
                key = {"Authorization": f"Bearer sk-wrong-{sent}"}
                async with session.post(url, data=body, headers=key) as answer:
                    await answer.read()
                    if answer.status not in (401, 403, 429):
                        raise RuntimeError(f"a wrong key got {answer.status}")

        print("begun", flush=True)
        await asyncio.gather(*[one() for _ in range(_AT_ONCE)])


if __name__ == "__main__":
    with contextlib.suppress(KeyboardInterrupt):
        asyncio.run(flood(sys.argv[1], sys.argv[2], float(sys.argv[3])))
