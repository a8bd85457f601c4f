// @ts-check
// Puts the texts that the server finished in their places, and draws the plots.
/* global uPlot */

const root = document.documentElement, calm = matchMedia("(prefers-reduced-motion: reduce)"), dark = matchMedia("(prefers-color-scheme: dark)");
const clock = new Intl.DateTimeFormat(root.lang, { hour: "2-digit", minute: "2-digit", second: "2-digit", hourCycle: "h23" });
const minute = new Intl.DateTimeFormat(root.lang, { hour: "2-digit", minute: "2-digit", hourCycle: "h23" });
const number = (/** @type {number} */ places) => new Intl.NumberFormat(root.lang, { minimumFractionDigits: places, maximumFractionDigits: places, signDisplay: /** @type {any} */ ("negative") });
const one = number(1), three = number(3), whole = number(0);
const keep = { fast: 120, slow: 86400 }; // s
const young = 3600; // s: of a bridge that began less than 24 h ago no more than that is left empty
const retry = 2000; // ms

/** @typedef {{unix_s: number[], series: Record<string, (number|null)[]>}} Track */
/** @type {{fast: Track, slow: Track, lateness: {edges_us: number[], counts: number[]}}} */
let past = { fast: { unix_s: [], series: {} }, slow: { unix_s: [], series: {} }, lateness: { edges_us: [], counts: [] } };
/** @type {"fast"|"slow"} */
let shown = location.hash === "#24h" ? "slow" : "fast";
/** @type {any[]} */
let plots = [];
/** @type {EventSource|null} */
let source = null;
let drawn = 0, fetched = 0, laying = false, timer = 0, turn = 0;

const $ = (/** @type {string} */ selector) => /** @type {HTMLElement} */ (document.querySelector(selector));
const all = (/** @type {string} */ selector) => /** @type {HTMLElement[]} */ ([...document.querySelectorAll(selector)]);
const colour = (/** @type {string} */ name) => getComputedStyle(root).getPropertyValue("--" + name).trim();

// ---- texts

/** @param {Record<string, string>} texts */
function renew(texts) {
  if ("title" in texts) document.title = texts.title;
  for (const e of all("[data-t]")) {
    const text = texts[e.dataset.t ?? ""];
    if (text !== undefined && e.textContent !== text) e.textContent = text;
  }
  for (const e of all("[data-s]")) {
    const state = texts[e.dataset.s ?? ""];
    if (state !== undefined && e.dataset.state !== state) e.dataset.state = state;
  }
}

/** Rows came or went: takes them from the page as it is now. @param {string} shape */
async function lay(shape) {
  if (laying || $("main").dataset.shape === shape) return;
  laying = true;
  try {
    const answer = await fetch("./");
    if (!answer.ok) return;
    const next = new DOMParser().parseFromString(await answer.text(), "text/html");
    if (next.documentElement.dataset.version !== root.dataset.version) return location.reload();
    const open = all("details[open]").map((d) => d.id), focus = document.activeElement?.id;
    for (const part of all("[data-part]")) {
      const other = next.querySelector(`[data-part="${part.dataset.part}"]`);
      if (other && !other.isEqualNode(part)) part.replaceChildren(...document.importNode(other, true).childNodes);
    }
    for (const id of open) document.getElementById(id)?.setAttribute("open", "");
    if (focus && document.activeElement === document.body) document.getElementById(focus)?.focus();
    $("main").dataset.shape = next.querySelector("main")?.dataset.shape ?? "";
    strip();
  } catch { // the stream tells when the bridge is back
  } finally { laying = false; }
}

// ---- the stream of events

async function open() {
  close();
  const mine = ++turn;
  try {
    const answer = await fetch("history.json");
    if (!answer.ok) throw answer.status;
    const told = await answer.json();
    if (mine !== turn || document.hidden) return; // hidden meanwhile, and perhaps seen again
    past = { fast: known(told.fast), slow: known(told.slow), lateness: { edges_us: told.lateness.edges_us, counts: told.lateness.counts ?? [] } };
  } catch {
    if (mine === turn) lose();
    return;
  }
  fetched = Date.now();
  make();
  const own = source = new EventSource("events");
  source.addEventListener("texts", (e) => {
    const { shape, texts } = JSON.parse(e.data);
    $("#lost").hidden = true;
    renew(texts);
    lay(shape);
  });
  source.addEventListener("status", (e) => {
    const { version } = JSON.parse(e.data);
    if (version !== root.dataset.version) location.reload();
    if (shown === "slow" && Date.now() - fetched > 60000) refresh();
  });
  source.addEventListener("histogram", (e) => { past.lateness = JSON.parse(e.data); });
  source.addEventListener("points", (e) => { append(known(JSON.parse(e.data))); draw(); });
  let begun = false;
  source.addEventListener("open", () => { begun = true; });
  source.addEventListener("error", () => {
    const refused = !begun && own.readyState === EventSource.CLOSED;
    own.close();
    if (own === source) lose(refused);
  });
}

/** A bridge that has just begun has no series. @param {Track} track */
const known = (track) => ({ unix_s: track.unix_s ?? [], series: track.series ?? {} });

/** The track of 24 h has a point more each minute. */
async function refresh() {
  fetched = Date.now();
  const answer = await fetch("history.json").catch(() => null); // the stream tells when the bridge is gone
  if (answer?.ok) past.slow = known((await answer.json()).slow);
}

function close() {
  clearTimeout(timer);
  source?.close();
  source = null;
}

/** Tries again; a stream that is refused while the bridge answers has too many beside it. @param {boolean} [refused] */
function lose(refused) {
  close();
  if (document.hidden) return;
  $("#lost").textContent = $("#lost").dataset[refused ? "busy" : "lost"] ?? "";
  $("#lost").hidden = false;
  document.title = `✕ ${$("#lost").dataset.short}`;
  timer = setTimeout(open, retry);
}

/** @param {Track} more */
function append(more) {
  const { unix_s: x, series } = past.fast, lists = () => [x, ...Object.values(series)];
  const again = x.findIndex((t) => t >= more.unix_s[0]); // what is known, or a clock that was set back
  if (again >= 0) for (const list of lists()) list.splice(again);
  more.unix_s.forEach((t, i) => {
    for (const name of Object.keys(more.series)) {
      series[name] ??= x.map(() => null);
      series[name].push(more.series[name][i]);
    }
    x.push(t);
    for (const name of Object.keys(series)) if (series[name].length < x.length) series[name].push(null);
  });
  const old = x.findIndex((t) => t >= (x.at(-1) ?? 0) - keep.fast);
  if (old > 0) for (const list of lists()) list.splice(0, old);
}

// ---- plots

const track = () => past[shown];
const nothing = () => track().unix_s.map(() => null);
/** The values of a series, scaled. @param {string} name @param {number} [by] */
const values = (name, by = 1) => (track().series[name] ?? nothing()).map((v) => v === null ? null : v * by);
const floor = (/** @type {(number|null)[]} */ list, /** @type {number} */ least) => list.map((v) => v === null ? null : Math.max(v, least));
/** The widest excursions: those of each minute in 24 h. @param {string} name @param {number} by */
const edges = (name, by) => shown === "slow" ? [values(name + ".max", by), values(name + ".min", by)] : [nothing(), nothing()];
const sum = (/** @type {(number|null)[]} */ a, /** @type {(number|null)[]} */ b, /** @type {number} */ sign) =>
  a.map((v, i) => v === null || b[i] === null ? null : v + sign * /** @type {number} */ (b[i]));
const channels = () => ($("#peak").dataset.channels ?? "").split("|").filter(Boolean);
const ceiling = () => Number($("#peak").dataset.state || 0);

const figures = {
  offset: {
    data() {
      const now = values("offset_ns", 1e-3), bound = values("bound_ns", 1e-3);
      const [high, low] = shown === "slow" ? edges("offset_ns", 1e-3) : [sum(now, bound, 1), sum(now, bound, -1)];
      return [now, high, low];
    },
    colours: ["one", "one", "one"], band: true, unit: "µs", format: one, zero: true,
    side: () => distribution(values("offset_ns", 1e-3), "µs"),
  },
  lateness: {
    data: () => [values("lateness_us", 1e-3), ...edges("lateness_us", 1e-3)].map((list) => floor(list, 0.003)),
    colours: ["one", "one", "one"], band: true, unit: "ms", format: three, log: [0.003, 40], walls: [1, 2, 17],
    side() {
      const { edges_us: upto, counts } = past.lateness;
      const at = (/** @type {number} */ ms) => upto.findIndex((e) => e >= ms * 1e3);
      return { counts, log: true, walls: [1, 2, 17].map((ms) => [at(ms), `${ms}`]), label: (/** @type {number} */ i) => upto[i] === undefined ? "" : period(upto[i] / 1000) };
    },
  },
  fill: {
    data: () => [values("fill_frames"), ...edges("fill_frames", 1), values("target_frames"), values("ratio_ppb", 1e-3)],
    colours: ["one", "one", "one", "quiet", "two"], band: true, unit: "", format: whole, second: { series: 4, unit: "ppm", format: three }, dash: 3,
    side: () => distribution(values("fill_frames"), ""),
  },
  peak: {
    data() {
      const top = ceiling(), suffix = shown === "slow" ? ".max" : "", x = track().unix_s;
      const down = (track().series["limited_db" + suffix] ?? nothing()).map((v) => v === null || v < 0.05 ? null : top - v);
      return [x.map(() => top), down, ...channels().map((_, c) => floor(values(`peak_dbfs_${c}${suffix}`), -60))];
    },
    colours: ["wall", "wall", "one", "two", "three", "quiet"], unit: "dB", format: one, range: [-60, 3], down: 1,
    side: null,
  },
};

const period = (/** @type {number} */ ms) => ms < 1 ? `${whole.format(ms * 1000)} µs` : `${whole.format(ms)} ms`;

/** Counts of values in even bins. @param {(number|null)[]} list @param {string} unit */
function distribution(list, unit) {
  const known = /** @type {number[]} */ (list.filter((v) => v !== null)), n = 31;
  if (known.length === 0) return { counts: [], label: () => "" };
  let low = Math.min(...known), high = Math.max(...known);
  if (high - low < 1e-9) { low -= 0.5; high += 0.5; }
  const width = (high - low) / n, counts = new Array(n).fill(0);
  for (const v of known) counts[Math.min(n - 1, Math.floor((v - low) / width))]++;
  return { counts, label: (/** @type {number} */ i) => (high - low < 0.5 ? three : high - low < 10 ? one : whole).format(low + (i + 0.5) * width) + (unit && ` ${unit}`) };
}

const axis = () => ({ stroke: colour("quiet"), grid: { stroke: colour("grid"), width: 1 }, ticks: { show: false }, font: "12px system-ui, sans-serif" });

/** Lines across a plot, with their names. @param {any} u @param {number[]} walls */
function walls(u, walls) {
  const { ctx, bbox } = u, ratio = devicePixelRatio;
  ctx.save();
  ctx.strokeStyle = ctx.fillStyle = colour("wall");
  ctx.font = `${11 * ratio}px system-ui, sans-serif`;
  ctx.textAlign = "left"; // beside the plot, where no line crosses them
  ctx.lineWidth = ratio;
  ctx.setLineDash([4 * ratio, 4 * ratio]);
  for (const wall of walls) {
    const y = Math.round(u.valToPos(wall, "y", true));
    ctx.beginPath();
    ctx.moveTo(bbox.left, y);
    ctx.lineTo(bbox.left + bbox.width, y);
    ctx.stroke();
    ctx.fillText(`${wall} ms`, bbox.left + bbox.width + 6 * ratio, y + (wall === 1 ? 9 : wall === 2 ? 1 : 4) * ratio);
  }
  ctx.restore();
}

/** @param {keyof typeof figures} id */
function timePlot(id) {
  const f = /** @type {any} */ (figures[id]), host = $(`#${id} .time`);
  const names = ($(`#${id}`).dataset.labels ?? "").split("|").concat(id === "peak" ? channels() : []);
  const data = f.data();
  const series = data.map((/** @type {any} */ _, /** @type {number} */ i) => {
    const stroke = colour(f.colours[Math.min(i, f.colours.length - 1)]), edge = f.band && (i === 1 || i === 2);
    const s = f.second?.series === i ? f.second : f;
    return {
      label: names[i], class: edge && shown === "fast" ? "hush" : "plain", scale: f.second?.series === i ? "second" : "y", stroke: edge ? "transparent" : stroke, width: edge ? 0 : 1.5,
      dash: f.dash === i || (id === "peak" && i === 0) ? [5, 5] : undefined, points: { show: false },
      ...(f.down === i ? { fill: stroke + "66", fillTo: () => ceiling() } : {}),
      value: (/** @type {any} */ _u, /** @type {number|null} */ v) => v === null || v === undefined ? "–" : `${s.format.format(v)}${s.unit && ` ${s.unit}`}`,
    };
  });
  const y = f.log ? { distr: 3, range: f.log } : f.range ? { range: f.range } : { range: (/** @type {any} */ _u, /** @type {number} */ low, /** @type {number} */ high) => around(low, high, f.zero) };
  const ticks = (/** @type {any} */ format) => (/** @type {any} */ _u, /** @type {number[]} */ list) => list.map((v) => v === null ? "" : format(v));
  const plain = new Intl.NumberFormat(root.lang, { maximumFractionDigits: 3 });
  const u = new uPlot({
    width: host.clientWidth, height: 150, padding: [10, f.second ? 0 : 52, 0, 0],
    cursor: { sync: { key: "time", scales: ["x", null] }, y: false, drag: { x: false, y: false }, points: { size: 6 } },
    legend: { live: true, markers: { width: 0, fill: (/** @type {any} */ _u, /** @type {number} */ i) => i ? colour(f.colours[Math.min(i - 1, f.colours.length - 1)]) : "transparent" } },
    scales: { x: { range: () => span() }, y, ...(f.second ? { second: { range: (/** @type {any} */ _u, /** @type {number} */ low, /** @type {number} */ high) => around(low, high, false) } } : {}) },
    axes: [
      { ...axis(), values: (/** @type {any} */ _u, /** @type {number[]} */ list) => list.map((t) => (shown === "slow" ? minute : clock).format(t * 1000)), space: 90, size: 28 },
      { ...axis(), size: 52, space: 28, values: ticks((/** @type {number} */ v) => f.log ? period(v) : plain.format(v)), ...(f.log ? { splits: () => [0.01, 0.1, 1, 10] } : {}) },
      ...(f.second ? [{ ...axis(), stroke: colour(f.colours[f.second.series]), scale: "second", side: 1, size: 52, space: 28, grid: { show: false }, values: ticks(plain.format) }] : []),
    ],
    series: [{ label: "", value: (/** @type {any} */ _u, /** @type {number|null} */ t) => t === null ? "" : (shown === "slow" ? minute : clock).format(t * 1000) }, ...series],
    bands: f.band ? [{ series: [2, 3], fill: colour("one") + "2e" }] : [],
    hooks: { draw: f.walls ? [(/** @type {any} */ u) => walls(u, f.walls)] : [] },
  }, [track().unix_s, ...data], host);
  u.root.querySelector(".u-wrap").setAttribute("aria-hidden", "true");
  return { u, host, data: () => [track().unix_s, ...f.data()] };
}

/** A range with room, around zero where that is the aim. @param {number|null} low @param {number|null} high @param {boolean} zero */
function around(low, high, zero) {
  if (low === null || high === null) return [-1, 1];
  if (zero) {
    const most = Math.max(-low, high, 0.5) * 1.15;
    return [-most, most];
  }
  const room = Math.max((high - low) * 0.15, Math.abs(high) * 0.002, 0.001);
  return [low - room, high + room];
}

function span() {
  const x = track().unix_s, last = x.at(-1) ?? Date.now() / 1000;
  return [shown === "slow" ? Math.max(last - keep.slow, Math.min(x[0] ?? last, last - young)) : last - keep.fast, last];
}

/** @param {keyof typeof figures} id */
function sidePlot(id) {
  const f = /** @type {any} */ (figures[id]), host = $(`#${id} .side`);
  if (!f.side) return meters(host);
  let h = f.side();
  const shownCounts = () => h.counts.map((/** @type {number} */ c) => c === 0 ? null : h.log ? Math.log10(c) + 0.25 : c);
  const data = () => { h = f.side(); return [h.counts.map((/** @type {number} */ _, /** @type {number} */ i) => i), shownCounts()]; };
  const u = new uPlot({
    width: host.clientWidth, height: 150, padding: [10, 8, 0, 0], cursor: { show: false }, legend: { show: false },
    scales: { x: { time: false, range: () => [-0.7, Math.max(h.counts.length, 1) - 0.3] }, y: { range: (/** @type {any} */ _u, /** @type {number} */ _l, /** @type {number|null} */ high) => [0, Math.max(1, (high ?? 1) * 1.08)] } },
    axes: [
      { ...axis(), grid: { show: false }, size: 28, splits: () => { const n = h.counts.length; return n ? [Math.floor(n * 0.12), Math.floor(n / 2), Math.ceil(n * 0.88) - 1] : []; }, values: (/** @type {any} */ _u, /** @type {number[]} */ list) => list.map((i) => h.label(i)) },
      { ...axis(), size: 40, space: 28, ...(h.log ? { splits: (/** @type {any} */ _u, /** @type {any} */ _a, /** @type {number} */ _l, /** @type {number} */ high) => [...Array(Math.ceil(high)).keys()].filter((e) => high < 6 || e % 2 === 0).map((e) => e + 0.25), values: (/** @type {any} */ _u, /** @type {number[]} */ list) => list.map((v) => power(Math.round(v - 0.25))) } : {}) },
    ],
    series: [{}, { stroke: "transparent", width: 0, fill: colour("one"), paths: uPlot.paths.bars({ size: [0.85, 40] }), points: { show: false } }],
    hooks: { draw: [(/** @type {any} */ u) => posts(u, h.walls ?? [])] },
  }, data(), host);
  u.root.setAttribute("aria-hidden", "true");
  return { u, host, data };
}

const power = (/** @type {number} */ e) => "10" + [...String(e)].map((d) => "⁰¹²³⁴⁵⁶⁷⁸⁹"[Number(d)]).join("");

/** Walls of a histogram, right of their bin. @param {any} u @param {[number, string][]} walls */
function posts(u, walls) {
  const { ctx, bbox } = u, ratio = devicePixelRatio;
  ctx.save();
  ctx.strokeStyle = ctx.fillStyle = colour("wall");
  ctx.font = `${11 * ratio}px system-ui, sans-serif`;
  ctx.lineWidth = ratio;
  ctx.textAlign = "center";
  for (const [bin, name] of walls) {
    if (bin < 0) continue;
    const x = Math.round(u.valToPos(bin + 0.5, "x", true));
    ctx.beginPath();
    ctx.setLineDash([4 * ratio, 4 * ratio]);
    ctx.moveTo(x, bbox.top + 5 * ratio);
    ctx.lineTo(x, bbox.top + bbox.height);
    ctx.stroke();
    ctx.fillText(name, x, bbox.top + 1 * ratio);
  }
  ctx.restore();
}

/** The peaks of now, as bars. @param {HTMLElement} host */
function meters(host) {
  const data = () => { const p = past.fast.series; return [channels().map((_, c) => c), channels().map((_, c) => { const v = p[`peak_dbfs_${c}`]?.at(-1); return v === null || v === undefined ? null : Math.max(v, -60); })]; };
  const u = new uPlot({
    width: host.clientWidth, height: 150, padding: [10, 8, 0, 0], cursor: { show: false }, legend: { show: false },
    scales: { x: { time: false, range: () => [-0.6, Math.max(1, channels().length) - 0.4] }, y: { range: [-60, 3] } },
    axes: [
      { ...axis(), grid: { show: false }, size: 28, splits: () => channels().map((_, c) => c), values: () => channels() },
      { ...axis(), size: 40, splits: () => [-60, -40, -20, 0] },
    ],
    series: [{}, { stroke: "transparent", width: 0, fill: colour("one"), fillTo: () => -60, paths: uPlot.paths.bars({ size: [0.5, 44] }), points: { show: false } }],
    hooks: { draw: [(/** @type {any} */ u) => {
      const { ctx, bbox } = u, y = Math.round(u.valToPos(ceiling(), "y", true)), ratio = devicePixelRatio;
      ctx.save();
      ctx.strokeStyle = colour("wall");
      ctx.lineWidth = ratio;
      ctx.setLineDash([4 * ratio, 4 * ratio]);
      ctx.beginPath();
      ctx.moveTo(bbox.left, y);
      ctx.lineTo(bbox.left + bbox.width, y);
      ctx.stroke();
      ctx.restore();
    }] },
  }, data(), host);
  u.root.setAttribute("aria-hidden", "true");
  return { u, host, data };
}

/** Makes all plots anew, as for other colours or another window. */
function make() {
  for (const p of plots) p.u.destroy();
  const ids = /** @type {(keyof typeof figures)[]} */ (Object.keys(figures));
  plots = ids.flatMap((id) => [timePlot(id), sidePlot(id)]);
  for (const b of all("[data-window]")) b.setAttribute("aria-pressed", String(b.dataset.window === shown));
  strip();
}

function draw() {
  const now = Date.now();
  if (shown === "slow" && now - drawn < 5000 || calm.matches && now - drawn < 1000) return;
  drawn = now;
  for (const p of plots) p.u.setData(p.data());
  strip();
}

/** Marks of the events on the plots' time axis; each opens its line. */
function strip() {
  const [from, to] = span(), axis = plots[0]?.u.over.getBoundingClientRect(), home = $("#strip").parentElement?.getBoundingClientRect();
  if (!axis || !home) return;
  $("#strip").style.marginLeft = `${axis.left - home.left}px`;
  $("#strip").style.width = `${axis.width}px`;
  $("#strip").replaceChildren(...all(".events li[data-at]").flatMap((li) => {
    const at = Number(li.dataset.at) / 1000;
    if (at < from || at > to) return [];
    const mark = document.createElement("a");
    mark.href = `#${li.id}`;
    mark.tabIndex = -1; // the lines themselves are reached by keyboard
    mark.className = li.className;
    mark.title = li.querySelector(".text")?.textContent ?? "";
    mark.style.left = `${(at - from) / (to - from) * 100}%`;
    return [mark];
  }));
}

// ---- hands

document.addEventListener("click", async (e) => {
  const target = /** @type {HTMLElement} */ (e.target), mark = target.closest("#strip a"), button = /** @type {HTMLElement|null} */ (target.closest("button"));
  if (mark) {
    e.preventDefault();
    const li = document.getElementById(/** @type {HTMLAnchorElement} */ (mark).hash.slice(1)), why = li?.querySelector("details");
    why?.setAttribute("open", "");
    li?.scrollIntoView({ block: "nearest" });
    why?.querySelector("summary")?.focus();
  }
  if (button?.dataset.window) {
    shown = button.dataset.window === "slow" ? "slow" : "fast";
    history.replaceState(null, "", shown === "slow" ? "#24h" : location.pathname + location.search);
    drawn = 0;
    make();
  }
  if (button?.dataset.copy) {
    const before = button.textContent;
    if (await copy($(`[data-t="${button.dataset.copy}"]`))) {
      button.textContent = button.dataset.copied ?? "";
      setTimeout(() => { button.textContent = before; }, 1500);
    }
  }
});

/** Copies what an element says; by its selection where the clipboard is not given. @param {HTMLElement} from */
async function copy(from) {
  try {
    await navigator.clipboard.writeText(from.textContent ?? "");
    return true;
  } catch {
    getSelection()?.selectAllChildren(from);
    return document.execCommand("copy");
  }
}

$("#plots").addEventListener("keydown", (e) => {
  const step = { ArrowLeft: -1, ArrowRight: 1 }[e.key], u = plots[0]?.u;
  if (!step || !u || !/** @type {HTMLElement} */ (e.target).matches("#plots button, #plots .time")) return;
  e.preventDefault();
  const x = u.data[0], at = Math.min(x.length - 1, Math.max(0, (u.cursor.idx ?? x.length - 1) + step));
  u.setCursor({ left: u.valToPos(x[at], "x"), top: 10 }, true, true); // all plots
});

let size = 0;
new ResizeObserver(() => {
  if (Math.abs($("#plots").clientWidth - size) < 2) return;
  size = $("#plots").clientWidth;
  for (const p of plots) p.u.setSize({ width: p.host.clientWidth, height: 150 });
  strip();
}).observe($("#plots"));
dark.addEventListener("change", make);
document.addEventListener("visibilitychange", () => document.hidden ? close() : open());
root.classList.add("live");
open();
