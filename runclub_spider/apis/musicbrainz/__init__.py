"""MusicBrainz: recordings by ISRC or title, artists, and Spotify addresses, many a call."""
