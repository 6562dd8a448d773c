"""The commands of `flask --app wsgi ...` that have a module of their own."""
