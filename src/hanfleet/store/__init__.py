"""The store: the only door to PostgreSQL. Nobody outside sees a connection, a vendor error or a commit.

Read in this order: `principals` (who asks), `session` (`Store`, `Transaction`), `records` (what is given and taken),
then one repository per noun. `admin` and `provisioner` make databases and roles; `migrations` holds the schema.
"""
