"""An issue, made into subject, inlined HTML and text. Once per issue."""
