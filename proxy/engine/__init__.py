"""The engine: correlate, decide, tee. Transport-neutral; adapters carry out what it decides."""
