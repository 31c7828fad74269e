"""What is to be asked, and what was: pages, seeds, playlists, runs, quota."""
