"use strict";
/* Search with any tracklet as query, by distances of 8-bit embeddings. */
explorer.search = (() => {
  const { load, value } = explorer, index = value("index"), about = index.search;
  let codes = null, norms = null;

  async function open() {
    if (codes) return;
    const parts = await Promise.all([...Array(about.chunks).keys()].map(n => load("features-" + n)));
    const texts = parts.map(atob), all = new Int8Array(texts.reduce((sum, text) => sum + text.length, 0));
    let at = 0;
    for (const text of texts) for (let k = 0; k < text.length; k++) all[at++] = text.charCodeAt(k);
    codes = all;
    norms = Float64Array.from(about.scale, (scale, row) => scale * scale * dot(row, row));
  }
  function dot(a, b) {
    const width = about.width, left = a * width, right = b * width;
    let sum = 0;
    for (let k = 0; k < width; k++) sum += codes[left + k] * codes[right + k];
    return sum;
  }
  function distance(a, b) {
    const product = about.scale[a] * about.scale[b] * dot(a, b);
    if (about.distance === "cosine") return 1 - product / Math.max(Math.sqrt(norms[a] * norms[b]), 1e-12);
    const squared = Math.max(norms[a] + norms[b] - 2 * product, 0);
    return about.distance === "euclidean" ? Math.sqrt(squared) : squared;
  }
  /* Return the nearest gallery tracklets: number, kind, rank, distance; the tracklet itself is left out. */
  async function nearest(asked, count) {
    await open();
    const { pid, camid } = index.tracklets, found = [];
    const first = index.queries, total = pid.length;
    for (let n = first; n < total; n++) {
      if (n !== asked && !index.junkPids.includes(pid[n])) found.push({ number: n, distance: distance(asked, n) });
    }
    found.sort((a, b) => a.distance - b.distance || a.number - b.number);
    let rank = 0;
    const shown = [];
    for (const item of found) {
      const same = pid[item.number] === pid[asked];
      const junk = same && index.junk === "same_camera" && camid[item.number] === camid[asked];
      shown.push({ ...item, kind: junk ? "junk" : same ? "hit" : "miss", rank: junk ? 0 : ++rank });
      if (rank >= count) break;
    }
    return shown;
  }
  return { possible: Boolean(about), nearest };
})();
