"""The databases of `fixtures`, for all tests here."""

from .fixtures import address, database_url, postgresql_server, shared_redis, url

__all__ = ["address", "database_url", "postgresql_server", "shared_redis", "url"]
