"""Name runs, phases and outcomes on the wire."""
