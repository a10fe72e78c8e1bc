"""An issue, made into subject, inlined HTML and text. Once per issue.

Knows no subscriber: what differs between them is left as slots, which `digest.message` fills.
"""

from digest.render.edition import Edition
from digest.render.rendering import render

__all__ = ["Edition", "render"]
