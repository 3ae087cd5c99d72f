"use strict";
/* Pictures of tracklets: loaded when they come into view, played in place. */
explorer.pictures = (() => {
  const { make, id, value } = explorer, index = value("index"), table = index.tracklets, inline = value("strips");
  const source = number => inline ? inline[number] : "strips/" + number + ".jpg";
  const signs = { asked: "?", hit: "✓", miss: "✗", missed: "○", junk: "–" };
  const words = { asked: "query", hit: "true match", miss: "another person", missed: "missed true match",
                  junk: "left out by the protocol" };
  const seen = new IntersectionObserver(entries => {
    for (const entry of entries) {
      if (!entry.isIntersecting) continue;
      seen.unobserve(entry.target);
      fill(entry.target);
    }
  }, { root: null, rootMargin: "400px" });

  function fill(film) {
    const number = Number(film.dataset.number), count = table.frames[number];
    if (!count) { film.classList.add("empty"); return; }
    film.style.backgroundImage = 'url("' + source(number) + '")';
    film.style.backgroundSize = 100 * count + "% 100%";
  }
  function show(film, frame) {
    const count = table.frames[Number(film.dataset.number)];
    film.dataset.frame = frame;
    film.style.backgroundPositionX = count > 1 ? 100 * frame / (count - 1) + "%" : "0";
    const bar = film.parentElement.querySelector(".bar");
    if (bar) bar.style.width = 100 * (frame + 1) / Math.max(count, 1) + "%";
  }
  let playing = null;
  function stop() {
    if (!playing) return;
    clearInterval(playing.timer);
    show(playing.film, 0);
    const bar = playing.film.parentElement.querySelector(".bar");
    if (bar) bar.style.width = "0";
    playing = null;
  }
  function play(film) {
    if (playing && playing.film === film) return;
    stop();
    const count = table.frames[Number(film.dataset.number)];
    if (count < 2) return;
    const step = () => {
      if (!film.isConnected) { stop(); return; }
      show(film, (Number(film.dataset.frame || 0) + 1) % count);
    };
    playing = { film, timer: setInterval(step, 160) };
  }
  const isPlaying = film => playing !== null && playing.film === film;

  const number = (value, digits) => value === null || value === undefined ? "–" : value.toFixed(digits);
  function when(n) {
    const [start, end] = [table.time[n], table.end[n]];
    if (start === null) return "";
    return "t " + (end === null || end === start ? String(start) : start + "–" + end);
  }
  function who(n) { return "person " + table.pid[n] + ", camera " + table.camid[n]; }

  /* One tracklet as a cell of the grid. `about`: number, kind, rank, distance. */
  function cell(about) {
    const n = about.number, film = make("span", { className: "film", "data-number": String(n) });
    const rank = about.rank ? "rank " + about.rank + ": " : "";
    const away = about.distance === undefined ? "" : ", distance " + number(about.distance, 3);
    const time = when(n), label = words[about.kind] + ", " + rank + who(n) + away + (time ? ", " + time : "") +
      ", " + table.frames[n] + " frames";
    const mark = signs[about.kind] + (about.rank ? " " + about.rank : "");
    const shot = make("button", { type: "button", className: "shot " + about.kind, tabIndex: -1, "aria-label": label,
                                  title: label + "\n" + table.name[n] },
      film, make("span", { className: "sign of-" + about.kind, "aria-hidden": "true" }, mark),
      make("span", { className: "bar" }));
    shot.about = about;
    seen.observe(film);
    const far = about.distance === undefined ? null : make("div", {}, "d " + number(about.distance, 3));
    const name = make("div", {}, make("b", {}, "id " + table.pid[n]), " cam " + table.camid[n]);
    const lines = [name, far, time ? make("div", {}, time) : null].filter(Boolean);
    const caption = make("div", { className: "caption", "aria-hidden": "true" }, ...lines);
    return make("div", { className: "cell", role: "gridcell" }, shot, caption);
  }
  return { cell, fill, show, play, stop, isPlaying, when, who, number, words, signs };
})();
