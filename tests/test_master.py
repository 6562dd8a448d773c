"""The hooks of gunicorn's master: what ends a start, what a reload does, what is printed."""

from __future__ import annotations

import json
import logging
import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from gunicorn.config import Config

from app import master as module
from app.admin.keys import create_key
from app.errors import ConfigurationError
from app.master import Master
from app.settings import Settings
from app.store.address import address_of
from app.store.migrating import is_current, upgrade

from .live import ROOT
from .patience import PATIENCE
from .test_access import with_key


class Server:
    """As gunicorn's, as far as the hooks look at it."""

    def __init__(self, *listeners: Any, **settings: Any) -> None:
        self.cfg = Config()
        for name, value in {"worker_class": "asgi", "header_map": "dangerous", **settings}.items():
            self.cfg.set(name, value)
        self.LISTENERS: list[Any] = [SimpleNamespace(getsockname=lambda name=name: name) for name in listeners]
        self.reloaded = 0
        self.reload: Callable[[], None] = self._reload
        self.manage_workers: Callable[[], None] = lambda: None
        self.pid = os.getpid()
        self.signal: Callable[[int, Any], None] = lambda number, _frame: None

    def _reload(self) -> None:
        self.reloaded += 1


def settings(**fields: Any) -> Settings:
    return Settings(**{"engine": "echo", "api_keys": ("sk-secret",), **fields})


@pytest.fixture(autouse=True)
def _this_process_stays_as_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "raise_open_files", lambda: None)
    monkeypatch.setattr(logging.getLogger("parley"), "propagate", True)


def started(server: Server, **fields: Any) -> Master:
    master = Master(settings(**fields))
    master.on_starting(server)
    return master


def refused(capsys: pytest.CaptureFixture[str], server: Server, **fields: Any) -> str:
    with pytest.raises(SystemExit) as ended:
        started(server, **fields)
    assert ended.value.code == 1
    said = capsys.readouterr().err
    assert said.startswith("parley: ")
    assert said.count("\n") == 1
    return said


# -- starts ------------------------------------------------------------------------------------------------------


def test_a_worker_class_that_speaks_wsgi_ends_the_start(capsys: pytest.CaptureFixture[str]) -> None:
    assert "worker class is sync" in refused(capsys, Server(worker_class="sync"))


@pytest.mark.parametrize("bind", ["0.0.0.0:80", ":80", "[::]:80"])
def test_an_open_address_needs_a_configured_key(bind: str, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    said = refused(capsys, Server(bind=["127.0.0.1:80", bind]), api_keys=(), state_dir=tmp_path)
    assert "can be reached from other machines" in said
    started(Server(bind=bind))
    started(Server(bind=bind), api_keys=(), state_dir=tmp_path, allow_generated_key=True)


@pytest.mark.parametrize("bind", ["127.0.0.1:80", "[::1]:80", "unix:/run/it"])
def test_one_that_this_machine_alone_reaches_does_not(bind: str, tmp_path: Path) -> None:
    started(Server(bind=bind), api_keys=(), state_dir=tmp_path)


def test_a_document_that_cannot_be_served_ends_the_start(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    assert "nowhere.yaml" in refused(capsys, Server(), spec=tmp_path / "nowhere.yaml")


def test_what_is_no_setting_is_pointed_out(monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    monkeypatch.setenv("PARLEY_MODLE", "x")
    monkeypatch.delenv("PARLEY_TEST_SPECS", raising=False)
    started(Server())
    assert "not settings of this server, ignored: PARLEY_MODLE" in caplog.text


def test_too_few_open_files_are_pointed_out(monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    monkeypatch.setattr(module, "raise_open_files", lambda: "too few files")
    started(Server())
    assert "too few files" in caplog.text


def test_without_a_folder_for_temporary_files_a_file_system_in_memory_does(monkeypatch: pytest.MonkeyPatch) -> None:
    assert module.worker_folder() is None

    def none() -> str:
        raise FileNotFoundError

    monkeypatch.setattr(tempfile, "gettempdir", none)
    assert module.worker_folder() == "/dev/shm"


def test_where_that_is_not_there_either_the_start_ends(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    nowhere = str(tmp_path / "nowhere")
    assert f"{nowhere}, where each worker keeps a file" in refused(capsys, Server(worker_tmp_dir=nowhere))
    started(Server(worker_tmp_dir=str(tmp_path)))


# -- the database ------------------------------------------------------------------------------------------------


def test_the_database_that_the_settings_name_is_there_before_the_first_worker(tmp_path: Path) -> None:
    started(Server(), database=f"sqlite:///{tmp_path}/a.sqlite3")
    assert is_current(address_of(settings(database=f"sqlite:///{tmp_path}/a.sqlite3")))


def test_a_database_that_cannot_be_used_ends_the_start(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    (tmp_path / "a.sqlite3").write_text("this is no database " * 100)
    assert "cannot be used" in refused(capsys, Server(), database=f"sqlite:///{tmp_path}/a.sqlite3")


def test_an_open_address_may_have_the_keys_of_the_database_alone(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    fields = {"api_keys": (), "state_dir": tmp_path}
    upgrade(address_of(settings(**fields)))
    assert "`parley keys create`" in refused(capsys, Server(bind="0.0.0.0:80"), **fields)
    with_key(settings(**fields))
    started(Server(bind="0.0.0.0:80"), **fields)


def test_a_database_that_is_made_while_the_server_runs_gets_new_workers_once(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, tmp_path: Path
) -> None:
    sent: list[tuple[int, int]] = []
    monkeypatch.setattr(os, "kill", lambda *arguments: sent.append(arguments))
    caplog.set_level(logging.INFO)
    server = Server()
    started(server, state_dir=tmp_path)
    server.manage_workers()
    assert sent == []
    upgrade(address_of(settings(state_dir=tmp_path)))
    for _ in range(3):
        server.manage_workers()
    assert sent == [(server.pid, signal.SIGHUP)]
    assert caplog.text.count("there is a database now") == 1


def test_one_that_was_there_at_the_start_needs_none(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(os, "kill", lambda *_arguments: pytest.fail("a signal is sent"))
    upgrade(address_of(settings(state_dir=tmp_path)))
    server = Server()
    started(server, state_dir=tmp_path)
    server.manage_workers()


# -- the operators' API ------------------------------------------------------------------------------------------

BIND = "127.0.0.1:8081"
WORKER = "app.web.worker.Worker"


@pytest.fixture
def with_database(tmp_path: Path) -> dict[str, Any]:
    """Settings with which the operators' API is served."""
    found = {"state_dir": tmp_path, "admin_bind": BIND}
    upgrade(address_of(settings(**found)))
    return found


def test_a_setting_of_gunicorn_that_has_no_effect_ends_the_start(capsys: pytest.CaptureFixture[str]) -> None:
    server = Server(worker_class=WORKER, proxy_protocol="auto", strip_header_spaces=True)
    said = refused(capsys, server)
    assert "gunicorn's settings proxy_protocol, strip_header_spaces have no effect here: leave them out." in said


def test_without_a_database_the_operators_api_ends_the_start(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    said = refused(capsys, Server(worker_class=WORKER), state_dir=tmp_path, admin_bind=BIND)
    assert "there is no database" in said
    assert "parley db init" in said
    assert not (tmp_path / "parley.sqlite3").exists()


def test_a_database_that_a_setting_names_is_made_for_it(tmp_path: Path) -> None:
    database = f"sqlite:///{tmp_path}/made.sqlite3"
    started(Server(worker_class=WORKER), state_dir=tmp_path, admin_bind=BIND, database=database)
    assert (tmp_path / "made.sqlite3").exists()


@pytest.mark.parametrize("bind", ["0.0.0.0:8081", "[::]:8081", "192.0.2.1:8081"])
def test_an_open_address_of_operators_needs_a_key_of_theirs(
    bind: str, with_database: dict[str, Any], capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    server = Server(worker_class=WORKER, bind=["127.0.0.1:80", bind])
    said = refused(capsys, server, **{**with_database, "admin_bind": bind})
    assert "parley admin keys create NAME" in said
    create_key(tmp_path / "admin-keys", "olivia")
    started(server, **{**with_database, "admin_bind": bind})
    # The key that the server generated opens nothing there, so it may stay.
    started(server, **{**with_database, "admin_bind": bind, "api_keys": ()})


def test_on_loopback_a_missing_key_of_operators_is_pointed_out(
    with_database: dict[str, Any], caplog: pytest.LogCaptureFixture
) -> None:
    started(Server(worker_class=WORKER), **with_database)
    assert "No key opens the operators' API" in caplog.text
    assert "parley admin keys create NAME" in caplog.text


def test_a_file_of_operators_keys_that_cannot_be_used_ends_the_start(
    with_database: dict[str, Any], capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    (tmp_path / "admin-keys").write_text("olivia sk-parley-admin-x\n")
    said = refused(capsys, Server(worker_class=WORKER), **with_database)
    assert "Line 1" in said
    assert "sk-parley-admin" not in said


def test_a_worker_that_cannot_tell_the_addresses_apart_ends_the_start(
    with_database: dict[str, Any], capsys: pytest.CaptureFixture[str]
) -> None:
    assert "Leave out -k and --worker-class" in refused(capsys, Server(worker_class="asgi"), **with_database)


def test_a_start_tells_the_address_of_operators_and_how_clients_call(
    with_database: dict[str, Any], capsys: pytest.CaptureFixture[str]
) -> None:
    server = Server(("127.0.0.1", 8081), "/run/it", worker_class=WORKER)
    started(server, **with_database).when_ready(server)
    said = capsys.readouterr().out
    assert "  Operators   http://127.0.0.1:8081/admin/v1/ui/\n" in said
    assert "curl --unix-socket /run/it http://localhost/v1/chat/completions" in said


@pytest.mark.parametrize("listeners", [[], [("127.0.0.1", 8080)], [("127.0.0.1", 18081), "/run/it"]])
def test_a_start_at_other_addresses_ends(
    listeners: list[Any], with_database: dict[str, Any], capsys: pytest.CaptureFixture[str]
) -> None:
    server = Server(*listeners, worker_class=WORKER)
    master = started(server, **with_database)
    with pytest.raises(SystemExit):
        master.when_ready(server)
    assert "Add: -b 127.0.0.1:8081" in capsys.readouterr().err


# -- reloads -----------------------------------------------------------------------------------------------------


def test_a_reload_forks_workers_again_when_the_application_can_be_built(monkeypatch: pytest.MonkeyPatch) -> None:
    tried: list[bool] = []
    monkeypatch.setattr(module, "_try_out", lambda: tried.append(True))
    server = Server()
    started(server)
    server.reload()
    assert (tried, server.reloaded) == ([True], 1)


def test_where_it_cannot_all_goes_on_as_before(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def fail() -> None:
        raise ConfigurationError("the document is broken")

    monkeypatch.setattr(module, "_try_out", fail)
    server = Server()
    started(server)
    server.reload()
    assert server.reloaded == 0
    assert "not reloaded, the server keeps running as before: the document is broken" in caplog.text


def test_what_was_loaded_before_the_fork_is_not_read_again(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(module, "_try_out", lambda: pytest.fail("nothing is tried out"))
    server = Server(preload_app=True)
    started(server)
    server.reload()
    assert server.reloaded == 1
    assert "--preload" in caplog.text


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGQUIT])
def test_a_stop_gives_up_a_reload_that_is_being_prepared(number: int, monkeypatch: pytest.MonkeyPatch) -> None:
    server = Server()

    def stopped() -> None:
        server.signal(number, None)
        pytest.fail("it goes on")

    monkeypatch.setattr(module, "_try_out", stopped)
    started(server)
    server.reload()
    assert server.reloaded == 0


def test_after_a_stop_no_reload_is_prepared_that_came_before_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_try_out", lambda: pytest.fail("nothing is tried out"))
    server = Server()
    started(server)
    server.signal(signal.SIGTERM, None)
    server.reload()
    assert server.reloaded == 0


@pytest.mark.live
def test_what_is_tried_out_ends_with_it(monkeypatch: pytest.MonkeyPatch) -> None:
    # A trial that would go on for longer than the test may.
    monkeypatch.setattr(module, "_TRIAL", "import time; print('begun', flush=True); time.sleep(600)")
    monkeypatch.setattr(module, "_TRIAL_SECONDS", 600)
    begun: list[Any] = []
    communicate = subprocess.Popen.communicate

    class Trial(subprocess.Popen[str]):
        def communicate(self, *arguments: Any, **options: Any) -> Any:
            begun.append(self)
            signal.alarm(1)
            return communicate(self, *arguments, **options)

    monkeypatch.setattr(subprocess, "Popen", Trial)
    server = Server()
    started(server)
    before = signal.signal(signal.SIGALRM, lambda _number, frame: server.signal(signal.SIGTERM, frame))
    try:
        server.reload()
    finally:
        signal.signal(signal.SIGALRM, before)
    assert server.reloaded == 0
    assert begun[0].returncode == -signal.SIGKILL


@pytest.mark.parametrize(
    ("stdout", "stderr", "message"),
    [
        ("", "warning: x\nparley: the key file is empty.\nmore\n", "the key file is empty."),
        ("", "Traceback\nValueError: x\n", "ValueError: x"),
        ("", "", "the application cannot be built."),
        ("it can be served\n", "warning: x\n", None),
    ],
)
def test_a_trial_tells_why_the_application_cannot_be_built(
    stdout: str, stderr: str, message: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = SimpleNamespace(stdout=stdout, stderr=stderr)
    monkeypatch.setattr(subprocess, "run", lambda *_arguments, **_options: run)
    if message is None:
        module._try_out()
        return
    with pytest.raises(ConfigurationError) as caught:
        module._try_out()
    assert str(caught.value) == message


# -- what is printed ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("listener", "base", "option"),
    [
        (("127.0.0.1", 8080), "http://127.0.0.1:8080/v1", ""),
        (("0.0.0.0", 8080), "http://127.0.0.1:8080/v1", ""),
        (("::", 8080, 0, 0), "http://[::1]:8080/v1", ""),
        ("/run/it", "http://localhost/v1", "--unix-socket /run/it "),
    ],
)
def test_a_start_tells_how_to_call_the_server(
    listener: Any, base: str, option: str, capsys: pytest.CaptureFixture[str]
) -> None:
    server = Server(listener)
    started(server).when_ready(server)
    said = capsys.readouterr().out
    assert f"Parley serves parley-echo at {base}\n" in said
    assert f"  Swagger UI  {base}/ui/\n" in said
    assert f'curl {option}{base}/chat/completions -H "Authorization: Bearer $OPENAI_API_KEY"' in said
    assert "sk-secret" not in said


def test_the_generated_key_is_the_only_one_that_is_shown(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    server = Server(("127.0.0.1", 80))
    started(server, api_keys=(), state_dir=tmp_path).when_ready(server)
    key = (tmp_path / "api-key").read_text().strip()
    assert f"'Authorization: Bearer {key}'" in capsys.readouterr().out


def test_a_certificate_is_told_by_the_scheme(capsys: pytest.CaptureFixture[str]) -> None:
    server = Server(("127.0.0.1", 443), certfile=__file__)
    started(server).when_ready(server)
    assert " at https://127.0.0.1:443/v1\n" in capsys.readouterr().out


def test_mocks_are_told_as_such(capsys: pytest.CaptureFixture[str]) -> None:
    server = Server(("127.0.0.1", 80))
    started(server, mock="all").when_ready(server)
    assert "Parley serves mocks at " in capsys.readouterr().out


@pytest.mark.parametrize(
    ("paths", "tried"),
    [
        ({"/a/{b}": {"get": {}}, "/pets": {"get": {"responses": {}}}}, "/pets"),
        ({"/": {"get": {"responses": {}}}}, "/"),
        ({"/pets": {"post": {"responses": {}}}}, None),
    ],
)
def test_what_can_be_tried_is_an_operation_of_the_document_in_force(
    paths: Any, tried: str | None, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    said = banner(paths, BEARER, capsys, tmp_path)
    line = f'  Try it      curl http://127.0.0.1:8080{tried} -H "Authorization: Bearer $OPENAI_API_KEY"\n'
    assert line in said if tried else "Try it" not in said


BEARER = {"type": "http", "scheme": "bearer"}
WORD = "curl http://127.0.0.1:8080/pets"


@pytest.mark.parametrize(
    ("scheme", "shown"),
    [
        (None, WORD),
        ({"type": "oauth2", "flows": {}}, f'{WORD} -H "Authorization: Bearer $OPENAI_API_KEY"'),
        ({"type": "apiKey", "in": "header", "name": "x-key"}, f'{WORD} -H "x-key: $OPENAI_API_KEY"'),
        (
            {"type": "apiKey", "in": "query", "name": "key"},
            'curl "http://127.0.0.1:8080/pets?key=$OPENAI_API_KEY"',
        ),
        ({"type": "apiKey", "in": "cookie", "name": "key"}, f'{WORD} -b "key=$OPENAI_API_KEY"'),
        ({"type": "http", "scheme": "basic"}, f'{WORD} -u ":$OPENAI_API_KEY"'),
    ],
)
def test_what_can_be_tried_shows_the_key_where_the_document_takes_it(
    scheme: Any, shown: str, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    said = banner({"/pets": {"get": {"responses": {}}}}, scheme, capsys, tmp_path)
    assert f"  Try it      {shown}\n" in said


def test_what_cannot_be_opened_is_not_what_can_be_tried(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    paths = {"/pets": {"get": {"responses": {}}}, "/open": {"get": {"responses": {}, "security": []}}}
    said = banner(paths, {"type": "mutualTLS"}, capsys, tmp_path)
    assert "  Try it      curl http://127.0.0.1:8080/open\n" in said


@pytest.mark.parametrize(("path", "is_told"), [("/ui/", False), ("/ui/{page}", True), ("/{page}", True)])
def test_swagger_ui_is_told_of_where_the_document_leaves_it_its_place(
    path: str, is_told: bool, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    said = banner({path: {"get": {"responses": {}}}}, BEARER, capsys, tmp_path)
    assert ("  Swagger UI  http://127.0.0.1:8080/ui/\n" in said) is is_told


def banner(paths: Any, scheme: Any, capsys: pytest.CaptureFixture[str], folder: Path) -> str:
    """What the start says under a document with some paths, all secured by one scheme, if any."""
    document: Any = {"openapi": "3.1.0", "info": {"title": "t", "version": "1"}, "paths": paths}
    if scheme is not None:
        document.update(security=[{"key": []}], components={"securitySchemes": {"key": scheme}})
    (folder / "api.json").write_text(json.dumps(document))
    server = Server(("127.0.0.1", 8080))
    started(server, spec=folder / "api.json", mock="missing", basic_auth=True).when_ready(server)
    return capsys.readouterr().out


@pytest.mark.live
def test_a_trial_of_what_nobody_waits_for_any_more_ends(tmp_path: Path) -> None:
    spec = tmp_path / "openapi.yaml"
    os.mkfifo(spec)  # who opens it to read waits for good
    command = [sys.executable, "-c", module._TRIAL.format(seconds=1)]
    environ = {**os.environ, "PARLEY_SPEC": str(spec), "PARLEY_ENGINE": "echo", "PARLEY_API_KEYS": "sk-test"}
    assert subprocess.run(command, cwd=ROOT, env=environ, timeout=PATIENCE).returncode == -signal.SIGALRM
