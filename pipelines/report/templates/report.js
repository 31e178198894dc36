"use strict";
(() => {
  const byId = (id) => document.getElementById(id);
  const form = byId("controls");
  const openTarget = () => {
    const target = byId(decodeURIComponent(location.hash.slice(1)));
    const event = target && target.closest("details.event");
    if (!event) return;
    event.hidden = false;
    event.open = true;
    target.scrollIntoView({ block: "start" });
  };
  addEventListener("hashchange", openTarget);
  openTarget();
  if (!form) {
    document.body.dataset.ready = "0";
    return;
  }

  const list = byId("list");
  const rows = Array.from(list.children, (node, place) => ({
    node,
    place,
    lane: node.querySelector(".lane"),
    state: node.dataset.state,
    articles: Number(node.dataset.n),
    publishers: Number(node.dataset.p),
    score: Number(node.dataset.s),
    first: Number(node.dataset.f),
    last: Number(node.dataset.l),
    broke: node.dataset.b !== "",
    words: null,
  }));
  const plain = (text) => text.normalize("NFKD").replace(/\p{M}/gu, "").toLowerCase();
  const wordsOf = (row) => (row.words ??= plain(row.node.textContent));

  const orders = {
    break: (a, b) => a.place - b.place,
    last: (a, b) => b.last - a.last,
    first: (a, b) => b.first - a.first,
    size: (a, b) => b.articles - a.articles,
    publishers: (a, b) => b.publishers - a.publishers,
    score: (a, b) => b.score - a.score,
  };
  let order = "break";
  let shownRange = "0";

  const sortRows = (wanted) => {
    if (wanted === order) return;
    order = wanted;
    rows.sort((a, b) => orders[order](a, b) || a.place - b.place);
    list.append(...rows.map((row) => row.node));
  };

  const showRange = (option) => {
    if (option.value === shownRange) return;
    document.body.classList.replace(`r${shownRange}`, `r${option.value}`);
    shownRange = option.value;
    const box = `${option.dataset.x} 0 ${option.dataset.w} 20`;
    for (const row of rows) row.lane.setAttribute("viewBox", box);
  };

  const update = () => {
    const needles = plain(byId("find").value).split(/\s+/).filter(Boolean);
    const state = byId("state").value;
    const least = Number(byId("size").value) || 1;
    const broke = byId("broke").checked;
    const range = byId("range").selectedOptions[0];
    const since = range.value === "0" ? -Infinity : Number(range.dataset.s);
    sortRows(byId("sort").value);
    showRange(range);
    let shown = 0;
    for (const row of rows) {
      const fits =
        row.articles >= least &&
        (!state || row.state === state) &&
        (!broke || row.broke) &&
        row.last >= since &&
        needles.every((needle) => wordsOf(row).includes(needle));
      row.node.hidden = !fits;
      shown += fits;
    }
    byId("shown").textContent = `${shown.toLocaleString("en")} shown`;
    byId("nothing").hidden = shown > 0;
  };

  form.addEventListener("input", update);
  form.addEventListener("submit", (event) => event.preventDefault());
  form.addEventListener("reset", () => setTimeout(update));
  form.hidden = false;
  update();
  document.body.dataset.ready = String(rows.length);
})();
