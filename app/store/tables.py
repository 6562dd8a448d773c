"""The tables of the database. `app.store.migrations` creates and changes them; a test compares the two.

Times are in Unix seconds, those of usage in milliseconds. Money is in billionths of the operator's currency, so that
the price of one token is a whole number.
"""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    Text,
)

# The lengths of names, in characters.
NAME = 64
MODEL = 256

# Constraints have names, so that migrations can change them in every database.
metadata = MetaData(
    naming_convention={
        "ix": "ix_%(column_0_label)s",
        "uq": "uq_%(table_name)s_%(column_0_name)s",
        "fk": "fk_%(table_name)s_%(column_0_name)s_%(referred_table_name)s",
        "pk": "pk_%(table_name)s",
    }
)

# SQLite counts rows up only in a column of the type INTEGER.
_Counter = BigInteger().with_variant(Integer, "sqlite")

projects = Table(
    "projects",
    metadata,
    Column("name", String(NAME), primary_key=True),
    Column("created_at", BigInteger, nullable=False),
)

# ``models`` are the ids that the key may use, as a JSON list; null: all.
keys = Table(
    "keys",
    metadata,
    Column("name", String(NAME), primary_key=True),
    Column("project", String(NAME), ForeignKey("projects.name"), nullable=False, index=True),
    Column("models", Text),
    Column("created_at", BigInteger, nullable=False),
    Column("expires_at", BigInteger),
    Column("revoked_at", BigInteger),
)

# A key has several secrets while it is rotated. ``digest`` is the SHA-256 of a secret in hexadecimal digits, ``prefix``
# the beginning of the secret, which is shown.
secrets = Table(
    "secrets",
    metadata,
    Column("digest", String(64), primary_key=True),
    Column("key", String(NAME), ForeignKey("keys.name"), nullable=False, index=True),
    Column("prefix", String(32), nullable=False),
    Column("created_at", BigInteger, nullable=False),
    Column("expires_at", BigInteger),
)

# The limits of a key, a project or a model (``kind``); null: none. Budgets are for a calendar month in UTC.
limits = Table(
    "limits",
    metadata,
    Column("kind", String(16), primary_key=True),
    Column("subject", String(MODEL), primary_key=True),
    Column("requests_per_minute", BigInteger),
    Column("tokens_per_minute", BigInteger),
    Column("tokens_per_day", BigInteger),
    Column("concurrent_requests", BigInteger),
    Column("tokens_per_month", BigInteger),
    Column("money_per_month", BigInteger),
)

# One row for each request that a model was asked to answer. ``left``: the client disconnected before the end.
# ``estimated``: the model reported no usage, so the tokens were counted by the pieces of the answer. An id begins with
# the time in hexadecimal digits (`app.store.usage.first_id`), so that the key is the only index: each further one would
# cost a request as much as the row itself.
usage = Table(
    "usage",
    metadata,
    Column("id", String(32), primary_key=True),
    Column("request_id", String(128), nullable=False),
    Column("time", BigInteger, nullable=False),
    Column("operation", String(NAME), nullable=False),
    Column("key", String(NAME)),
    Column("project", String(NAME)),
    Column("asked", String(MODEL)),
    Column("model", String(MODEL)),
    Column("upstream", String(MODEL)),
    Column("status", Integer, nullable=False),
    Column("error", String(NAME)),
    Column("prompt_tokens", BigInteger, nullable=False),
    Column("completion_tokens", BigInteger, nullable=False),
    Column("reasoning_tokens", BigInteger, nullable=False),
    Column("cached_tokens", BigInteger, nullable=False),
    Column("cost", BigInteger, nullable=False),
    Column("first_ms", BigInteger),
    Column("total_ms", BigInteger, nullable=False),
    Column("finish_reason", String(32)),
    Column("stream", Boolean, nullable=False),
    Column("left", Boolean, nullable=False),
    Column("estimated", Boolean, nullable=False),
    sqlite_with_rowid=False,
)

# The sums of a day, once its rows are no longer kept. ``day`` counts days from 1970-01-01.
usage_days = Table(
    "usage_days",
    metadata,
    Column("day", Integer, primary_key=True),
    Column("key", String(NAME), primary_key=True),
    Column("project", String(NAME), primary_key=True),
    Column("model", String(MODEL), primary_key=True),
    Column("requests", BigInteger, nullable=False),
    Column("failed", BigInteger, nullable=False),
    Column("left", BigInteger, nullable=False),
    Column("prompt_tokens", BigInteger, nullable=False),
    Column("completion_tokens", BigInteger, nullable=False),
    Column("reasoning_tokens", BigInteger, nullable=False),
    Column("cached_tokens", BigInteger, nullable=False),
    Column("cost", BigInteger, nullable=False),
)

# ``completion`` and ``messages`` are JSON, ``size`` is the length of the first in bytes; ``position`` orders
# completions that were created in the same second.
completions = Table(
    "completions",
    metadata,
    Column("position", _Counter, primary_key=True, autoincrement=True),
    Column("id", String(NAME), nullable=False, unique=True),
    Column("project", String(NAME), nullable=False),
    Column("model", Text, nullable=False),
    Column("created_at", BigInteger, nullable=False),
    Column("expires_at", BigInteger, nullable=False, index=True),
    Column("size", BigInteger, nullable=False),
    Column("completion", LargeBinary, nullable=False),
    Column("messages", LargeBinary, nullable=False),
    Index("ix_completions_project", "project", "created_at", "position"),
)

# Names and values have at most 64 and 512 characters, of which some are written as two: see `app.store.completions`.
completion_metadata = Table(
    "completion_metadata",
    metadata,
    Column("completion", String(NAME), ForeignKey("completions.id", ondelete="CASCADE"), primary_key=True),
    Column("name", String(2 * NAME), primary_key=True),
    Column("value", String(1024), nullable=False),
    Index("ix_completion_metadata_value", "name", "value"),
)

# Answers to repeat for requests with the same ``Idempotency-Key``. ``owner`` is the API key's name, ``fingerprint`` the
# SHA-256 of the request; ``status`` is null while the request is running, at most until ``expires_at``. ``completion``
# is the id of the stored completion that the answer is: both are deleted together.
repeats = Table(
    "repeats",
    metadata,
    Column("owner", String(NAME), primary_key=True),
    Column("key", String(255), primary_key=True),
    Column("fingerprint", String(64), nullable=False),
    Column("claim", String(32), nullable=False),
    Column("expires_at", BigInteger, nullable=False, index=True),
    Column("status", Integer),
    Column("headers", Text),
    Column("body", LargeBinary),
    Column("completion", String(NAME), index=True),
)

# Rows are only added: a trigger refuses all else. ``detail`` is a JSON object without secrets.
audit = Table(
    "audit",
    metadata,
    Column("id", _Counter, primary_key=True, autoincrement=True),
    Column("time", BigInteger, nullable=False),
    Column("actor", String(NAME), nullable=False),
    Column("action", String(NAME), nullable=False),
    Column("subject", String(MODEL), nullable=False),
    Column("detail", Text, nullable=False),
)

# Work that one process does for all: whoever holds a lease does it.
leases = Table(
    "leases",
    metadata,
    Column("name", String(NAME), primary_key=True),
    Column("holder", String(NAME), nullable=False),
    Column("until", BigInteger, nullable=False),
)
