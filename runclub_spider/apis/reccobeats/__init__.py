"""ReccoBeats: audio features by Spotify id, 40 a call."""
