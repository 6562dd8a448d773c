"""Parley in front of other servers: a real one, under gunicorn, with a model for each."""

from __future__ import annotations

import contextlib
import json
import re
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from ..live import Server, serve, stop
from ..patience import wait_until

_KEY = "UPSTREAM_KEY_{}"
# Shorter than what a probe waits for an answer.
_SECONDS = 20


@dataclass(frozen=True)
class Upstream:
    """Where a server is, its key if it has one, and what it calls its model. ``seconds`` are for each piece of its
    answers."""

    base_url: str
    model: str
    key: str | None = None
    seconds: float = _SECONDS


@dataclass
class Front:
    """A running Parley. Once its block is left, ``log`` is all that it said."""

    server: Server
    log: str = ""

    def kind(self, model: str) -> str:
        """What the server of a model was taken for."""
        found = re.search(rf"upstream of {re.escape(model)}, .*?: (?:recognised as (\S+)|not recognised)", self.log)
        return "" if found is None else found[1] or "not recognised"

    def strays(self, model: str) -> list[str]:
        """The kinds of what was mended in the answers of a model's server, or failed."""
        lines = re.findall(rf"upstream {re.escape(model)}: deviations in its answers: (.*)", self.log)
        return sorted({each.split()[0] for line in lines for each in line.split(", ")})


@contextlib.contextmanager
def front(upstreams: Mapping[str, Upstream]) -> Iterator[Front]:
    """Parley with a model for each upstream, of whose kind it is told nothing."""
    with tempfile.TemporaryDirectory(prefix="parley-upstreams-") as folder:
        config = Path(folder, "parley.toml")
        config.write_text("".join(_block(number, *each) for number, each in enumerate(upstreams.items())))
        env: dict[str, str | None] = {"PARLEY_ENGINE": None, "PARLEY_CONFIG": str(config)}
        env |= {_KEY.format(number): upstream.key for number, upstream in enumerate(upstreams.values())}
        with serve("echo", env) as server:
            made = Front(server)
            try:
                wait_until(lambda: all(_is_known(server, model) for model in upstreams), "a server is not known")
                yield made
            finally:
                stop(server)
                made.log = server.log()


def _is_known(server: Server, model: str) -> bool:
    return f"upstream of {model}, " in server.log()


def _block(number: int, model: str, upstream: Upstream) -> str:
    lines = [
        f"[models.{json.dumps(model)}]",
        'engine = "upstream"',
        f"base_urls = [{json.dumps(upstream.base_url)}]",
        f"upstream_model = {json.dumps(upstream.model)}",
        f"timeouts.first_byte = {float(upstream.seconds)}",
        f"timeouts.idle = {float(upstream.seconds)}",
    ]
    if upstream.key is not None:
        lines.append(f'key_env = "{_KEY.format(number)}"')
    return "\n".join(lines) + "\n"
