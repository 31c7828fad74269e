"""Queries of whole rooms: publishing, explaining, status."""
