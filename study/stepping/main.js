// The transport: where we are, the keys and buttons that move us, and the address that says so.
import { edges, letter, nodes, root } from "./data.js";
import { inspect, make } from "./inspector.js";
import { hidePaths, showPaths } from "./paths.js";
import { asked, hasFactors, judgement } from "./predict.js";
import { $, mark, paintEdge, paintNode, pane, relabel, say, setZoom, show, svg, switchTheme } from "./stage.js";
import { GRAINS, born, completed, last, nextStop, phaseOf, previousStop, steps, tell } from "./steps.js";
import { canChange, changed, recompute } from "./whatif.js";
import { num, typed } from "./words.js";

// Where we are, how far a step goes, what is selected, whose paths are shown, what is asked.
let at = 0, grain = 0, pinned = null, path = null, asking = 0, timer = 0, writing = 0;

const parts = (all) => all.map(([text, kind = ""]) => make("span", kind, text));
const here = () => pinned ?? (at ? (steps[at].e === undefined ? { n: steps[at].n } : { e: steps[at].e }) : { n: root });
const node = () => here().n ?? edges[here().e].src;
const speak = (text) => ($("spoken").textContent = text);

// Go to a step; the steps after `from` are told as the current ones.
function go(to, from) {
  to = Math.min(Math.max(Math.round(to) || 0, 0), last);
  from = Math.max(Math.min(from ?? to, to) - (from === undefined || from >= to), 0);
  const between = steps.slice(Math.min(at, to) + 1, Math.max(at, to) + 1);
  at = to;
  asking = 0;
  point(steps.slice(from + 1, at + 1)); // measures what is drawn, so before anything changes
  for (const n of new Set(between.map((s) => s.n))) paintNode(n, at);
  for (const { e } of between) if (e !== undefined) paintEdge(e, at);
  $("question").hidden = true;
  $("sentence").replaceChildren(...parts(tell(at, from)));
  $("slider").value = at;
  $("slider").setAttribute("aria-valuetext", `step ${at} of ${last}`);
  $("place").textContent = `${at} / ${last}`;
  for (const tab of $("phases").children) tab.classList.toggle("on", at > 0 && tab.dataset.phase === phaseOf(steps[at]));
  $("first").disabled = $("back").disabled = !at;
  $("next").disabled = $("last").disabled = at === last;
  look();
}

// Mark what some steps are about.
function point(now) {
  const es = now.map((s) => s.e).filter((e) => e !== undefined);
  if (now.length) show($("n" + now.at(-1).n));
  say(asking ? null : edges[es.at(-1)]);
  mark("cur", now.flatMap((s) => [s.n, s.dst]), es);
}

// The inspector, the selection and the address.
function look() {
  inspect(here(), at, acts);
  mark("sel", [pinned?.n].filter((n) => n !== undefined), [pinned?.e].filter((e) => e !== undefined));
  path === null ? hidePaths() : showPaths(path, at, $("predict").checked, () => acts.paths(null));
  clearTimeout(writing);
  writing = setTimeout(() => {
    const set = [...changed].map((pair) => pair.join(":")).join() || undefined;
    const said = { step: at, by: GRAINS[grain], node: pinned?.n, edge: pinned?.e, paths: path ?? undefined, set };
    const text = Object.entries(said).filter(([, v]) => v !== undefined).map((pair) => pair.join("=")).join("&");
    try { history.replaceState(null, "", "#" + text); } catch { /* a frame without an address */ }
  }, 300);
}

const acts = {
  go: (k) => (stop(), go(k)),
  choose(what) {
    pinned = what;
    look();
    if (!what) return;
    show($(what.n === undefined ? "e" + what.e : "n" + what.n));
    speak($("about").querySelector("h2").textContent);
  },
  paths(n) {
    path = n;
    look();
    if (n !== null) $("paths").scrollIntoView({ block: "nearest" });
  },
  whatIf(n, text) {
    const v = text === undefined ? NaN : typed(text);
    if (text !== undefined && Number.isNaN(v)) return $("whatif").setAttribute("aria-invalid", true);
    pinned = { n };
    text === undefined ? changed.delete(n) : changed.set(n, v);
    compute();
    go(at);
    $("whatif").focus();
    speak(`${letter} = ${num(nodes[root].value.one)}`);
  },
};

// All numbers anew, with the values that were changed.
function compute() {
  recompute();
  for (const { id } of nodes) paintNode(id, at);
  for (const edge of edges) if (edge.flow) paintEdge(edge.id, at), relabel(edge);
  const heading = document.querySelector("h1");
  heading.textContent = heading.textContent.replace(/[^=]*$/, " " + num(nodes[root].value.one));
}

// ---- moving ------------------------------------------------------------------------------------

function next() {
  if (at === last) return stop();
  if (!$("predict").checked || !asked(at + 1)) return go(nextStop(at, $("predict").checked ? 0 : grain), at);
  stop();
  ask(at + 1);
}

function previous() {
  const to = previousStop(at, grain);
  stop();
  go(to, previousStop(to, grain));
}

function stop() {
  clearInterval(timer);
  timer = 0;
  playing(false);
}

function playing(on) {
  $("play").classList.toggle("on", on);
  $("play").setAttribute("aria-label", on ? "pause" : "play");
  $("sentence").setAttribute("aria-live", on ? "off" : "polite");
}

function play() {
  if (timer) return stop();
  if (at === last) go(0);
  playing(true);
  timer = setInterval(next, 900);
}

// ---- predict mode ------------------------------------------------------------------------------

function ask(k) {
  const told = tell(k).filter(([, kind]) => kind !== "tail");
  asking = k;
  point([steps[k]]);
  $("sentence").replaceChildren(...parts(told.map(([text, kind]) => (/result|hide/.test(kind) ? ["?", "blank"] : [text, kind]))));
  for (const input of $("question").querySelectorAll("input")) input.value = "";
  $("asked").textContent = asked(k).what;
  $("factors").hidden = true;
  $("question").hidden = false;
  judge("", "");
  $("answer").focus();
}

function judge(text, kind) {
  $("verdict").textContent = text;
  $("verdict").className = kind;
}

function check(event) {
  event.preventDefault();
  if (!asking) return next();
  const wrong = judgement(asking, $("answer").value, $("local").value, $("upstream").value);
  if (!wrong) return reveal("Right");
  judge(wrong, "wrong");
  $("factors").hidden = !hasFactors(asking);
}

function reveal(how) {
  const text = `${how}: ${asked(asking).told}. → goes on.`;
  go(asking);
  $("question").hidden = false;
  $("factors").hidden = true;
  judge(text, "right");
  pane.focus();
}

// ---- the address, selection --------------------------------------------------------------------

function follow() {
  const said = new URLSearchParams(location.hash.slice(1));
  const id = (name, all) => (/^\d+$/.test(said.get(name)) && all[said.get(name)] ? Number(said.get(name)) : undefined);
  const n = id("node", nodes), e = id("edge", edges), to = id("paths", nodes), before = changed.size;
  pinned = e === undefined ? (n === undefined ? null : { n }) : { e };
  path = completed(to ?? -1) ? to : null;
  setGrain(Math.max(GRAINS.indexOf(said.get("by")), 0));
  changed.clear();
  for (const [i, v] of (said.get("set") ?? "").split(",").map((pair) => pair.split(":")))
    if (nodes[i] && canChange(nodes[i]) && !Number.isNaN(typed(v ?? ""))) changed.set(Number(i), typed(v));
  if (changed.size || before) compute();
  go(said.get("step"));
}

function setGrain(i) {
  $("grain" + (grain = i)).checked = true;
}

function find() {
  const text = $("find").value.trim().toLowerCase(), has = (v) => `${v.name} ${v.path} ${v.op}`.toLowerCase().includes(text);
  const found = text && (nodes.find((v) => v.name.toLowerCase() === text) ?? nodes.find(has));
  if (found) acts.choose({ n: found.id });
  $("find").setAttribute("aria-invalid", !!text && !found);
}

// ---- keys and buttons --------------------------------------------------------------------------

const clicks = {
  first: () => acts.go(0), back: previous, play, next: () => (stop(), next()), last: () => acts.go(last),
  theme: switchTheme, keys: () => $("help").showModal(), smaller: () => setZoom(0.8), bigger: () => setZoom(1.25),
  fit: () => setZoom(), show: () => asking && reveal("It is"), grain0: () => (setGrain(0), look()),
  grain1: () => (setGrain(1), look()), grain2: () => (setGrain(2), look()), predict: () => (go(at), $("predict").checked && next()),
};
for (const [id, act] of Object.entries(clicks)) $(id).addEventListener("click", act);
for (const tab of $("phases").children) {
  tab.style.flexGrow = tab.dataset.size;
  tab.addEventListener("click", () => acts.go(steps.findIndex((s) => s?.kind === tab.dataset.phase)));
}

// Keys that no button bears; the others press the button that bears them as data-key.
const keys = {
  "[": () => acts.choose({ n: (node() || nodes.length) - 1 }), "]": () => acts.choose({ n: (node() + 1) % nodes.length }),
  r: () => acts.go([born[node()], completed(node())].find((k) => k > at) ?? born[node()]),
  w: () => acts.paths(path === null && completed(node()) ? node() : null), "/": () => $("find").focus(), v: () => $("whatif")?.focus(),
  escape: () => (asking ? go(at) : path !== null ? acts.paths(null) : acts.choose(null)),
};

document.addEventListener("keydown", (event) => {
  const { target, key } = event, writes = /text|search/.test(target.type), name = key === " " ? "space" : key.toLowerCase();
  if (event.ctrlKey || event.metaKey || event.altKey || $("help").open) return;
  if (writes ? key !== "Escape" : /BUTTON|INPUT/.test(target.tagName) && /^(Enter| )$/.test(key)) return;
  const bearer = document.querySelector(`[data-key~="${CSS.escape(name)}"]`);
  if (!keys[name] && !bearer) return;
  event.preventDefault();
  if (writes) target.blur();
  keys[name] ? keys[name]() : bearer.click();
});

$("slider").max = last;
$("slider").addEventListener("input", () => acts.go($("slider").value));
$("question").addEventListener("submit", check);
$("find").addEventListener("change", find);
addEventListener("hashchange", follow);

svg.addEventListener("click", ({ clientX: x, clientY: y }) => {
  const around = [[0, 0], [0, 5], [5, 0], [0, -5], [-5, 0]];
  const hits = around.map(([dx, dy]) => document.elementFromPoint(x + dx, y + dy)?.closest(".n, .w, .l"));
  const hit = hits.find(Boolean);
  acts.choose(hit ? { [hit.id[0] === "n" ? "n" : "e"]: Number(hit.id.slice(1)) } : null);
});

for (const { id } of nodes) paintNode(id, 0);
setZoom(0, 1);
follow();
