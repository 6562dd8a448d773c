"""The transport between engines and the servers that run their models: connections, attempts, replicas and events."""
