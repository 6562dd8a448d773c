"""Commands of ``flask --app wsgi``, one module per group."""
