"""Spotify Web API."""
