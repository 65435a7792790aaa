"""What 'ray start' calls before it starts a node (``RAY_START_HOOK``)."""

from __future__ import annotations

from typing import Any


def no_client_server(parameters: Any, head: bool) -> None:
    """No server for ``ray://`` clients, port 10001: nothing here uses it, and no flag of Ray turns it off."""
    parameters.ray_client_server_port = None
