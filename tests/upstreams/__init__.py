"""Real servers, and one with every vice, each asked by itself and through Parley: ``make upstreams``."""
