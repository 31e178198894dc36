"use strict";
// Looks every few seconds whether the output has changed, and then renews what is shown.
(() => {
  const SECONDS = 5;
  const pause = document.getElementById("pause");
  const said = document.getElementById("said");
  let known = null;
  let busy = false;

  const say = (text) => {
    said.textContent = text;
  };
  const isPaused = () => pause.getAttribute("aria-pressed") === "true";

  const renew = async () => {
    const answer = await fetch(location.href, { headers: { Accept: "text/html" } });
    if (!answer.ok) return;
    const next = new DOMParser().parseFromString(await answer.text(), "text/html");
    const live = document.getElementById("live");
    const fresh = next.getElementById("live");
    if (!fresh) return;
    for (const node of live.querySelectorAll("details[id]")) {
      const twin = fresh.querySelector(`#${CSS.escape(node.id)}`);
      if (twin) twin.open = node.open;
    }
    const focus = live.contains(document.activeElement) ? document.activeElement : null;
    const inside = focus && [...live.querySelectorAll("a, summary, button, input, select")];
    const place = inside ? inside.indexOf(focus) : -1;
    const name = focus && (focus.id || focus.closest("details[id]")?.id);
    const scroll = [scrollX, scrollY];
    live.replaceChildren(...document.adoptNode(fresh).childNodes);
    document.getElementById("about").replaceWith(
      document.adoptNode(next.getElementById("about")),
    );
    document.title = next.title;
    if (focus) {
      const all = [...live.querySelectorAll("a, summary, button, input, select")];
      const twin =
        (focus.id && document.getElementById(focus.id)) ||
        (name && document.querySelector(`#${CSS.escape(name)} > summary`)) ||
        all.find((node) => focus.href && node.href === focus.href) ||
        all[Math.min(place, all.length - 1)];
      if (twin) twin.focus({ preventScroll: true });
    }
    scrollTo(...scroll);
    say("The page was updated.");
  };

  const look = async () => {
    if (busy || document.hidden || isPaused()) return;
    busy = true;
    try {
      const answer = await fetch("/api/v1/status");
      if (!answer.ok) throw new Error(String(answer.status));
      const status = await answer.json();
      const state = `${status.state} ${status.error}`;
      if (known === null) known = state;
      if (state !== known) {
        await renew();
        known = state;
      } else if (said.dataset.lost) {
        say("");
      }
      delete said.dataset.lost;
    } catch {
      if (!said.dataset.lost) say("The server does not answer; this may be old.");
      said.dataset.lost = "1";
    } finally {
      busy = false;
      document.documentElement.dataset.looked = known ?? "";
    }
  };

  pause.hidden = false;
  pause.addEventListener("click", () => {
    pause.setAttribute("aria-pressed", String(!isPaused()));
    say(isPaused() ? "Updates are paused." : "");
    look();
  });
  document.addEventListener("visibilitychange", look);
  setInterval(look, SECONDS * 1000);
  look();
})();
