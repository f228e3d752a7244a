"""The command line: one module a command group. It parses, calls and prints; the logic is in the rooms below."""
