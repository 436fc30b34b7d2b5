"""From a system's specification and an example to the request that a backend answers."""
