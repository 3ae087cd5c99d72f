"use strict";
/* Distances of true matches and of wrong answers; the answers of the row under mouse or focus are marked. */
(() => {
  const { id, make, value, list } = explorer, index = value("index"), box = id("histograms");
  const W = 620, H = 110, BASE = 88;
  const draw = (tag, values) => {
    const element = document.createElementNS("http://www.w3.org/2000/svg", tag);
    Object.entries(values).forEach(([key, text]) => element.setAttribute(key, String(text)));
    return element;
  };
  const charts = index.runs.map(run => {
    const { low, high, match, wrong } = run.histogram, bins = match.length, step = W / bins;
    const sums = [match, wrong].map(counts => Math.max(1, ...counts));
    const svg = draw("svg", { viewBox: "0 0 " + W + " " + H, role: "img", "aria-label":
      "distances of true matches and of wrong answers, " + run.name });
    wrong.forEach((count, k) => svg.append(draw("rect", { class: "bars-wrong", x: k * step, width: step,
      y: BASE - 80 * count / sums[1], height: 80 * count / sums[1] })));
    const points = match.flatMap((count, k) => [[k * step, count], [(k + 1) * step, count]])
      .map(([x, count]) => x + "," + (BASE - 80 * count / sums[0])).join(" ");
    svg.append(draw("polyline", { class: "bars-match", points }));
    for (const [x, text, anchor] of [[0, low.toFixed(3), "start"], [W, high.toFixed(3), "end"]]) {
      const label = draw("text", { x, y: H - 2, "text-anchor": anchor });
      label.textContent = text;
      svg.append(label);
    }
    const note = draw("text", { x: W / 2, y: H - 2, "text-anchor": "middle" });
    note.textContent = "filled: wrong answers in the lists; line: true matches; strokes: answers of this query";
    const marks = draw("g", {});
    svg.append(note, marks);
    box.append(make("div", {}, index.runs.length > 1 ? run.name : "", svg));
    return { low, high, marks };
  });
  list.watch(row => {
    (row.answers || []).forEach((answers, k) => {
      const { low, high, marks } = charts[k];
      marks.replaceChildren(...answers.distance.map((distance, n) => {
        const x = W * (distance - low) / (high - low), hit = answers.hit[n];
        return draw("line", { class: "mark " + (hit ? "hit" : "miss"), x1: x, x2: x, y1: hit ? 4 : BASE - 22, y2: BASE });
      }));
    });
  });
})();
