"""What other programs export, and what each column and status of theirs means here. Pure: reads no file."""
