"""The site's feed, made into articles: fetch, read, clean."""
