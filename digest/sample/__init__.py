"""A made-up site, for the demo and for a first look."""
