"""The servers that are measured: Parley, what it is compared with, and the upstream behind them, a worker each."""

from __future__ import annotations

import contextlib
import json
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from tests.environments import Environment

from .server import KEY, ROOT, SCRATCH, Server, run
from .upstream import MODELS

Started = contextlib.AbstractContextManager[Server]
# Starts a server in front of an upstream.
Front = Callable[[Server], Started]

LITELLM = Environment("litellm", ("litellm[proxy]==1.108.7",))

_installed = False

# As Parley: a client that comes back is not asked to connect anew, and a burst of connections is taken.
_KEEP_ALIVE, _BACKLOG = "75", "2048"


def parley(*, engine: str = "echo", echo_delay: float = 0.0) -> Started:
    """Parley as it is served, started by plain ``gunicorn wsgi:app``."""
    model = "parley-tiny" if engine == "llama" else "parley-echo"
    settings = {"PARLEY_ENGINE": engine, "PARLEY_ECHO_DELAY": str(echo_delay)}
    return _parley("parley, echo" if engine == "echo" else "parley, llama", settings, model)


def serving(model: str, slots: int, context: int) -> Started:
    """Parley with a model file or one that was pulled."""
    settings = {
        "PARLEY_MODEL": model,
        "PARLEY_MODEL_SLOTS": str(slots),
        "PARLEY_MODEL_CONTEXT": str(context),
    }
    return _parley("parley", settings, model)


def relaying(upstream: Server, *, name: str = "parley", settings: Mapping[str, str] | None = None) -> Started:
    """Parley in front of the bench's upstream, under a name of its own if it has ``settings`` of its own."""
    return _parley(name, {**relay_settings(upstream), **(settings or {})}, upstream.model)


def replicated(upstreams: Sequence[Server]) -> Started:
    """Parley in front of several upstreams that are replicas of one model."""
    SCRATCH.mkdir(exist_ok=True)
    model = upstreams[0].model
    urls = [f"http://127.0.0.1:{upstream.port}/v1" for upstream in upstreams]
    served = {"engine": "upstream", "base_urls": urls, "dialect": "openai"}
    config = SCRATCH / "replicated.json"
    config.write_text(json.dumps({"models": {model: served}}))
    return _parley("parley", {"PARLEY_CONFIG": str(config)}, model)


def relay_settings(upstream: Server) -> dict[str, str]:
    """What makes Parley a front door of the bench's upstream: its address and a key."""
    return {
        "PARLEY_UPSTREAM_URL": f"http://127.0.0.1:{upstream.port}/v1",
        "PARLEY_UPSTREAM_DIALECT": "openai",
        "PARLEY_UPSTREAM_API_KEY": KEY,
        **_COMMON,
    }


def relay(upstream: Server, *, name: str = "relay", workers: int = 1) -> Started:
    """The yardstick: the bare relay under the fastest HTTP server and event loop that there are for Python."""
    return _uvicorn(name, "bench.relay:app", upstream, workers)


def relay_under_gunicorn(upstream: Server) -> Started:
    """The bare relay under gunicorn's own asgi worker."""
    return _gunicorn("relay under gunicorn", "bench.relay:app", upstream)


def fastapi(upstream: Server | None = None) -> Started:
    """FastAPI and pydantic models, with answers of its own; of an upstream it has the names of models alone."""
    return _uvicorn("fastapi", "bench.typed:app", upstream)


def stock(_upstream: Server | None = None) -> Started:
    """A stock Connexion application on our contract, with a constant answer."""
    return _gunicorn("stock", "bench.stock:app")


def bare() -> Started:
    """A Starlette application with a constant answer, under the worker that serves Parley: the floor."""
    return _gunicorn("bare", "bench.bare:app", worker="app.web.worker.Worker", loop="auto")


def litellm(upstream: Server) -> Started:
    """LiteLLM's proxy in front of the bench's upstream, from its environment (`LITELLM`)."""
    SCRATCH.mkdir(exist_ok=True)
    base = f"http://127.0.0.1:{upstream.port}/v1"
    models = [
        {"model_name": name, "litellm_params": {"model": f"openai/{name}", "api_base": base, "api_key": KEY}}
        for name in MODELS
    ]
    config = {
        "model_list": models,
        "general_settings": {"master_key": KEY},
        "litellm_settings": {"telemetry": False},
    }
    (SCRATCH / "litellm.yaml").write_text(json.dumps(config))
    command = [LITELLM.program("litellm"), "--config", str(SCRATCH / "litellm.yaml"), "--host", "127.0.0.1"]
    settings = {"LITELLM_LOG": "ERROR", "LITELLM_LOCAL_MODEL_COST_MAP": "True"}
    return run(
        "litellm",
        lambda port: [*command, "--port", str(port), "--num_workers", "1"],
        settings,
        model=upstream.model,
        cwd=SCRATCH,
        start_seconds=180.0,
    )


def slow_peers() -> list[Front]:
    """Those that are measured where `with_litellm` has installed them."""
    return [litellm] if _installed else []


def with_litellm() -> None:
    """Install LiteLLM, unless it is there, and have it measured.

    Raises:
        Unavailable: it cannot be installed.
    """
    global _installed
    LITELLM.make()
    _installed = True


def upstream() -> Started:
    """The upstream that answers at once."""
    command = [sys.executable, "-m", "bench.upstream"]
    return run("upstream", lambda port: [*command, str(port)], {}, model=MODELS[0], cwd=ROOT)


def llama(path: Path, threads: int, slots: int, context: int) -> Started:
    """llama.cpp's own server."""
    options = [str(threads), str(slots), str(context)]
    command = [sys.executable, "-m", "bench.llama", str(path)]
    return run("llama.cpp", lambda port: [*command, str(port), *options], {}, model=path.stem, cwd=ROOT)


_COMMON = {
    "PARLEY_API_KEYS": KEY,
    "PARLEY_STATE_DIR": str(SCRATCH / "state"),
    "PARLEY_GRACEFUL_TIMEOUT": "1",
}


def _parley(name: str, settings: Mapping[str, str], model: str) -> Started:
    command = [sys.executable, "-m", "gunicorn", "wsgi:app"]
    return run(name, lambda _: command, {**_COMMON, **settings}, model=model, port_setting="PARLEY_PORT", cwd=ROOT)


def _uvicorn(name: str, app: str, behind: Server | None = None, workers: int = 1) -> Started:
    options = ["--loop", "uvloop", "--http", "httptools", "--no-access-log", "--log-level", "warning"]
    options += ["--timeout-keep-alive", _KEEP_ALIVE, "--backlog", _BACKLOG, "--timeout-graceful-shutdown", "1"]
    options += ["--workers", str(workers)] if workers > 1 else []
    command = [sys.executable, "-m", "uvicorn", app, *options]
    return _plain(name, lambda port: [*command, "--port", str(port)], behind, cwd=ROOT)


def _gunicorn(
    name: str, app: str, behind: Server | None = None, *, worker: str = "asgi", loop: str = "asyncio"
) -> Started:
    options = ["--pythonpath", str(ROOT), "-k", worker, "--asgi-loop", loop, "--no-control-socket"]
    options += ["--graceful-timeout", "1", "--keep-alive", _KEEP_ALIVE, "--backlog", _BACKLOG]
    command = [sys.executable, "-m", "gunicorn", *options]
    # Elsewhere than in the root, where gunicorn would find our gunicorn.conf.py.
    return _plain(name, lambda port: [*command, "-b", f"127.0.0.1:{port}", app], behind, cwd=SCRATCH)


def _plain(name: str, command: Callable[[int], list[str]], behind: Server | None, *, cwd: Path) -> Started:
    settings = {} if behind is None else {"BENCH_UPSTREAM": f"http://127.0.0.1:{behind.port}/v1"}
    return run(name, command, settings, model="parley-echo" if behind is None else behind.model, cwd=cwd)
