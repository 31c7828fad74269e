"""RunClub Spider: public music APIs into a clean, reproducible song catalogue."""

__version__ = "0.1.0"
