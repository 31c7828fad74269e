"""The store: tables, migrations, and one repository per aggregate. SQLAlchemy Core."""
