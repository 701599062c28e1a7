"""The control interface of the sandbox: HTTP and JSON beside the MTProto port, for tests, demos and people."""
