"""The surface of keys made since 2026-02-11."""

from runclub_spider.apis.spotify.regimes import Regime

REGIME = Regime(
    name="development",
    search_rows=10,
    playlist_rows=50,
    embedded_rows=100,
    artist_batch=0,
    reads_foreign_playlists=False,
    artist_genres=False,
    track_popularity=False,
    # That many were reported twice, by different people; Spotify publishes none.
    assumed_daily_calls=600,
    note=(
        "Crawled with a development key: no artist genres, no popularity, no other people's "
        "playlists."
    ),
)
