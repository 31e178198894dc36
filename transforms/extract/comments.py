"""Where the readers' comments under a story begin.

A heading alone never decides: an article may say "3 comments". What follows must look like
comments (numbered from 1, dated, answered, or headed by names), and a story must come before.
What is cut here is kept as ``quoted``: comments re-post whole articles, and dedupe wants to know.
"""

import re
from itertools import dropwhile, islice

_NUMBER = r"(?:\d[\d.,]*|no|one|two|three|aucun|kein|keine|sin)"
_HEADING = re.compile(
    rf"""
    {_NUMBER}\s+(?:thoughts?|comments?|responses?|replies|reply|reactions?)
        (?:\s+(?:on|to|so\ far|for)\b.{{0,300}})?\s*[:.]?
    | (?:reader\s+|user\s+|all\s+|view\s+|show\s+|the\s+)*(?:comments?|responses?|replies)
        \s*(?:\(\s*\d[\d.,]*\s*\)|:\s*\d[\d.,]*)?\s*:?
    | (?:responses?|replies|comments|reactions?)\s+(?:to|on)\s.{{1,300}}
    | (?:leave|post|add|write|submit)\s+(?:a|your)\s+(?:reply|comment|response)\b.{{0,80}}
    | join\s+the\s+(?:discussion|conversation|debate)\b.{{0,40}}
    | what\s+do\s+you\s+think\?.{{0,80}}
    | (?:{_NUMBER}\s+)?(?:kommentare?|leserkommentare|kommentar\s+schreiben|ihr\s+kommentar)
        \s*(?:\(\s*\d+\s*\))?\s*:?(?:\s+zu\s.{{1,300}})?
    | (?:{_NUMBER}\s+)?(?:commentaires?|réactions?)\s*(?:\(\s*\d+\s*\))?\s*:?
        (?:\s+(?:sur|à)\s.{{1,300}})?
    | (?:laisser|ajouter|poster)\s+un\s+commentaire.{{0,40}}
    | (?:{_NUMBER}\s+)?(?:comentarios?|comentários?|respuestas?)\s*(?:\(\s*\d+\s*\))?\s*:?
        (?:\s+(?:en|a|sobre)\s.{{1,300}})?
    | (?:deja|dejar|escribe|deixe|deixar)\s+(?:un|tu|um|seu)\s+comentario.{{0,40}}
    | (?:{_NUMBER}\s+)?commenti\s*(?:\(\s*\d+\s*\))?\s*:? | lascia\s+un\s+commento.{{0,40}}
    | (?:{_NUMBER}\s+)?reacties\s*(?:\(\s*\d+\s*\))?\s*:? | комментарии\s*(?:\(\s*\d+\s*\))?\s*:?
    """,
    re.IGNORECASE | re.VERBOSE,
)
_NUMBERED = re.compile(r"(?:#\s?(?=\d+\s)|(?=\d+[.):]))(\d{1,4})[.):]?\s+\S")
_CLOCK = r"\d{1,2}[:.h]\d{2}(?:\s?[ap]\.?m\.?)?"
_MARK = re.compile(
    rf"""
    .{{0,60}}\b(?:says?|said|wrote|writes|commented|replied|schrieb|sagt|dit|a\ écrit|dice|escribió)
        \s*:?\s*(?:{_CLOCK}.{{0,40}})?
    | .{{0,60}}\b\d+\s*(?:seconds?|secs?|minutes?|mins?|hours?|hrs?|days?|weeks?|months?|years?
        |[smhdwy]|mo)\s+ago\b.{{0,30}}
    | (?:vor|il\ y\ a|hace|há)\s+\d+\s+\w+.{{0,30}}
    | .{{0,60}}\b(?:19|20)\d\d\b.{{0,12}}\b(?:at|@|um|à|a\ las|-|–|\|)?\s*{_CLOCK}.{{0,20}}
    | .{{0,50}}\b\d{{1,2}}[/.]\d{{1,2}}[/.](?:\d{{2}}){{1,2}}\b.{{0,20}}
    | (?:log\ in\ to\ )?reply(?:\ to\ .{{1,40}})?(?:\s*[↓·|].{{0,20}})? | quote | permalink | report
        (?:\ abuse)? | flag | upvote | downvote | antworten | répondre | responder | rispondi
    | (?:anonymous|guest|anonym|anonyme|anónimo)\b.{{0,40}}
    | (?:↑|▲|👍)?\s*\d+\s*(?:↓|▼|👎|likes?|points?)(?:\s*\d+)?
    """,
    re.IGNORECASE | re.VERBOSE,
)
_FORM = re.compile(
    r"(?:your )?(?:name|e-?mail|website|url|comment|message)(?: address)?"
    r"\s*(?:\(.{0,40}\)|\*)?\s*:?"
    r"|(?:submit|post|cancel|send)(?: a| your)? ?(?:comment|reply)?"
    r"|your e-?mail address will not be published.{0,80}|required fields are marked.{0,10}"
    r"|(?:please )?(?:log ?in|sign in|register).{0,60}to (?:comment|post|reply|leave).{0,40}"
    r"|(?:notify|save) m.{1,120}|comments are (?:closed|moderated).{0,80}",
    re.IGNORECASE,
)
_NAME = re.compile(r"@?[\w][\w.'’-]{1,24}(?: [\w][\w.'’-]{0,24}){0,2}(?: \(@?[\w ]{1,24}\))?:?")
_MIN_STORY_CHARS = 120  # what must stand before a heading for it to end a story
_MAX_HEADING_CHARS = 400
_LOOK_AHEAD_LINES = 40
_MAX_HEADINGS = 50  # tried in one text, so that a hostile one costs no more


def split_comments(lines: list[str]) -> tuple[list[str], list[str]]:
    """Part the lines of a story from the comments under it, their heading included.

    The comments are empty when there are none, or only headings and an empty form, which are
    then dropped.
    """
    story_chars = headings = 0
    for at, line in enumerate(lines):
        flat = _flat(line)
        if story_chars >= _MIN_STORY_CHARS and headings < _MAX_HEADINGS and _is_heading(flat):
            headings += 1
            said = _said_after(lines, at)
            if not said:
                return lines[:at], []
            if _looks_like_comments(said):
                return lines[:at], lines[at:]
        story_chars += len(flat)
    return lines, []


def _flat(line: str) -> str:
    return " ".join(line.split())


def _is_heading(flat: str) -> bool:
    return len(flat) <= _MAX_HEADING_CHARS and _HEADING.fullmatch(flat) is not None


def _said_after(lines: list[str], heading_at: int) -> list[str]:
    """Return what follows a heading, from the first line that someone may have said."""
    following = (flat for at in range(heading_at + 1, len(lines)) if (flat := _flat(lines[at])))
    said = dropwhile(lambda flat: _is_heading(flat) or _FORM.fullmatch(flat), following)
    return list(islice(said, _LOOK_AHEAD_LINES))


def _looks_like_comments(following: list[str]) -> bool:
    marks = sum(1 for line in following if len(line) <= 120 and _MARK.fullmatch(line))
    return _is_numbered(following) or marks >= 2 or _alternates_with_names(following)


def _is_numbered(lines: list[str]) -> bool:
    """Say whether items are counted upwards from 1; a lost number or two does not matter."""
    numbers = [int(match[1]) for line in lines if (match := _NUMBERED.match(line))]
    first = _NUMBERED.match(lines[0])
    if first is None or int(first[1]) != 1:
        return False
    rising = [number for number in numbers if number <= _LOOK_AHEAD_LINES]
    return rising[:2] in ([1, 2], [1, 3]) or len(rising) == 1 == len(numbers)


def _alternates_with_names(lines: list[str]) -> bool:
    """Say whether short name lines and what they said take turns from the first line on."""
    turns = 0
    for name, said in zip(lines[0::2], lines[1::2]):
        if not _NAME.fullmatch(name) or _NAME.fullmatch(said):
            break
        turns += 1
    return turns >= 2
