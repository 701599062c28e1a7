"""One file per noun. Each gives a router for a manager; `app` puts them together."""
