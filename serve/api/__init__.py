"""The API, a file per noun: its routes and the schemas of what they take and answer."""
