"use strict";
/* The list of queries: only the rows on the screen exist; their data are loaded when they come into view. */
explorer.list = (() => {
  const { make, id, load, value, pictures } = explorer, index = value("index");
  const main = id("rows"), live = new Map(), observers = [];
  let order = [], height = 0, active = { row: 0, column: 0 };
  const spacer = make("div", { role: "presentation" });
  main.append(spacer);

  const entry = async (run, place) =>
    (await load("run" + run + "-" + Math.floor(place / index.block)))[place % index.block];

  function asked(place) {
    const number = index.rows[place], cell = pictures.cell({ number, kind: "asked", place });
    const lines = index.runs.map(run => {
      const ap = run.ap[place], name = index.runs.length > 1 ? run.name + ": " : "";
      return name + (ap === null ? "not scored: no true match" : "AP " + ap.toFixed(3) +
        (run.first[place] ? ", first hit " + run.first[place] : ", no hit"));
    });
    const causes = Object.keys(index.flags).filter(name => index.flags[name][place]);
    const box = cell.lastChild;
    box.classList.add("more");
    lines.forEach(line => box.append(make("div", {}, line)));
    if (causes.length) box.append(make("div", {}, ...causes.map(name => make("span", { className: "chip" }, name))));
    const shot = cell.firstChild;
    shot.setAttribute("aria-label", "query " + number + ", " + shot.getAttribute("aria-label").replace("query, ", "") +
      ", " + lines.join("; ") + (causes.length ? ", " + causes.join(", ") : ""));
    cell.className = "query";
    return cell;
  }
  /* Answers in ranked order with junk sorted in by its distance, then the true matches beyond the list. */
  function lane(name, [answers, truths, junk]) {
    const shown = answers.id.map((number, k) => ({ number, distance: answers.distance[k], rank: k + 1,
                                                   kind: answers.hit[k] ? "hit" : "miss" }));
    junk.id.forEach((number, k) => shown.push({ number, distance: junk.distance[k], kind: "junk", rank: 0 }));
    shown.sort((a, b) => a.distance - b.distance || a.rank - b.rank);
    const missed = truths.id.map((number, k) => ({ number, distance: truths.distance[k], rank: truths.rank[k],
                                                   kind: "missed" }));
    return strip(name, shown, missed);
  }
  /* Cells in view are made at once; the others when the browser is idle, on scrolling, or when a key reaches them. */
  function strip(name, shown, missed) {
    const box = make("div", { className: "lane", role: "presentation" });
    if (name) box.append(make("div", { className: "name", "aria-hidden": "true" }, name));
    if (!shown.length) box.append(make("p", { className: "nothing" }, "no answer"));
    const parts = shown.map(about => () => pictures.cell(about));
    if (missed.length) {
      const text = missed.length + " missed true " + (missed.length > 1 ? "matches" : "match") + " beyond rank " +
        shown.filter(about => about.rank).length;
      parts.push(() => make("div", { className: "divider" }, text), ...missed.map(about => () => pictures.cell(about)));
    }
    const add = count => box.append(...parts.splice(0, count).map(part => part()));
    add(Math.ceil(main.clientWidth / 70));
    box.fill = () => add(parts.length);
    box.addEventListener("scroll", box.fill, { once: true, passive: true });
    const idle = window.requestIdleCallback || (later => setTimeout(later, 200));
    if (parts.length) idle(() => { if (box.isConnected) box.fill(); });
    return box;
  }
  function frame(query, lanes, label) {
    return make("div", { className: "row", role: "row", "aria-label": label },
      make("div", { className: "card", role: "presentation" }, query, lanes));
  }
  function open(at) {
    const place = order[at], lanes = make("div", { className: "lanes", role: "presentation" });
    const row = frame(asked(place), lanes, "query " + index.rows[place]);
    row.setAttribute("aria-rowindex", String(at + 1));
    row.dataset.at = String(at);
    row.dataset.query = String(index.rows[place]);
    row.style.top = at * height + "px";
    index.runs.forEach(() => lanes.append(make("div", { className: "lane" })));
    row.ready = Promise.all(index.runs.map(async (run, k) => {
      const found = await entry(k, place);
      row.answers = row.answers || [];
      row.answers[k] = found[0];
      lanes.children[k].replaceWith(lane(index.runs.length > 1 ? run.name : "", found));
    })).then(() => { row.dataset.open = "1"; reach(); },
             error => { lanes.replaceChildren(make("p", { className: "nothing" }, error.message)); });
    main.append(row);
    live.set(at, row);
    return row;
  }
  function draw() {
    if (!order.length) return;
    if (!height) {
      height = 1;
      const probe = open(0);
      height = Math.ceil(probe.getBoundingClientRect().height);
      probe.remove();
      live.delete(0);
    }
    spacer.style.height = order.length * height + "px";
    const first = Math.max(0, Math.floor(main.scrollTop / height) - 1);
    const last = Math.min(order.length - 1, Math.ceil((main.scrollTop + main.clientHeight) / height) + 1);
    for (const [at, row] of live) {
      if ((at < first || at > last) && !row.contains(document.activeElement)) { row.remove(); live.delete(at); }
    }
    for (let at = first; at <= last; at++) if (!live.has(at)) open(at);
    reach();
  }
  /* The tab key stops at the active cell only; the arrow keys move it. */
  function reach() {
    main.querySelectorAll('.shot[tabindex="0"]').forEach(shot => { shot.tabIndex = -1; });
    const row = live.get(active.row) || live.get(Math.min(...live.keys()));
    const shots = row ? row.querySelectorAll(".shot") : [];
    if (shots.length) shots[Math.min(active.column, shots.length - 1)].tabIndex = 0;
  }
  async function go(at, column) {
    if (at < 0 || at >= order.length) return;
    if (at * height < main.scrollTop) main.scrollTop = at * height;
    if ((at + 1) * height > main.scrollTop + main.clientHeight) main.scrollTop = (at + 1) * height - main.clientHeight;
    draw();
    const row = live.get(at);
    await row.ready;
    if (column + 1 >= row.querySelectorAll(".shot").length) {
      row.querySelectorAll(".lane").forEach(lane => lane.fill && lane.fill());
    }
    const shots = [...row.querySelectorAll(".shot")];
    active = { row: at, column: Math.max(0, Math.min(column, shots.length - 1)) };
    reach();
    shots[active.column].focus();
  }
  const place = shot => {
    const row = shot.closest(".row");
    return { row, at: Number(row.dataset.at), column: [...row.querySelectorAll(".shot")].indexOf(shot) };
  };
  document.addEventListener("keydown", event => {
    const shot = event.target.closest && event.target.closest(".shot");
    if (!shot || event.altKey || event.ctrlKey || event.metaKey) return;
    const here = place(shot), inList = main.contains(shot), film = shot.querySelector(".film");
    if (event.key === " ") {
      if (pictures.isPlaying(film)) pictures.stop(); else { pictures.fill(film); pictures.play(film); }
    } else if (inList && event.key === "ArrowRight") go(here.at, here.column + 1);
    else if (inList && event.key === "ArrowLeft") go(here.at, here.column - 1);
    else if (inList && event.key === "ArrowDown") go(here.at + 1, here.column);
    else if (inList && event.key === "ArrowUp") go(here.at - 1, here.column);
    else if (inList && event.key === "Home") go(here.at, 0);
    else if (inList && event.key === "End") go(here.at, Infinity);
    else return;
    event.preventDefault();
  });
  document.addEventListener("keyup", event => {
    if (event.key === " " && event.target.closest && event.target.closest(".shot")) event.preventDefault();
  });
  main.addEventListener("focusin", event => {
    const shot = event.target.closest(".shot");
    if (!shot) return;
    const here = place(shot);
    active = { row: here.at, column: here.column };
    observers.forEach(tell => tell(here.row, order[here.at]));
  });
  const over = start => event => {
    const shot = event.pointerType === "mouse" && event.target.closest && event.target.closest(".shot");
    if (!shot || (event.relatedTarget && shot.contains(event.relatedTarget))) return;
    if (!start) { pictures.stop(); return; }
    pictures.play(shot.querySelector(".film"));
    if (main.contains(shot)) observers.forEach(tell => tell(shot.closest(".row"), order[place(shot).at]));
  };
  document.addEventListener("pointerover", over(true));
  document.addEventListener("pointerout", over(false));
  main.addEventListener("scroll", draw, { passive: true });
  let width = innerWidth;
  new ResizeObserver(() => {
    if (innerWidth !== width) { width = innerWidth; height = 0; live.forEach(row => row.remove()); live.clear(); }
    draw();
  }).observe(main);

  function arrange(places) {
    order = places;
    live.forEach(row => row.remove());
    live.clear();
    active = { row: 0, column: 0 };
    main.scrollTop = 0;
    main.querySelectorAll(":scope > .nothing").forEach(note => note.remove());
    main.setAttribute("aria-rowcount", String(order.length));
    spacer.style.height = "0";
    if (!order.length) main.append(make("p", { className: "nothing" }, "No query matches these filters."));
    draw();
  }
  return { arrange, strip, frame, watch: tell => observers.push(tell), size: () => order.length };
})();
