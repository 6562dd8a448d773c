"""The kinds of servers that run models: how requests to each are written, and how its answers are read."""
