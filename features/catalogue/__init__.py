"""Names and words of features: the grammar, the declared measures, phrases in English and Chinese."""
