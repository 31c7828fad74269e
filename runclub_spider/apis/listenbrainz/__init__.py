"""ListenBrainz: artists, dates and genres of recordings by MBID, 1,000 a call."""
