// What pages do beyond links and forms: follow a run that goes on, tell what a chart shows under the pointer, count what is
// chosen. Every page works without it. Texts are only ever set as text.
"use strict";

const SVG = "http://www.w3.org/2000/svg";

// MLflow's clients print links whose page stands behind a "#".
function moved(hash) {
  const parts = hash.slice(1).split("?")[0].split("/").filter(Boolean);
  const [kind, name, part, id] = parts;
  if (kind === "experiments" && part === "runs" && id) return `/runs/${id}`;
  if (kind === "experiments" && part === "models" && id) return `/logged-models/${id}`;
  if (kind === "experiments") return name ? `/experiments/${name}` : "/";
  if (kind === "models" && part === "versions" && id) return `/models/${name}/${id}`;
  if (kind === "models") return name ? `/models/${name}` : "/models";
  return null;
}

function follow() {
  const place = location.hash.startsWith("#/") ? moved(location.hash) : null;
  if (place) location.replace(place);
}

addEventListener("hashchange", follow);
follow();

// A live page is fetched anew and its main part replaced, unless one is busy with it.
const LIVE_MS = 4000;

function isBusy() {
  const at = document.activeElement;
  const isTyping = at && at.matches("input, select, textarea") && at.closest("main");
  const isChosen = document.querySelector("input[name=run]:checked");
  return document.hidden || isTyping || isChosen || document.querySelector(".tip:not([hidden])");
}

async function refresh() {
  const main = document.querySelector("main[data-live]");
  if (!main) return;
  if (!isBusy()) {
    try {
      const answer = await fetch(location.href, { headers: { accept: "text/html" } });
      if (answer.ok && !isBusy()) {
        const page = new DOMParser().parseFromString(await answer.text(), "text/html");
        const open = [...main.querySelectorAll("details")].map((one) => one.open);
        const scrolled = [...main.querySelectorAll(".scroll")].map((one) => [one.scrollLeft, one.scrollTop]);
        const next = page.querySelector("main");
        next.querySelectorAll("details").forEach((one, place) => { one.open = open[place] ?? one.open; });
        main.replaceWith(next);
        next.querySelectorAll(".scroll").forEach((one, place) => one.scrollTo(...(scrolled[place] ?? [0, 0])));
        const live = document.querySelector(".bar .live");
        if (live && !next.hasAttribute("data-live")) live.remove();
        prepare(next);
      }
    } catch {
      // The server is away; the next time may find it.
    }
  }
  setTimeout(refresh, LIVE_MS);
}

// Charts: values are read back from the drawing, whose hundredths are finer than what is told.
function scale(text) {
  const [low, high, from, to, isLog] = text.split(" ").map(Number);
  return (place) => {
    const value = low + ((place - from) / (to - from)) * (high - low);
    return isLog ? 10 ** value : value;
  };
}

function points(path) {
  return path.getAttribute("d").slice(1).split("L").map((pair) => pair.split(" ").map(Number));
}

function told(value) {
  const size = Math.abs(value);
  return size !== 0 && (size < 1e-3 || size >= 1e6) ? value.toExponential(3) : String(Number(value.toPrecision(4)));
}

function nearest(line, x) {
  let low = 0;
  let high = line.length - 1;
  while (high - low > 1) {
    const middle = (low + high) >> 1;
    if (line[middle][0] < x) low = middle; else high = middle;
  }
  return x - line[low][0] < line[high][0] - x ? line[low] : line[high];
}

function tip() {
  let box = document.querySelector(".tip");
  if (!box) {
    box = document.body.appendChild(document.createElement("div"));
    box.className = "tip";
    box.hidden = true;
  }
  return box;
}

function hover(plot) {
  const [x, y] = [scale(plot.dataset.x), scale(plot.dataset.y)];
  const lines = [...plot.querySelectorAll("path.line")].filter((path) => path.getAttribute("d")).map((path) => [path, points(path)]);
  if (!lines.length) return;
  const marks = document.createElementNS(SVG, "g");
  marks.setAttribute("class", "marks");
  plot.append(marks);
  plot.addEventListener("pointermove", (event) => {
    const frame = plot.getBoundingClientRect();
    const at = ((event.clientX - frame.left) / frame.width) * plot.viewBox.baseVal.width;
    const found = lines.map(([path, line]) => [path, nearest(line, at)]);
    const middle = found.reduce((best, one) => (Math.abs(one[1][0] - at) < Math.abs(best[1][0] - at) ? one : best))[1][0];
    marks.replaceChildren();
    const box = tip();
    const title = document.createElement("b");
    const along = plot.dataset.along;
    title.textContent = along === "step" || along === "trial" ? `${along} ${Math.round(x(middle)).toLocaleString("en")}` : `${told(x(middle))} ${along}`;
    box.replaceChildren(title);
    for (const [path, [left, top]] of found.slice(0, 12)) {
      const dot = marks.appendChild(document.createElementNS(SVG, "circle"));
      for (const [name, value] of [["cx", left], ["cy", top], ["r", 3.5], ["class", path.getAttribute("class").replace("line", "end")]]) dot.setAttribute(name, value);
      const row = box.appendChild(document.createElement("div"));
      const mark = row.appendChild(document.createElement("i"));
      mark.className = path.getAttribute("class").replace("line", "key");
      const name = row.appendChild(document.createElement("span"));
      name.textContent = path.dataset.name;
      row.appendChild(document.createElement("b")).textContent = told(y(top));
    }
    box.hidden = false;
    const isRight = event.clientX > innerWidth / 2;
    box.style.left = `${event.clientX + (isRight ? -16 - box.offsetWidth : 16)}px`;
    box.style.top = `${Math.min(event.clientY + 12, innerHeight - box.offsetHeight - 8)}px`;
  });
  plot.addEventListener("pointerleave", () => {
    marks.replaceChildren();
    tip().hidden = true;
  });
}

// The button that compares says how many are chosen, and waits for some.
function pick() {
  const button = document.querySelector("button[data-pick]");
  if (!button) return;
  const n = document.querySelectorAll("input[name=run]:checked").length;
  button.disabled = n < 2;
  button.textContent = n < 2 ? "Choose runs to compare" : `Compare ${n} runs`;
}

function prepare(root) {
  root.querySelectorAll("svg.plot[data-x]").forEach(hover);
  pick();
}

document.addEventListener("change", (event) => {
  if (event.target.matches("input[name=run]")) pick();
  else event.target.closest("form[data-submit=change]")?.requestSubmit();
});
document.addEventListener("keydown", (event) => {
  const isTyping = event.target.matches("input, select, textarea");
  const search = document.querySelector("input[type=search]");
  if (event.key === "/" && !isTyping && search && !event.ctrlKey && !event.metaKey) {
    event.preventDefault();
    search.focus();
    search.select();
  }
});
prepare(document);
setTimeout(refresh, LIVE_MS);
