"""The kinds of servers that run models: how each is asked, and how its answers are read."""
