"""What the tests of the poller share."""

import pytest


@pytest.fixture(scope="session")
def rss():
    """``rss(*names)``: a feed with an item of each name."""

    def make(*names):
        items = "".join(
            f"<item><title>{name}</title><link>https://paper.example/{name}</link></item>"
            for name in names
        )
        return f"<rss><channel><title>Paper</title>{items}</channel></rss>".encode()

    return make
