"""The families of features, one file per noun; each yields named columns for the customers of a bucket."""
