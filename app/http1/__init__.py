"""A server of HTTP/1.1 for ASGI applications, on an event loop: what a worker of gunicorn runs."""
