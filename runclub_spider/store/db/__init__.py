"""The database itself: engine, thread, lock, tables, migrations."""
