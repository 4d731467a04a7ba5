"""Pages for people, drawn on the server: the same store, rights and access log as the API, and no script."""
