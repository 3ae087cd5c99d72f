"use strict";
/* Header, order and filters; their state is in the address of the page, so that a view can be linked. */
(() => {
  const { make, id, value, list } = explorer, index = value("index"), table = index.tracklets, runs = index.runs;
  const places = [...index.rows.keys()], flags = Object.keys(index.flags), two = runs.length > 1;
  const tools = ["sort", "run", "show", "camera", "flag", "person", "text"];

  const root = document.documentElement;
  root.style.setProperty("--runs", runs.length);
  root.style.setProperty("--shape", index.size[1] / index.size[0]);
  id("title").textContent = document.title = index.title;
  for (const run of runs) {
    const protocol = make("button", { type: "button", className: "protocol", title: run.protocol }, run.protocol);
    const line = make("div", { className: "run" }, two ? make("b", {}, run.name) : null,
      ...run.scores.map(([name, text]) => make("span", {}, name + " ", make("b", {}, text))), protocol);
    protocol.addEventListener("click", () => line.classList.toggle("whole"));
    id("runs").append(line);
  }
  if (index.missing) {
    id("runs").append(make("div", { className: "warning" }, index.missing + " frames could not be read and are drawn hatched"));
  }
  const options = (name, pairs) =>
    id(name).append(...pairs.map(([key, text]) => make("option", { value: String(key) }, text)));
  options("sort", [["given", "as given"], ["worst", "worst AP first"], ["best", "best AP first"],
    ["late", "latest first hit"], ["early", "earliest first hit"], ["near", "nearest answer first"],
    ["far", "farthest answer first"], ["pid", "person"],
    ...(two ? [["loss", "largest AP loss of " + runs[1].name], ["gain", "largest AP gain of " + runs[1].name]] : [])]);
  options("run", runs.map((run, k) => [k, run.name]));
  options("show", [["all", "all queries"], ["hit", "✓ first answer right"], ["miss", "✗ first answer wrong"],
    ["none", "no hit in the list"], ["unscored", "not scored"],
    ...(two ? [["won", "✓ only " + runs[1].name], ["lost", "✓ only " + runs[0].name]] : [])]);
  const cameras = [...new Set(index.rows.map(row => table.camid[row]))].sort((a, b) => a - b);
  options("camera", [["", "all"], ...cameras.map(camera => [camera, camera])]);
  options("flag", [["", "any"], ...flags.map((name, k) => [k, name])]);
  id("byrun").hidden = !two;
  id("causes").hidden = !flags.length;

  const words = places.map(place => {
    const row = index.rows[place], causes = flags.filter(name => index.flags[name][place]);
    return ["query " + row, "id " + table.pid[row], "cam " + table.camid[row], table.name[row], ...causes]
      .join(" ; ").toLowerCase();
  });
  /* Queries without a score or a hit come last in every order. */
  const last = value => value === null ? Infinity : value;
  const keys = {
    given: () => 0, pid: (run, place) => table.pid[index.rows[place]],
    worst: (run, place) => last(run.ap[place]), best: (run, place) => run.ap[place] === null ? Infinity : -run.ap[place],
    late: (run, place) => run.ap[place] === null ? Infinity : -(run.first[place] || 1e9),
    early: (run, place) => run.first[place] || Infinity,
    near: (run, place) => last(run.nearest[place]),
    far: (run, place) => run.nearest[place] === null ? Infinity : -run.nearest[place],
    gain: (run, place) => change(place, -1), loss: (run, place) => change(place, 1),
  };
  function change(place, sign) {
    const [a, b] = runs.map(run => run.ap[place]);
    return a === null || b === null ? Infinity : sign * (b - a);
  }
  const shows = {
    all: () => true, hit: (run, place) => run.ap[place] !== null && run.hit[place],
    miss: (run, place) => run.ap[place] !== null && !run.hit[place],
    none: (run, place) => run.ap[place] !== null && !(run.first[place] && run.first[place] <= index.top),
    unscored: (run, place) => run.ap[place] === null,
    won: (run, place) => runs[1].hit[place] && !runs[0].hit[place],
    lost: (run, place) => runs[0].hit[place] && !runs[1].hit[place],
  };
  function arrange() {
    const run = runs[Number(id("run").value)] || runs[0], show = shows[id("show").value], key = keys[id("sort").value];
    const camera = id("camera").value, flag = id("flag").value, person = id("person").value.trim();
    const wanted = id("text").value.toLowerCase().split(",").map(text => text.trim()).filter(Boolean);
    const kept = places.filter(place => show(run, place) &&
      (camera === "" || String(table.camid[index.rows[place]]) === camera) &&
      (flag === "" || index.flags[flags[Number(flag)]][place]) &&
      (person === "" || String(table.pid[index.rows[place]]) === person) &&
      wanted.every(word => words[place].includes(word)));
    const sorted = kept.map(place => [key(run, place), place]);
    sorted.sort((a, b) => a[0] === b[0] ? a[1] - b[1] : a[0] < b[0] ? -1 : 1);
    list.arrange(sorted.map(pair => pair[1]));
    id("count").textContent = kept.length.toLocaleString("en") + " of " + places.length.toLocaleString("en") + " queries";
    const state = new URLSearchParams(tools.map(name => [name, id(name).value]).filter(([name, text]) =>
      text !== "" && text !== "given" && text !== "all" && !(name === "run" && text === "0")));
    history.replaceState(null, "", "#" + state);
  }
  const state = new URLSearchParams(location.hash.slice(1));
  for (const name of tools) {
    const control = id(name), text = state.get(name);
    if (text !== null && (!control.options || [...control.options].some(option => option.value === text))) {
      control.value = text;
    }
    control.addEventListener("input", arrange);
  }
  id("theme").addEventListener("click", () => {
    const dark = matchMedia("(prefers-color-scheme: dark)").matches;
    const now = root.dataset.theme || (dark ? "dark" : "light");
    root.dataset.theme = now === "dark" ? "light" : "dark";
  });
  id("help").addEventListener("click", () => id("keys").showModal());
  id("tools").open = innerWidth > 700;
  arrange();
})();
