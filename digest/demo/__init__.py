"""The whole line shown on one machine: a sample site, a catching relay, reader pages, two issues."""
