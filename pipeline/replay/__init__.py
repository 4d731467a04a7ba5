"""The replay: the Mondays of a past period as they would have been run, and what they would have caught."""
