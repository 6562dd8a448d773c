"""Open WebUI, in a browser: its first start, and conversations with three models of a Parley.

Pictures of what a person sees are left in ``build/apps/open-webui``.
"""

from __future__ import annotations

import re
import shutil
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from ..environments import Environment, Unavailable
from ..live import Server, free_port
from ..processes import running
from .trial import App, Failed, Trial

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

_ENVIRONMENT = Environment("apps/open-webui", ("open-webui==0.12.4",))
# Its server writes its tables and loads its libraries before it answers.
_START = 300.0
# Milliseconds for what the page shows.
_PATIENCE = 60_000
# Nothing of the browser's own goes out.
_OPTIONS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
_PICTURE = {"width": 1200, "height": 800}
_MODELS = """
[models.plain]
engine = "echo"
[models.slow]
engine = "echo"
delay = 0.4
[models.calling]
engine = "echo"
calls_tools = true
"""
_PIECES = "This one comes word by word, and each word takes its time."
_ANSWER = "#response-content-container"


def _settings(server: Server, folder: Path) -> dict[str, str]:
    return {
        "OPENAI_API_BASE_URL": server.base,
        "OPENAI_API_KEY": server.key,
        "ENABLE_OLLAMA_API": "False",
        # What follows keeps it off the network, and its data in the folder.
        "OFFLINE_MODE": "True",
        "RAG_EMBEDDING_ENGINE": "openai",
        "ANONYMIZED_TELEMETRY": "False",
        "SCARF_NO_ANALYTICS": "true",
        "DATA_DIR": str(folder),
        "HOME": str(folder),
        "WEBUI_SECRET_KEY": "not-a-secret",
    }


def _open_webui(trial: Trial) -> None:
    try:
        from playwright.sync_api import sync_playwright
    except ImportError:
        raise Unavailable("playwright is not installed") from None
    chromium = shutil.which("chromium")
    if chromium is None:
        raise Unavailable("chromium is not installed")
    config, data = trial.folder / "parley.toml", trial.folder / "data"
    config.write_text(_MODELS)
    data.mkdir()
    env = {"PARLEY_ENGINE": None, "PARLEY_CONFIG": str(config)}
    # It asks the slow model for a title too, and is ended before that has come.
    with trial.parley(env, refused=["POST /v1/chat/completions 499"]) as server:
        port = free_port()
        command = [_ENVIRONMENT.program("open-webui"), "serve", "--host", "127.0.0.1", "--port", str(port)]
        log = _ENVIRONMENT.folder.parent / "open-webui.log"
        with running(command, log, port, "/health", _START, _settings(server, data)), sync_playwright() as playwright:
            browser = playwright.chromium.launch(executable_path=chromium, headless=True, args=_OPTIONS)
            try:
                _converse(trial, browser, f"http://127.0.0.1:{port}")
            finally:
                browser.close()


def _converse(trial: Trial, browser: Browser, url: str) -> None:
    page = browser.new_page(viewport=_PICTURE)  # type: ignore[arg-type]
    page.set_default_timeout(_PATIENCE)
    page.goto(url)
    page.get_by_role("button", name="Get started").click()
    page.get_by_placeholder("Enter Your Full Name").fill("Ada")
    page.get_by_placeholder("Enter Your Email").fill("ada@example.org")
    page.get_by_placeholder("Enter Your Password").fill("Correct horse 9 staple")
    page.get_by_role("button", name="Create Admin Account").click()
    page.get_by_role("button", name=re.compile("Let's Go")).click()
    trial.works.append("the first start, and its models listed")

    _say(page, url, "plain", "Hello from a browser!")
    trial.check(
        "hello, with its own tools offered", _answer(page, "hello", lambda text: bool(text)), "Hello from a browser!"
    )

    _say(page, url, "slow", _PIECES)
    lengths: list[int] = []
    whole = _answer(page, "stream", lambda text: lengths.append(len(text)) or text == _PIECES)  # type: ignore[func-returns-value]
    trial.holds("a stream, word by word", whole == _PIECES and len(set(lengths)) > 4, (whole, lengths))

    _say(page, url, "calling", "What time is it?")
    said = _answer(page, "tool", lambda text: text.endswith("}"))
    trial.holds("one of its own tools called, and its result read", '{"current_timestamp":' in said, said)


def _say(page: Page, url: str, model: str, text: str) -> None:
    """Begin a conversation with a model."""
    page.goto(f"{url}/?models={model}")
    box = page.locator("#chat-input")
    box.click()
    page.keyboard.type(text)
    page.keyboard.press("Enter")


def _answer(page: Page, name: str, done: Callable[[str], bool]) -> str:
    """The text of the answer, once it is there, and a picture of it."""
    page.locator(_ANSWER).wait_for()
    deadline = time.monotonic() + _PATIENCE / 1000
    while not done(text := page.locator(_ANSWER).inner_text().strip()):
        if time.monotonic() > deadline:
            raise Failed(f"{name}: the page shows {text!r}")
        page.wait_for_timeout(100)
    page.screenshot(path=str(_ENVIRONMENT.folder.parent / f"{name}.png"))
    return text


OPEN_WEBUI = App(
    "Open WebUI",
    _ENVIRONMENT,
    "`OPENAI_API_BASE_URL`, `OPENAI_API_KEY`, `ENABLE_OLLAMA_API=False`, or a connection in its admin settings. Its "
    "own tools take some 7,000 tokens of each request: it needs a model with more context, or to be told to offer none",
    _open_webui,
)
