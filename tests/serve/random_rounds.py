"""Rounds of anything that may happen to articles and events."""


def add_random_round(output, rng):
    """Add one: new events and articles, new revisions, moves, merges, chains of merges."""
    known = output.__dict__.setdefault("known", {"events": {}, "articles": {}, "merged": set()})
    events, articles, merged = known["events"], known["articles"], known["merged"]
    n = output.rounds
    for m in range(rng.randint(1, 4)):
        name = f"e{n}x{m}"
        events[name] = 1
        output.event(name, n)
    alive = [name for name in events if name not in merged]
    for m in range(rng.randint(1, 8)):
        name = f"a{n}x{m}"
        articles[name] = rng.choice(alive)
        output.article(name, articles[name], n, dup_kind=rng.choice(["none", "exact_text"]))
    for name in rng.sample(sorted(articles), min(len(articles), 3)):
        if rng.random() < 0.5:  # another place: it left one event and joined another
            output.sequence += 1
            old, new = articles[name], rng.choice(alive)
            if old != new:
                output.joins(name, old, n, left_at=output.moment(n), role="member")
                output.joins(name, new, n)
                articles[name] = new
        else:  # another text
            output.article(name, articles[name], n, revision=n + 2, title=f"New words {n}")
    for name in rng.sample(alive, min(len(alive), 2)):
        if rng.random() < 0.4 and len(alive) > 1:
            other = rng.choice([one for one in alive if one != name])
            events[name] += 1
            merged.add(name)
            alive.remove(name)
            output.event(name, n, revision=events[name], status="merged", merged_into=other)
            output.change(f"m{n}{name}", name, "merged", n)
        else:
            events[name] += 1
            output.event(name, n, revision=events[name], title=f"Title {n}")
    output.add("dead_letters", stage="read", key=f"k{n}", reason="empty", error="Empty.")
    output.add("fetch_log", feed_id=f"f{n % 3}", feed=f"https://f{n % 3}.example/", outcome="NEW",
               fetched_at=output.moment(n), next_at=output.moment(n + 1), kept=n % 2)  # fmt: skip
    output.commit()
