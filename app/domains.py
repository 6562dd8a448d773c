"""Which operations of a document models answer, and through which service. The operation's handler decides this, for
any document."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from .chat.foreign import Reading, known_to, reading
from .chat.service import Chat
from .completions.service import Completions
from .configuration.document import contract_path, handlers_of, own_contract
from .contract.document import Document
from .contract.extend import extend_request
from .contract.handlers import Handler
from .contract.operations import Operation, operations
from .contract.properties import defaults
from .contract.schemas import Schemas
from .embeddings.service import Embeddings
from .engines.extra import EXTRA_PARAMETERS, OF_CHATS_ALONE
from .handlers.chat import create_chat_completion
from .handlers.completions import create_completion
from .handlers.embeddings import create_embedding
from .handlers.responses import create_response
from .responses.parameters import KNOWN as KNOWN_OF_RESPONSES
from .responses.service import Responses
from .settings import Settings

# The handlers of the operations that models answer, each with the service that answers it.
DOMAINS: Mapping[Handler, type[Chat]] = {
    create_chat_completion: Chat,
    create_completion: Completions,
    create_embedding: Embeddings,
}


def chat_operations(settings: Settings, found: Iterable[Operation]) -> list[Operation]:
    """Return the operations among ``found`` that the chat handler answers."""
    return [operation for operation, domain in model_operations(settings, found) if domain is Chat]


def model_operations(settings: Settings, found: Iterable[Operation]) -> list[tuple[Operation, type[Chat]]]:
    """Return the operations among ``found`` that models answer, each with the domain that answers it."""
    handlers = handlers_of(settings)
    pairs = ((operation, handlers.find(operation)) for operation in found)
    return [(operation, DOMAINS[handler]) for operation, handler in pairs if handler is not None and handler in DOMAINS]


def served_document(settings: Settings, extra: Iterable[str]) -> Document:
    """Return the document, extended with the parameters beyond the API that some model accepts (``extra``), so that it
    describes them and they are validated against it.

    Raises:
        ConfigurationError: the document or a package of handlers cannot be used.
    """
    document = Document.load(contract_path(settings), lenient=settings.lenient)
    names = sorted(extra)
    if names:
        for operation, domain in asking_operations(settings, operations(document)):
            taken = [name for name in names if domain in (Chat, Responses) or name not in OF_CHATS_ALONE]
            if domain is not Embeddings:
                document = extend_request(document, operation, {name: EXTRA_PARAMETERS[name] for name in taken})
    return document


def asking_operations(settings: Settings, found: Iterable[Operation]) -> list[tuple[Operation, type]]:
    """Return the operations among ``found`` that need a request to a model, each with the service that answers it."""
    handlers = handlers_of(settings)
    responses = [(operation, Responses) for operation in found if handlers.find(operation) is create_response]
    return [*model_operations(settings, found), *responses]


def needs_engine(settings: Settings, found: list[Operation]) -> bool:
    """Return whether a model is needed: the handler of some operation calls one; or a handler of the user may call one;
    or the document may change (``reload``). Mocks need none."""
    if settings.mock == "all":
        return False
    return bool(settings.handlers or settings.reload or asking_operations(settings, found))


def foreign_readings(settings: Settings, document: Document, found: list[Operation]) -> Mapping[type, Reading]:
    """Return how requests are read under a document that is not ours, by the service that answers them."""
    theirs = asking_operations(settings, found) if settings.spec is not None else []
    if not theirs:
        return {}
    ours = Document.load(own_contract())
    schemas = Schemas(ours, lazy=True)
    readings: dict[type, Reading] = {}
    for own, service in asking_operations(Settings(), operations(ours)):
        pointers = [each.request_schemas.get("application/json") for each, answers in theirs if answers is service]
        spared = {k: v for pointer in pointers if pointer for k, v in defaults(document, pointer).items()}
        validator = schemas.validator(str(own.request_schemas["application/json"]), "request")
        known = known_to(service.table) if issubclass(service, Chat) else KNOWN_OF_RESPONSES
        readings[service] = reading(validator, spared, known)
    return readings
