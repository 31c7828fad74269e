"""One file a step; the newest is `store.engine.HEAD`."""
