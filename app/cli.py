"""The server's commands: ``flask --app wsgi ...``."""
