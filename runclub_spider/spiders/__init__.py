"""The spiders: a name, arguments, and which parser reads which page."""
