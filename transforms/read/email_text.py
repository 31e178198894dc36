"""Tell an e-mail message from a text whose first line happens to hold a colon."""

import re

_FIELD = re.compile(r"([!-9;-~]+)[ \t]*:")
_MAIL_FIELDS = frozenset(
    "arc-seal authentication-results bcc cc content-transfer-encoding content-type date "
    "delivered-to dkim-signature from in-reply-to list-id list-unsubscribe message-id "
    "mime-version organization precedence received received-spf references reply-to return-path "
    "sender subject to user-agent x-mailer x-original-to x-received".split()
)


def is_email(text: str) -> bool:
    """Say whether ``text`` opens with a message header as in RFC 5322.

    Every line up to the first empty one must be a field or the continuation of one, and at least
    two fields must be among those that mail programs write.
    """
    known: set[str] = set()
    position = 0
    while (end := text.find("\n", position)) >= 0:
        line = text[position:end].rstrip("\r")
        if not line:
            return len(known) >= 2
        field = _FIELD.match(line)
        if field:
            known.update({field[1].lower()} & _MAIL_FIELDS)
        elif position == 0:
            if not line.startswith("From "):  # the envelope line of a mailbox file
                return False
        elif line[0] not in " \t":
            return False
        position = end + 1
    return False
