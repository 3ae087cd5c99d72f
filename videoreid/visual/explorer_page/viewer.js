"use strict";
/* Large view of one tracklet: every frame by slider, keys and touch, and search with it if features are stored. */
(() => {
  const { make, id, value, pictures, search, list } = explorer, index = value("index"), table = index.tracklets;
  const viewer = id("viewer"), panel = id("search");
  let back = null;

  function line(term, text) { return text ? [make("dt", {}, term), make("dd", {}, text)] : []; }

  function open(about) {
    const n = about.number, count = table.frames[n];
    const film = make("div", { className: "film", role: "img", "data-number": String(n),
                               "aria-label": pictures.who(n) });
    const slider = make("input", { type: "range", min: "0", max: String(Math.max(count - 1, 0)), "aria-label": "frame" });
    slider.value = 0;
    const counter = make("output", {}, "1 / " + count);
    const show = frame => {
      pictures.show(film, frame);
      slider.value = frame;
      counter.textContent = frame + 1 + " / " + count;
    };
    const button = make("button", { type: "button" }, "Play");
    const stop = () => { pictures.stop(); button.textContent = "Play"; };
    const step = by => { const at = Number(slider.value); stop(); show((at + by + count) % Math.max(count, 1)); };
    const play = () => { pictures.play(film); button.textContent = "Stop"; };
    button.addEventListener("click", () => pictures.isPlaying(film) ? stop() : play());
    slider.addEventListener("input", () => { const at = Number(slider.value); stop(); show(at); });
    const before = make("button", { type: "button", "aria-label": "previous frame" }, "‹");
    const after = make("button", { type: "button", "aria-label": "next frame" }, "›");
    before.addEventListener("click", () => step(-1));
    after.addEventListener("click", () => step(1));
    new MutationObserver(() => {  // while it plays, the slider follows
      slider.value = film.dataset.frame;
      counter.textContent = Number(film.dataset.frame) + 1 + " / " + count;
    }).observe(film, { attributes: true, attributeFilter: ["data-frame"] });
    const facts = make("dl", {}, ...line("Sign", pictures.signs[about.kind] + " " + pictures.words[about.kind]),
      ...line("Person", String(table.pid[n])), ...line("Camera", String(table.camid[n])),
      ...line("Rank", about.rank ? String(about.rank) : ""),
      ...line("Distance", about.distance === undefined ? "" : pictures.number(about.distance, 4)),
      ...line("Time", pictures.when(n).slice(2)), ...line("Frames", count + " of " + table.length[n] + " shown"),
      ...line("First frame", table.name[n]));
    const ask = make("button", { type: "button", id: "ask", hidden: !search.possible }, "Search with this tracklet");
    ask.addEventListener("click", () => { viewer.close(); answer(n); });
    const close = make("button", { type: "button" }, "Close");
    close.addEventListener("click", () => viewer.close());
    viewer.replaceChildren(make("div", { className: "both" }, film, facts),
      make("div", { className: "frames" }, before, slider, after, counter, button), ask, " ", close);
    pictures.fill(film);
    show(0);
    viewer.showModal();
    button.focus();
    if (!matchMedia("(prefers-reduced-motion: reduce)").matches && count > 1) play();
  }
  viewer.addEventListener("close", () => {
    pictures.stop();
    viewer.replaceChildren();
    if (back && back.isConnected) back.focus();
  });
  viewer.addEventListener("click", event => { if (event.target === viewer) viewer.close(); });
  document.addEventListener("click", event => {
    const shot = event.target.closest && event.target.closest(".shot");
    if (!shot) return;
    pictures.stop();
    back = shot;
    open(shot.about);
  });

  async function answer(n) {
    const close = make("button", { type: "button" }, "Close the search");
    close.addEventListener("click", () => { panel.hidden = true; panel.replaceChildren(); });
    panel.replaceChildren(make("p", { className: "nothing" }, "searching …"), close);
    panel.hidden = false;
    try {
      const shown = await search.nearest(n, index.top);
      const query = pictures.cell({ number: n, kind: "asked" });
      query.className = "query";
      const lanes = make("div", { className: "lanes", role: "presentation" }, list.strip("", shown, []));
      const row = list.frame(query, lanes, "search with " + pictures.who(n));
      panel.replaceChildren(row, close, "Searched in this page with 8-bit embeddings: the order of near ties may differ.");
      panel.querySelectorAll(".shot").forEach(shot => { shot.tabIndex = 0; });
      panel.querySelector(".shot").focus();
    } catch (error) {
      panel.replaceChildren(make("p", { className: "nothing" }, error.message), close);
    }
  }
})();
