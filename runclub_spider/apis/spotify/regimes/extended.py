"""The surface of approved organisations."""

from runclub_spider.apis.spotify.regimes import Regime

REGIME = Regime(
    name="extended",
    search_rows=50,
    playlist_rows=100,
    embedded_rows=100,
    artist_batch=50,
    reads_foreign_playlists=True,
    artist_genres=True,
    track_popularity=True,
)
