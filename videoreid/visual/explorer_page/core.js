"use strict";
/* Data of the page, loaded as scripts: fetch does not work on a page that is opened from a disk. */
const explorer = (() => {
  const values = new Map(), waiting = new Map();
  function take(name, value) {
    values.set(name, value);
    if (waiting.has(name)) waiting.get(name).done(value);
  }
  function load(name) {
    if (values.has(name)) return Promise.resolve(values.get(name));
    if (!waiting.has(name)) {
      const entry = {};
      entry.promise = new Promise((done, failed) => Object.assign(entry, { done, failed }));
      waiting.set(name, entry);
      const script = document.createElement("script");
      script.src = "data/" + encodeURIComponent(name) + ".js";
      script.onerror = () => entry.failed(new Error("cannot load " + script.src));
      document.head.append(script);
    }
    return waiting.get(name).promise;
  }
  /* Make an element; text goes in as text, never as HTML. */
  function make(tag, values = {}, ...children) {
    const element = document.createElement(tag);
    for (const [key, value] of Object.entries(values)) {
      if (value === false || value === undefined || value === null) continue;
      if (key in element && typeof value !== "string") element[key] = value;
      else element.setAttribute(key === "className" ? "class" : key, value);
    }
    element.append(...children.filter(child => child !== null && child !== undefined));
    return element;
  }
  const id = name => document.getElementById(name);
  const value = name => values.get(name);
  return { take, load, make, id, value };
})();
