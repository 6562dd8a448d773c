"""What `deploy/` says agrees with itself, with the server, and with what Docker and Kubernetes do."""

from __future__ import annotations

import json
import re
import tomllib
from pathlib import Path
from typing import Any

import pytest
import yaml

from app.configuration.loading import load
from app.errors import ConfigurationError
from app.settings import Settings, variable
from app.web.keys import load_keys

from ..live import ROOT, Server

DEPLOY = ROOT / "deploy"
FILES = sorted(path for path in DEPLOY.rglob("*") if path.is_file() and "secrets" not in path.parts)
MANIFESTS = {
    manifest["kind"]: manifest
    for path in sorted((DEPLOY / "kubernetes").iterdir())
    for manifest in yaml.safe_load_all(path.read_text())
}
COMPOSE = yaml.safe_load((DEPLOY / "compose.yaml").read_text())
POD = MANIFESTS["Deployment"]["spec"]["template"]["spec"]
(CONTAINER,) = POD["containers"]
DOCKERFILE = (DEPLOY / "Dockerfile").read_text()


def environment(container: Any) -> dict[str, str]:
    return {entry["name"]: entry.get("value", "") for entry in container["env"]}


def test_each_manifest_has_a_kind_of_its_own_and_the_same_name() -> None:
    kinds = {"ConfigMap", "Secret", "Deployment", "Service", "HorizontalPodAutoscaler", "PodDisruptionBudget"}
    assert set(MANIFESTS) == kinds
    assert {manifest["metadata"]["name"] for manifest in MANIFESTS.values()} == {"parley"}


def test_all_that_selects_pods_selects_those_of_the_deployment() -> None:
    labels = MANIFESTS["Deployment"]["spec"]["template"]["metadata"]["labels"]
    assert MANIFESTS["Deployment"]["spec"]["selector"]["matchLabels"] == labels
    assert MANIFESTS["PodDisruptionBudget"]["spec"]["selector"]["matchLabels"] == labels
    assert MANIFESTS["Service"]["spec"]["selector"] == labels
    target = MANIFESTS["HorizontalPodAutoscaler"]["spec"]["scaleTargetRef"]
    assert (target["kind"], target["name"]) == ("Deployment", "parley")
    assert "replicas" not in MANIFESTS["Deployment"]["spec"], "applying it again would undo what the autoscaler did"


def test_every_setting_that_is_named_there_exists() -> None:
    known = {variable(name) for name in Settings.__struct_fields__}
    named = {name: path.name for path in FILES for name in re.findall(r"PARLEY_[A-Z_]+", path.read_text())}
    assert {"PARLEY_HOST", "PARLEY_CONFIG", "PARLEY_API_KEYS_FILE"} <= set(named)
    assert {name: file for name, file in named.items() if name not in known} == {}


def test_every_variable_and_file_that_a_container_reads_is_given_to_it() -> None:
    mounted = {mount["mountPath"]: mount["name"] for mount in CONTAINER["volumeMounts"]}
    volumes = {volume["name"]: volume for volume in POD["volumes"]}
    environ = environment(CONTAINER)
    config, keys = Path(environ["PARLEY_CONFIG"]), Path(environ["PARLEY_API_KEYS_FILE"])
    assert volumes[mounted[str(config.parent)]]["configMap"]["name"] == MANIFESTS["ConfigMap"]["metadata"]["name"]
    assert config.name in MANIFESTS["ConfigMap"]["data"]
    assert keys.name in [item["path"] for item in volumes[mounted[str(keys.parent)]]["secret"]["items"]]
    secret = MANIFESTS["Secret"]["stringData"]
    assert {keys.name, "vllm-api-key"} == set(secret)

    parley = COMPOSE["services"]["parley"]
    assert f"./parley.toml:{parley['environment']['PARLEY_CONFIG']}:ro" in parley["volumes"]
    assert [Path(parley["environment"]["PARLEY_API_KEYS_FILE"]).name] == parley["secrets"] == list(COMPOSE["secrets"])
    for text in (MANIFESTS["ConfigMap"]["data"]["parley.toml"], (DEPLOY / "parley.toml").read_text()):
        for model in tomllib.loads(text)["models"].values():
            assert model["key_env"] in environ
            assert model["key_env"] in parley["environment"]


@pytest.mark.parametrize("name", ["compose", "kubernetes"])
def test_the_configuration_of_models_is_one_that_the_server_takes(name: str, tmp_path: Path) -> None:
    written = {
        "compose": (DEPLOY / "parley.toml").read_text(),
        "kubernetes": MANIFESTS["ConfigMap"]["data"]["parley.toml"],
    }
    (tmp_path / "parley.toml").write_text(written[name])
    (model,) = load(tmp_path / "parley.toml", {"VLLM_API_KEY": "key-of-the-upstream"}).models
    assert (model.id, model.keys.aliases, model.keys.dialect) == ("qwen3-8b", ("gpt-4o-mini",), "vllm")
    assert len(model.keys.base_urls) == {"compose": 1, "kubernetes": 2}[name]
    # Elsewhere the limits in time are told as those around this one.
    assert model.keys.timeouts.total == 600
    with pytest.raises(ConfigurationError, match="key_env"):
        load(tmp_path / "parley.toml", {})


def test_no_key_is_written_there_with_which_somebody_could_end_up(tmp_path: Path) -> None:
    assert [path.name for path in FILES if "secret" in path.name] == ["secret.yaml.example"], (
        "kubectl apply passes it over"
    )
    (tmp_path / "api-keys").write_text(MANIFESTS["Secret"]["stringData"]["api-keys"])
    with pytest.raises(ConfigurationError, match="holds no key"):
        load_keys(Settings(api_keys_file=tmp_path / "api-keys"))


@pytest.mark.live
def test_every_probe_asks_for_a_page_that_is_served(echo_server: Server) -> None:
    probes = {name: CONTAINER[name]["httpGet"] for name in ("livenessProbe", "readinessProbe", "startupProbe")}
    assert probes["livenessProbe"]["path"] == probes["startupProbe"]["path"] == "/livez"
    assert probes["readinessProbe"]["path"] == "/healthz"
    checks = DOCKERFILE + json.dumps(COMPOSE["services"]["parley"]["healthcheck"])
    asked = {probe["path"] for probe in probes.values()} | set(re.findall(r"'GET', '([^']+)'", checks))
    assert asked == {"/livez", "/healthz"}
    assert {echo_server.request("GET", path).status for path in asked} == {200}
    ports = {port["name"]: port["containerPort"] for port in CONTAINER["ports"]}
    assert {ports[probe["port"]] for probe in probes.values()} == {int(image_environment()["PARLEY_PORT"])}


def test_a_stop_waits_longer_than_running_answers_may_take() -> None:
    graceful = int(environment(CONTAINER)["PARLEY_GRACEFUL_TIMEOUT"])
    pause = int(CONTAINER["lifecycle"]["preStop"]["exec"]["command"][1])
    assert POD["terminationGracePeriodSeconds"] > pause + graceful
    services = COMPOSE["services"]
    graceful = int(services["parley"]["environment"]["PARLEY_GRACEFUL_TIMEOUT"])
    for name in ("parley", "proxy"):
        assert int(services[name]["stop_grace_period"].removesuffix("s")) > graceful


def test_containers_run_without_rights_on_a_file_system_that_is_read_only() -> None:
    (user,) = re.findall(r"^USER (\d+)$", DOCKERFILE, re.MULTILINE)
    assert POD["securityContext"]["runAsUser"] == int(user) > 0
    assert POD["securityContext"]["runAsNonRoot"] is True
    assert CONTAINER["securityContext"] == {
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
    }
    assert "/tmp" in [mount["mountPath"] for mount in CONTAINER["volumeMounts"]]
    for name in ("parley", "proxy"):
        service = COMPOSE["services"][name]
        assert service["read_only"] is True
        assert (service["tmpfs"], service["cap_drop"]) == (["/tmp"], ["ALL"])


def test_kubernetes_does_not_set_our_variables_by_the_name_of_the_service() -> None:
    # A Service named parley would set PARLEY_PORT to tcp://10.0.0.1:80 in every pod, and the server would not start.
    assert POD["enableServiceLinks"] is False


def image_environment() -> dict[str, str]:
    (block,) = re.findall(r"^ENV ((?:.*\\\n)*.*)$", DOCKERFILE, re.MULTILINE)
    return dict(re.findall(r"(\w+)=(\S+)", block))


def test_the_image_says_where_it_listens_and_leaves_bytecode_alone() -> None:
    assert image_environment()["PARLEY_HOST"] == "0.0.0.0"
    assert "PYTHONDONTWRITEBYTECODE" not in DOCKERFILE


def test_the_proxy_hands_events_on_at_once_and_waits_for_long_answers() -> None:
    text = re.sub(r"#.*", "", (DEPLOY / "nginx.conf").read_text())
    words = dict(re.findall(r"^\s*(\w+) ([^;{]+);", text, re.MULTILINE))
    assert words["proxy_buffering"] == words["proxy_request_buffering"] == "off"
    assert int(words["proxy_read_timeout"].removesuffix("s")) > 600
    assert words["client_max_body_size"] == "0"
