"""What confines the sandbox: namespaces, Landlock, seccomp."""
