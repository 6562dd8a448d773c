"""How engines reach the servers that run their models: connections, attempts, replicas and events."""
