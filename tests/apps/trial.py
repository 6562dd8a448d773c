"""An application tried: where it runs, what it says, and what its requests came to."""

from __future__ import annotations

import contextlib
import json
import os
import re
import subprocess
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ..environments import BUILD, OFFLINE, Environment, NodeEnvironment
from ..live import Server, serve, stop
from ..models import zoo

# What would lead an application to another server, or to files of the person who runs this.
_FOREIGN = ("PARLEY_", "OPENAI_", "ANTHROPIC_", "AZURE_", "GOOGLE_", "HF_", "XDG_", "PYTHON", "npm_")
_REQUEST = re.compile(r"method=(\S+) path=(\S+) status=(\d+)")
# Asked by us, to see whether it is ready.
_PROBES = ("/livez", "/healthz")
_TOLD = 300  # characters of what was seen, or of last words
ECHO, SMOLLM2 = "parley-echo", "smollm2"
PROGRAMS = Path(__file__).parent / "programs"


class Failed(Exception):
    """An application did not do what it is for. The message says what was seen."""


@dataclass(frozen=True)
class App:
    """An application. The first of the requirements of its ``environment`` is its own package, pinned.

    ``sets`` says, for the page, what a user sets; ``run`` uses it as a user would. ``note``: what else to know.
    """

    name: str
    environment: Environment | NodeEnvironment
    sets: str
    run: Callable[[Trial], None]
    note: str = ""

    @property
    def version(self) -> str:
        return re.split("==|@", self.environment.requirements[0])[-1]


@dataclass
class Trial:
    """One try of an application, in an empty folder that is its home too.

    ``works`` and ``failed`` tell what came of each check, ``asked`` which operations were asked.
    """

    environment: Environment | NodeEnvironment
    folder: Path
    works: list[str] = field(default_factory=list)
    failed: list[str] = field(default_factory=list)
    asked: set[str] = field(default_factory=set)

    @contextlib.contextmanager
    def parley(
        self,
        env: Mapping[str, str | None] | None = None,
        *,
        real: bool = False,
        refused: Sequence[str] = (),
    ) -> Iterator[Server]:
        """A Parley for it, with the echo engine or a ``real`` model.

        Once the block is left, each request must have had a status of success, but for those of ``refused``, each as
        ``POST /v1/responses 400``.
        """
        if real:
            given = {"PARLEY_MODEL": str(zoo.smollm2()), "PARLEY_MODEL_ID": SMOLLM2, **(env or {})}
            serving = serve("llama", given)
        else:
            serving = serve("echo", env)
        with serving as server:
            try:
                yield server
            finally:
                # What is said at the end is there then.
                stop(server)
                self._judge(_requests(server.log()), refused)

    def _judge(self, requests: list[tuple[str, str, int]], refused: Sequence[str]) -> None:
        self.asked |= {f"{method} {path}" for method, path, status in requests if status < 400}
        bad = {f"{method} {path} {status}" for method, path, status in requests if status >= 400}
        self.failed += [f"a request got an error: {each}" for each in sorted(bad - set(refused))]

    def environ(self) -> dict[str, str]:
        """The variables that a program of it gets: none that would lead it elsewhere."""
        kept = {name: value for name, value in os.environ.items() if not name.startswith(_FOREIGN)}
        # Those of npm start what is beside them.
        kept["PATH"] = f"{Path(self.environment.program('any')).parent}:{kept['PATH']}"
        return {**kept, **OFFLINE, "HOME": str(self.folder), "NO_COLOR": "1", "TERM": "dumb"}

    def run(
        self,
        program: str,
        *arguments: str,
        env: Mapping[str, str] | None = None,
        folder: Path | None = None,
        seconds: float = 120,
    ) -> str:
        """Run one of its programs to the end, in its folder or another, and give what it writes to its output.

        Raises:
            Failed: it takes longer, or fails.
        """
        place = str(folder or self.folder)
        # Killed as a group: some are scripts that start the real program.
        process = subprocess.Popen(
            [self.environment.program(program), *arguments],
            cwd=place,
            env={**self.environ(), "PWD": place, **(env or {})},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )
        try:
            out, err = process.communicate(timeout=seconds)
        except subprocess.TimeoutExpired:
            raise Failed(f"{program} took more than {seconds:g} s") from None
        finally:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, 9)
            process.wait()
        if process.returncode:
            raise Failed(f"{program} ended with status {process.returncode}: {_last_words(err or out)}")
        return out

    def script(self, name: str, *arguments: str, env: Mapping[str, str]) -> dict[str, Any]:
        """Run one of the programs of `tests.apps.programs` in the environment, and read what it found."""
        out = self.run("python", str(PROGRAMS / name), *arguments, env=env)
        found: dict[str, Any] = json.loads(out.splitlines()[-1])
        return found

    def check(self, name: str, seen: Any, expected: Any) -> None:
        """Note whether something works: what was seen is what had to be."""
        self.holds(name, seen == expected, seen)

    def holds(self, name: str, holds: bool, seen: Any) -> None:
        """Note whether something works, and what was seen."""
        if holds:
            self.works.append(name)
        else:
            self.failed.append(f"{name}: {str(seen)[-_TOLD:]!r}")


def attempt(app: App) -> Trial:
    """Try an application.

    Raises:
        Unavailable: it cannot be had.
    """
    app.environment.make()
    # Some do not work in the folder of temporary files.
    with tempfile.TemporaryDirectory(prefix="home-", dir=BUILD / "apps", ignore_cleanup_errors=True) as folder:
        trial = Trial(app.environment, Path(folder))
        try:
            app.run(trial)
        except Failed as failed:
            trial.failed.append(str(failed))
        return trial


def openai(server: Server) -> dict[str, str]:
    """The variables by which OpenAI's own SDK, and most that use it, are told where to ask."""
    return {"OPENAI_BASE_URL": server.base, "OPENAI_API_KEY": server.key}


def _requests(log: str) -> list[tuple[str, str, int]]:
    found = [(method, path, int(status)) for method, path, status in _REQUEST.findall(log)]
    return [each for each in found if each[1] not in _PROBES]


def _last_words(said: str) -> str:
    lines = [line.strip() for line in said.splitlines() if line.strip()] or ["it said nothing"]
    return " / ".join(lines[-3:])[-_TOLD:]
