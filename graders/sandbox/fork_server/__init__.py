"""What runs inside the sandbox: the fork server and its children."""
