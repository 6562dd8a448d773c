"""What Connexion gets to see of a document."""

from __future__ import annotations

from pathlib import Path

import pytest
from connexion.spec import OpenAPISpecification

from app.contract.document import Document
from app.contract.operations import operations
from app.contract.routing import routing_view
from app.contract.security import Security

from ..foreign import FOREIGN, foreign
from ..live import ROOT
from ..web.vendors import FOLDER


def view_is_valid(path: Path) -> None:
    document = Document.load(path)
    # Its constructor validates, and raises; the server leaves that out (see `app.frameworks.connexion`).
    OpenAPISpecification(routing_view(document, operations(document), Security(document)))


@pytest.mark.parametrize(
    "path", [*FOLDER.glob("*.yaml"), ROOT / "openapi" / "openapi.yaml"], ids=lambda path: path.stem
)
def test_the_view_of_a_document_is_valid_in_its_own_right(path: Path) -> None:
    view_is_valid(path)


@pytest.mark.long
@pytest.mark.parametrize("name", FOREIGN)
def test_so_is_the_view_of_documents_of_others(name: str) -> None:
    view_is_valid(foreign(name))
