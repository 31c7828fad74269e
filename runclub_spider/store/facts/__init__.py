"""What is known of tracks and artists, one repository an aggregate."""
