"""Write a list of feeds in the form that feed readers exchange."""

import re
from collections.abc import Iterable
from xml.sax.saxutils import quoteattr

from schemas.ids import is_web_url

_CONTROL = re.compile("[\x00-\x1f\x7f]")


def opml(addresses: Iterable[str], title: str = "Feeds") -> str:
    """Write OPML 2.0, one outline for each address of the web, in order; others are left out."""
    outlines = "".join(
        f'    <outline type="rss" text={quoteattr(url)} xmlUrl={quoteattr(url)}/>\n'
        for url in addresses
        if is_web_url(url) and not _CONTROL.search(url)
    )
    return (
        '<?xml version="1.0" encoding="UTF-8"?>\n<opml version="2.0">\n'
        f"  <head><title>{title}</title></head>\n  <body>\n{outlines}  </body>\n</opml>\n"
    )
